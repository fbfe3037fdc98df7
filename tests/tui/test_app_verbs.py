"""The verbs on runs as pure functions: reasons, commands, questions."""

import pytest

from edm_core.snapshots.jobs import JobSnapshot
from edm_core.snapshots.runs import DataState, RunRow
from edm_tui import verbs
from tests.support.rows import NOW, a_row

JOB = JobSnapshot("20260101-abcd", "running", "t", ("edm",), NOW)


@pytest.mark.parametrize(
    ("verb", "fields", "reason"),
    [
        ("keep", {}, ""),
        ("keep", {"data_state": DataState.CHANGED}, ""),
        ("keep", {"data_state": DataState.KEPT}, "already kept"),
        ("keep", {"run_dir": "", "data_state": DataState.NONE}, "no folder"),
        ("keep", {"status": "RUNNING"}, "still running"),
        ("keep", {"status": "RUNNING", "job": JobSnapshot("j", "lost", "t", (), NOW)}, ""),
        ("discard", {"data_state": DataState.TRASHED}, "in the trash"),
        ("discard", {"run_dir": "", "data_state": DataState.NONE}, ""),
        ("push", {}, "not kept"),
        ("push", {"data_state": DataState.KEPT}, ""),
        ("push", {"data_state": DataState.PUSHED}, "on the remote"),
        ("pull", {"data_state": DataState.MISSING}, ""),
        ("stop", {}, "not running"),
        ("stop", {"job": JOB}, ""),
        ("stop", {"status": "RUNNING"}, "not started here: end it where it runs"),
        ("promote", {}, "not registered: R registers it"),
        ("promote", {"model": "v1"}, ""),
        ("promote", {"model": "v3 Production"}, "already in Production"),
        ("demote", {"model": "v1"}, "no step down"),
        ("demote", {"model": "v3 Production"}, ""),
        ("register", {"run_id": ""}, "no run and folder: both are needed"),
        ("diff", {}, ""),
        ("delete", {}, ""),
        ("delete", {"run_id": ""}, "no run in MLflow"),
        ("delete", {"status": "RUNNING"}, "still running: x stops it"),
    ],
)
def test_why_a_verb_cannot_run(verb: str, fields: dict[str, object], reason: str) -> None:
    assert verbs.reason(verb, (a_row("r", **fields),)) == reason


def test_without_a_run_there_is_nothing_to_do() -> None:
    assert verbs.reason("keep", ()) == "no run"


@pytest.mark.parametrize("verb", ["promote", "demote", "register", "tail"])
def test_a_verb_for_one_run_does_not_take_the_first_of_several(verb: str) -> None:
    rows = (a_row("a", model="v1", job=JOB), a_row("b", model="v2", job=JOB))
    assert verbs.reason(verb, rows) == "one run at a time: mark one alone"


def test_a_batch_leaves_alone_what_does_not_fit() -> None:
    rows = (a_row("a"), a_row("b", data_state=DataState.KEPT), a_row("c", status="RUNNING"))
    assert verbs.reason("keep", rows) == ""
    assert verbs.request("keep", rows).argv == ("keep", "id-a")
    assert verbs.reason("keep", rows[1:]) == "already kept"


def test_a_folder_without_a_run_answers_to_its_name() -> None:
    row = a_row("orphan", run_id="", status="", run_dir="outputs/training/orphan")
    assert verbs.request("keep", (row,)).argv == ("keep", "orphan")


def test_a_job_is_stopped_by_its_own_id() -> None:
    assert verbs.request("stop", (a_row("r", run_id="", job=JOB),)).argv == ("jobs", "stop", "20260101-abcd")


@pytest.mark.parametrize("status", ["FAILED", "KILLED"])
def test_keeping_a_run_that_did_not_finish_asks_first(status: str) -> None:
    rows = (a_row("half", status=status),)
    question = verbs.question("keep", rows)
    assert question is not None
    assert question.title == "Keep half as it is?"
    assert question.lines == (f"half did not finish: {status.lower()}",)
    assert verbs.request("keep", rows).argv == ("keep", "id-half", "--partial")


@pytest.mark.parametrize(
    ("fields", "cost"),
    [
        ({"data_state": DataState.KEPT}, "kept here only, on no remote"),
        ({"data_state": DataState.PUSHED}, "kept, and on the remote"),
        ({"model": "v3 Production"}, "registered as v3 Production"),
        ({"model": "v1", "data_state": DataState.CHANGED}, "registered as v1, kept here only, on no remote"),
    ],
)
def test_discarding_names_what_it_costs(fields: dict[str, object], cost: str) -> None:
    rows = (a_row("good", **fields),)
    question = verbs.question("discard", rows)
    assert question is not None
    assert question.title == "Discard good?"
    assert question.lines[0] == f"good: {cost}"
    assert verbs.request("discard", rows).argv == ("discard", "id-good", "--force", "--yes-really", "good")


@pytest.mark.parametrize("verb", ["keep", "push", "pull", "discard"])
def test_what_is_easily_undone_asks_nothing(verb: str) -> None:
    rows: tuple[RunRow, ...] = (a_row("plain"),)
    assert verbs.question(verb, rows) is None
