"""Export of a chart: its points as CSV, or the picture as SVG. What is there already is never written over."""

import csv
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

from edm_core.curves.history import History
from edm_core.curves.svg import svg
from edm_core.errors import ActionError, EdmError
from edm_core.snapshots.runs import RunRow
from edm_core.workspace import Workspace
from edm_tui.dialogs.text_prompt import TextPrompt
from edm_tui.formatting import clean
from edm_tui.screens.base import EdmScreen
from edm_tui.widgets.chart_pane import Panel

Series = Sequence[tuple[RunRow, str, History]]


def ask_export(screen: EdmScreen, chart: Panel, series: Series) -> None:
    """Ask for a file name, and write there what its ending says."""

    async def write(path: Path) -> None:
        services = screen.services
        try:
            if path.suffix == ".svg":
                text = svg(chart.key, chart.lines, chart.colours, chart.view)
                await services.in_thread(save_text, path, text)
            else:
                await services.in_thread(save_points, services.workspace, path, series)
        except EdmError as error:
            screen.host.show_error(error.message, error.hint)
        else:
            screen.notify(f"written: {clean(str(path))}", markup=False)

    def answered(name: str | None) -> None:
        if name:
            path = screen.services.workspace.root / Path(name).expanduser()
            screen.run_worker(write(path), group="export")

    first = re.sub(r"[^A-Za-z0-9_.-]+", "_", chart.key).strip("_.") or "chart"
    hint = "name.csv for the points, name.svg for the picture"
    screen.app.push_screen(TextPrompt(f"Export {chart.key} to ({hint})", f"{first}.csv", hint), answered)


def save_text(path: Path, text: str) -> None:
    """Write a new file, whole or not at all. Raises ActionError."""
    with new_file(path) as file:
        file.write(text)


def save_points(workspace: Workspace, path: Path, series: Series) -> None:
    """Every point of these metrics: run, run_id, metric, step, timestamp_ms, value. Raises ActionError, StoreError."""
    from edm_core.stores.histories import every_point

    if path.suffix != ".csv":
        raise ActionError(f"{path.name} ends neither in .csv nor in .svg", "The ending says what is written.")
    with new_file(path) as file:
        writer = csv.writer(file)
        writer.writerow(("run", "run_id", "metric", "step", "timestamp_ms", "value"))
        for row, key, _ in series:
            for step, at, value in every_point(workspace, row.run_id, key):
                writer.writerow((row.name, row.run_id, key, step, at, repr(value)))


@contextmanager
def new_file(path: Path) -> Iterator[TextIO]:
    """A file under a name of its own that takes its place when all was written. Raises ActionError."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("x", encoding="utf-8", newline="") as file:
            yield file
        # A link fails where the name is taken, in one step: nothing is ever written over.
        os.link(part, path)
    except FileExistsError as error:
        raise ActionError(f"{path} is there already", "Choose another name.") from error
    except OSError as error:
        raise ActionError(f"{path} cannot be written: {error.strerror}", "Choose another place.") from error
    finally:
        part.unlink(missing_ok=True)
