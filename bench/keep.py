"""What keep costs beside the plain commands that it stands for: `dvc add`, `git add`, `git commit`.

Per shape of folder: the plain commands, keep's DVC and git steps by its own journal, and the rest of `edm keep`
(Python, MLflow's client, the check that best.pt loads). Medians of three; the order alternates.
"""

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROUNDS = 3
FOLDERS = 1000
SHAPES = {"100 MB in 20 files": (20, 5_000_000), "200 MB in 2,000 files": (2000, 100_000)}


def _sh(root: Path, *argv: str) -> None:
    subprocess.run(argv, cwd=root, check=True, capture_output=True)


def _workspace(root: Path) -> None:
    root.mkdir()
    for words in (["init", "-q", "."], ["config", "user.name", "b"], ["config", "user.email", "b@example.invalid"]):
        _sh(root, "git", *words)
    _sh(root, sys.executable, "-m", "edm_core.cli.main", "init", "--commit")


def _fill(folder: Path, files: int, size: int) -> None:
    folder.mkdir(parents=True)
    for number in range(files):
        (folder / f"file_{number}").write_bytes(os.urandom(size))


def _as_trained(folder: Path) -> None:
    """What makes keep look whether best.pt loads."""
    import torch

    (folder / "checkpoints").mkdir()
    torch.save({"model": {"w": torch.zeros(64, 64)}}, folder / "checkpoints" / "best.pt")
    (folder / "metadata.yaml").write_text("run_name: bench\n")


def _plain(root: Path, name: str) -> float:
    runs = "outputs/training"
    started = time.perf_counter()
    _sh(root, sys.executable, "-m", "dvc", "add", "-q", f"{runs}/{name}")
    _sh(root, "git", "add", f"{runs}/{name}.dvc", f"{runs}/.gitignore")
    _sh(root, "git", "commit", "-q", "-m", f"Keep {name}")
    return time.perf_counter() - started


def _keep(root: Path, run_id: str, name: str) -> tuple[float, float]:
    """(seconds of the DVC and git steps, seconds of the rest)."""
    started = time.perf_counter()
    _sh(root, sys.executable, "-m", "edm_core.cli.main", "keep", run_id or name)
    whole = time.perf_counter() - started
    records = [json.loads(line) for line in (root / ".edm/journal.jsonl").read_text().splitlines()]
    last = [record for record in records if record["id"] == records[-1]["id"]]
    times = {record.get("step", record["kind"]): float(record["t"]) for record in last}
    # What lies between "check" and "pointer" is the wait for torch, which had begun beside DVC.
    steps = times["check"] - times["begin"] + times["committed"] - times["pointer"]
    return steps, whole - steps


def _mlflow_run(root: Path, name: str) -> str:
    from edm_core.stores.mlflow_client import ensure_experiment, mlflow_client
    from edm_core.workspace import find_workspace

    workspace = find_workspace(root, {})
    client = mlflow_client(workspace)
    run = client.create_run(ensure_experiment(client, workspace), run_name=name)
    client.log_metric(run.info.run_id, "val_loss", 0.1)
    client.set_tag(run.info.run_id, "edm.run_dir", f"outputs/training/{name}")
    client.set_terminated(run.info.run_id, "FINISHED")
    os.environ.pop("MLFLOW_TRACKING_URI", None)
    return str(run.info.run_id)


def main() -> None:
    folder = Path(tempfile.mkdtemp(prefix="edm-bench-"))
    try:
        for shape, (files, size) in SHAPES.items():
            root = folder / f"of_{files}"
            _workspace(root)
            plain, steps, rest = [], [], []
            for number in range(ROUNDS):
                for side in ("plain", "ours") if number % 2 else ("ours", "plain"):
                    name = f"{side}_{number}"
                    _fill(root / "outputs/training" / name, files, size)
                    if side == "plain":
                        plain.append(_plain(root, name))
                        continue
                    _as_trained(root / "outputs/training" / name)
                    own, other = _keep(root, _mlflow_run(root, name), name)
                    steps.append(own)
                    rest.append(other)
            base, own, other = (statistics.median(values) for values in (plain, steps, rest))
            print(
                f"{shape}: plain commands {base:.2f} s; keep's DVC and git steps {own:.2f} s "
                f"({own / base:.2f} x, bound 1.15); the rest of edm keep {other:.2f} s (bound 3)"
            )
        _data_states(folder / "many")
    finally:
        shutil.rmtree(folder)


def _data_states(root: Path) -> None:
    """The run table's data states of many kept runs, each with ten files, in a process that has not seen them."""
    from edm_core.stores.data_states import remember_kept
    from edm_core.workspace import find_workspace

    (root / "outputs/training").mkdir(parents=True)
    (root / "edm.toml").write_text("")
    workspace = find_workspace(root, {})
    for number in range(FOLDERS):
        run = workspace.run_folder(f"run_{number:04}")
        _fill(run, 10, 10)
        text = f"outs:\n- md5: {number:032x}.dir\n  size: 100\n  nfiles: 10\n  hash: md5\n  path: {run.name}\n"
        run.with_name(f"{run.name}.dvc").write_text(text)
        remember_kept(workspace, run, f"{number:032x}.dir")
    code = (
        "import sys, time; from edm_core.stores.data_states import data_states; "
        "from edm_core.workspace import find_workspace; w = find_workspace(); t = time.perf_counter(); "
        "n = len(data_states(w)); print(n, time.perf_counter() - t, 'dvc' in sys.modules)"
    )
    said = [
        subprocess.run(
            [sys.executable, "-c", code], cwd=root, check=True, capture_output=True, text=True
        ).stdout.split()
        for _ in range(ROUNDS)
    ]
    seconds = statistics.median(float(words[1]) for words in said)
    print(
        f"data states of {said[0][0]} run folders: {1000 * seconds:.0f} ms (bound 200), "
        f"DVC imported: {said[0][2]} (must be False)"
    )


if __name__ == "__main__":
    main()
