"""Keeping a log below a size while its writer goes on: the middle is given back to the disk, head and end stay.

The command writes to the file itself, so that its output survives the supervisor; the file can therefore neither be
renamed nor cut without losing lines. A hole can be punched into it at any time: the kernel frees the blocks, and
neither the writer's nor a reader's place in the file changes.
"""

import os
from pathlib import Path

LOG_HEAD = 1 << 20
"""Bytes of its beginning that stay: what the command was started with is said there."""
_BLOCK = 4096
_KEEP_SIZE, _PUNCH_HOLE = 0x01, 0x02


def trim_log(path: Path, cap: int, head: int = LOG_HEAD) -> int:
    """Give back the middle of a log of more than `cap` bytes (0: of none); how many bytes it takes up then.

    Where the file system cannot do it the log stays as it is.
    """
    stat = path.stat()
    used = stat.st_blocks * 512
    if cap <= 0 or used <= cap:
        return used
    start = -(-min(head, cap // 4) // _BLOCK) * _BLOCK
    # To half the cap, so that it is not done again at every look.
    end = (stat.st_size - cap // 2) // _BLOCK * _BLOCK
    if end > start:
        _punch(path, start, end - start)
    return path.stat().st_blocks * 512


def _punch(path: Path, offset: int, length: int) -> None:
    # Imported when it is needed: a supervisor stays small.
    import ctypes

    libc = ctypes.CDLL(None, use_errno=True)
    if not hasattr(libc, "fallocate64"):
        return
    libc.fallocate64.argtypes = (ctypes.c_int, ctypes.c_int, ctypes.c_int64, ctypes.c_int64)
    handle = os.open(path, os.O_RDWR)
    try:
        libc.fallocate64(handle, _KEEP_SIZE | _PUNCH_HOLE, offset, length)
    finally:
        os.close(handle)
