"""Screens as pictures, wide and narrow; the README shows the wide ones.

`EDM_UPDATE_IMAGES=1 .venv/bin/pytest tests/tui/test_images.py` draws them anew.
"""

import os
import re
import time
from collections.abc import Sequence
from pathlib import Path

import pytest
from textual.pilot import Pilot

from edm_core.stores.runs import load_runs
from edm_core.workspace import find_workspace
from edm_tui import themes
from edm_tui.app import EdmApp

IMAGES = Path(__file__).parents[1] / "images"
UPDATE = "EDM_UPDATE_IMAGES" in os.environ
NOW = 1_763_990_000.0


async def settled(pilot: Pilot[None]) -> None:
    """Wait until nothing is being read any more; a worker that another one replaced is no failure."""
    while any(worker.is_running for worker in pilot.app.workers):
        await pilot.pause()
    await pilot.pause()


def comparable(svg: str) -> str:
    """The picture without the number that Textual draws for each export."""
    return re.sub(r"terminal-\d+", "terminal", svg)


PICTURES = [
    ("runs_wide", (150, 24), ()),
    ("runs_narrow", (80, 24), ()),
    ("charts_wide", (200, 50), ("j", "space", "v")),
    ("charts_narrow", (80, 24), ("j", "space", "v", "enter", "m", "left", "left")),
    ("parallel_wide", (150, 30), ("j", "space", "vertical_line")),
]
"""(name, size, keys pressed after a first run was marked)."""


@pytest.mark.parametrize(("name", "size", "keys"), PICTURES)
async def test_pictures_of_the_sample(
    name: str, size: tuple[int, int], keys: Sequence[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = tmp_path / "music-structure"
    root.mkdir()
    (root / "edm.toml").touch()
    monkeypatch.setenv("COLORTERM", "truecolor")
    monkeypatch.setattr(time, "time", lambda: NOW)
    # Runs get their colours in the order in which the program first sees them.
    monkeypatch.setattr(themes, "_numbers", {})
    workspace = find_workspace(root, {"MLFLOW_TRACKING_URI": "memory://sample"})
    app = EdmApp(workspace, load_runs(workspace))
    async with app.run_test(size=size) as pilot:
        await settled(pilot)
        await pilot.press("j", "space")
        for key in keys:
            await pilot.press(key)
            await settled(pilot)
        await settled(pilot)
        picture = comparable(app.export_screenshot(title="edm-tui"))
    path = IMAGES / f"{name}.svg"
    if UPDATE:
        path.write_text(picture, encoding="utf-8")
    assert picture == path.read_text(encoding="utf-8"), f"{path.name} looks different; see EDM_UPDATE_IMAGES above"
