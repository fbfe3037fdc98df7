"""Screens as pictures: an app on the sample store whose time, colours and size are always the same.

`EDM_UPDATE_IMAGES=1 .venv/bin/pytest tests/tui/test_images*.py` draws the pictures in tests/images anew.
"""

import os
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from textual.pilot import Pilot

from edm_core.stores.runs import load_runs
from edm_core.workspace import Workspace, find_workspace
from edm_tui import themes
from edm_tui.app import EdmApp

IMAGES = Path(__file__).parents[1] / "images"
NOW = 1_763_990_000.0
_UPDATE = "EDM_UPDATE_IMAGES" in os.environ
"""Asked at import: a test has no such variables."""


def sample_workspace(folder: Path) -> Workspace:
    root = folder / "music-structure"
    root.mkdir()
    (root / "edm.toml").touch()
    return find_workspace(root, {"MLFLOW_TRACKING_URI": "memory://sample"})


@asynccontextmanager
async def pictured(
    name: str, size: tuple[int, int], workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[EdmApp, Pilot[None]]]:
    """The app; what it shows when the block ends must be the picture of this name."""
    monkeypatch.setenv("COLORTERM", "truecolor")
    monkeypatch.setattr(time, "time", lambda: NOW)
    # Runs get their colours in the order in which the program first sees them.
    monkeypatch.setattr(themes, "_numbers", {})
    app = EdmApp(workspace, load_runs(workspace))
    async with app.run_test(size=size) as pilot:
        await settled(pilot)
        yield app, pilot
        await settled(pilot)
        # Textual draws a number for each export.
        picture = re.sub(r"terminal-\d+", "terminal", app.export_screenshot(title="edm-tui"))
    path = IMAGES / f"{name}.svg"
    if _UPDATE:
        path.write_text(picture, encoding="utf-8")
    assert picture == path.read_text(encoding="utf-8"), f"{path.name} looks different; see EDM_UPDATE_IMAGES above"


async def settled(pilot: Pilot[None]) -> None:
    """Wait until nothing is being read any more; a worker that another one replaced is no failure."""
    while any(worker.is_running for worker in pilot.app.workers):
        await pilot.pause()
    await pilot.pause()
