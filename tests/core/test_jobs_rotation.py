"""A log above its cap gives its middle back to the disk, and neither writer nor reader notices."""

import os
from pathlib import Path

import pytest

from edm_core.jobs.logtail import LogTail
from edm_core.jobs.rotation import trim_log

MIB = 1 << 20


def holes_can_be_punched(folder: Path) -> bool:
    probe = folder / "probe"
    probe.write_bytes(b"x" * 4 * MIB)
    return trim_log(probe, cap=MIB, head=0) < 2 * MIB


def test_head_and_end_stay_and_the_writer_goes_on(tmp_path: Path) -> None:
    if not holes_can_be_punched(tmp_path):
        pytest.skip("this file system has no holes")
    path = tmp_path / "log"
    line = b"line %08d\n"
    with path.open("ab") as file:
        file.write(b"".join(line % number for number in range(500_000)))
        file.flush()
        os.fsync(file.fileno())
        assert trim_log(path, cap=100 * MIB) > 6 * MIB
        size = path.stat().st_size
        tail = LogTail(path)
        before = tail.poll().lines[-1]
        assert trim_log(path, cap=2 * MIB, head=8192) < 2 * MIB
        assert path.stat().st_size == size
        file.write(line % 500_000)
        file.flush()
        assert (before, tail.poll().lines) == ("line 00499999", ("line 00500000",))
    whole = LogTail(path, from_start=True, skip=False)
    lines: list[str] = []
    while whole.behind:
        batch = whole.poll(max_seconds=60)
        lines = [*(lines[:-1] if batch.replace_last else lines), *batch.lines]
    assert lines[:500] == [f"line {number:08d}" for number in range(500)]
    assert lines[-50_000:] == [f"line {number:08d}" for number in range(450_001, 500_001)]
    assert len(lines) < 200_000


def test_a_log_below_its_cap_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"x" * 10_000)
    trim_log(path, cap=MIB)
    trim_log(path, cap=0)
    assert path.read_bytes() == b"x" * 10_000
