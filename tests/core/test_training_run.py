"""What `edm train` leaves behind, and how it ends when it is stopped, fails, or MLflow is away."""

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from edm_core.stores.mlflow_client import mlflow_client
from edm_core.training.journal import RunJournal
from edm_core.training.replay import needs_replay, replay_unlogged
from edm_core.workspace import find_workspace
from tests.support.tracks import clean_env, edm, edm_command, make_workspace

QUICK = ("train", "data/annotations", "--epochs", "2", "--duration", "8", "--batch-size", "2")

# A shell that put pytest into the background had it ignore SIGINT, which children inherit.
HEEDS_SIGINT = (
    "import os, signal, sys; signal.signal(signal.SIGINT, signal.SIG_DFL); os.execv(sys.argv[1], sys.argv[1:])"
)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_workspace(tmp_path_factory.mktemp("run") / "ws")


@pytest.fixture(scope="module")
def trained(root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run by a job, with uncommitted changes around it."""
    job = tmp_path_factory.mktemp("job")
    (root / "edm.toml").write_text("# changed\n")
    (root / ".env").write_text("SECRET=1\n")
    subprocess.run(["git", "add", ".env"], cwd=root, check=True)
    done = edm(
        root, *QUICK, "--run-name", "cnn_quick", "--hypothesis", "it learns", "--save-every", "1", "--label",
        env={"EDM_JOB_DIR": str(job), "EDM_JOB_ID": "job-7"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "epoch 2/2" in done.stdout
    (root / "job").symlink_to(job)
    return root / "outputs/training/cnn_quick"


def mlflow_run(root: Path, name: str) -> Any:
    client = mlflow_client(find_workspace(root))
    experiment = client.get_experiment_by_name("edm-training")
    (run,) = client.search_runs([experiment.experiment_id], f"attributes.run_name = '{name}'")
    return run


def test_the_run_folder_holds_what_the_guide_says(trained: Path) -> None:
    names = sorted(str(path.relative_to(trained)) for path in trained.rglob("*") if path.is_file())
    events = [name for name in names if name.startswith("logs/events.out.tfevents")]
    assert len(events) == 1
    assert [name for name in names if name not in events] == [
        "checkpoints/best.pt", "checkpoints/epoch_1.pt", "checkpoints/epoch_2.pt", "checkpoints/last.pt",
        "config.yaml", "environment.json", "logs/metrics.jsonl", "logs/run.json", "metadata.yaml", "tracks.json",
        "uncommitted.patch",
    ]  # fmt: skip
    metadata = yaml.safe_load((trained / "metadata.yaml").read_text())
    assert metadata["hypothesis"] == "it learns"
    assert metadata["config_changes"]["epochs"] == 2
    assert metadata["results"]["actual"].startswith("val_loss ")
    patch = (trained / "uncommitted.patch").read_text()
    assert "edm.toml" in patch
    assert "SECRET" not in patch
    assert json.loads((trained / "environment.json").read_text())["packages"]["torch"]


def test_mlflow_knows_the_same(root: Path, trained: Path) -> None:
    run = mlflow_run(root, "cnn_quick")
    metadata = yaml.safe_load((trained / "metadata.yaml").read_text())
    assert run.info.run_id == metadata["run_id"]
    assert run.info.status == "FINISHED"
    assert run.data.params["batch_size"] == "2"
    tags = run.data.tags
    assert tags["edm.run_dir"] == "outputs/training/cnn_quick"
    assert tags["mlflow.note.content"] == "it learns"
    assert tags["edm.job_id"] == "job-7"
    assert tags["edm.git_dirty"] == "true"
    commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=root, capture_output=True, text=True, check=True)
    assert tags["mlflow.source.git.commit"] == commit.stdout.strip()
    assert {"edm.pid", "edm.pid_start", "edm.boot_id", "edm.host", "mlflow.user"} <= set(tags)
    client = mlflow_client(find_workspace(root))
    artifacts = {artifact.path for artifact in client.list_artifacts(run.info.run_id)}
    assert {"best.pt", "config.yaml", "tracks.json", "environment.json", "uncommitted.patch"} == artifacts
    assert Path(run.info.artifact_uri.removeprefix("file://")).is_relative_to(root / "mlartifacts/edm-training")


def test_metrics_agree_in_journal_tensorboard_and_mlflow(root: Path, trained: Path) -> None:
    points = RunJournal(trained / "logs").points()
    assert [step for step, _, _ in points] == [1, 2]
    assert {"train_loss", "val_loss", "boundary_f1", "boundary_f1_05", "baseline_boundary_f1_05", "best_val_loss",
            "best_epoch"} == set(points[-1][2])  # fmt: skip
    events = EventAccumulator(str(trained / "logs")).Reload()
    client = mlflow_client(find_workspace(root))
    run_id = mlflow_run(root, "cnn_quick").info.run_id
    for key in points[-1][2]:
        written = [(step, metrics[key]) for step, _, metrics in points]
        assert [(m.step, m.value) for m in client.get_metric_history(run_id, key)] == written
        assert [(e.step, e.value) for e in events.Scalars(key)] == [(s, pytest.approx(v)) for s, v in written]


def test_the_job_folder_shows_the_progress(root: Path, trained: Path) -> None:
    lines = [json.loads(line) for line in (root / "job/progress.jsonl").read_text().splitlines()]
    ends = [line for line in lines if line["metrics"]]
    assert [line["epoch"] for line in ends] == [1, 2]
    assert ends[-1]["epochs"] == 2
    assert ends[-1]["run_name"] == "cnn_quick"
    assert ends[-1]["run_id"] == yaml.safe_load((trained / "metadata.yaml").read_text())["run_id"]


def test_evaluate_scores_the_validation_tracks(root: Path, trained: Path) -> None:
    done = edm(root, "evaluate", "cnn_qu", "--json")
    assert done.returncode == 0, done.stderr
    evaluation = json.loads(done.stdout)
    assert evaluation["run"] == "cnn_quick"
    kept = json.loads((trained / "tracks.json").read_text())
    assert evaluation["tracks"] == kept["tracks"]
    assert len(kept["tracks"]) == 1
    table = edm(root, "evaluate", "cnn_quick").stdout
    assert kept["tracks"][0]["track"] in table
    missing = edm(root, "evaluate", "nobody")
    assert missing.returncode == 1
    assert "hint:" in missing.stderr
    assert "Traceback" not in missing.stderr


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (("--run-name", "cnn_quick"), 1, "--resume"),
        (("--run-name", "../x"), 1, "path separator"),
        (("--run-name", "other", "--lr", "0"), 2, "--lr"),
        (("--run-name", "other", "--no-boundary", "--no-energy", "--no-beat"), 2, "leave nothing to train"),
        (("--run-name", "nobody", "--resume"), 1, "no run folder nobody"),
        (("--run-name", "cnn_quick", "--resume", "--lr", "0.5"), 1, "--lr is 0.5"),
        (("--run-name", "other", "--device", "cuda"), 1, "--device"),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(
    root: Path, trained: Path, words: tuple[str, ...], status: int, said: str
) -> None:
    before = sorted(path.name for path in trained.parent.iterdir())
    record = (trained / "logs/run.json").read_bytes()
    done = edm(root, *QUICK, *words)
    assert done.returncode == status, done.stderr
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert sorted(path.name for path in trained.parent.iterdir()) == before
    assert (trained / "logs/run.json").read_bytes() == record


@pytest.fixture
def endless(root: Path, request: pytest.FixtureRequest) -> Iterator["subprocess.Popen[str]"]:
    """A training that goes on until it is stopped; it has ended its first epoch."""
    name = request.node.name.replace("[", "_").replace("]", "")
    command = edm_command(*QUICK[:2], "--epochs", "100000", "--duration", "8", "--run-name", name)
    process = subprocess.Popen(
        [sys.executable, "-c", HEEDS_SIGINT, *command],
        cwd=root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=clean_env(),
    )  # fmt: skip
    assert process.stdout is not None
    assert process.stdout.readline().startswith(f"outputs/training/{name}: begins")
    assert process.stdout.readline().startswith("epoch 1/")
    yield process
    process.kill()
    process.communicate()


@pytest.mark.parametrize(("sent", "status"), [(signal.SIGTERM, 143), (signal.SIGHUP, 129), (signal.SIGINT, 130)])
def test_a_stopped_run_is_killed_in_mlflow(
    root: Path, endless: "subprocess.Popen[str]", sent: signal.Signals, status: int
) -> None:
    name = str(endless.args[-1])  # type: ignore[index]
    second = edm(root, *QUICK[:2], "--run-name", name, "--resume")
    assert second.returncode == 1
    assert "is being trained by another process" in second.stderr
    endless.send_signal(sent)
    _, said = endless.communicate()
    assert endless.returncode == status, said
    assert "Traceback" not in said
    run = mlflow_run(root, name)
    assert run.info.status == "KILLED"
    assert run.info.end_time is not None


def test_an_exception_ends_the_run_as_failed(root: Path) -> None:
    done = edm(root, *QUICK, "--run-name", "overflow", "--boundary-weight", "1e39")
    assert done.returncode == 1
    assert "train_loss is" in done.stderr
    run = mlflow_run(root, "overflow")
    assert run.info.status == "FAILED"
    assert "train_loss is" in run.data.tags["edm.error"]


def test_a_loss_that_is_no_number_can_be_let_pass(root: Path) -> None:
    done = edm(root, *QUICK, "--run-name", "overflow_on", "--boundary-weight", "1e39", "--no-stop-on-nan")
    assert done.returncode == 0, done.stderr
    assert mlflow_run(root, "overflow_on").info.status == "FINISHED"


def test_a_server_that_is_away_costs_nothing_but_time(root: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        uri = f"http://127.0.0.1:{taken.getsockname()[1]}"
        done = edm(root, *QUICK, "--run-name", "offline", env={"MLFLOW_TRACKING_URI": uri})
    assert done.returncode == 0, done.stderr
    assert "cannot be reached" in done.stdout
    assert "edm doctor --fix" in done.stdout
    folder = root / "outputs/training/offline"
    assert needs_replay(folder)
    local = find_workspace(root).tracking_uri
    points = RunJournal(folder / "logs").points()
    assert replay_unlogged(folder, local, "edm-training") == sum(len(metrics) for _, _, metrics in points)
    assert replay_unlogged(folder, local, "edm-training") == 0
    assert not needs_replay(folder)
    run = mlflow_run(root, "offline")
    assert run.info.status == "FINISHED"
    assert run.info.run_id == yaml.safe_load((folder / "metadata.yaml").read_text())["run_id"]
    assert run.data.metrics["val_loss"] == points[-1][2]["val_loss"]
    assert run.info.start_time < points[0][1] <= run.info.end_time


def test_the_python_api_of_the_guide(root: Path) -> None:
    code = """
from edm_core.registry import ModelRegistry
from edm_core.training import Trainer, TrainingConfig, build_model, make_loaders

def fit(name, registry):
    config = TrainingConfig(run_name=name, epochs=1, duration=8, batch_size=2)
    train_loader, val_loader = make_loaders(config)
    model = build_model(config)
    return Trainer(
        model=model, train_loader=train_loader, val_loader=val_loader, config=config, registry=registry
    ).fit()

alone = fit("without_mlflow", None)
assert alone.epochs == 1 and alone.run_id == "" and alone.folder.is_dir(), alone
registry = ModelRegistry(experiment_name="edm-training")
logged = fit("with_mlflow", registry)
runs = registry.runs()
assert list(runs[runs.run_id == logged.run_id]["metrics.best_val_loss"]) == [logged.best_val_loss], runs
"""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False, env=clean_env()
    )
    assert done.returncode == 0, done.stderr
    assert not needs_replay(root / "outputs/training/without_mlflow")
    assert not needs_replay(root / "outputs/training/with_mlflow")
