"""Reads TensorBoard's event files with TensorBoard's own reader, in a process of its own: `python -m … FOLDER...`.

Writes to stdout one line of JSON for each metric, [folder, metric, count], and after it `count` steps, times (Unix ms)
and values as 8 bytes each; a file that cannot be read to its end is told as {"folder": …, "fault": …}.
"""

import json
import logging
import sys
from array import array
from pathlib import Path
from typing import Any, BinaryIO

Points = dict[int, tuple[int, float]]
"""(time, value) by step; what was written later takes the place of what a run wrote before it was resumed."""


def main(folders: list[str], out: BinaryIO) -> None:
    for folder in folders:
        found: dict[str, Points] = {}
        for path in sorted(Path(folder).rglob("*tfevents*")):
            try:
                _read(path, path.parent.relative_to(folder).as_posix(), found)
            except (OSError, ValueError) as error:
                fault = {"folder": folder, "fault": f"{path.name}: {error}"}
                out.write(json.dumps(fault).encode() + b"\n")
        for metric, points in found.items():
            out.write(json.dumps([folder, metric, len(points)]).encode() + b"\n")
            steps = array("q", sorted(points))
            out.write(steps.tobytes())
            out.write(array("q", (points[step][0] for step in steps)).tobytes())
            out.write(array("d", (points[step][1] for step in steps)).tobytes())


def _read(path: Path, place: str, found: dict[str, Points]) -> None:
    from google.protobuf.message import DecodeError
    from tensorboard.backend.event_processing.event_file_loader import RawEventFileLoader
    from tensorboard.compat.proto.event_pb2 import Event

    # Below the folder that the writer was given, TensorBoard too names a metric by where it lies.
    prefix = "" if place in (".", "logs") else f"{place.removeprefix('logs/')}/"
    try:
        for record in RawEventFileLoader(str(path)).Load():
            event = Event.FromString(record)
            for value in event.summary.value:
                number = _number(value)
                if number is not None:
                    found.setdefault(prefix + value.tag, {})[event.step] = (round(1000 * event.wall_time), number)
    except DecodeError as error:
        raise ValueError(str(error)) from error


def _number(value: Any) -> float | None:
    """The number of a scalar, as both kinds of writers put it; None for images, texts and histograms."""
    if value.HasField("simple_value"):
        return float(value.simple_value)
    if value.HasField("tensor") and not value.tensor.tensor_shape.dim and value.tensor.dtype in (1, 2, 3, 9):
        from tensorboard.util.tensor_util import make_ndarray

        return float(make_ndarray(value.tensor))
    return None


if __name__ == "__main__":
    # What the reader has to say of a file that is being written is no news.
    logging.disable(logging.WARNING)
    main(sys.argv[1:], sys.stdout.buffer)
