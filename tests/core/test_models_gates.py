"""Gates: what blocks a promotion, what overrides it, and what is recorded."""

import json
import os
import signal
from pathlib import Path

import pytest

from edm_core.actions.decision import decide
from edm_core.actions.model_history import history
from edm_core.actions.promote import promote
from edm_core.actions.register import register
from edm_core.errors import ActionError, SettingsError
from edm_core.jobs.identity import identify
from edm_core.snapshots.promotion import Decision
from edm_core.stores.mlflow_client import mlflow_client
from edm_core.stores.models import list_versions
from edm_core.workspace import Workspace
from tests.support.jobs import wait_for
from tests.support.registry import make_run, make_versions, make_workspace, stages_of, write_tracks

NAME = "EDMModel"


def tagged(workspace: Workspace, *versions: dict[str, str]) -> None:
    """Versions that carry these tags, as registration writes them."""
    make_versions(workspace, len(versions))
    client = mlflow_client(workspace)
    for number, tags in enumerate(versions, start=1):
        for key, value in tags.items():
            client.set_model_version_tag(NAME, str(number), key, value)


def metrics(**values: float) -> dict[str, str]:
    return {"edm.metrics": json.dumps(values)}


def decision(workspace: Workspace, number: int) -> Decision:
    versions = list_versions(workspace, NAME)
    return decide(workspace, next(v for v in versions if v.version == number), "Production", versions)


def verdicts(workspace: Workspace, number: int) -> dict[str, bool]:
    return {gate.gate: gate.passed for gate in decision(workspace, number).gates}


def test_a_failing_gate_blocks_and_a_reason_overrides_and_is_recorded(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path / "w", 'gates = ["boundary_f1_05 >= incumbent", "committed"]')
    tagged(workspace, metrics(boundary_f1_05=0.8), metrics(boundary_f1_05=0.7))
    promote(workspace, NAME, 1, "Production", reason="the first one")
    before = stages_of(workspace)

    with pytest.raises(ActionError) as raised:
        promote(workspace, NAME, 2, "Production")
    assert "boundary_f1_05 >= incumbent: 0.7 against 0.8" in raised.value.message
    assert "committed: its commit is not known" in raised.value.message
    assert "--reason" in raised.value.hint
    with pytest.raises(ActionError):
        promote(workspace, NAME, 2, "Production", reason="  ")
    assert stages_of(workspace) == before

    outcome = promote(workspace, NAME, 2, "Production", reason="quieter on vocals")
    assert "gates overridden" in outcome.detail
    last = history(list_versions(workspace, NAME))[0]
    assert last.overrode
    assert last.reason == "quieter on vocals"
    assert [(gate.gate, gate.passed) for gate in last.gates] == [
        ("boundary_f1_05 >= incumbent", False), ("committed", False),
    ]  # fmt: skip


def test_gates_are_asked_on_the_way_to_production_only(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path / "w", 'gates = ["committed"]')
    tagged(workspace, {})
    promote(workspace, NAME, 1, "Staging")
    assert stages_of(workspace)[1][0] == "Staging"


def test_comparisons_with_incumbent_number_and_other_metric(tmp_path: Path) -> None:
    gates = [
        "f1 >= incumbent", "f1 >= incumbent - 0.05", "f1 > incumbent + 0.01", "f1 > baseline_f1", "val_loss < 3e-2",
        "f1 >= 0.9", "nothing > 0", "f1 > nowhere",
    ]  # fmt: skip
    workspace = make_workspace(tmp_path / "w", f"gates = {json.dumps(gates)}")
    tagged(workspace, metrics(f1=0.8), metrics(f1=0.78, baseline_f1=0.6, val_loss=0.02))
    assert verdicts(workspace, 2)["f1 >= incumbent"] is True  # nobody is in Production yet
    promote(workspace, NAME, 1, "Production", reason="first")
    assert list(verdicts(workspace, 2).values()) == [False, True, False, True, True, False, False, False]


def test_code_data_tracks_and_push_are_judged(tmp_path: Path) -> None:
    gates = 'gates = ["committed", "same_data", "evaluated", "evaluated 3", "pushed"]'
    workspace = make_workspace(tmp_path / "w", gates)
    clean = {"mlflow.source.git.commit": "abc", "edm.git_dirty": "false", "edm.data_version": "d1"}
    run_dir = "outputs/training/one"
    tagged(
        workspace,
        clean | {"edm.run_dir": run_dir},
        clean | {"edm.git_dirty": "true", "edm.data_version": "d2", "edm.tracks": '{"a": 0.5, "b": 0.5, "c": 1.0}'},
    )
    (workspace.root / run_dir).mkdir(parents=True)
    write_tracks(workspace, "one", {"a": 1.0, "b": 0.5})
    (workspace.root / "data.dvc").write_text("outs:\n- md5: d1\n  path: data\n")
    assert list(verdicts(workspace, 1).values()) == [True, True, True, False, False]
    promote(workspace, NAME, 1, "Production", reason="first")
    found = decision(workspace, 2)
    assert [gate.passed for gate in found.gates] == [False, False, True, True, False]
    assert found.differences["data"] == ("d2", "d1")
    assert found.differences["tracks"] == {
        "better": [], "worse": ["a"], "same": 1, "scores": {"a": (0.5, 1.0), "b": (0.5, 0.5)},
    }  # fmt: skip


def test_the_decision_compares_metrics_in_their_direction(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path / "w")
    tagged(workspace, metrics(val_loss=0.5, boundary_f1=0.7, only=1), metrics(val_loss=0.4, boundary_f1=0.6))
    promote(workspace, NAME, 1, "Production")
    found = decision(workspace, 2)
    assert found.incumbent is not None
    assert found.incumbent.version == 1
    assert [(m.metric, m.verdict) for m in found.metrics] == [
        ("val_loss", "better"), ("boundary_f1", "worse"), ("only", ""),
    ]  # fmt: skip
    assert found.metrics[0].delta == pytest.approx(-0.1)


def test_metrics_of_versions_that_others_made_come_from_their_run(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path / "w", 'gates = ["f1 > 0.5"]')
    make_versions(workspace, 1)
    version = list_versions(workspace, NAME)[0]
    mlflow_client(workspace).log_metric(version.run_id, "f1", 0.6)
    assert verdicts(workspace, 1) == {"f1 > 0.5": True}


def test_what_is_no_number_never_passes_and_names_may_be_quoted(tmp_path: Path) -> None:
    gates = ["loss <= incumbent", "loss < 1", "`my loss` < 1", '"my loss" < loss', "f1 >= incumbent"]
    workspace = make_workspace(tmp_path / "w", f"gates = {json.dumps(gates)}")
    nan = float("nan")
    tagged(workspace, metrics(loss=nan), metrics(**{"loss": 0.5, "my loss": 0.4, "f1": 0.1}))
    assert list(verdicts(workspace, 1).values()) == [False, False, False, False, False]
    assert list(verdicts(workspace, 2).values()) == [True, True, True, True, True]
    promote(workspace, NAME, 1, "Production", reason="no better one yet")
    assert list(verdicts(workspace, 2).values()) == [False, True, True, True, False]


def test_a_hook_that_hangs_ends_with_all_that_it_started(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edm_core.actions.promotion_hook._SECONDS", 0.5)
    hook = 'sleep 600 & echo $! > first; [ "$EDM_VERSION" = 1 ] || sleep 600; true'
    workspace = make_workspace(tmp_path / "w", f"on_promote = {json.dumps(hook)}")
    make_versions(workspace, 2)
    # What it leaves in the background is waited for by nobody.
    assert promote(workspace, NAME, 1, "Production").level == "done"
    first = int((workspace.root / "first").read_text())
    os.kill(first, signal.SIGKILL)
    outcome = promote(workspace, NAME, 2, "Production")
    assert "on_promote did not end within 0.5 s" in outcome.detail
    assert stages_of(workspace)[2][0] == "Production"
    second = identify(int((workspace.root / "first").read_text()))
    wait_for(lambda: not second.alive(), "the hook's child to be gone")


def test_a_gate_that_cannot_be_understood_is_named(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path / "w", 'gates = ["better than ever"]')
    make_versions(workspace, 1)
    with pytest.raises(SettingsError, match="better than ever") as raised:
        promote(workspace, NAME, 1, "Production")
    assert "pushed" in raised.value.hint
    assert stages_of(workspace)[1][0] == "None"


def test_loads_is_tried_in_a_process_without_this_package(tmp_path: Path) -> None:
    workspace = make_workspace(tmp_path / "w", 'gates = ["loads"]')
    register(workspace, make_run(workspace, "one"))
    make_versions(workspace, 1)
    assert verdicts(workspace, 1) == {"loads": True}
    assert verdicts(workspace, 2) == {"loads": False}


def test_the_hook_runs_after_a_move_and_cannot_undo_it(tmp_path: Path) -> None:
    hook = "printf '%s %s %s %s %s' $EDM_MODEL $EDM_VERSION $EDM_FROM_STAGE $EDM_TO_STAGE $EDM_KIND > told; exit 3"
    workspace = make_workspace(tmp_path / "w", f"on_promote = {json.dumps(hook)}")
    make_versions(workspace, 1)
    outcome = promote(workspace, NAME, 1, "Production")
    assert (workspace.root / "told").read_text() == "EDMModel 1 None Production promote"
    assert outcome.level == "warning"
    assert "on_promote ended with 3" in outcome.detail
    assert stages_of(workspace)[1][0] == "Production"
