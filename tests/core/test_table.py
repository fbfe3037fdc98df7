"""The run table without a terminal: order, filter, groups, trees, and what is remembered and saved of it."""

import math
from pathlib import Path

import pytest

from edm_core.errors import NotFoundError, SettingsError
from edm_core.settings import MetricsSettings, Settings, TuiSettings
from edm_core.snapshots.runs import DataState, RunRow
from edm_core.table.fields import all_fields, read_field
from edm_core.table.frame import Frame
from edm_core.table.groups import Arrangement, arrange
from edm_core.table.memory import TableMemory, memory_path, recall, remember
from edm_core.table.saved import delete_view, find_view, save_view, saved_views, views_path
from edm_core.table.sheet import sheet_of
from edm_core.table.view import FLAT, TREE, Shown, SortKey, View, read_view
from edm_core.workspace import Workspace
from tests.support.rows import a_metric, a_row

METRICS = MetricsSettings()


def key(name: str, down: bool = False) -> SortKey:
    return SortKey(read_field(name), down)


def sorted_names(rows: list[RunRow], *keys: SortKey) -> list[str]:
    return names(arrange(Frame(rows, METRICS), View(sort=keys)))


def names(arrangement: Arrangement) -> list[str]:
    """The lines as names; groups as their text in brackets."""
    found = []
    for line in range(len(arrangement)):
        group, row = arrangement.group(line), arrangement.row(line)
        found.append(f"[{group.text}]" if group is not None else row.name if row is not None else "?")
    return found


ROWS = [
    a_row("b", params={"lr": "0.1", "kind": "x"}, metrics={"val_loss": a_metric(0.5, 0.4)}, start_ms=400, end_ms=500),
    a_row("a", params={"lr": "1e-3"}, start_ms=300, end_ms=None, status="RUNNING"),
    a_row("c", params={"lr": "0.02", "kind": "x"}, metrics={"val_loss": a_metric(0.3, 0.6)}, start_ms=200, end_ms=900),
    a_row(
        "d", params={"lr": "word"}, metrics={"val_loss": a_metric(math.nan)}, start_ms=100, data_state=DataState.PUSHED
    ),
]


@pytest.mark.parametrize(
    ("keys", "order"),
    [
        ((), "bacd"),
        ((key("name"),), "abcd"),
        ((key("metric:val_loss"),), "bcad"),
        ((key("metric:val_loss", True),), "cbad"),
        ((key("best:val_loss"),), "cbad"),
        ((key("step:val_loss"),), "cdba"),
        ((key("param:lr"),), "acbd"),
        ((key("param:lr", True),), "dbca"),
        ((key("param:kind"), key("name", True)), "cbda"),
        ((key("age"),), "dcab"),
        ((key("dur", True),), "dcba"),
        ((key("state"), key("name")), "abcd"),
        ((key("data", True),), "dbac"),
        ((key("param:nobody has it"),), "bacd"),
    ],
)
def test_order_by_one_field_or_several_with_missing_values_last(keys: tuple[SortKey, ...], order: str) -> None:
    rows = [*ROWS[:3], a_row("d", **{"params": {"lr": "word"}, "start_ms": 100, "end_ms": 10_000_000,
            "metrics": {"val_loss": a_metric(math.nan)}, "data_state": DataState.PUSHED})]  # fmt: skip
    assert "".join(sorted_names(rows, *keys)) == order


def test_names_match_by_all_words_and_leave_out_the_banned() -> None:
    frame = Frame([a_row("cnn_lr3"), a_row("cnn_aug"), a_row("MERT_aug")], METRICS)

    def matching(text: str) -> list[str]:
        return names(arrange(frame, View(name=text)))

    assert matching("aug") == ["cnn_aug", "MERT_aug"]
    assert matching("aug !mert") == ["cnn_aug"]
    assert matching("  ") == ["cnn_lr3", "cnn_aug", "MERT_aug"]
    assert names(arrange(frame, View(name="aug"), frame.among({"id-MERT_aug", "id-gone"}))) == ["MERT_aug"]


def test_folders_and_jobs_without_a_run_are_found_by_their_row_id() -> None:
    orphan = a_row("orphan", run_id="", status="")
    arrangement = arrange(Frame([*ROWS, orphan], METRICS), View(name="o"))
    assert arrangement.shown(orphan.row_id) == orphan
    assert arrangement.line_of(orphan.row_id) == 0
    assert arrangement.line_of("id-a") is None
    assert arrangement.shown("folder:nothing") is None


def test_groups_stand_in_the_order_of_their_value_or_of_the_first_key() -> None:
    frame = Frame(ROWS, METRICS)
    assert names(arrange(frame, View(group="param:lr"))) == ["[1e-3]", "[0.02]", "[0.1]", "[word]"]
    by_lr = View(group="param:lr", sort=(key("param:lr", True),))
    assert names(arrange(frame, by_lr)) == ["[word]", "[0.1]", "[0.02]", "[1e-3]"]
    by_kind = View(group="param:kind", sort=(key("best:val_loss"),))
    assert names(arrange(frame, by_kind)) == ["[x]", "[None]"]
    opened = arrange(frame, by_kind, turned={"group:param:kind=x"})
    assert names(opened) == ["[x]", "c", "b", "[None]"]
    assert opened.above(1) == "group:param:kind=x"
    assert len(opened.runs) == 4


def test_a_tree_survives_runs_that_are_their_own_ancestors() -> None:
    def child(name: str, parent: str) -> RunRow:
        return a_row(name, tags={"mlflow.parentRunId": f"id-{parent}"})

    rows = [child("a", "b"), child("b", "a"), child("self", "self"), child("leaf", "root"), a_row("root")]
    frame = Frame(rows, METRICS)
    assert sorted(names(arrange(frame, View(group=TREE)))) == ["a", "b", "leaf", "root", "self"]
    assert names(arrange(frame, View())) == names(arrange(frame, View(group=TREE)))
    assert names(arrange(frame, View(group=FLAT))) == [row.name for row in rows]
    assert names(arrange(frame, View(sort=(key("name"),)))) == ["a", "b", "leaf", "root", "self"]
    # A parent that the filter leaves out takes no child with it.
    assert names(arrange(frame, View(name="leaf"))) == ["leaf"]


def test_the_best_follows_the_direction_and_needs_two_to_compare() -> None:
    arrangement = arrange(Frame(ROWS, METRICS), View())
    assert arrangement.best(read_field("best:val_loss")) == 0.3
    assert arrangement.best(read_field("metric:val_loss")) == 0.4
    alone = arrange(Frame(ROWS, METRICS), View(name="b"))
    assert alone.best(read_field("best:val_loss")) is None


def test_fields_are_read_in_our_spelling_and_in_mlflows() -> None:
    assert read_field("metrics.val_loss").name == "metric:val_loss"
    assert read_field("params.`learning rate`").name == "param:learning rate"
    assert read_field("tag:a:b").key == "a:b"
    with pytest.raises(NotFoundError, match="no field 'nonsense'"):
        read_field("nonsense")
    listed = [field.name for field in all_fields(["m"], ["p"], ["t"])]
    assert {"name", "metric:m", "best:m", "step:m", "delta:m", "spark:m", "param:p", "tag:t"} <= set(listed)
    assert len(listed) == len(set(listed))


VIEW = View(
    (Shown(read_field("best:val_loss"), 14), Shown(read_field("param:learning rate"))),
    (key("best:val_loss"), key("age", True)), "cnn", "metrics.val_loss < 1", "param:learning rate",
)  # fmt: skip


def test_a_view_comes_back_as_it_was_written() -> None:
    assert read_view(VIEW.as_table(), METRICS, "here") == VIEW
    assert View().as_table() == {}
    usual = read_view({"sort": ["best:acc", "best:val_loss"]}, METRICS, "here")
    assert [one.down for one in usual.sort] == [True, False]


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ({"columns": "best:val_loss"}, "columns must be a list"),
        ({"columns": ["nonsense"]}, "'nonsense' is no field"),
        ({"sort": ["nonsense DESC"]}, "'nonsense' is no field"),
        ({"group": 3}, "group must be text"),
        ({"colums": []}, "no key 'colums'"),
    ],
)
def test_what_is_wrong_with_a_view_is_named(table: dict[str, object], said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        read_view(table, METRICS, "views.toml: [x]")


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    team = {"team": {"columns": ["age"]}, "both": {"group": "state"}}
    return Workspace(tmp_path, Settings(tui=TuiSettings(views=team)))


def test_views_are_saved_replaced_and_deleted_beside_those_of_the_team(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    save_view("mine", View(name="a"))
    save_view("mine", VIEW)
    save_view("both", View(name="own"))
    assert [(view.name, view.shared) for view in saved_views(workspace)] == [
        ("both", False), ("mine", False), ("team", True)
    ]  # fmt: skip
    assert find_view(workspace, "mine").view == VIEW
    views_path().write_text("# a comment of the user's\n" + views_path().read_text())
    delete_view(workspace, "both")
    assert find_view(workspace, "both").shared
    assert "# a comment of the user's" in views_path().read_text()
    with pytest.raises(SettingsError, match=r"edm\.toml"):
        delete_view(workspace, "team")
    with pytest.raises(NotFoundError, match="no view is called 'gone'"):
        delete_view(workspace, "gone")
    with pytest.raises(SettingsError, match="cannot be called"):
        save_view("a\nb", VIEW)


def test_a_view_at_fault_leaves_the_others_alone(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    save_view("good", VIEW)
    views_path().write_text(views_path().read_text() + '[bad]\ngroup = "nonsense"\n')
    faults = {saved.name: saved.fault for saved in saved_views(workspace)}
    assert faults["good"] == faults["team"] == ""
    assert "nonsense" in faults["bad"]
    assert find_view(workspace, "good").view == VIEW
    with pytest.raises(SettingsError, match="'nonsense' is no field"):
        find_view(workspace, "bad")
    delete_view(workspace, "bad")
    assert "bad" not in {saved.name for saved in saved_views(workspace)}


def test_a_damaged_file_of_views_is_named_and_never_written_over(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    views_path().parent.mkdir(parents=True)
    views_path().write_text("[a\n")
    for act in (lambda: save_view("b", View()), lambda: saved_views(workspace)):
        with pytest.raises(SettingsError, match=r"views\.toml"):
            act()
    assert views_path().read_text() == "[a\n"


def test_the_table_is_remembered_and_a_damaged_memory_counts_as_none(workspace: Workspace) -> None:
    assert recall(workspace) == TableMemory()
    assert not memory_path(workspace).parent.exists()
    memory = TableMemory(VIEW, "mine", "other experiment", "r1")
    remember(workspace, memory)
    assert recall(workspace) == memory
    for text in (
        "{",
        "[]",
        '{"version": 1, "view": {"columns": ["nonsense"]}}',
        '{"version": 99}',
        '{"version": 1, "view": 3}',
    ):
        memory_path(workspace).write_text(text)
        assert recall(workspace) == TableMemory(), text


def test_a_sheet_has_the_lines_as_shown() -> None:
    frame = Frame(ROWS, METRICS)
    fields = [read_field(name) for name in ("age", "best:val_loss", "delta:val_loss", "param:lr")]
    sheet = sheet_of(arrange(frame, View(sort=(key("name"),))), fields, ROWS[2])
    assert sheet.titles == [
        "run", "started", "best:val_loss", "step:val_loss", "delta:val_loss", "param:lr", "run_id"
    ]  # fmt: skip
    rows = list(sheet.rows)
    assert rows[0] == ["a", "1970-01-01T00:00:00.300+00:00", None, None, None, "1e-3", "id-a"]
    assert rows[1][2:5] == [0.4, 2, 0.4 - 0.3]
    groups = sheet_of(arrange(frame, View(group="param:kind")), fields, None)
    assert groups.titles == ["param:kind", "n", "best:val_loss", "delta:val_loss"]
    assert list(groups.rows) == [["x", 2, 0.3, None], [None, 2, None, None]]
