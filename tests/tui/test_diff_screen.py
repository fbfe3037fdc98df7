"""The diff: only what differs, better and worse in words, sections that fold, real runs of a store."""

import json
import subprocess
import threading
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from textual.app import App
from textual.pilot import Pilot

from edm_core.snapshots.diff import SECTIONS, DiffEntry, RunDiff
from edm_core.snapshots.runs import RunDetail, RunRow
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
    monkeypatch.setattr("edm_core.diff.diff_runs", lambda workspace, rows, fetch=True: a_diff())
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


async def test_one_run_alone_is_compared_with_a_baseline_or_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[tuple[RunRow, str] | None] = [None, (RunRow("r0", "best"), "the best by val_loss")]
    monkeypatch.setattr("edm_core.diff.baseline.baseline_of", lambda workspace, row: found.pop(0))
    monkeypatch.setattr(
        "edm_core.diff.diff_runs", lambda workspace, rows, fetch=True: a_diff(tuple(row.name for row in rows))
    )
    app = HostApp(a_workspace(tmp_path), lambda: DiffScreen((RunRow("r1", "base"),)))
    async with app.run_test(size=(100, 30)) as pilot:
        await settled(app, pilot)
        lines = app.screen.query_one("#list", LineList)
        assert "mark two runs" in "".join(segment.text for segment in lines.render_line(0))
        await pilot.press("r")
        await settled(app, pilot)
        screen = app.screen
        assert isinstance(screen, DiffScreen)
        assert [row.name for row in screen.rows] == ["best", "base"]
        assert "baseline the best by val_loss" in screen.query_one("#status", StatusLine).text


async def test_a_key_changes_the_baseline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def diff(workspace: object, rows: Sequence[RunRow], fetch: bool = True) -> RunDiff:
        return RunDiff(tuple(row.row_id for row in rows), tuple(row.name for row in rows), dict.fromkeys(SECTIONS, ()))

    monkeypatch.setattr("edm_core.diff.diff_runs", diff)
    rows = tuple(RunRow(f"r{name}", name) for name in "abc")
    app = HostApp(a_workspace(tmp_path), lambda: DiffScreen(rows))
    async with app.run_test(size=(100, 30)) as pilot:
        seen = []
        for _ in range(4):
            await settled(app, pilot)
            assert isinstance(app.screen, DiffScreen)
            assert app.screen.diff is not None
            seen.append("".join(app.screen.diff.names))
            await pilot.press("b")
        assert seen == ["abc", "bac", "cab", "abc"]


async def test_an_opened_metric_shows_its_curves_and_a_source_file_its_patch(host: HostApp) -> None:
    host.services.details = {
        id_: RunDetail(RunRow(id_, id_), histories={"f1": tuple((step, step * slope) for step in range(9))})
        for id_, slope in (("r1", 0.1), ("r2", 0.2))
    }
    root = host.services.workspace.root
    commits = []
    for text in ("old\n", "new\n"):
        (root / "a.py").write_text(text)
        for words in (("init", "-q"), ("add", "a.py"), ("commit", "-q", "-m", "A change")):
            subprocess.run(["git", *words], cwd=root, check=True)
        commits.append(subprocess.check_output(["git", "rev-parse", "HEAD"], cwd=root, text=True).strip())
    async with host.run_test(size=(120, 40)) as pilot:
        await settled(host, pilot)
        screen = host.screen
        assert isinstance(screen, DiffScreen)
        screen.rows = tuple(
            replace(row, tags={"mlflow.source.git.commit": at}) for row, at in zip(screen.rows, commits, strict=True)
        )
        lines = screen.query_one("#list", LineList)
        lines.move_to(entry_key("metrics", "f1"))
        await pilot.press("enter")
        await settled(host, pilot)
        shown = "\n".join(line.text.plain for line in lines.lines)
        assert "━ base" in shown
        assert "╍ other" in shown
        assert any("\u2800" < char <= "\u28ff" for char in shown), "braille"
        lines.move_to(entry_key("code", "a.py"))
        await pilot.press("enter")
        await settled(host, pilot)
        patch = [line for line in lines.lines if line.key.startswith("text:entry:code:a.py")]
        assert [line.text.plain.strip() for line in patch[-2:]] == ["-old", "+new"]
        await pilot.press("j", "enter")
        await settled(host, pilot)
        assert lines.key == entry_key("code", "a.py"), "enter in a patch closes it"
        assert not any(line.key.startswith("text:entry:code") for line in lines.lines)


async def test_what_is_here_is_shown_before_what_is_on_a_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    come = threading.Event()

    def slow(workspace: object, rows: object, fetch: bool = True) -> RunDiff:
        if fetch:
            assert come.wait(30)
            return a_diff()
        return replace(a_diff(), sections={**a_diff().sections, "code": ()}, away=True)

    monkeypatch.setattr("edm_core.diff.diff_runs", slow)
    host = HostApp(a_workspace(tmp_path), lambda: DiffScreen((RunRow("r1", "base"), RunRow("r2", "other"))))
    async with host.run_test(size=(120, 40)) as pilot:
        while not (isinstance(host.screen, DiffScreen) and host.screen.diff is not None):
            await pilot.pause()
        lines = host.screen.query_one("#list", LineList)
        assert entry_key("params", "lr") in {line.key for line in lines.lines}
        assert entry_key("code", "a.py") not in {line.key for line in lines.lines}
        come.set()
        await settled(host, pilot)
        assert entry_key("code", "a.py") in {line.key for line in lines.lines}


async def test_export_writes_what_the_ending_says_and_nothing_over_another_file(host: HostApp) -> None:
    root = host.services.workspace.root
    host.errors = []
    async with host.run_test(size=(120, 40)) as pilot:
        await settled(host, pilot)
        for _ in range(2):
            await pilot.press("o", "enter")
            await settled(host, pilot)
        assert (root / "diff.md").read_text().startswith("# base · other")
        assert host.errors == [f"{root / 'diff.md'} is there already"]
        await pilot.press("o", *"diff.json", "enter")
        await settled(host, pilot)
        assert json.loads((root / "diff.json").read_text())["metrics"]["f1"]["verdicts"] == ["", "worse"]


async def test_a_store_that_cannot_be_read_says_so_and_keeps_what_was_there(
    host: HostApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    from edm_core.errors import StoreError

    def broken(workspace: object, rows: object, fetch: bool = True) -> RunDiff:
        raise StoreError("the store is away", "Try again.")

    async with host.run_test(size=(120, 40)) as pilot:
        await settled(host, pilot)
        before = host.screen.query_one("#list", LineList).lines
        monkeypatch.setattr("edm_core.diff.diff_runs", broken)
        await pilot.press("r")
        await settled(host, pilot)
        assert host.screen.query_one("#list", LineList).lines == before
        assert "the store is away" in host.screen.query_one("#status", StatusLine).text
