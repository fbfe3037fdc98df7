"""Writing so that nobody meets half a file; the log of commands."""

import sys
from pathlib import Path

import pytest

from edm_core.commandlog import read_commands, run_logged
from edm_core.errors import StoreError
from edm_core.files import append_json_line, read_json_lines, write_atomic


def test_a_failed_write_leaves_the_old_content_and_no_litter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.json"
    write_atomic(path, "old")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OSError, match="No space"):
        write_atomic(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_truncated_last_record_is_not_yet_there(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    assert read_json_lines(path) == []
    append_json_line(path, {"n": 1})
    with path.open("a") as file:
        file.write('not json\n[1]\n{"n": 2')
    assert read_json_lines(path) == [{"n": 1}]


def test_commands_are_written_down_with_how_they_ended(tmp_path: Path) -> None:
    log = tmp_path / ".edm" / "commands.jsonl"
    run_logged([sys.executable, "-c", "print('out')"], cwd=tmp_path, log=log)
    run_logged([sys.executable, "-c", "import sys; sys.exit('bad thing')"], cwd=tmp_path, log=log)
    with pytest.raises(StoreError, match="no-such-program"):
        run_logged(["no-such-program"], cwd=tmp_path, log=log)
    good, bad, absent = read_commands(log)
    assert (good.exit_code, bad.exit_code, absent.exit_code) == (0, 1, None)
    assert "bad thing" in bad.error


def test_a_command_that_does_not_end_is_told(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="did not end"):
        run_logged(
            [sys.executable, "-c", "import time; time.sleep(60)"], cwd=tmp_path, log=tmp_path / "log", timeout=0.3
        )
