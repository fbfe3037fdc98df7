"""The joined table: runs, folders, pointers, trash, jobs and models, and finding one of them."""

import json
import os
import shutil
from pathlib import Path

import pytest

from edm_core.errors import NotFoundError
from edm_core.settings import load_settings
from edm_core.snapshots.runs import DataState, RunRow
from edm_core.stores.data_states import remember_kept
from edm_core.stores.memory import MemoryTracking, fill_with_samples, memory_store
from edm_core.stores.mlflow_client import ensure_experiment, mlflow_client
from edm_core.stores.protocols import ALL_EXPERIMENTS
from edm_core.stores.runs import change_token, find_run, folder_of, list_experiments, load_detail, load_rows, load_runs
from edm_core.workspace import Workspace
from tests.support.stores import copied, log_run, new_workspace

POINTER = "outs:\n- md5: {hash}\n  size: 2\n  nfiles: 1\n  hash: md5\n  path: {name}\n"
LOSS = {"val_loss": [(0, 0.5), (1, 0.25), (2, 0.375)]}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    """Three runs in MLflow, oldest first: first, second, third; and one of another experiment."""
    workspace = new_workspace(tmp_path_factory.mktemp("runs") / "ws")
    client = mlflow_client(workspace)
    home, other = ensure_experiment(client, workspace), ensure_experiment(client, workspace, "other")
    for at, name in enumerate(("first", "second", "third")):
        tags = {"edm.run_dir": f"outputs/training/{name}", "edm.job_id": f"job-{name}"}
        log_run(client, home, name, start=1_000_000 * (at + 1), metrics=LOSS, params={"lr": at}, tags=tags)
    log_run(client, other, "stranger", start=500_000, metrics=LOSS)
    return workspace


@pytest.fixture
def workspace(made: Workspace, tmp_path: Path) -> Workspace:
    return copied(made, tmp_path / "ws")


def make_folder(workspace: Workspace, name: str, run_id: str = "") -> Path:
    folder = workspace.runs_dir / name
    folder.mkdir()
    (folder / "metadata.yaml").write_text(f"run_name: {name}\n" + (f"run_id: {run_id}\n" if run_id else ""))
    return folder


def make_pointer(workspace: Workspace, name: str, meta: str = "") -> str:
    dvc_hash = f"{abs(hash(name)):032x}"[:32] + ".dir"
    (workspace.runs_dir / f"{name}.dvc").write_text(POINTER.format(hash=dvc_hash, name=name) + meta)
    return dvc_hash


def discard(workspace: Workspace, name: str, run_id: str) -> str:
    """What `edm discard` leaves behind; the entry's id."""
    entry = workspace.trash_dir / f"20261123T120000-{name}"
    entry.mkdir(parents=True)
    (workspace.runs_dir / name).rename(entry / "folder")
    raw = {"run_name": name, "run_id": run_id, "original": f"outputs/training/{name}", "discarded_at": 5.0, "bytes": 1}
    (entry / "entry.json").write_text(json.dumps(raw))
    return entry.name


def rows_of(workspace: Workspace) -> dict[str, RunRow]:
    return {row.name: row for row in load_runs(workspace).rows}


def id_of(workspace: Workspace, name: str) -> str:
    return rows_of(workspace)[name].run_id


def test_newest_first_with_the_store_named(workspace: Workspace) -> None:
    snapshot = load_runs(workspace)
    assert [row.name for row in snapshot.rows] == ["third", "second", "first"]
    assert (snapshot.store, snapshot.experiment, snapshot.notice) == ("sqlite:mlflow.db", "edm-training", "")
    assert [row.name for row in load_runs(workspace, limit=1).rows] == ["third"]
    assert [row.name for row in load_runs(workspace, "other").rows] == ["stranger"]
    assert [row.name for row in load_runs(workspace, ALL_EXPERIMENTS).rows] == ["third", "second", "first", "stranger"]
    assert [(e.name, e.runs) for e in list_experiments(workspace)] == [
        ("Default", 0),
        ("edm-training", 3),
        ("other", 1),
    ]


def test_an_experiment_that_is_not_there_is_told(workspace: Workspace) -> None:
    snapshot = load_runs(workspace, "misspelt")
    assert not snapshot.rows
    assert "misspelt" in snapshot.notice
    assert "edm-training, other" in snapshot.notice


def test_a_folder_is_found_by_tag_by_content_and_by_name(workspace: Workspace) -> None:
    client = mlflow_client(workspace)
    home = ensure_experiment(client, workspace)
    log_run(client, home, "untagged", start=9_000_000)
    make_folder(workspace, "first", id_of(workspace, "first"))
    make_folder(workspace, "renamed", id_of(workspace, "second"))
    make_folder(workspace, "untagged")
    rows = rows_of(workspace)
    assert set(rows) == {"first", "second", "third", "untagged"}
    assert {name: row.run_dir for name, row in rows.items()} == {
        "first": "outputs/training/first", "second": "outputs/training/renamed", "third": "",
        "untagged": "outputs/training/untagged",
    }  # fmt: skip
    assert rows["first"].data_state is DataState.UNTRACKED
    assert rows["third"].data_state is DataState.NONE
    assert folder_of(workspace, rows["second"]) == workspace.runs_dir / "renamed"
    assert folder_of(workspace, rows["third"]) is None


def test_two_runs_that_claim_one_folder(workspace: Workspace) -> None:
    client = mlflow_client(workspace)
    tags = {"edm.run_dir": "outputs/training/first"}
    again = log_run(client, ensure_experiment(client, workspace), "first", start=9_000_000, tags=tags)
    older = next(row.run_id for row in load_runs(workspace).rows if row.name == "first" and row.run_id != again)
    make_folder(workspace, "first", older)
    by_id = {row.run_id: row for row in load_runs(workspace).rows}
    assert by_id[older].run_dir == "outputs/training/first"
    assert by_id[again].run_dir == ""


def test_a_folder_elsewhere_must_name_the_run_itself(workspace: Workspace) -> None:
    client = mlflow_client(workspace)
    home = ensure_experiment(client, workspace)
    ids = {
        name: log_run(client, home, name, start=9_000_000, tags={"edm.run_dir": place})
        for name, place in (("honest", "sweeps/a"), ("thief", "src/code"), ("climber", "../ws/src"), ("rooted", "/etc"))
    }
    (workspace.root / "src" / "code").mkdir(parents=True)
    (workspace.root / "sweeps" / "a").mkdir(parents=True)
    (workspace.root / "sweeps" / "a" / "metadata.yaml").write_text(f"run_id: '{ids['honest']}'\n")
    rows = rows_of(workspace)
    assert (rows["honest"].run_dir, rows["honest"].data_state) == ("sweeps/a", DataState.UNTRACKED)
    assert [rows[name].run_dir for name in ("thief", "climber", "rooted")] == ["", "", ""]


def test_a_folder_without_a_run_is_a_row(workspace: Workspace) -> None:
    make_folder(workspace, "loose")
    row = rows_of(workspace)["loose"]
    assert (row.run_id, row.row_id, row.status) == ("", "folder:outputs/training/loose", "")
    assert row.data_state is DataState.UNTRACKED
    assert find_run(workspace, "loose").row_id == row.row_id


def test_folders_of_runs_that_are_not_on_the_page_are_no_rows(workspace: Workspace) -> None:
    for name in ("first", "second", "third"):
        make_folder(workspace, name, id_of(workspace, name))
    make_folder(workspace, "stranger")
    assert [row.name for row in load_runs(workspace, limit=1).rows] == ["third"]
    assert {row.name for row in load_runs(workspace).rows} == {"first", "second", "third"}


def test_the_folder_of_a_run_deleted_in_mlflow_stays_visible(workspace: Workspace) -> None:
    run_id = id_of(workspace, "first")
    make_folder(workspace, "first", run_id)
    mlflow_client(workspace).delete_run(run_id)
    row = rows_of(workspace)["first"]
    assert (row.run_id, row.row_id) == ("", "folder:outputs/training/first")


def test_a_teammates_kept_run_is_missing_here_with_what_its_pointer_says(workspace: Workspace) -> None:
    make_pointer(
        workspace, "theirs",
        "meta:\n  run_id: 0123456789abcdef0123456789abcdef\n  run_name: theirs\n"
        "  status: FINISHED\n  user: grace\n  start_ms: 7000000\n  note: look at this\n"
        "  metrics:\n    val_loss: 0.125\n    nan: .nan\n    odd: text\n  params:\n    lr: 0.001\n"
        "  best:\n    val_loss:\n      value: 0.0625\n      step: 7\n",
    )  # fmt: skip
    row = rows_of(workspace)["theirs"]
    assert row.data_state is DataState.MISSING
    assert (row.status, row.user, row.start_ms, row.note) == ("FINISHED", "grace", 7_000_000, "look at this")
    assert (row.metrics["val_loss"].last, row.metrics["val_loss"].best, row.metrics["val_loss"].best_step) == (
        0.125, 0.0625, 7,
    )  # fmt: skip
    assert set(row.metrics) == {"val_loss", "nan"}
    assert dict(row.params) == {"lr": "0.001"}
    assert find_run(workspace, "01234567").name == "theirs"


def test_a_kept_run_whose_folder_is_gone_is_missing(workspace: Workspace) -> None:
    make_pointer(workspace, "first")
    row = rows_of(workspace)["first"]
    assert (row.data_state, row.run_dir) == (DataState.MISSING, "outputs/training/first")
    folder = make_folder(workspace, "second")
    remember_kept(workspace, folder, make_pointer(workspace, "second"))
    assert rows_of(workspace)["second"].data_state is DataState.KEPT


@pytest.mark.parametrize("deleted", [True, False])
def test_a_discarded_run_is_in_the_trash_beside_its_successor(workspace: Workspace, deleted: bool) -> None:
    run_id = id_of(workspace, "first")
    make_folder(workspace, "first", run_id)
    entry = discard(workspace, "first", run_id)
    client = mlflow_client(workspace)
    if deleted:
        client.delete_run(run_id)
    row = next(row for row in load_runs(workspace).rows if row.run_id == run_id)
    assert (row.data_state, row.trash, row.run_dir) == (DataState.TRASHED, entry, "outputs/training/first")
    assert folder_of(workspace, row) == workspace.trash_dir / entry / "folder"
    assert find_run(workspace, "first").run_id == run_id

    tags = {"edm.run_dir": "outputs/training/first"}
    successor = log_run(client, ensure_experiment(client, workspace), "first", start=9_000_000, tags=tags)
    make_folder(workspace, "first", successor)
    by_id = {row.run_id: row for row in load_runs(workspace).rows}
    assert by_id[run_id].data_state is DataState.TRASHED
    assert by_id[successor].data_state is DataState.UNTRACKED
    assert find_run(workspace, "first").run_id == successor
    assert len(by_id) == 4


def test_a_discarded_folder_without_a_run(workspace: Workspace) -> None:
    make_folder(workspace, "loose")
    entry = discard(workspace, "loose", "")
    make_folder(workspace, "loose")
    rows = [row for row in load_runs(workspace).rows if row.name == "loose"]
    assert {row.row_id for row in rows} == {"folder:outputs/training/loose", f"trash:{entry}"}
    assert find_run(workspace, "loose").row_id == "folder:outputs/training/loose"


def write_job(workspace: Workspace, job_id: str, run_name: str, run_id: str = "", exit_code: int | None = None) -> None:
    folder = workspace.jobs_dir / job_id
    folder.mkdir(parents=True)
    job = {"id": job_id, "title": run_name, "command": ["true"], "created": 4e9, "run_name": run_name, "run_id": run_id}
    (folder / "job.json").write_text(json.dumps(job))
    if exit_code is not None:
        ending = {"state": "failed" if exit_code else "done", "exit_code": exit_code, "ended": 4e9, "at": 4e9}
        (folder / "exit.json").write_text(json.dumps(ending))


def test_jobs_join_their_runs_and_wait_in_rows_of_their_own(workspace: Workspace) -> None:
    write_job(workspace, "job-first", "first", exit_code=0)
    write_job(workspace, "20261123-000000-aaaa", "never_began", exit_code=1)
    rows = rows_of(workspace)
    assert rows["first"].job is not None
    assert rows["first"].job.id == "job-first"
    assert rows["second"].job is None
    row = rows["never_began"]
    assert (row.run_id, row.row_id) == ("", "job:20261123-000000-aaaa")
    assert find_run(workspace, "never").job == row.job


def test_models_are_joined(workspace: Workspace) -> None:
    client = mlflow_client(workspace)
    run_id = id_of(workspace, "second")
    client.create_registered_model("EDMModel")
    client.create_model_version("EDMModel", source=f"file://{workspace.root}", run_id=run_id)
    client.set_registered_model_alias("EDMModel", "champion", "1")
    assert rows_of(workspace)["second"].model == "v1 @champion"


def test_runs_are_shown_though_the_registry_is_away(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    (workspace.root / "registry.db").write_bytes(b"no database" * 100)
    monkeypatch.setenv("MLFLOW_REGISTRY_URI", f"sqlite:///{workspace.root}/registry.db")
    snapshot = load_runs(workspace)
    assert len(snapshot.rows) == 3
    assert "model versions are not shown" in snapshot.notice


def test_detail(workspace: Workspace) -> None:
    folder = make_folder(workspace, "first")
    (folder / "logs").mkdir()
    (folder / "logs" / "events").write_bytes(b"x" * 100)
    detail = load_detail(workspace, find_run(workspace, "first"))
    assert [(file.path, file.size) for file in detail.files] == [("logs/events", 100), ("metadata.yaml", 16)]
    assert (detail.files_total, detail.bytes_total, detail.metadata) == (2, 116, "run_name: first\n")
    assert detail.histories == {"val_loss": ((0, 0.5), (1, 0.25), (2, 0.375))}
    summary = detail.row.metrics["val_loss"]
    assert (summary.last, summary.last_step, summary.best, summary.best_step) == (0.375, 2, 0.25, 1)


def test_detail_of_a_folder_without_run_and_of_a_run_without_folder(workspace: Workspace) -> None:
    make_folder(workspace, "loose")
    assert load_detail(workspace, find_run(workspace, "loose")).histories == {}
    assert load_detail(workspace, find_run(workspace, "first")).files == ()


def test_find_run_by_name_id_and_beginning(workspace: Workspace) -> None:
    run_id = id_of(workspace, "second")
    for ref in ("second", "sec", run_id, run_id[:12]):
        assert find_run(workspace, ref).run_id == run_id
    assert find_run(workspace, "stranger").experiment == "other"
    make_folder(workspace, "renamed", run_id)
    assert find_run(workspace, "renamed").run_id == run_id


def test_find_run_refuses_what_is_ambiguous(workspace: Workspace) -> None:
    client = mlflow_client(workspace)
    home = ensure_experiment(client, workspace)
    log_run(client, home, "second_try", start=9_000_000)
    assert find_run(workspace, "second").name == "second", "an exact name wins over a beginning"
    with pytest.raises(NotFoundError, match="second_try"):
        find_run(workspace, "sec")
    log_run(client, home, "second", start=9_500_000)
    with pytest.raises(NotFoundError, match="could be second") as caught:
        find_run(workspace, "second")
    assert id_of(workspace, "second")[:8] in caught.value.message


def test_find_run_suggests_near_names(workspace: Workspace) -> None:
    with pytest.raises(NotFoundError) as caught:
        find_run(workspace, "secnod")
    assert "second" in caught.value.hint
    assert "sqlite:mlflow.db" in caught.value.hint
    with pytest.raises(NotFoundError):
        find_run(workspace, "")


def test_load_rows_keeps_the_order_asked(workspace: Workspace) -> None:
    ids = [id_of(workspace, name) for name in ("second", "third", "first")]
    make_folder(workspace, "first")
    rows = load_rows(workspace, [*ids, "0" * 32])
    assert [row.run_id for row in rows] == ids
    assert rows[2].data_state is DataState.UNTRACKED


def test_no_store_yet(tmp_path: Path) -> None:
    workspace = new_workspace(tmp_path / "ws")
    make_folder(workspace, "loose")
    assert [row.name for row in load_runs(workspace).rows] == ["loose"]
    assert find_run(workspace, "loose").name == "loose"
    assert not (workspace.root / "mlflow.db").exists()


def test_a_broken_pointer_is_told_and_the_rest_lives(workspace: Workspace) -> None:
    make_folder(workspace, "first")
    (workspace.runs_dir / "first.dvc").write_text("<<<<<<< HEAD\n")
    snapshot = load_runs(workspace)
    assert "first.dvc" in snapshot.notice
    assert len(snapshot.rows) == 3


def test_the_token_changes_with_every_store_and_only_then(workspace: Workspace) -> None:
    def changed(before: object) -> bool:
        return change_token(workspace) != before

    def touch(path: Path, text: str) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a") as file:
            file.write(text)

    run_id = id_of(workspace, "first")
    client = mlflow_client(workspace)
    write_job(workspace, "20261123-000000-aaaa", "live")
    for change in (
        lambda: client.log_metric(run_id, "val_loss", 0.1, step=9),
        lambda: make_folder(workspace, "new"),
        lambda: make_pointer(workspace, "new"),
        lambda: touch(workspace.jobs_dir / "20261123-000000-aaaa" / "progress.jsonl", '{"epoch": 1}\n'),
        lambda: touch(workspace.journal_path, "{}\n"),
        lambda: discard(workspace, "new", ""),
        lambda: touch(workspace.edm_dir / "pushed" / "x.json", "{}"),
    ):
        before = change_token(workspace)
        assert not changed(before)
        change()
        assert changed(before)
    shutil.rmtree(workspace.runs_dir)
    assert hash(change_token(workspace)) is not None


def test_the_store_in_memory_answers_like_the_one_on_disk(workspace: Workspace) -> None:
    """The same runs, logged through MLflow and added in memory."""
    memory = MemoryTracking()
    fill_with_samples(memory, "samples", 12)
    client = mlflow_client(workspace)
    home = ensure_experiment(client, workspace, "samples")
    for row in reversed(memory.runs("samples", None, ())):
        status = None if row.status == "RUNNING" else row.status
        tags = {**row.tags, "mlflow.user": row.user}
        log_run(client, home, row.name, start=row.start_ms or 0, status=status, params=row.params, tags=tags,
                metrics={key: curve.points for key, curve in memory.curves(row.run_id, 1000).items()})  # fmt: skip
    on_disk = load_runs(workspace, "samples").rows
    in_memory = memory.runs("samples", None, ("val_loss", "boundary_f1"))
    assert len(on_disk) == 12
    assert [(r.name, r.status, r.params, repr(r.metrics)) for r in on_disk] == [
        (r.name, r.status, r.params, repr(r.metrics)) for r in in_memory
    ]
    best = {row.name: row.metrics["val_loss"].best for row in on_disk}
    assert None not in best.values()


def test_samples_in_memory_fill_a_table(tmp_path: Path) -> None:
    workspace = new_workspace(tmp_path / "ws")
    workspace = Workspace(workspace.root, load_settings(workspace.root, {"MLFLOW_TRACKING_URI": "memory://sample"}))
    snapshot = load_runs(workspace)
    assert len(snapshot.rows) == 12
    assert {row.status for row in snapshot.rows} >= {"FINISHED", "FAILED", "RUNNING", "KILLED"}
    row = find_run(workspace, snapshot.rows[3].name)
    assert load_detail(workspace, row).histories["val_loss"]
    assert memory_store("memory://sample").find(row.run_id[:6]) == [(row.run_id, row.name)]
    assert os.listdir(workspace.root / "outputs") == ["training"]  # noqa: PTH208
