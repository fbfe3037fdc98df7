"""Run table and charts as pictures, wide and narrow; the README shows the wide ones."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.support.pictures import pictured, sample_workspace, settled

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
    async with pictured(name, size, sample_workspace(tmp_path), monkeypatch) as (_, pilot):
        await pilot.press("j", "space")
        for key in keys:
            await pilot.press(key)
            await settled(pilot)
