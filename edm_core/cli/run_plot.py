"""`edm runs plot`: curves in braille characters, for terminals and pipes alike, drawn as on the Charts screen."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from edm_core.cli.output import clean, json_option, print_json, say
from edm_core.errors import NotFoundError
from edm_core.workspace import Workspace, find_workspace

if TYPE_CHECKING:
    from edm_core.curves.axes import XUnit
    from edm_core.curves.lines import Line, View
    from edm_core.curves.plotted import Cell
    from edm_core.snapshots.runs import RunRow

_COLOURS = ("94", "33", "32", "95", "36", "91", "37")
_EPOCH = "epoch"


@click.command()
@click.argument("names", metavar="RUN...", nargs=-1, required=True)
@click.option("--metric", "-m", "metrics", metavar="M", multiple=True, help="What to draw; default: the primary one.")
@click.option(
    "--x", "unit", type=click.Choice(["step", "epoch", "relative", "wall"]), default="step", help="The x axis."
)
@click.option("--from", "first", type=float, metavar="X", help="Where x begins, in steps, epochs or seconds.")
@click.option("--to", "last", type=float, metavar="X", help="Where x ends.")
@click.option("--log", is_flag=True, help="A logarithmic y axis; symmetric where values reach zero.")
@click.option("--smooth", type=click.FloatRange(0, 0.999), default=0.0, help="Weight of a moving average.")
@click.option("--ignore-outliers", is_flag=True, help="Let the highest and the lowest values fall off the y axis.")
@click.option("--save", type=click.Path(path_type=Path), metavar="FILE", help="Write a new .svg, .png or .csv instead.")
@click.option("--width", type=click.IntRange(20, 500), default=100, show_default=True, help="Columns of the chart.")
@click.option("--height", type=click.IntRange(5, 200), default=25, show_default=True, help="Lines of the chart.")
@json_option
def plot(
    names: Sequence[str], metrics: Sequence[str], unit: "XUnit", first: float | None, last: float | None, log: bool,
    smooth: float, ignore_outliers: bool, save: Path | None, width: int, height: int, as_json: bool,
) -> None:  # fmt: skip
    """Draw metrics of one or more runs, in braille characters. A second metric's lines are dashed.

    \b
    For example:
      edm runs plot cnn_lr1e-3 cnn_lr3e-3 --metric val_loss
      edm runs plot cnn_lr1e-3 -m train_loss -m val_loss --log --save loss.svg
    """
    from edm_core.curves.lines import View, ends_of

    workspace = find_workspace()
    wanted = list(dict.fromkeys(metrics)) or [workspace.settings.metrics.primary]
    series, lines = _read(workspace, names, wanted, 2 * width)
    view = View(unit, log=log, smooth=smooth, clip=ignore_outliers)
    ends = ends_of(lines, view)
    if ends is not None and (first is not None or last is not None):
        low, high = ends[0] if first is None else first, ends[1] if last is None else last
        if low >= high:
            raise click.UsageError(f"nothing lies between --from {low:g} and --to {high:g}")
        view = View(unit, (low, high), None, log, smooth, ignore_outliers)
    title = ", ".join(wanted)
    if save is not None:
        _save(workspace, save, title, series, lines, view, as_json)
    elif as_json:
        print_json(_document(workspace, series, lines, wanted))
    else:
        click.echo(chart_text(title, lines, view, width, height, sys.stdout.isatty()), color=True)


def _read(
    workspace: Workspace, names: Sequence[str], wanted: Sequence[str], parts: int
) -> tuple[list[tuple["RunRow", str]], list["Line"]]:
    """(run, metric) and line of each history that there is."""
    from edm_core.curves.lines import Line
    from edm_core.curves.signs import sign_of
    from edm_core.stores.event_files import folder_of_events, read_events
    from edm_core.stores.histories import histories_of
    from edm_core.stores.runs import find_run

    rows = list({row.row_id: row for row in (find_run(workspace, name) for name in names)}.values())
    titles = [row.name for row in rows]
    series, lines = [], []
    for number, row in enumerate(rows):
        found = histories_of(workspace, row, [*wanted, _EPOCH], parts)
        folder = folder_of_events(workspace, row)
        if folder is not None and not set(wanted) <= set(found):
            read_events([folder])
            found = histories_of(workspace, row, [*wanted, _EPOCH], parts)
        label = row.name if titles.count(row.name) == 1 else f"{row.name} {row.row_id[:8]}"
        for metric in wanted:
            if metric not in found:
                say(f"{row.name} has no metric {metric}")
                continue
            name = f"{label} {metric}" if len(wanted) > 1 else label
            series.append((row, metric))
            dashed = metric != wanted[0]
            epochs = found.get(_EPOCH)
            lines.append(Line(_one_line(name), found[metric], sign_of(number)[1], dashed, row.start_ms, epochs))
    if not lines:
        known = sorted({key for row in rows for key in histories_of(workspace, row)})
        raise NotFoundError(
            f"no run of these has a metric {' or '.join(map(repr, wanted))}",
            f"They have: {', '.join(known) or 'none'}.",
        )
    return series, lines


def _save(
    workspace: Workspace, path: Path, title: str, series: Sequence[tuple["RunRow", str]], lines: Sequence["Line"],
    view: "View", as_json: bool,
) -> None:  # fmt: skip
    from edm_core.actions.chart_export import save_chart
    from edm_core.curves.figure import Chart
    from edm_core.curves.signs import sign_of

    numbers = {row_id: at for at, row_id in enumerate(dict.fromkeys(row.row_id for row, _ in series))}
    colours = tuple(sign_of(numbers[row.row_id])[0] for row, _ in series)
    save_chart(workspace, path, Chart(title, tuple(lines), colours, view), series)
    if as_json:
        print_json({"path": str(path)})
    else:
        say(f"written: {path}")


def _document(
    workspace: Workspace, series: Sequence[tuple["RunRow", str]], lines: Sequence["Line"], wanted: Sequence[str]
) -> dict[str, object]:
    from edm_core.stores.histories import every_point

    points: dict[str, dict[str, object]] = {metric: {} for metric in wanted}
    for (row, metric), line in zip(series, lines, strict=True):
        label = line.name.removesuffix(f" {metric}") if len(wanted) > 1 else line.name
        points[metric][label] = [[step, value] for step, _, value in every_point(workspace, row, metric)]
    more = {"metrics": points} if len(wanted) > 1 else {}
    return {"metric": wanted[0], "runs": points[wanted[0]], **more}


def chart_text(title: str, lines: Sequence["Line"], view: "View", width: int, height: int, colour: bool) -> str:
    """A chart of `width` x `height` character cells; NaN and infinity leave a gap and a mark.

    Each run has a mark on its line, so that colour is never the only sign.
    """
    from edm_core.curves.picture import draw

    marks = list(dict.fromkeys(line.mark for line in lines))
    colours = [_COLOURS[marks.index(line.mark) % len(_COLOURS)] for line in lines]
    legend = [
        _painted(f"{line.mark} {'╍' if line.dashed else '━'} {line.name}"[:width], code, colour)
        for line, code in zip(lines, colours, strict=True)
    ]
    rows = draw(lines, view, width, max(4, height - 1 - len(lines))).rows
    return "\n".join([_one_line(title)[:width], *legend, *(_row(row, colours, colour) for row in rows)])


def _row(row: Sequence["Cell"], colours: Sequence[str], colour: bool) -> str:
    from edm_core.curves.plotted import ALARM, runs

    codes = ((text, colours[owner] if owner >= 0 else "1" if owner == ALARM else "") for text, owner, _ in runs(row))
    return "".join(_painted(text, code, colour) for text, code in codes)


def _painted(text: str, code: str, colour: bool) -> str:
    return f"\x1b[{code}m{text}\x1b[0m" if colour and code else text


def _one_line(text: str) -> str:
    return clean(text).replace("\n", " ").replace("\t", " ")
