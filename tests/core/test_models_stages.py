"""Stages, aliases, history and rollback on a real MLflow store."""

import json
import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from mlflow.tracking import MlflowClient

from edm_core.actions.aliases import delete_alias, set_alias
from edm_core.actions.model_history import history, write_move
from edm_core.actions.promote import demote, mend_promote, promote, undo_promote
from edm_core.actions.rollback import rollback
from edm_core.actions.stages import misplaced_aliases, move
from edm_core.commandlog import read_commands
from edm_core.errors import ActionError, NotFoundError, StoreError
from edm_core.journal import Journal
from edm_core.snapshots.models import ModelVersion
from edm_core.stores import models
from edm_core.stores.mlflow_client import mlflow_client
from edm_core.stores.models import list_versions, version_labels
from edm_core.workspace import Workspace
from tests.support.registry import make_versions, make_workspace, stages_of

NAME = "EDMModel"


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    workspace = make_workspace(tmp_path / "work")
    make_versions(workspace, 3)
    return workspace


def test_a_promotion_moves_stage_and_alias_and_archives_the_one_before(workspace: Workspace) -> None:
    promote(workspace, NAME, 1, "production")
    assert stages_of(workspace)[1] == ("Production", ("production",))

    outcome = promote(workspace, NAME, 2, "Production", reason="hears more")

    assert stages_of(workspace) == {
        1: ("Archived", ()), 2: ("Production", ("production",)), 3: ("None", ()),
    }  # fmt: skip
    assert "v1 archived" in outcome.detail
    assert set(outcome.stale) == {"runs", "models"}


def test_without_a_stage_it_goes_one_step_up_and_demote_one_down(workspace: Workspace) -> None:
    promote(workspace, NAME, 3)
    assert stages_of(workspace)[3] == ("Staging", ("staging",))
    promote(workspace, NAME, 3)
    assert stages_of(workspace)[3] == ("Production", ("production",))
    with pytest.raises(ActionError, match="Production already"):
        promote(workspace, NAME, 3)
    demote(workspace, NAME, 3)
    assert stages_of(workspace)[3] == ("Staging", ("staging",))
    demote(workspace, NAME, 3)
    assert stages_of(workspace)[3] == ("None", ())
    with pytest.raises(ActionError, match="no step down"):
        demote(workspace, NAME, 3)


def test_the_alias_of_staging_names_what_mlflow_loads_there(workspace: Workspace) -> None:
    promote(workspace, NAME, 3, "Staging")
    promote(workspace, NAME, 1, "Staging")
    assert stages_of(workspace)[3] == ("Staging", ("staging",))
    promote(workspace, NAME, 3, "Archived")
    assert stages_of(workspace)[1] == ("Staging", ("staging",))
    assert stages_of(workspace)[3] == ("Archived", ())


def test_a_bad_stage_or_version_is_named(workspace: Workspace) -> None:
    with pytest.raises(ActionError) as raised:
        promote(workspace, NAME, 1, "Prod")
    assert "None, Staging, Production, Archived" in raised.value.hint
    with pytest.raises(NotFoundError, match="no version 9"):
        promote(workspace, NAME, 9, "Production")
    assert {stage for stage, _ in stages_of(workspace).values()} == {"None"}


def test_moving_to_where_it_is_says_so_and_puts_a_lost_alias_back(workspace: Workspace) -> None:
    promote(workspace, NAME, 1, "Production")
    mlflow_client(workspace).delete_registered_model_alias(NAME, "production")
    assert promote(workspace, NAME, 1, "Production").level == "warning"
    assert stages_of(workspace)[1] == ("Production", ("production",))
    assert len(history(list_versions(workspace, NAME))) == 1


def test_each_call_is_in_the_command_log_ready_to_copy(workspace: Workspace) -> None:
    promote(workspace, NAME, 1, "Production")
    told = [record.command for record in read_commands(workspace.command_log_path)]
    assert len(told) == 2
    assert "transition_model_version_stage('\"'\"'EDMModel'\"'\"'" in told[0]
    assert "set_registered_model_alias" in told[1]


def test_the_history_tells_who_what_and_why(workspace: Workspace) -> None:
    promote(workspace, NAME, 1, "Production")
    promote(workspace, NAME, 2, "Production", reason="hears more")
    last, first = history(list_versions(workspace, NAME))
    assert (first.version, first.from_stage, first.to_stage, first.replaced) == (1, "None", "Production", ())
    assert (last.version, last.reason, last.replaced, last.kind) == (2, "hears more", (1,), "promote")
    assert "@" in last.who
    tags = mlflow_client(workspace).get_model_version(NAME, "2").tags
    (written,) = [json.loads(value) for key, value in tags.items() if key.startswith("edm.history.")]
    assert written["to_stage"] == "Production"


def test_undo_puts_stages_and_aliases_back(workspace: Workspace) -> None:
    promote(workspace, NAME, 1, "Production")
    promote(workspace, NAME, 2, "Staging")
    before = stages_of(workspace)
    promote(workspace, NAME, 2, "Production")
    entry = Journal(workspace).last_undoable()
    assert entry is not None
    undo_promote(workspace, entry)
    assert stages_of(workspace) == before
    assert history(list_versions(workspace, NAME))[0].kind == "undo"


def test_undo_is_refused_once_somebody_moved_on(workspace: Workspace) -> None:
    promote(workspace, NAME, 1, "Production")
    promote(workspace, NAME, 2, "Production")
    entry = Journal(workspace).last_undoable()
    promote(workspace, NAME, 3, "Production")
    before = stages_of(workspace)
    assert entry is not None
    with pytest.raises(ActionError, match="cannot be undone"):
        undo_promote(workspace, entry)
    assert stages_of(workspace) == before


def test_rollback_goes_one_further_back_each_time(workspace: Workspace) -> None:
    for number in (1, 2, 3):
        promote(workspace, NAME, number, "Production")
    rollback(workspace, NAME, reason="misses drops")
    assert stages_of(workspace)[2] == ("Production", ("production",))
    assert stages_of(workspace)[3] == ("Archived", ())
    rollback(workspace, NAME)
    assert stages_of(workspace)[1] == ("Production", ("production",))
    with pytest.raises(ActionError, match="no earlier version"):
        rollback(workspace, NAME)
    assert [made.kind for made in history(list_versions(workspace, NAME))][:2] == ["rollback", "rollback"]


def test_rollback_after_an_undo_and_past_a_deleted_version(workspace: Workspace) -> None:
    for number in (1, 2, 3):
        promote(workspace, NAME, number, "Production")
    entry = Journal(workspace).last_undoable()
    assert entry is not None
    undo_promote(workspace, entry)
    rollback(workspace, NAME)
    assert stages_of(workspace)[1] == ("Production", ("production",))
    promote(workspace, NAME, 2, "Production")
    promote(workspace, NAME, 3, "Production")
    mlflow_client(workspace).delete_model_version(NAME, "2")
    rollback(workspace, NAME)
    assert stages_of(workspace)[1] == ("Production", ("production",))


def test_free_aliases_are_set_and_deleted_but_not_those_of_stages(workspace: Workspace) -> None:
    set_alias(workspace, NAME, "champion", 2)
    assert set_alias(workspace, NAME, "champion", 3).detail == "was v2"
    assert stages_of(workspace)[3][1] == ("champion",)
    promote(workspace, NAME, 3, "Production")
    assert stages_of(workspace)[3][1] == ("champion", "production")
    with pytest.raises(ActionError, match="follows the stage"):
        delete_alias(workspace, NAME, "production")
    with pytest.raises(StoreError, match="v3"):
        set_alias(workspace, NAME, "v3", 3)
    delete_alias(workspace, NAME, "champion")
    with pytest.raises(NotFoundError, match="no alias 'champion'"):
        delete_alias(workspace, NAME, "champion")


def test_who_did_not_win_is_told_who_did(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    def and_then_another(client: object, made: object) -> None:
        monkeypatch.setattr("edm_core.actions.promote.write_move", write_move)
        write_move(client, made)  # type: ignore[arg-type]
        promote(workspace, NAME, 2, "Production")

    monkeypatch.setattr("edm_core.actions.promote.write_move", and_then_another)
    with pytest.raises(ActionError, match=r"v1 is in Archived now.*moved v2 there"):
        promote(workspace, NAME, 1, "Production")
    assert stages_of(workspace)[2] == ("Production", ("production",))


def test_an_alias_set_on_what_was_true_a_moment_ago_is_set_right(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def late(versions: Sequence[ModelVersion], stages: Iterable[str]) -> dict[str, int]:
        monkeypatch.setattr("edm_core.actions.stages.misplaced_aliases", misplaced_aliases)
        seen = misplaced_aliases(versions, stages)
        promote(workspace, NAME, 2, "Production")
        return seen

    monkeypatch.setattr("edm_core.actions.stages.misplaced_aliases", late)
    with pytest.raises(ActionError, match=r"v1 is in Archived now.*moved v2 there"):
        promote(workspace, NAME, 1, "Production")
    assert stages_of(workspace)[2] == ("Production", ("production",))
    assert stages_of(workspace)[1] == ("Archived", ())


def test_an_alias_that_somebody_else_makes_at_the_same_moment_is_no_failure(workspace: Workspace) -> None:
    """MLflow looks whether an alias is there, then inserts it: who comes in between lets the insert fail."""
    from sqlalchemy import event
    from sqlalchemy.orm import Session

    inserted: list[str] = []

    @event.listens_for(Session, "before_flush")
    def come_in_between(session: Session, *_: object) -> None:
        new = [row for row in session.new if type(row).__name__ == "SqlRegisteredModelAlias"]
        if not new or inserted:
            return
        with sqlite3.connect(workspace.root / "mlflow.db", timeout=10) as db:
            db.execute(
                "INSERT INTO registered_model_aliases (workspace, name, alias, version) VALUES (?, ?, ?, 1)",
                (new[0].workspace, new[0].name, new[0].alias),
            )
        inserted.append(new[0].alias)

    try:
        promote(workspace, NAME, 1, "Production")
    finally:
        event.remove(Session, "before_flush", come_in_between)
    assert inserted == ["production"]
    assert stages_of(workspace)[1] == ("Production", ("production",))


def test_of_two_that_came_at_once_the_one_that_mlflow_loads_stays(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    def and_another(
        there: Workspace, client: MlflowClient, version: ModelVersion, stage: str, *, archive: bool
    ) -> None:
        move(there, client, version, stage, archive=archive)
        move(there, client, replace(version, version=3), stage, archive=False)

    monkeypatch.setattr("edm_core.actions.promote.move", and_another)
    with pytest.raises(ActionError, match="v1 is in Archived now"):
        promote(workspace, NAME, 1, "Production")
    assert stages_of(workspace) == {1: ("Archived", ()), 2: ("None", ()), 3: ("Production", ("production",))}


@pytest.fixture
def psycopg3(monkeypatch: pytest.MonkeyPatch) -> None:
    """MLflow's client as it behaves on PostgreSQL with psycopg 3 (mlflow/mlflow#24592)."""
    from mlflow.exceptions import MlflowException

    real = MlflowClient.transition_model_version_stage

    def refusing(self: MlflowClient, name: str, version: str, stage: str, archive_existing_versions: bool) -> object:
        if archive_existing_versions:
            raise MlflowException("operator does not exist: integer <> character varying")
        return real(self, name, version, stage, archive_existing_versions)

    monkeypatch.setattr(MlflowClient, "transition_model_version_stage", refusing)


@pytest.mark.usefixtures("psycopg3")
def test_where_mlflow_cannot_archive_it_is_done_one_by_one(workspace: Workspace) -> None:
    promote(workspace, NAME, 1, "Production")
    promote(workspace, NAME, 2, "Production")
    assert stages_of(workspace)[1] == ("Archived", ())
    assert stages_of(workspace)[2] == ("Production", ("production",))
    entry = Journal(workspace).last_undoable()
    assert entry is not None
    undo_promote(workspace, entry)
    assert stages_of(workspace)[1] == ("Production", ("production",))
    assert stages_of(workspace)[2] == ("None", ())


@pytest.mark.usefixtures("psycopg3")
def test_archiving_one_by_one_is_finished_after_a_crash(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    def die(*_: object) -> None:
        raise KeyboardInterrupt

    promote(workspace, NAME, 1, "Production")
    with monkeypatch.context() as patched:
        patched.setattr("edm_core.actions.stages.archive_others", die)
        with pytest.raises(KeyboardInterrupt):
            promote(workspace, NAME, 2, "Production")
    (entry,) = [entry for entry in Journal(workspace).entries() if entry.state == "open"]
    mend_promote(workspace, entry)
    assert stages_of(workspace)[1] == ("Archived", ())
    assert stages_of(workspace)[2] == ("Production", ("production",))


def test_both_ways_of_reading_the_registry_agree(workspace: Workspace) -> None:
    promote(workspace, NAME, 2, "Production")
    set_alias(workspace, NAME, "champion", 3)
    read = list_versions(workspace)
    assert read == models._from_client(workspace, None, None)
    assert [v.version for v in list_versions(workspace, NAME, limit=2)] == [3, 2]
    assert models._from_client(workspace, NAME, 2) == list_versions(workspace, NAME, limit=2)
    assert list_versions(workspace, "Nothing") == ()


def test_labels_show_the_most_promoted_version_of_a_run(workspace: Workspace) -> None:
    rows = [
        ModelVersion(NAME, 1, "Production", ("production",), "a", created_ms=1),
        ModelVersion(NAME, 2, "None", ("champion",), "a", created_ms=2),
        ModelVersion(NAME, 3, "None", ("champion",), "b", created_ms=3),
        ModelVersion(NAME, 4, "Archived", (), "b", created_ms=4),
        ModelVersion(NAME, 5, "None", (), "", created_ms=5),
    ]
    assert models.labels_of(rows) == {"a": "v1 Production", "b": "v3 @champion"}
    assert set(version_labels(workspace).values()) == {"v1", "v2", "v3"}


def test_no_store_is_an_empty_registry(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path / "new")
    (workspace.root / "mlflow.db").unlink()
    assert list_versions(workspace) == ()
    (workspace.root / "mlflow.db").write_bytes(b"")
    assert list_versions(workspace) == ()
    (workspace.root / "mlflow.db").write_bytes(b"this is no database at all, but long enough to be read as one" * 50)
    with pytest.raises(StoreError, match="cannot be read"):
        list_versions(workspace)


def test_doctor_finds_and_mends_an_alias_that_left_its_stage(workspace: Workspace) -> None:
    from edm_core.actions.doctor_models import aliases

    promote(workspace, NAME, 1, "Production")
    assert list(aliases(workspace)) == []
    mlflow_client(workspace).set_registered_model_alias(NAME, "production", "3")
    (case,) = aliases(workspace)
    assert "v3" in case.finding.evidence
    assert case.act is not None
    case.act()
    assert stages_of(workspace)[1] == ("Production", ("production",))
    assert list(aliases(workspace)) == []
