"""`edm doctor` and `edm storage`: each fault is found by its evidence, mended with --fix, and stays mended."""

import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from edm_core.actions.discard import discard
from edm_core.actions.doctor import Report, examine
from edm_core.actions.keep import keep
from edm_core.actions.push import push
from edm_core.actions.safety import safety
from edm_core.actions.sizes import measure, shared
from edm_core.actions.storage import RUNS, storage_status
from edm_core.actions.trash import slots
from edm_core.actions.trash_storage import plan_purge, purge
from edm_core.actions.undo import undo
from edm_core.errors import ActionError
from edm_core.journal import Journal
from edm_core.processes import boot_id
from edm_core.snapshots.storage import Shared, Size
from edm_core.stores.mlflow_client import mlflow_client
from edm_core.stores.runs import find_run
from edm_core.workspace import Workspace, find_workspace
from tests.support.versioning import contents, edm, git, make_run, new_workspace


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return new_workspace(tmp_path, remote=True, git_remote=True)


def found(report: Report, check: str) -> list[str]:
    return [finding.message for finding in report.findings if finding.check == check]


def test_a_healthy_workspace(workspace: Workspace) -> None:
    make_run(workspace, "cnn")
    keep(workspace, find_run(workspace, "cnn"))
    assert examine(workspace, deep=True).findings == ()
    assert edm(workspace.root, "doctor").stdout == "all is well\n"


def test_a_run_whose_process_died_is_marked_killed_and_a_living_one_is_not(workspace: Workspace) -> None:
    import socket

    import psutil

    client = mlflow_client(workspace)
    dead = subprocess.Popen([sys.executable, "-c", ""])
    started = psutil.Process(dead.pid).create_time()
    dead.wait()
    for name, pid, start, host in (
        ("died", dead.pid, started, socket.gethostname()),
        ("lives", os.getpid(), psutil.Process().create_time(), socket.gethostname()),
        ("elsewhere", dead.pid, started, "another-host"),
    ):
        run = make_run(workspace, name, status="RUNNING")
        tags = {"edm.pid": pid, "edm.pid_start": f"{start:.2f}", "edm.boot_id": boot_id(), "edm.host": host}
        for key, value in tags.items():
            client.set_tag(run.run_id, key, str(value))
        for path in (p for p in run.folder.rglob("*") if p.is_file()):
            os.utime(path, (wrote := int(time.time()) + 500, wrote))
        (run.folder / "logs").mkdir(exist_ok=True)
        (run.folder / "logs" / "run.json").write_text("{}", encoding="utf-8")
        os.utime(run.folder / "logs" / "run.json", (wrote + 500, wrote + 500))
    assert found(examine(workspace), "dead_runs") == ["run died is RUNNING, but its process is gone"]
    assert find_run(workspace, "died").status == "RUNNING"
    assert not examine(workspace, fix=True).sick
    row = find_run(workspace, "died")
    assert (row.status, row.tags["edm.error"]) == ("KILLED", "its process was killed")
    metadata = yaml.safe_load((workspace.root / row.run_dir / "metadata.yaml").read_text())
    assert metadata["results"]["actual"].startswith("its process was killed: ")
    assert "val_loss 0.3" in metadata["results"]["actual"]
    assert (
        client.get_run(row.run_id).info.end_time
        == (workspace.root / row.run_dir / "config.yaml").stat().st_mtime * 1000
    )
    assert {find_run(workspace, name).status for name in ("lives", "elsewhere")} == {"RUNNING"}
    assert found(examine(workspace), "dead_runs") == []


def test_objects_gone_or_damaged_come_back_from_folder_or_remote(workspace: Workspace) -> None:
    run = make_run(workspace, "cnn")
    keep(workspace, find_run(workspace, "cnn"))
    push(workspace)
    cache = workspace.root / ".dvc/cache"
    before = contents(cache / "files")
    gone, damaged, *_ = (p for p in sorted((cache / "files/md5").rglob("*")) if p.is_file() and p.suffix != ".dir")
    gone.unlink()
    damaged.chmod(0o644)
    damaged.write_bytes(b"rot")
    assert found(examine(workspace), "objects") == ["DVC's cache lacks 1 objects of outputs/training/cnn.dvc"]
    assert found(examine(workspace, deep=True), "corrupted")
    report = examine(workspace, fix=True, deep=True)
    assert not report.sick
    assert contents(cache / "files") == before
    assert b"rot" in contents(workspace.edm_dir / "damaged").values()
    for path in (p for p in (cache / "files/md5").rglob("*") if p.is_file()):
        path.unlink()
    (run.folder / "config.yaml").write_text("changed: 1\n")
    assert not examine(workspace, fix=True).sick
    assert contents(cache / "files") == before


def test_gitignore_that_empties_dvcs_index_is_an_error(workspace: Workspace) -> None:
    make_run(workspace, "cnn")
    keep(workspace, find_run(workspace, "cnn"))
    with (workspace.root / ".gitignore").open("a") as file:
        file.write("/outputs/training/*/\n")
    report = examine(workspace)
    assert report.sick
    assert found(report, "index") == [
        "DVC's index does not hold outputs/training/cnn.dvc: `dvc gc` would delete its data"
    ]
    assert found(report, "rules")
    assert edm(workspace.root, "doctor", rc=1).stdout.count("error") >= 2
    rules = (workspace.root / ".gitignore").read_text()
    assert not examine(workspace, fix=True).sick
    assert examine(workspace).findings == ()
    assert (workspace.root / ".gitignore").read_text() == rules.replace(
        "/outputs/training/*/", "# edm doctor: /outputs/training/*/"
    )


def test_a_rule_elsewhere_is_left_alone_and_said_so(workspace: Workspace) -> None:
    (workspace.runs_dir).mkdir(parents=True, exist_ok=True)
    (workspace.runs_dir / ".gitignore").write_text("*.dvc\n")
    before = (workspace.root / ".gitignore").read_text()
    report = examine(workspace, fix=True)
    assert report.sick
    assert any("not in the workspace's own .gitignore" in finding.evidence for finding in report.findings)
    assert (workspace.root / ".gitignore").read_text() == before


def test_stale_git_locks_are_removed_and_held_ones_are_not(workspace: Workspace) -> None:
    lock = workspace.root / ".git" / "index.lock"
    with lock.open("w"):
        assert found(examine(workspace, fix=True), "git_locks") == []
        assert lock.exists()
    report = examine(workspace, fix=True)
    assert found(report, "git_locks") == ["index.lock of a git process that is gone stands in the way"]
    assert not lock.exists()


def test_tracking_uri_identity_and_tags(workspace: Workspace, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    run = make_run(workspace, "cnn")
    keep(workspace, find_run(workspace, "cnn"))
    mlflow_client(workspace).set_tag(run.run_id, "edm.kept", "another.dir")
    assert found(examine(workspace, fix=True), "tags") == [
        "outputs/training/cnn.dvc and MLflow name different versions of cnn"
    ]
    assert found(examine(workspace), "tags") == []
    done = edm(workspace.root, "doctor", "--json", rc=None, MLFLOW_TRACKING_URI=f"sqlite:///{tmp_path}/other.db")
    findings = json.loads(done.stdout)["findings"]
    assert [f["check"] for f in findings if f["check"] == "tracking"] == ["tracking"]
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    for key in ("user.email", "user.name"):
        git(workspace.root, "config", "--unset", key)
    git(workspace.root, "config", "user.useConfigOnly", "true")
    assert found(examine(workspace), "identity") == ["git does not know who you are, so it cannot commit"]


def test_a_folder_that_git_holds_is_tracked_twice(workspace: Workspace) -> None:
    run = make_run(workspace, "cnn")
    git(workspace.root, "add", "--force", str(run.folder / "config.yaml"))
    git(workspace.root, "commit", "-q", "-m", "Add it to git by mistake")
    with pytest.raises(ActionError, match="already tracked by SCM") as error:
        keep(workspace, find_run(workspace, "cnn"))
    assert "git rm -r --cached" in error.value.hint
    assert found(examine(workspace), "tracked_twice") == ["files of cnn are in git, so DVC cannot keep it"]
    assert not examine(workspace, fix=True).sick
    assert (run.folder / "config.yaml").exists()
    assert git(workspace.root, "status", "--porcelain") == ""
    keep(workspace, find_run(workspace, "cnn"))
    assert examine(workspace).findings == ()


def test_a_missing_checkpoint_of_a_kept_run_comes_back_alone(workspace: Workspace) -> None:
    run = make_run(workspace, "cnn")
    keep(workspace, find_run(workspace, "cnn"))
    push(workspace)
    best = run.folder / "checkpoints" / "best.pt"
    content = best.read_bytes()
    best.unlink()
    (run.folder / "notes.txt").write_text("not kept yet")
    for path in (p for p in (workspace.root / ".dvc/cache/files/md5").rglob("*") if p.suffix != ".dir"):
        if path.is_file():
            path.unlink()
    (finding,) = [one for one in examine(workspace).findings if one.check == "checkpoints"]
    assert (finding.severity, finding.mendable) == ("error", True)
    report = examine(workspace, fix=True, only=[finding.id])
    assert [one.mended for one in report.findings] == ["put back checkpoints/best.pt of cnn"]
    assert best.read_bytes() == content
    assert (run.folder / "notes.txt").read_text() == "not kept yet"


def test_a_folder_that_is_gone_and_one_of_another_store(workspace: Workspace, tmp_path: Path) -> None:
    gone, lost = make_run(workspace, "gone"), make_run(workspace, "lost")
    shutil.rmtree(gone.folder)
    (finding,) = examine(workspace).findings
    assert (finding.check, finding.severity, finding.mendable) == ("checkpoints", "warning", False)
    shutil.copyfile(workspace.root / "mlflow.db", workspace.root / "old.db")
    discard(workspace, find_run(workspace, "lost"))
    shutil.move(slots(workspace)[0].content, lost.folder)
    purge(workspace, plan_purge(workspace))
    (stray,) = [one for one in examine(workspace).findings if one.check == "strays"]
    assert stray.evidence == f"run {lost.run_id}, which sqlite:///{workspace.root}/old.db has"
    settings = (workspace.root / "edm.toml").read_text()
    edm(workspace.root, "doctor", "--fix", rc=None)
    assert (workspace.root / "edm.toml").read_text() == settings
    assert f"--fix --only {stray.id} would set [tracking] uri" in edm(workspace.root, "doctor", rc=None).stdout
    edm(workspace.root, "doctor", "--fix", "--only", stray.id)
    again = find_workspace(workspace.root, {})
    assert again.tracking_uri == f"sqlite:///{workspace.root}/old.db"
    assert find_run(again, "lost").run_id == lost.run_id
    assert "# experiment =" in (workspace.root / "edm.toml").read_text()
    edm(workspace.root, "undo")
    assert (workspace.root / "edm.toml").read_text() == settings


def forget_run(workspace: Workspace, run_id: str) -> None:
    """As if MLflow had never heard of it."""
    store: Any = mlflow_client(workspace)._tracking_client.store
    mlflow_client(workspace).delete_run(run_id)
    store._hard_delete_run(run_id)


def test_a_kept_run_without_mlflows_run_gets_one_of_its_pointer_and_logs(workspace: Workspace) -> None:
    run = make_run(workspace, "cnn")
    (run.folder / "logs" / "metrics.jsonl").write_text(
        "".join(json.dumps({"epoch": step, "time": 1000 + step, "metrics": {"val_loss": 1 / step}}) + "\n"
                for step in (1, 2, 3))
    )  # fmt: skip
    keep(workspace, find_run(workspace, "cnn"))
    before = contents(run.folder)
    forget_run(workspace, run.run_id)
    (finding,) = [one for one in examine(workspace, fix=True).findings if one.check == "orphans"]
    assert (finding.mendable, finding.by_choice, finding.mended) == (True, True, "")
    assert find_run(workspace, "cnn").run_id == ""
    report = examine(workspace, fix=True, only=[finding.id])
    assert report.findings[0].mended.startswith("made cnn again in MLflow from its logs")
    row = find_run(workspace, "cnn")
    assert row.run_id
    assert row.run_id != run.run_id
    assert row.tags["edm.restored_from"] == run.run_id
    assert (row.status, row.params["learning_rate"], row.data_state.word) == ("FINISHED", "0.001", "kept")
    assert [(p.step, p.value) for p in mlflow_client(workspace).get_metric_history(row.run_id, "val_loss")] == [
        (1, 1.0), (2, 0.5), (3, 1 / 3),
    ]  # fmt: skip
    assert contents(run.folder) == before
    assert examine(workspace).findings == ()
    undo(workspace)
    assert [one.check for one in examine(workspace).findings] == ["orphans"]


def test_a_pointer_alone_gives_the_best_values_back(workspace: Workspace) -> None:
    run = make_run(workspace, "cnn")
    keep(workspace, find_run(workspace, "cnn"))
    push(workspace)
    shutil.rmtree(run.folder)
    forget_run(workspace, run.run_id)
    (finding,) = [one for one in examine(workspace).findings if one.check == "orphans"]
    assert "the best values in its pointer" in examine(workspace, fix=True, only=[finding.id]).findings[0].mended
    row = find_run(workspace, "cnn")
    assert row.data_state.word == "missing"
    summary = row.metrics["val_loss"]
    assert (summary.best, summary.best_step) == (0.2, 2)


def test_a_checkpoint_gone_from_an_unkept_run_is_taken_from_another_by_choice(workspace: Workspace) -> None:
    run = make_run(workspace, "cnn")
    best, last = run.folder / "checkpoints" / "best.pt", run.folder / "checkpoints" / "last.pt"
    best.unlink()
    (finding,) = examine(workspace, fix=True).findings
    assert (finding.check, finding.by_choice, finding.mended) == ("checkpoints", True, "")
    assert "copy of checkpoints/last.pt for it, which need not be the best" in finding.mend
    assert not best.exists()
    examine(workspace, fix=True, only=[finding.id])
    assert best.read_bytes() == last.read_bytes()
    undo(workspace)
    assert not best.exists()
    last.unlink()
    (finding,) = examine(workspace).findings
    assert (finding.mendable, finding.mend.startswith("no other checkpoint is here")) == (False, True)


def test_a_mend_that_died_is_taken_back(workspace: Workspace) -> None:
    run = make_run(workspace, "cnn")
    keep(workspace, find_run(workspace, "cnn"))
    forget_run(workspace, run.run_id)
    (finding,) = [one for one in examine(workspace).findings if one.check == "orphans"]
    examine(workspace, fix=True, only=[finding.id])
    done = Journal(workspace).entries()[-1]
    lines = workspace.journal_path.read_text().splitlines(keepends=True)
    dead = subprocess.run(
        [sys.executable, "-c", "import os; print(os.getpid())"], capture_output=True, text=True, check=True
    )
    began = json.loads(next(line for line in lines if done.id in line))
    began["owner"]["pid"] = int(dead.stdout)
    kept = [line for line in lines if done.id not in line]
    workspace.journal_path.write_text("".join([*kept, json.dumps(began) + "\n"]))
    report = examine(workspace, fix=True)
    assert found(report, "unfinished") == [f"mend run {run.name} was interrupted"]
    assert found(report, "orphans") == ["cnn is kept, but MLflow here has no such run"]
    assert Journal(workspace).unfinished() == []


def test_artifacts_of_nobody_go_to_the_trash_and_come_back(workspace: Workspace, tmp_path: Path) -> None:
    client = mlflow_client(workspace)
    place = workspace.artifacts_dir / "mine"
    run_id = client.create_run(client.create_experiment("mine", place.as_uri())).info.run_id
    client.set_terminated(run_id)
    (tmp_path / "a.txt").write_text("x")
    client.log_artifact(run_id, str(tmp_path / "a.txt"))
    assert examine(workspace).findings == ()
    foreign = workspace.artifacts_dir / "of_a_server" / ("0" * 32)
    orphan, model = place / ("0" * 32), place / "models" / "m-lost"
    foreign.mkdir(parents=True)
    for path in (orphan, model):
        path.mkdir(parents=True)
        (path / "data").write_bytes(b"123")
    assert len(found(examine(workspace), "artifacts")) == 2
    assert not examine(workspace, fix=True).sick
    assert not orphan.exists()
    assert not model.exists()
    assert foreign.is_dir()
    assert (place / run_id).is_dir()
    slot = next(slot for slot in slots(workspace) if slot.run_name == "0" * 32)
    edm(workspace.root, "storage", "trash", "restore", slot.id)
    assert (orphan / "data").read_bytes() == b"123"


def test_half_written_files_of_killed_processes_are_removed_once_they_are_old(workspace: Workspace) -> None:
    old, fresh = workspace.edm_dir / "pushed" / ".a.json.x.tmp", workspace.edm_dir / ".b.tmp"
    for path in (old, fresh):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    os.utime(old, (0, 0))
    assert examine(workspace, fix=True).findings[0].mended == "removed 1 files"
    assert (old.exists(), fresh.exists()) == (False, True)


def test_damage_is_found_without_being_asked_for(workspace: Workspace) -> None:
    make_run(workspace, "cnn")
    keep(workspace, find_run(workspace, "cnn"))
    damaged = next(p for p in (workspace.root / ".dvc/cache/files/md5").rglob("*") if p.is_file() and not p.suffix)
    damaged.chmod(0o644)
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"!")
    (finding,) = examine(workspace).findings
    assert (finding.check, finding.severity) == ("corrupted", "error")
    assert not examine(workspace, fix=True, only=[finding.id]).sick
    assert examine(workspace, deep=True).findings == ()


def test_is_it_safe_to_lose_this_machine(workspace: Workspace) -> None:
    run = make_run(workspace, "cnn")
    assert safety(workspace).safe
    assert safety(workspace).not_kept == ("cnn",)
    keep(workspace, find_run(workspace, "cnn"))
    found = safety(workspace)
    size = sum(map(len, contents(run.folder).values()))
    assert (found.safe, found.commit_count, [item.run for item in found.only_here]) == (False, 1, ["cnn"])
    assert found.commits[0].subject.startswith("Keep run cnn")
    assert (found.commits[0].branch, found.commits[0].current) == ("main", True)
    status = storage_status(workspace)
    beside = ("cnn.dvc", ".gitignore")
    assert found.bytes == size == status.sizes[RUNS].bytes - sum(
        len((workspace.runs_dir / name).read_bytes()) for name in beside
    )  # fmt: skip
    said = edm(workspace.root, "storage", "status").stdout
    assert "NO: 1 kept" in said
    assert "Keep run cnn" in said
    push(workspace)
    assert safety(workspace).safe
    (run.folder / "notes.txt").write_text("later")
    assert [item.reason for item in safety(workspace).only_here] == ["changed since it was kept: keep it again"]


def test_commits_of_other_branches_and_staged_pointers_are_only_here_too(workspace: Workspace) -> None:
    git(workspace.root, "switch", "-q", "-c", "idea")
    git(workspace.root, "commit", "-q", "--allow-empty", "-m", "An idea")
    git(workspace.root, "switch", "-q", "main")
    found = safety(workspace)
    assert [(one.subject, one.branch, one.current) for one in found.commits] == [("An idea", "idea", False)]
    make_run(workspace, "cnn")
    keep(workspace, find_run(workspace, "cnn"))
    push(workspace)
    assert safety(workspace).uncommitted == ()
    with (workspace.runs_dir / "cnn.dvc").open("a") as file:
        file.write("meta: {told: later}\n")
    assert safety(workspace).uncommitted == ("cnn",)
    document = json.loads(edm(workspace.root, "storage", "status", "--json").stdout)
    assert (document["safe"], document["commits"], document["uncommitted"]) == (False, 1, ["cnn"])


def test_what_runs_share_is_counted_once_and_named(workspace: Workspace) -> None:
    first, second = make_run(workspace, "one"), make_run(workspace, "two", seed=1)
    for run in (first, second):
        (run.folder / "same.bin").write_bytes(b"s" * 1000)
        keep(workspace, find_run(workspace, run.name))
    assert shared(workspace) == (Shared(("one", "two"), 1000, 1),)
    status = storage_status(workspace)
    assert sum(item.bytes for item in status.shared) == 1000
    many = workspace.root / "many"
    many.mkdir()
    for number in range(300):
        (many / str(number)).write_bytes(b"12")
    assert measure(many) == Size(600, 300)
    assert measure(many, lambda: True) == Size(510, 256, whole=False)


def test_trash_is_listed_restored_and_purged_after_a_dry_run(workspace: Workspace, tmp_path: Path) -> None:
    client = mlflow_client(workspace)
    one, two = make_run(workspace, "one"), make_run(workspace, "two", seed=1)
    (tmp_path / "artifact.txt").write_text("x" * 1000)
    for run in (one, two):
        client.log_artifact(run.run_id, str(tmp_path / "artifact.txt"))
    artifacts = Path(client.get_run(one.run_id).info.artifact_uri.removeprefix("file://"))
    for name in ("one", "two"):
        discard(workspace, find_run(workspace, name))
    assert {slot.run_name for slot in slots(workspace)} == {"one", "two"}
    edm(workspace.root, "storage", "trash", "restore", "two")
    assert two.folder.is_dir()
    dry = json.loads(edm(workspace.root, "storage", "trash", "purge", "--json").stdout)
    assert [item["run"] for item in dry["would_purge"]] == ["one"]
    assert dry["mlflow"][0]["bytes"] == 1000
    assert plan_purge(workspace, older_than_days=1).slots == ()
    assert artifacts.exists()
    purge(workspace, plan_purge(workspace))
    assert slots(workspace) == []
    assert not artifacts.exists()
    assert client.get_run(two.run_id).info.lifecycle_stage == "active"
    with pytest.raises(ActionError, match="nothing to undo: what was purged"):
        undo(workspace)


def test_a_store_that_is_away_is_one_error_and_not_one_a_check(workspace: Workspace) -> None:
    tracking = replace(workspace.settings.tracking, uri="http://ann:s3cret@127.0.0.1:9")
    report = examine(replace(workspace, settings=replace(workspace.settings, tracking=tracking)))
    (blind,) = [
        finding for finding in report.findings if "127.0.0.1:9" in finding.message and "runs" in finding.evidence
    ]
    assert (blind.severity, report.sick) == ("error", True)
    assert "Connection refused" in blind.message
    assert "s3cret" not in str(report)
    assert "tags, orphans" in blind.evidence
