"""A Slurm cluster of one node for the length of a test: munged, slurmctld and slurmd, with ports of their own."""

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.support.postgres import free_port

PROGRAMS = ("munged", "slurmctld", "slurmd", "sbatch", "squeue", "scancel", "scontrol", "srun")
_SBIN = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])
_PATIENCE = 60.0
_CONF = """
ClusterName=lab
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={ctld_port}
SlurmdPort={slurmd_port}
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=batch_sched_delay=0,sched_interval=1,bf_interval=1,sched_min_interval=0,requeue_delay=1
PriorityType=priority/basic
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
AccountingStorageType=accounting_storage/none
JobAcctGatherType=jobacct_gather/none
JobRequeue=1
KillWait={kill_wait}
OverTimeLimit=0
MinJobAge={min_job_age}
ReturnToService=2
MpiDefault=none
InactiveLimit=0
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} State=UNKNOWN
PartitionName=main Nodes={host} Default=YES MaxTime=INFINITE State=UP PriorityTier=1
PartitionName=urgent Nodes={host} MaxTime=INFINITE State=UP PriorityTier=9 PreemptMode=off
"""


def missing() -> str:
    """Why no cluster can be made here; "" when one can."""
    absent = [program for program in PROGRAMS if shutil.which(program, path=_SBIN) is None]
    if absent:
        return f"{', '.join(absent)} not installed (apt-get install slurm-wlm munge)"
    return "" if os.geteuid() == 0 else "slurmd and slurmctld are started as root here"


@dataclass(frozen=True)
class Cluster:
    """`conf` is what SLURM_CONF must name; `host` is the one node."""

    conf: Path
    host: str

    def ask(self, *words: str) -> str:
        """The answer of one of Slurm's commands."""
        env = {**os.environ, "SLURM_CONF": str(self.conf)}
        return subprocess.run(words, env=env, check=True, capture_output=True, text=True).stdout

    def lose_node(self) -> None:
        """What the controller does when a node is gone; a daemon that lives comes back by itself."""
        self.ask("scontrol", "update", f"nodename={self.host}", "state=down", "reason=test")

    def start_now(self, job_id: str) -> None:
        """A job that was taken back waits for two minutes: not in a test."""
        self.ask("scontrol", "update", f"jobid={job_id}", "starttime=now")


@contextlib.contextmanager
def slurm(cpus: int = 2, kill_wait: int = 30, min_job_age: int = 300) -> Iterator[Cluster]:
    """A cluster that is idle; every process of it has ended afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="edm-slurm-"))
    for name in ("state", "spool"):
        (folder / name).mkdir()
    host = socket.gethostname().partition(".")[0]
    conf = folder / "slurm.conf"
    conf.write_text(_CONF.format(
        folder=folder, host=host, ctld_port=free_port(), slurmd_port=free_port(), cpus=cpus,
        kill_wait=kill_wait, min_job_age=min_job_age,
    ))  # fmt: skip
    started: list[subprocess.Popen[bytes]] = []
    try:
        _start_munge(folder, started)
        for program in ("slurmctld", "slurmd"):
            words = [program, "-D", "-f", str(conf), *(["-N", host] if program == "slurmd" else [])]
            started.append(_start(folder, words))
        cluster = Cluster(conf, host)
        _wait_idle(cluster, folder)
        yield cluster
    finally:
        with contextlib.suppress(subprocess.CalledProcessError, FileNotFoundError, UnboundLocalError):
            cluster.ask("scancel", "--full", "--signal=KILL", "--user=root")
        for process in reversed(started):
            process.send_signal(signal.SIGTERM)
        for process in started:
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _start_munge(folder: Path, started: "list[subprocess.Popen[bytes]]") -> None:
    key = folder / "munge.key"
    key.write_bytes(secrets.token_bytes(128))
    key.chmod(0o600)
    # munged wants folders that nobody else may write to, and others must be able to reach its socket.
    folder.chmod(0o755)
    words = [
        "munged", "--foreground", "--force", f"--key-file={key}", f"--socket={folder}/munge.socket",
        f"--pid-file={folder}/munged.pid", f"--seed-file={folder}/munged.seed", f"--log-file={folder}/munged.log",
        "--num-threads=2",
    ]  # fmt: skip
    started.append(_start(folder, words))
    _wait_for((folder / "munge.socket").exists, "munged", folder)


def _start(folder: Path, words: list[str]) -> "subprocess.Popen[bytes]":
    program = shutil.which(words[0], path=_SBIN)
    assert program is not None
    with (folder / "daemons.log").open("ab") as log:
        return subprocess.Popen(
            [program, *words[1:]], stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=folder,
            env={**os.environ, "PATH": _SBIN, "SLURM_CONF": str(folder / "slurm.conf")}, start_new_session=True,
        )  # fmt: skip


def _wait_idle(cluster: Cluster, folder: Path) -> None:
    def idle() -> bool:
        try:
            return "idle" in cluster.ask("sinfo", "--noheader", "--format=%t")
        except subprocess.CalledProcessError:
            return False

    _wait_for(idle, "an idle node", folder)


def _wait_for(condition: Callable[[], object], what: str, folder: Path) -> None:
    end = time.monotonic() + _PATIENCE
    while not condition():
        logs = "\n".join(path.read_text(errors="replace")[-2000:] for path in folder.glob("*.log"))
        assert time.monotonic() < end, f"no {what} after {_PATIENCE:g} s:\n{logs}"
        time.sleep(0.05)
