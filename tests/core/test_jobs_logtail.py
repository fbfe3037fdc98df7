"""The tail of a log: the same whatever the pieces, safe to show, quick at the end of a large one."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edm_core.jobs.logsearch import find_first_error, find_text, first_error, is_error
from edm_core.jobs.logtail import SKIP_BYTES, TAIL_BYTES, LogTail
from edm_core.jobs.logtext import LINE_LIMIT, LogLine, LogText, Span
from edm_core.jobs.logtimes import LogClock, LogTimes


def test_each_line_knows_its_byte_and_its_time(tmp_path: Path) -> None:
    log, notes = tmp_path / "log", tmp_path / "log.times"
    clock, tail, times = LogClock(log, notes), LogTail(log, from_start=True), LogTimes(notes)
    clock.note()
    log.write_bytes(b"one\n\xc3\xbc\n 1%\r 2%")
    clock.note()
    clock.note()
    assert tail.poll().offsets == (0, 4, 7)
    with log.open("ab") as file:
        file.write(b"\r 3%\nlast\n")
    batch = tail.poll()
    assert (batch.lines, batch.offsets) == ((" 3%", "last"), (7, 19))
    times.read()
    assert times.at(0) == times.at(7) is not None
    assert times.at(19) is None
    clock.note()
    times.read()
    assert (times.at(19) or 0.0) >= (times.at(0) or 0.0) > 0.0
    assert notes.stat().st_size == 32


PIECES = st.lists(
    st.sampled_from(
        [b"a", b"bc", b"\n", b"\r", b"\r\n", b"\t", b"\x08", b"\x1b[31m", b"\x1b[0m", b"\x1b[K", b"\x1b[2A", b"\x1b",
         b"\x1b]0;title\x07", b"\x1b]8;;http://x\x1b\\", b"\x9b1m", "ü█".encode(), b"\xff", b"\xe2", b"\x00", b"[",
         b"m"]
    )
)  # fmt: skip


def read(data: bytes) -> list[LogLine]:
    text = LogText()
    return [*text.feed(data), text.unfinished()]


def shown(data: bytes) -> list[str]:
    return [line.text for line in read(data)]


@given(PIECES, st.lists(st.integers(1, 5)))
def test_where_the_bytes_are_cut_changes_nothing(pieces: list[bytes], cuts: list[int]) -> None:
    data = b"".join(pieces)
    text, lines, at = LogText(), [], 0
    for cut in [*cuts, len(data) or 1]:
        lines += text.feed(data[at : at + cut])
        at += cut
    assert [*lines, text.unfinished()] == read(data)


@given(st.binary(max_size=300))
def test_nothing_that_a_terminal_obeys_gets_through(data: bytes) -> None:
    for line in read(data):
        assert line.text.isprintable()
        assert all(0 <= span.start < span.end for span in line.spans)


@given(st.lists(st.text(st.characters(categories=["L", "N", "P"]), max_size=20)))
def test_plain_text_comes_out_as_it_is(lines: list[str]) -> None:
    assert shown("\n".join(lines).encode()) == (lines or [""])


@pytest.mark.parametrize(
    ("data", "lines"),
    [
        (b"10%\r20%\r100%\ndone", ["100%", "done"]),
        (b"longer text\rshort\n", ["shortr text", ""]),
        (b"longer text\r\x1b[Kshort\n", ["short", ""]),
        (b"windows\r\nlines\r\n", ["windows", "lines", ""]),
        (b"a\tb\x08c", ["a       c"]),
        (b"\x1b]0;owned\x07x\x1b[2J\x1b[5Ay\x1bcz", ["xyz"]),
        ("right\u202eleft nbsp\u00a0x".encode(), ["rightleft nbsp x"]),
        (b"bad \xff\xfe utf", ["bad \ufffd\ufffd utf"]),
    ],
)
def test_what_a_terminal_would_have_left_standing(data: bytes, lines: list[str]) -> None:
    assert shown(data) == lines


def test_colours_become_spans() -> None:
    assert read(b"\x1b[1;31mError\x1b[0m: x")[0] == LogLine("Error: x", (Span(0, 5, "bold red"),))
    styles = {
        b"\x1b[38;5;208m": "color(208)", b"\x1b[38;2;1;2;3;4m": "underline rgb(1,2,3)",
        b"\x1b[97;44m": "bright_white on blue", b"\x1b[1m\x1b[22;2m": "dim", b"\x1b[31;39m": "", b"\x1b[m": "",
        b"\x1b[38;5;999m": "", b"\x1b[48;5;0m": "on color(0)",
    }  # fmt: skip
    for codes, style in styles.items():
        assert read(codes + b"x")[0].spans == ((Span(0, 1, style),) if style else ())
    assert read(b"\x1b[32mgreen\nstill")[1].spans == (Span(0, 5, "green"),)
    assert read(b"\x1b[32mgreen\x1b[0m\rGR")[0] == LogLine("GReen", (Span(2, 5, "green"),))


def test_an_endless_line_is_bounded() -> None:
    text = LogText()
    for _ in range(50):
        text.feed(b"x" * 1000)
    assert len(text.unfinished().text) == LINE_LIMIT
    assert [len(line.text) for line in text.feed(b"\nnext\n")] == [LINE_LIMIT, 4]


def test_lines_are_given_as_they_come(tmp_path: Path) -> None:
    path = tmp_path / "log"
    tail = LogTail(path)
    assert tail.poll().lines == ()
    with path.open("ab", buffering=0) as file:
        file.write(b"one\ntwo")
        batch = tail.poll()
        assert (batch.lines, batch.replace_last) == (("one", "two"), False)
        assert tail.poll().lines == ()
        file.write(b" and more\n10%")
        batch = tail.poll()
        assert (batch.lines, batch.replace_last) == (("two and more", "10%"), True)
        file.write(b"\r20%")
        batch = tail.poll()
        assert (batch.lines, batch.replace_last) == (("20%",), True)
        file.write(b"\n")
        batch = tail.poll()
        assert (batch.lines, batch.replace_last) == (("20%",), True)
        file.write(b"end\n")
        batch = tail.poll()
        assert (batch.lines, batch.replace_last) == (("end",), False)


def test_a_large_log_opens_at_its_end(tmp_path: Path) -> None:
    path = tmp_path / "log"
    with path.open("wb") as file:
        file.truncate(4 << 30)
        file.seek(0, os.SEEK_END)
        file.write(b"\nlast line\nunfinished")
    batch = LogTail(path).poll()
    assert batch.lines[-2:] == ("last line", "unfinished")
    many = tmp_path / "many"
    many.write_bytes(b"".join(b"line %07d\n" % number for number in range(100_000)))
    lines = LogTail(many).poll().lines
    assert TAIL_BYTES / 13 - 2 < len(lines) <= TAIL_BYTES / 13
    assert (lines[0], lines[-1]) == (f"line {100_000 - len(lines):07d}", "line 0099999")


def test_from_the_start_reading_is_bounded_and_leaves_nothing_out(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"".join(b"line %07d\n" % number for number in range(100_000)))
    tail, lines, polls = LogTail(path, from_start=True, skip=False), 0, 0
    while tail.behind:
        lines += len([line for line in tail.poll(max_bytes=130_000, max_seconds=60).lines if len(line) == 12])
        polls += 1
    assert (lines, polls) == (100_000, 10)


def test_far_behind_the_middle_is_left_out_and_said_so(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"first\n")
    tail = LogTail(path)
    assert tail.poll().lines == ("first",)
    with path.open("ab") as file:
        file.write(b"x" * 99 + b"\n")
        file.truncate(SKIP_BYTES * 2)
        file.seek(0, os.SEEK_END)
        file.write(b"\nend\n")
    batch = tail.poll()
    assert batch.lines[-1] == "end"
    assert SKIP_BYTES < batch.skipped < SKIP_BYTES * 2


def test_a_replaced_or_emptied_file_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(b"old line\nunfinished")
    tail = LogTail(path)
    tail.poll()
    path.write_bytes(b"new\n")
    batch = tail.poll()
    assert (batch.lines, batch.restarted, batch.replace_last) == (("new",), True, False)
    other = tmp_path / "other"
    other.write_bytes(b"another file that is longer\n")
    other.replace(path)
    batch = tail.poll()
    assert (batch.lines, batch.restarted) == (("another file that is longer",), True)
    path.unlink()
    assert tail.poll().lines == ()


ERRORS = ["Traceback (most recent call last):", "ValueError: x", "torch.OutOfMemoryError: CUDA out of memory",
          "ERROR loading", "12:00:01 ERROR x", "Segmentation fault (core dumped)", "Killed"]  # fmt: skip
FINE = ["val error 0.1", "errors: 0", "mean_error=0.2", "loss 0.1", "no exceptions", "KilledSwitch is a band", ""]


def test_what_looks_like_an_error() -> None:
    assert [line for line in ERRORS if not is_error(line)] == []
    assert [line for line in FINE if is_error(line)] == []
    assert first_error([*FINE, ERRORS[0]]) == len(FINE)
    assert first_error(FINE) is None


@pytest.mark.parametrize("filler", [0, 1000, (1 << 20) - 40, 3 << 20])
def test_the_first_error_of_the_whole_log(tmp_path: Path, filler: int) -> None:
    path = tmp_path / "log"
    fine = b"".join(line.encode() + b"\n" for line in FINE) * (filler // 60) + b"\x1b[31m"
    path.write_bytes(fine + b"ValueError: here\x1b[0m\nKeyError: later")
    found = find_first_error(path)
    assert found is not None
    assert (found.text, found.offset) == ("ValueError: here", len(fine) - 5)
    there = LogTail(path, start=found.offset).poll()
    assert (there.lines, there.offsets[0]) == (("ValueError: here", "KeyError: later"), found.offset)
    text = find_text(path, "error: LATER".lower())
    assert text is not None
    assert (text.text, text.offset) == ("KeyError: later", len(path.read_bytes()) - len("KeyError: later"))
    assert find_text(path, "LATER") is None
    path.write_bytes(fine)
    assert find_first_error(path) is None
    assert find_first_error(tmp_path / "none") is None
