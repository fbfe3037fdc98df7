"""What the supervisor costs: the same training by hand and as a job, in turn; launch time, memory, log to line.

Target: at most 2 % of the training's throughput.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from edm_core.jobs.folder import JobFolder, load_job
from edm_core.jobs.local import launch
from edm_core.jobs.logtail import LogTail
from edm_core.snapshots.jobs import JobSnapshot
from edm_core.workspace import Workspace, find_workspace

PAIRS, SIDE_PAIRS = 5, 12
STEPS = 300
LINES_PER_SECOND = 10_000
# One thread, so that the other core stays free for whatever watches: what is measured is the cost of being watched.
TRAINING = f"""
import json, os, sys, time, torch
torch.set_num_threads(1)
torch.manual_seed(0)
net = torch.nn.Sequential(torch.nn.Conv1d(40, 64, 9), torch.nn.ReLU(), torch.nn.Conv1d(64, 1, 9))
optimizer = torch.optim.AdamW(net.parameters())
batch = torch.randn(8, 40, 400)
progress = open(os.path.join(os.environ.get("EDM_JOB_DIR", sys.argv[2]), "progress.jsonl"), "a")
def steps(count):
    for step in range(count):
        loss = net(batch).square().mean()
        optimizer.zero_grad(); loss.backward(); optimizer.step()
        print("step", step, "loss", float(loss), flush=True)
        if step % 20 == 0:
            record = {{"t": time.time(), "epoch": 1, "epochs": 1, "batch": step, "batches": count}}
            progress.write(json.dumps(record) + "\\n")
            progress.flush()
steps(30)
wall, processor = time.perf_counter(), time.process_time()
steps({STEPS})
wall, processor = time.perf_counter() - wall, time.process_time() - processor
open(sys.argv[1], "w").write(f"{{{STEPS} / wall}} {{{STEPS} / processor}}")
"""


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        root = Path(name).resolve()
        (root / "edm.toml").touch()
        (root / "training.py").write_text(TRAINING)
        workspace = find_workspace(root)
        _throughput(workspace)
        _side_by_side(workspace)
        _launch(workspace)
        _tail(root / "log")


def _throughput(workspace: Workspace) -> None:
    by_hand, as_job, share = [], [], 0.0
    for _ in range(PAIRS):
        by_hand.append(_by_hand(workspace))
        speeds, used = _as_job(workspace)
        as_job.append(speeds)
        share = max(share, used)
    for index, what in enumerate(("wall second", "CPU second")):
        hand, job = [pair[index] for pair in by_hand], [pair[index] for pair in as_job]
        cost = statistics.median(1 - one / other for one, other in zip(job, hand, strict=True))
        low, middle, high = statistics.quantiles(hand, n=4)
        print(f"steps in a {what:12}{middle:8.1f} by hand ({low:.1f} to {high:.1f})")
        print(f"                       {statistics.median(job):8.1f} as a job")
        print(f"  cost of being a job {cost:8.2%} (median of {PAIRS} pairs; target at most 2 %)")
    print(f"supervisor's CPU      {share:8.3%} of one core, at most, while the training ran")


def _side_by_side(workspace: Workspace) -> None:
    """Both at the same time, so that what else the machine does meets both alike; each begins first in turn."""
    costs = []
    for pair in range(SIDE_PAIRS):
        job, hand = _start_both(workspace) if pair % 2 else _start_both(workspace, hand_first=True)
        hand.wait()
        while load_job(JobFolder(Path(job.folder))).active:
            time.sleep(0.05)
        costs.append(1 - _speeds(workspace.root / "as_job")[0] / _speeds(workspace.root / "by_hand")[0])
    low, middle, high = statistics.quantiles(costs, n=4)
    print(f"  side by side        {statistics.mean(costs):8.2%} cost of being a job, mean of {SIDE_PAIRS} pairs"
          f" (quartiles {low:.2%}, {middle:.2%}, {high:.2%}; target at most 2 %)")  # fmt: skip


def _start_both(workspace: Workspace, hand_first: bool = False) -> "tuple[JobSnapshot, subprocess.Popen[bytes]]":
    hand = _start_by_hand(workspace) if hand_first else None
    job = launch(workspace, _command(workspace.root / "as_job", workspace.root))
    while not JobFolder(Path(job.folder)).child_file.exists():
        time.sleep(0.01)
    return job, hand or _start_by_hand(workspace)


def _by_hand(workspace: Workspace) -> tuple[float, float]:
    if _start_by_hand(workspace).wait():
        raise RuntimeError("the training by hand failed")
    return _speeds(workspace.root / "by_hand")


def _start_by_hand(workspace: Workspace) -> "subprocess.Popen[bytes]":
    with (workspace.root / "log").open("ab") as log:
        # A session of its own, as the job has: the kernel shares the processors out by session.
        return subprocess.Popen(
            _command(workspace.root / "by_hand", workspace.root), cwd=workspace.root, stdout=log, stderr=log,
            start_new_session=True,
        )  # fmt: skip


def _as_job(workspace: Workspace) -> tuple[tuple[float, float], float]:
    """Speeds of the training, and the share of a core that its supervisor used meanwhile."""
    result = workspace.root / "as_job"
    job = launch(workspace, _command(result, workspace.root))
    folder = JobFolder(Path(job.folder))
    while not folder.child_file.exists():
        time.sleep(0.05)
    supervisor = folder.supervisor()
    if supervisor is None:
        raise RuntimeError("the job has no supervisor")
    started, before, after = time.monotonic(), _cpu_seconds(supervisor.pid), 0.0
    while supervisor.alive() and not folder.exit_file.exists():
        after = _cpu_seconds(supervisor.pid) or after
        time.sleep(0.25)
    return _speeds(result), max(0.0, after - before) / (time.monotonic() - started)


def _speeds(result: Path) -> tuple[float, float]:
    wall, processor = result.read_text().split()
    return float(wall), float(processor)


def _cpu_seconds(pid: int) -> float:
    """User and system time of a process; 0 when it has gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _command(result: Path, root: Path) -> list[str]:
    return [sys.executable, "training.py", str(result), str(root)]


def _launch(workspace: Workspace) -> None:
    seconds, memory = [], 0
    for _ in range(PAIRS):
        started = time.perf_counter()
        job = launch(workspace, ["sleep", "0.3"])
        seconds.append(time.perf_counter() - started)
        folder = JobFolder(Path(job.folder))
        while load_job(folder).state == "queued":
            time.sleep(0.01)
        supervisor = folder.supervisor()
        if supervisor is not None:
            memory = max(memory, _resident(supervisor.pid))
        while load_job(folder).active:
            time.sleep(0.05)
    print(f"launch returns after  {statistics.median(seconds):8.3f} s (target 0.3)")
    print(f"supervisor's memory   {memory / 1024:8.1f} MiB resident")


def _resident(pid: int) -> int:
    """Kilobytes."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))


def _tail(path: Path) -> None:
    """A writer of 10,000 lines a second, a reader that looks every 50 ms: how old a line is when it is given."""
    path.write_bytes(b"")
    tail, ages, busy = LogTail(path), [], 0.0
    writer = threading.Thread(target=_write, args=(path, 3.0))
    writer.start()
    while writer.is_alive() or tail.behind:
        started = time.perf_counter()
        batch = tail.poll()
        busy = max(busy, time.perf_counter() - started)
        ages += [time.time() - float(line.split()[0]) for line in batch.lines[:1] if line.count(" ") > 5]
        time.sleep(0.05)
    writer.join()
    late = statistics.quantiles(ages, n=20)[-1]
    print(f"log to line           {late * 1000:8.0f} ms p95 at {LINES_PER_SECOND} lines/s (target 200)")
    print(f"longest read          {busy * 1000:8.0f} ms")


def _write(path: Path, seconds: float) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_APPEND)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        words = "epoch 1 batch 2 loss 0.0512 boundary_f1_05 0.61 and words that fill the line up\n"
        os.write(handle, (f"{time.time()} {words}" * (LINES_PER_SECOND // 100)).encode())
        time.sleep(0.01)
    os.close(handle)


if __name__ == "__main__":
    main()
