"""`edm models`: what it prints, as text and as one JSON document, and how it fails."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from edm_core.cli.main import main
from edm_core.stores.mlflow_client import mlflow_client
from edm_core.workspace import Workspace
from tests.support.registry import make_run, make_versions, make_workspace, save_checkpoint_file, stages_of

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    workspace = make_workspace(tmp_path / "work")
    monkeypatch.chdir(workspace.root)
    return workspace


@pytest.fixture
def edm(capfd: pytest.CaptureFixture[str]) -> Run:
    def run(*argv: str) -> tuple[int, str, str]:
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(["models", *argv])
        out, err = capfd.readouterr()
        status = ended.value.code
        assert isinstance(status, int)
        return status, out, err

    return run


def document(result: tuple[int, str, str]) -> Any:
    status, out, err = result
    assert status == 0, err
    return json.loads(out)


def test_the_whole_way_from_run_to_rollback(workspace: Workspace, edm: Run) -> None:
    make_run(workspace, "cnn_a", seed=1, val_loss=0.5, boundary_f1=0.6)
    row = make_run(workspace, "cnn_b", seed=2, val_loss=0.4, boundary_f1=0.7)
    made = document(edm("register", "cnn_a", "--json"))
    assert (made["name"], made["version"]) == ("EDMModel", 1)
    assert document(edm("register", row.run_id, "--json"))["version"] == 2
    assert edm("promote", "1", "Production")[0] == 0

    decision = document(edm("promote", "2", "Production", "--dry-run", "--json"))
    assert decision["incumbent"]["version"] == 1
    assert decision["metrics"][0] == {
        "metric": "val_loss", "candidate": 0.4, "incumbent": 0.5, "delta": pytest.approx(-0.1), "verdict": "better",
        "minimised": True,
    }  # fmt: skip
    assert decision["blocked"] is False
    assert stages_of(workspace)[2][0] == "None"

    moved = document(edm("promote", "EDMModel/2", "Production", "--reason", "hears more", "--json"))
    assert moved["stage"] == "Production"
    assert document(edm("rollback", "--dry-run", "--json"))["to"]["version"] == 1
    assert document(edm("rollback", "--reason", "misses drops", "--json"))["version"] == 1

    listed = document(edm("list", "--json"))["models"]
    assert [(v["version"], v["stage"], v["aliases"], v["run_name"]) for v in listed] == [
        (2, "Archived", [], "cnn_b"), (1, "Production", ["production"], "cnn_a"),
    ]  # fmt: skip
    told = document(edm("history", "--json"))["history"]
    assert [(m["version"], m["kind"], m["reason"]) for m in told] == [
        (1, "rollback", "misses drops"), (2, "promote", "hears more"), (1, "promote", ""),
    ]  # fmt: skip
    shown = document(edm("show", "2", "--json"))
    assert shown["metrics"]["boundary_f1"] == 0.7
    assert len(shown["history"]) == 1

    compared = document(edm("diff", "1", "2", "--json"))
    assert {"val_loss", "boundary_f1"} <= set(compared["metrics"])

    status, out, err = edm("history")
    assert status == 0
    assert "misses drops" in out
    assert err == ""


def test_nothing_but_data_is_on_stdout_and_no_noise_on_stderr(workspace: Workspace, edm: Run) -> None:
    make_run(workspace, "cnn_a")
    status, out, err = edm("register", "cnn_a")
    assert status == 0
    assert out.startswith("registered cnn_a as EDMModel v1")
    assert err == ""


def test_a_checkpoint_file_can_be_registered(workspace: Workspace, edm: Run) -> None:
    path = save_checkpoint_file(workspace.root / "somewhere" / "checkpoints" / "best.pt")
    made = document(edm("register", str(path.relative_to(workspace.root)), "--model", "Demo", "--json"))
    assert (made["name"], made["version"], made["run_id"]) == ("Demo", 1, "")


def test_an_empty_registry_says_what_to_do(workspace: Workspace, edm: Run) -> None:
    status, out, err = edm("list")
    assert (status, out) == (0, "")
    assert "edm models register RUN" in err
    assert document(edm("list", "--json")) == {"models": []}
    assert document(edm("history", "--json")) == {"history": []}


@pytest.mark.parametrize(
    ("argv", "told"),
    [
        (["promote", "1", "Prod"], "None, Staging, Production, Archived"),
        (["promote", "99", "Staging"], "Versions are: 1."),
        (["promote", "latest", "Staging"], "'latest' is no version"),
        (["show", "Other/1"], "Other has no version 1"),
        (["register", "nowhere"], "nowhere"),
        (["rollback"], "no earlier version"),
        (["rollback", "Archived"], "Production, Staging"),
        (["demote", "1"], "no step down"),
        (["alias", "set", "latest", "1"], "alias 'latest' cannot be set"),
    ],
)
def test_what_cannot_be_done_is_said_with_a_hint(workspace: Workspace, edm: Run, argv: list[str], told: str) -> None:
    make_versions(workspace, 1)
    before = stages_of(workspace)
    status, out, err = edm(*argv)
    assert (status, out) == (1, "")
    assert told in err
    assert "hint: " in err
    assert "Traceback" not in err
    assert stages_of(workspace) == before


def test_tags_from_outside_reach_the_terminal_without_escapes(workspace: Workspace, edm: Run) -> None:
    make_versions(workspace, 1)
    mlflow_client(workspace).set_model_version_tag("EDMModel", "1", "edm.run_name", "evil\x1b[31m[bold]")
    status, out, _ = edm("list")
    assert status == 0
    assert "\x1b" not in out
    assert "evil?[31m[bold]" in out


def test_a_server_that_is_away_is_named_without_its_password(
    workspace: Workspace, edm: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://me:secret@127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    status, _, err = edm("list")
    assert status == 1
    assert "127.0.0.1:9" in err
    assert "secret" not in err
    assert os.environ["MLFLOW_TRACKING_URI"].startswith("http:")


def test_an_interrupted_move_is_finished_by_whichever_verb_comes_next(workspace: Workspace, edm: Run) -> None:
    from edm_core.actions.promote import promote

    make_versions(workspace, 2)
    promote(workspace, "EDMModel", 1, "Production")
    dying = (
        "import os\n"
        "from edm_core.actions import promote\n"
        "from edm_core.workspace import find_workspace\n"
        "promote.align_aliases = lambda *a, **k: os._exit(9)\n"
        "promote.promote(find_workspace(), 'EDMModel', 2, 'Production', reason='cut short')\n"
    )
    assert subprocess.run([sys.executable, "-c", dying], cwd=workspace.root, check=False).returncode == 9
    assert stages_of(workspace)[2] == ("Production", ())
    listed = document(edm("list", "--limit", "1", "--json"))
    assert "is finished" in listed["mended"][0]
    assert stages_of(workspace) == {1: ("Archived", ()), 2: ("Production", ("production",))}
    assert "mended" not in document(edm("list", "--json"))
    assert [made["reason"] for made in document(edm("history", "--json"))["history"]] == ["cut short", ""]


def test_the_history_has_a_timeline_and_a_rollback_says_what_it_would_do(workspace: Workspace, edm: Run) -> None:
    make_versions(workspace, 2)
    for number in ("1", "2"):
        assert edm("promote", number, "Production")[0] == 0
    shown = edm("history")[1]
    assert shown.startswith("Production  v1")
    assert "v2" in shown.splitlines()[0]
    assert [one["version"] for one in document(edm("history", "--json"))["production"]] == [1, 2]
    told = edm("rollback", "--dry-run")[1]
    assert "from v2 back to v1" in told
    assert document(edm("rollback", "--dry-run", "--json"))["to"]["version"] == 1
    assert stages_of(workspace)[2][0] == "Production"


def test_a_reason_that_no_store_could_hold_is_refused_before_anything_moves(workspace: Workspace, edm: Run) -> None:
    make_versions(workspace, 1)
    status, _, err = edm("promote", "1", "Production", "--reason", "x" * 200_000)
    assert status == 1
    assert "the reason has 200,000 characters" in err
    assert stages_of(workspace)[1][0] == "None"


def test_the_list_knows_the_state_of_the_folder(workspace: Workspace, edm: Run) -> None:
    make_run(workspace, "cnn_a", val_loss=0.5)
    assert edm("register", "cnn_a")[0] == 0
    assert document(edm("list", "--json"))["models"][0]["data_state"] == "untracked"
    assert "untracked" in edm("list")[1]
