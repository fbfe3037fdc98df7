"""The Diff screen and a track's strip as pictures, wide and narrow."""

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from edm_core.snapshots.runs import RunRow
from edm_core.stores.runs import load_runs
from edm_core.workspace import Workspace
from edm_tui.screens.diff import DiffScreen
from edm_tui.screens.track import TrackScreen
from tests.support.pictures import pictured, sample_workspace, settled

REFERENCE = [15.6, 30.7, 45.9, 61.0, 68.5, 83.7]
LABELS = ["intro", "breakdown", "buildup", "drop", "breakdown", "drop", "outro"]


def runs_with_tracks(workspace: Workspace, names: Sequence[str]) -> tuple[RunRow, ...]:
    """Rows of the sample store, each with a folder whose tracks.json was made up here."""
    for number, name in enumerate(names):
        folder = workspace.runs_dir / name
        folder.mkdir(parents=True)
        tracks = [
            {
                "track": f"track_{track:02}", "duration": 99.0, "bpm": 127.0, "downbeat": 0.5, "reference": REFERENCE,
                "labels": LABELS, "boundary_f1_05": round(0.9 - 0.07 * ((track * (number + 1)) % 5), 2),
                "predicted": [time + 0.1 for time in REFERENCE[number:]] + [90.2] * number,
            }
            for track in range(6)
        ]  # fmt: skip
        (folder / "tracks.json").write_text(json.dumps({"tracks": tracks}))
        (folder / "environment.json").write_text(json.dumps({"python": "3.11.7", "packages": {"torch": "2.13.0"}}))
    by_name = {row.name: row for row in load_runs(workspace).rows}
    return tuple(by_name[name] for name in names)


@pytest.mark.parametrize(
    ("name", "size"),
    [("diff_wide", (200, 50)), ("diff_narrow", (80, 24)), ("track_wide", (200, 50)), ("track_narrow", (80, 24))],
)
async def test_the_diff(name: str, size: tuple[int, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = sample_workspace(tmp_path)
    rows = runs_with_tracks(workspace, ("cnn_lr0.01_seed0", "cnn_lr0.003_seed0"))
    async with pictured(name, size, workspace, monkeypatch) as (app, pilot):
        if name.startswith("diff"):
            app.push_screen(DiffScreen(rows))
            await settled(pilot)
            await pilot.press("j", "j", "j", "enter")
        else:
            app.push_screen(TrackScreen(rows, "track_03", [f"track_{number:02}" for number in range(6)]))
            await settled(pilot)
            await pilot.press("pagedown", "pagedown")
