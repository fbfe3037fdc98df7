"""Runs as columns: what went in as rows comes out as rows, in whatever order."""

import math
import pickle
from dataclasses import replace

import pytest

from edm_core.snapshots.run_builder import columns_of, extended, view_of
from edm_core.snapshots.run_columns import MISSING, RunView
from edm_core.snapshots.runs import DataState, MetricSummary, RunRow

LOSS = MetricSummary(0.3, 9, 0.2, 7, (0.5, 0.2, 0.3))
ROWS = (
    RunRow("a", "first", "FINISHED", 1, 2, "ada", "home", {"lr": "0.1", "empty": ""}, {"loss": LOSS}, {"kind": "x"}),
    RunRow("b", "second", "RUNNING", 3000, None, "", "home", {"lr": "0.1"}, {"f1": MetricSummary(1.0, -3, None, None)}),
    RunRow("", "folder", run_dir="out/folder", data_state=DataState.KEPT),
    RunRow("c", "", "FAILED", None, None, "ada", "other", {"depth": "3"}, {}, {}, deleted=True, trash="t1"),
)  # fmt: skip


def test_rows_come_out_as_they_went_in() -> None:
    view = view_of(ROWS)
    assert tuple(view) == ROWS
    assert view_of(view) is view
    assert tuple(pickle.loads(pickle.dumps(view.columns)).view(range(4))) == ROWS


def test_columns_hold_a_value_for_each_run() -> None:
    columns = columns_of(ROWS)
    assert columns.params["lr"].values() == ["0.1", "0.1", None, None]
    assert columns.params["lr"].words == ["0.1"]
    assert list(columns.metrics["f1"].last_step) == [MISSING, -3, MISSING, MISSING]
    assert math.isnan(columns.metrics["loss"].last[3])
    assert columns.deleted == {3}


def test_newest_come_first_and_those_without_a_start_last() -> None:
    assert [row.name for row in columns_of(ROWS).view()] == ["second", "first", "folder", ""]


def test_views_are_sliced_and_searched_without_making_rows() -> None:
    view = columns_of(ROWS).view()
    assert isinstance(view[1:3], RunView)
    assert [row.name for row in view[1:3]] == ["first", "folder"]
    assert (view.find("a"), view.find("folder:out/folder"), view.find("z")) == (1, 2, None)
    assert view.take([0]).find("b") is None
    assert view[-1] == ROWS[3]
    with pytest.raises(IndexError):
        view[4]


def test_newer_columns_leave_the_older_ones_alone() -> None:
    old = columns_of(ROWS)
    changed = replace(ROWS[1], status="FINISHED", end_ms=4000, metrics={"loss": LOSS}, params={"lr": "1"})
    new = extended(old, [changed, RunRow("d", "third", "RUNNING", 5000, params={"seed": "1"})])
    assert tuple(old.view(range(4))) == ROWS
    assert new.row(1) == changed
    assert [row.run_id for row in new.view()] == ["d", "b", "a", "", "c"]
    assert old.params.keys() == {"lr", "empty", "depth"}


def test_a_spark_is_added_to_the_row_that_came_into_view() -> None:
    columns = columns_of(ROWS)
    assert columns.row(1).metrics["f1"].spark == ()
    columns.add_curve("f1", 1, MetricSummary(2.0, 1, 1.0, 0, (1.0, 2.0)))
    assert columns.row(1).metrics["f1"] == MetricSummary(1.0, -3, 1.0, 0, (1.0, 2.0))
    columns.add_curve("f1", 0, LOSS)
    assert "f1" not in columns.row(0).metrics
