"""A track's strip: boundaries aligned in time, hits and misses by sign, and what the cursor reads."""

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
import yaml
from textual.app import App
from textual.pilot import Pilot

from edm_core.diff.tracks import load_strip
from edm_core.errors import NotFoundError
from edm_core.snapshots.runs import RunRow
from edm_core.snapshots.tracks import Prediction, Segmentation, TrackStrip, hits
from edm_core.workspace import Workspace
from edm_tui.screens.track import TrackScreen
from edm_tui.widgets.line_list import LineList
from edm_tui.widgets.track_lines import LABEL, StripLook, strip_lines
from tests.support.tui_host import HostApp, a_workspace

STRIP = TrackStrip(
    "track_01", 64.0, 120.0, 0.0, Segmentation((16.0, 32.0, 48.0), ("intro", "buildup", "drop", "outro")),
    (Prediction("r1", "base", Segmentation((16.1, 40.0, 48.2)), 0.67), Prediction("r2", "other", Segmentation(), None)),
    (0.1, 1.0),
)  # fmt: skip


def texts(look: StripLook, width: int = LABEL + 1 + 64) -> list[str]:
    return [line.plain for line in strip_lines(STRIP, look, width)]


def row(lines: list[str], name: str) -> str:
    return next(line for line in lines if line.startswith(name))[LABEL + 1 :]


def test_what_happens_at_one_time_stands_in_one_column() -> None:
    lines = texts(StripLook(0.0, 64.0, 63.5))
    reference, base, time, bar = (row(lines, name) for name in ("reference", "base", "time", "bar"))
    assert [at for at, char in enumerate(reference) if char == "┃"] == [16, 32, 48]
    assert reference[17:24] == "buildup"
    assert [(at, char) for at, char in enumerate(base) if char in "┃╳○"] == [(16, "┃"), (32, "○"), (40, "╳"), (48, "┃")]
    assert (time.index("0:10"), bar.index(" 9") + 1) == (10, 16)
    assert all(len(line) <= LABEL + 1 + 64 for line in lines)


def test_the_cursor_reads_seconds_bars_labels_and_how_far_off_each_run_is() -> None:
    lines = texts(StripLook(0.0, 64.0, 33.0))
    assert "0:33  33.00 s  bar 17.50  drop" in lines
    said = next(line for line in lines if line.startswith("base") and "F1" in line)
    assert "2 hit, 1 missed, 1 extra" in said
    assert "+8.00 s off" in said
    assert "not scored" in next(line for line in lines if line.startswith("other") and "hit" in line)


def test_ascii_needs_no_other_sign() -> None:
    lines = texts(StripLook(0.0, 64.0, 10.0, ascii_only=True), 200)
    assert all(line.replace("·", "-").isascii() for line in lines), "the interface turns · into a dash itself"


def test_each_boundary_is_hit_once() -> None:
    reference, predicted = Segmentation((10.0, 10.6)), Segmentation((9.8, 10.2, 10.4, 30.0))
    assert hits(reference, predicted) == {0: 0, 1: 1}


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return a_workspace(tmp_path)


def a_run(workspace: Workspace, name: str, **track: object) -> RunRow:
    folder = workspace.runs_dir / name
    folder.mkdir(parents=True)
    (folder / "tracks.json").write_text(json.dumps({"tracks": [{"track": "t1", "boundary_f1_05": 0.5, **track}]}))
    return RunRow("", name, run_dir=f"{workspace.settings.runs.dir}/{name}")


def test_a_strip_needs_no_data_set(workspace: Workspace) -> None:
    a = a_run(
        workspace, "a", predicted=[3.0], predicted_labels=["intro", "drop"], reference=[3.1], duration=9.0, bpm=120
    )
    b = a_run(workspace, "b", predicted=[5.0], reference=[3.1])
    strip = load_strip(workspace, [b, a], "t1")
    assert (strip.duration, strip.bpm, strip.reference.times, strip.energy) == (9.0, 120.0, (3.1,), ())
    assert [run.segmentation.times for run in strip.runs] == [(5.0,), (3.0,)]
    assert strip.runs[1].segmentation.label_at(4.0) == "drop"
    assert "edm data pull" in strip.note
    with pytest.raises(NotFoundError, match="no run here scored t2"):
        load_strip(workspace, [a, b], "t2")


def test_a_strip_takes_energy_and_labels_from_the_data_set(workspace: Workspace) -> None:
    audio, notes = workspace.root / "data" / "audio", workspace.root / "data" / "annotations"
    for folder in (audio, notes):
        folder.mkdir(parents=True)
    loud = np.concatenate([np.zeros(8000), 0.5 * np.ones(8000)])
    soundfile.write(audio / "t1.wav", loud, 8000)
    document = {
        "metadata": {"tier": 1, "confidence": 1.0},
        "audio": {"file": "t1.wav", "duration": 2.0, "bpm": 120, "downbeat": 0.0, "time_signature": "4/4"},
        "structure": [
            {"bar": 1, "label": "intro", "time": 0.0, "confidence": 1.0},
            {"bar": 2, "label": "drop", "time": 1.0, "confidence": 1.0},
        ],
    }
    (notes / "t1.yaml").write_text(yaml.safe_dump(document))
    strip = load_strip(workspace, [a_run(workspace, "a", predicted=[1.1], reference=[1.0])], "t1")
    assert (strip.duration, strip.bpm, strip.reference.labels) == (2.0, 120.0, ("intro", "drop"))
    half = len(strip.energy) // 2
    assert (max(strip.energy[: half - 1]), min(strip.energy[half + 1 :])) == (0.0, 1.0)


async def settled(app: App[None], pilot: Pilot[None]) -> None:
    await pilot.pause()
    await app.workers.wait_for_complete()
    await pilot.pause()


async def test_keys_move_zoom_and_go_to_other_tracks(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def load(workspace: Workspace, rows: object, track: str) -> TrackStrip:
        asked.append(track)
        return STRIP

    monkeypatch.setattr("edm_core.diff.tracks.load_strip", load)
    rows = (RunRow("r1", "base"), RunRow("r2", "other"))
    app = HostApp(workspace, lambda: TrackScreen(rows, "track_01", ["track_01", "track_02"]))
    async with app.run_test(size=(LABEL + 1 + 64, 24)) as pilot:
        await settled(app, pilot)
        screen = app.screen
        assert isinstance(screen, TrackScreen)
        await pilot.press("right", "right")
        assert screen.look.cursor == pytest.approx(2.0)
        await pilot.press("pagedown")
        assert screen.look.cursor == pytest.approx(16.0)
        await pilot.press("]")
        assert screen.look.end - screen.look.start == pytest.approx(40.0)
        assert screen.look.start <= screen.look.cursor <= screen.look.end
        await pilot.press("0", "left")
        assert (screen.look.start, screen.look.end) == (0.0, 64.0)
        assert "0:15" in "\n".join(line.text.plain for line in screen.query_one("#strip", LineList).lines)
        await pilot.press("j", "j", "k")
        await settled(app, pilot)
        assert asked == ["track_01", "track_02", "track_01"]
