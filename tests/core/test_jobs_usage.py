"""What a job's processes take: a real tree of processes, and nvidia-smi's lines."""

import subprocess
import sys

import psutil

from edm_core.jobs.identity import ProcessId, identify
from edm_core.jobs.usage import UsageProbe, parse_gpus, query_gpus
from tests.support.jobs import wait_for

# A parent that does nothing, and a child of it that works.
TREE = """
import subprocess, sys
child = subprocess.Popen([sys.executable, "-c", "print('up', flush=True)\\nwhile True: pass"])
child.wait()
"""


def test_the_whole_tree_counts() -> None:
    with subprocess.Popen([sys.executable, "-c", TREE], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == "up\n"
        probe = UsageProbe(identify(parent.pid))
        first = probe.sample()
        assert first is not None
        assert (first.cpu, first.processes) == (None, 2)
        assert first.rss > 2_000_000
        seen: list[float] = []

        def busy() -> bool:
            usage = probe.sample()
            seen.append(usage.cpu or 0.0 if usage is not None else 0.0)
            return max(seen) > 20

        wait_for(busy, "the child's work to be seen")
        for child in psutil.Process(parent.pid).children():
            child.kill()
        parent.wait()
        assert probe.sample() is None


def test_a_process_of_another_machine_is_not_looked_for_here() -> None:
    assert UsageProbe(ProcessId(1, "1", "boot", "another-host")).sample() is None


def test_gpus_are_read_from_nvidia_smi() -> None:
    text = "0, GPU-aa, 87, 12300, 81559\n1, GPU-bb, [N/A], 0, 81559\n\n"
    found = parse_gpus(text)
    assert [(gpu.index, gpu.uuid, gpu.busy) for gpu in found] == [("0", "GPU-aa", 87.0), ("1", "GPU-bb", 0.0)]
    assert found[0].used == 12300 * 1024**2
    assert isinstance(query_gpus(), tuple)
