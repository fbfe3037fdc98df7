"""Export of a chart: its points as CSV, or the picture as SVG or PNG. What is there already is never written over."""

import csv
import io
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from edm_core.curves.figure import Chart, picture
from edm_core.errors import ActionError
from edm_core.snapshots.runs import RunRow
from edm_core.workspace import Workspace

Series = Sequence[tuple[RunRow, str]]
"""Run and metric of each line."""


def save_chart(workspace: Workspace, path: Path, chart: Chart, series: Series) -> None:
    """Write a new file, whole or not at all: what its ending says. Raises ActionError, StoreError."""
    if path.suffix == ".csv":
        _save_points(workspace, path, series)
    elif path.suffix == ".svg" or path.suffix == ".png":
        with new_file(path) as file:
            file.write(picture(chart, "svg" if path.suffix == ".svg" else "png"))
    else:
        raise ActionError(f"{path.name} ends in none of .csv, .svg and .png", "The ending says what is written.")


def save_text(path: Path, text: str) -> None:
    """Write a new text file, whole or not at all. Raises ActionError."""
    with new_file(path) as file:
        file.write(text.encode())


def _save_points(workspace: Workspace, path: Path, series: Series) -> None:
    """Every point of these metrics: run, run_id, metric, step, timestamp_ms, value."""
    from edm_core.stores.histories import every_point

    with new_file(path) as binary, io.TextIOWrapper(binary, encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("run", "run_id", "metric", "step", "timestamp_ms", "value"))
        for row, key in series:
            for step, at, value in every_point(workspace, row, key):
                writer.writerow((row.name, row.run_id, key, step, at, repr(value)))


@contextmanager
def new_file(path: Path) -> Iterator[BinaryIO]:
    """A file under a name of its own that takes its place when all was written. Raises ActionError."""
    if os.path.lexists(path):
        raise ActionError(f"{path} is there already", "Choose another name.")
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("xb") as file:
            yield file
        # A link fails where the name is taken, in one step: nothing is ever written over.
        os.link(part, path)
    except FileExistsError as error:
        raise ActionError(f"{path} is there already", "Choose another name.") from error
    except OSError as error:
        raise ActionError(f"{path} cannot be written: {error.strerror}", "Choose another place.") from error
    finally:
        part.unlink(missing_ok=True)
