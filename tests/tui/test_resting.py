"""More is read of what is in view at once after a single move, and once the view rests in the middle of many."""

from pathlib import Path

import pytest

from edm_core.snapshots.runs import RunDetail, RunRow
from edm_tui.screens.resting import Rest
from tests.support.rows import QuietServices, a_row, an_app
from tests.tui.test_app_runs import runs, settled


def test_a_move_waits_only_where_another_one_was_just_before(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr("edm_tui.screens.resting.time.monotonic", lambda: now)
    rest = Rest(0.25)
    waits = []
    for pause in (0.0, 0.1, 0.1, 0.24, 0.25, 5.0, 0.01):
        now += pause
        waits.append(rest.moved())
    assert waits == [0.0, 0.25, 0.25, 0.25, 0.0, 0.0, 0.25]


async def test_the_files_of_a_run_are_read_once_for_each_time_that_it_is_explained(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    async def detail(_: QuietServices, row: RunRow) -> RunDetail:
        asked.append(row.name)
        return RunDetail(row)

    monkeypatch.setattr(QuietServices, "detail", detail)
    app, _ = an_app(tmp_path, [a_row(name, start_ms=9 - at) for at, name in enumerate("abc")])
    async with app.run_test(size=(200, 50)) as pilot:
        await settled(pilot)
        read_first = len(asked)
        assert set(asked) == {"a"}
        await pilot.press("slash", "b")
        await settled(pilot)
        await pilot.press("enter", "s", "0", "S")
        await settled(pilot)
        # Other orders and a name that is kept show the same run: nothing more is to be told of it.
        assert asked[read_first:] == ["b"]
        await pilot.press("r")
        await settled(pilot)
        assert asked[read_first:] == ["b", "b"]
        assert "b" in runs(app).pane.text
