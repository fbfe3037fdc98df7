"""The diff: only what differs, better and worse in words, sections that fold, real runs of a store."""

from pathlib import Path

import pytest
from textual.app import App
from textual.pilot import Pilot

from edm_core.snapshots.diff import SECTIONS, DiffEntry, RunDiff
from edm_core.snapshots.runs import RunRow
from edm_tui.screens.diff import DiffScreen
from edm_tui.widgets.diff_view import DiffLook, diff_lines, entry_key, quiet_sections, section_key, summary
from edm_tui.widgets.line_list import LineList
from edm_tui.widgets.status_line import StatusLine
from tests.support.tui_host import HostApp, a_workspace


def a_diff(names: tuple[str, ...] = ("base", "other")) -> RunDiff:
    sections: dict[str, tuple[DiffEntry, ...]] = dict.fromkeys(SECTIONS, ())
    sections["params"] = (
        DiffEntry("lr", ("0.1", "0.2")),
        DiffEntry("seed", ("0", "0"), same=True),
    )
    sections["metrics"] = (
        DiffEntry("f1", (0.781, 0.742), (None, -0.039), ("", "worse")),
        DiffEntry("val_loss", (0.04, 0.03), (None, -0.01), ("", "better")),
    )
    sections["code"] = (DiffEntry("a.py", (None, "+1 −2\nsecond line")),)
    return RunDiff(("r1", "r2"), names, sections, {"data": "no run says which data"})


def texts(diff: RunDiff, look: DiffLook, width: int = 100) -> list[str]:
    return [line.text.plain for line in diff_lines(diff, look, width)[1]]


def test_only_what_differs_is_shown_with_a_sign_and_a_word() -> None:
    shown = "\n".join(texts(a_diff(), DiffLook()))
    assert "seed" not in shown
    assert "−0.0390" in shown
    assert "worse" in shown
    assert "−0.0100" in shown
    assert "better" in shown
    assert "seed" in "\n".join(texts(a_diff(), DiffLook(show_same=True)))


def test_an_empty_section_says_why() -> None:
    head = next(line for line in texts(a_diff(), DiffLook()) if line[2:].startswith("data"))
    assert "no run says which data" in head


def test_sections_without_a_difference_are_folded_at_first_and_a_folded_one_hides_its_entries() -> None:
    assert set(quiet_sections(a_diff())) == {"metadata", "config", "data", "environment", "tracks"}
    assert not any("val_loss" in line for line in texts(a_diff(), DiffLook(folded=frozenset({"metrics"}))))


def test_an_opened_entry_shows_its_whole_values_below() -> None:
    look = DiffLook(opened=frozenset({entry_key("code", "a.py")}))
    shown = texts(a_diff(), look)
    assert any("+1 −2 … 2 lines" in line for line in shown)
    assert any(line.strip() == "second line" for line in shown)


@pytest.mark.parametrize("width", [60, 80, 200])
def test_no_line_is_wider_than_the_screen_and_columns_line_up(width: int) -> None:
    header, lines = diff_lines(a_diff(("b" * 60, "[bold]o[/bold]" * 9)), DiffLook(), width)
    assert header.cell_len <= width
    entries = [line.text.plain for line in lines if line.key.startswith("entry:metrics")]
    assert len({line.index(word) for line, word in zip(entries, ("worse", "better"), strict=True)}) == 1


def test_three_runs_have_a_column_each() -> None:
    sections: dict[str, tuple[DiffEntry, ...]] = dict.fromkeys(SECTIONS, ())
    sections["metrics"] = (DiffEntry("f1", (0.5, 0.6, 0.4), (None, 0.1, -0.1), ("", "better", "worse")),)
    _, lines = diff_lines(RunDiff(("a", "b", "c"), ("a", "b", "c"), sections), DiffLook(), 120)
    line = next(line.text.plain for line in lines if line.key.startswith("entry:"))
    assert line.index("0.6000") < line.index("better") < line.index("0.4000") < line.index("worse")


def test_the_summary_counts_params_and_metrics() -> None:
    assert summary(a_diff()) == "1 of 2 params, 2 of 2 metrics differ"


async def settled(app: App[None], pilot: Pilot[None]) -> None:
    await pilot.pause()
    await app.workers.wait_for_complete()
    await pilot.pause()


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> HostApp:
    monkeypatch.setattr("edm_core.diff.diff_runs", lambda workspace, rows: a_diff())
    rows = (RunRow("r1", "base"), RunRow("r2", "other"))
    return HostApp(a_workspace(tmp_path), lambda: DiffScreen(rows))


async def test_keys_fold_open_and_show_all(host: HostApp) -> None:
    async with host.run_test(size=(120, 40)) as pilot:
        await settled(host, pilot)
        screen = host.screen
        assert isinstance(screen, DiffScreen)
        lines = screen.query_one("#list", LineList)
        keys = {line.key for line in lines.lines}
        assert lines.key == section_key("params")
        await pilot.press("a")
        assert entry_key("params", "seed") in {line.key for line in lines.lines}
        assert "all" in screen.query_one("#status", StatusLine).text
        await pilot.press("a", "j", "space")
        assert lines.key == section_key("params")
        assert entry_key("params", "lr") not in {line.key for line in lines.lines}
        await pilot.press("enter")
        assert {line.key for line in lines.lines} >= keys


async def test_one_run_alone_says_what_to_do(tmp_path: Path) -> None:
    app = HostApp(a_workspace(tmp_path), lambda: DiffScreen((RunRow("r1", "base"),)))
    async with app.run_test(size=(100, 30)) as pilot:
        await settled(app, pilot)
        lines = app.screen.query_one("#list", LineList)
        assert "mark two runs" in "".join(segment.text for segment in lines.render_line(0))


async def test_a_store_that_cannot_be_read_says_so_and_keeps_what_was_there(
    host: HostApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    from edm_core.errors import StoreError

    def broken(workspace: object, rows: object) -> RunDiff:
        raise StoreError("the store is away", "Try again.")

    async with host.run_test(size=(120, 40)) as pilot:
        await settled(host, pilot)
        before = host.screen.query_one("#list", LineList).lines
        monkeypatch.setattr("edm_core.diff.diff_runs", broken)
        await pilot.press("r")
        await settled(host, pilot)
        assert host.screen.query_one("#list", LineList).lines == before
        assert "the store is away" in host.screen.query_one("#status", StatusLine).text
