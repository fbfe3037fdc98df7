"""The columns of the run table: which there are, their titles and widths."""

from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len

from edm_core.snapshots.runs import RunRow
from edm_core.table.fields import Field
from edm_core.table.groups import Arrangement
from edm_core.table.values import as_number
from edm_core.table.view import Shown, SortKey
from edm_tui.formatting import clean, fit, param
from edm_tui.run_cells import NUMBER_CELLS, SPARK_CELLS, state_text

SAMPLE = 200
"""Runs from which widths are taken: enough to fit, few enough to cost nothing at 100,000."""
NAME = Field("", "name")
NAME_LEAST = 8
INDENT, DEEPEST = 2, 8
_FIXED = {"state": 11, "data": 4, "age": 4, "dur": 5, "commit": 8, "id": 8}
_OF_METRIC = {"best": 15, "step": 6, "delta": 15, "spark": 16}
_TITLES = {"name": "run", "id": "id"}
_WIDEST = {"param": 18, "tag": 24, "note": 40, "model": 16}


@dataclass(frozen=True, slots=True)
class Column:
    """One column; `title` is without the arrow of its order."""

    field: Field
    title: str
    width: int
    right: bool = False


def made(shown: Sequence[Shown], rows: Sequence[RunRow], sort: Sequence[SortKey]) -> list[Column]:
    """The columns of these fields, as wide as was chosen or as `rows` want; one by which is sorted has room for its
    title and arrow."""
    columns: list[Column] = []
    for one in shown:
        before = columns[-1].field if columns else None
        width, right = _content(one.field, rows)
        title = _title(one.field, before)
        if any(key.field == one.field for key in sort):
            width = max(width, min(_cells(title), 16) + len(" ▾") + (len(sort) > 1))
        columns.append(Column(one.field, title, one.width or width, right))
    return columns


def name_width(arrangement: Arrangement, available: int) -> int:
    """How wide the frozen column is: as wide as the names want, the newest and some of all; at most `available`."""
    newest, names = arrangement.frame.newest, arrangement.frame.columns.names
    sample = (*newest[:SAMPLE], *newest[:: len(newest) // SAMPLE + 1])
    widest = max((_cells(names[at]) for at in sample), default=0)
    if arrangement.children:
        deepest = min(DEEPEST, max(arrangement.depth.values(), default=0))
        widest += INDENT * (deepest + 1)
    if arrangement.groups:
        widest = max(widest, *(_cells(group.text or "") + 12 for group in arrangement.groups[:SAMPLE]))
    return max(NAME_LEAST, min(widest, available))


def titled(column: Column, sort: Sequence[SortKey]) -> str:
    """The title with the arrow of its order, and its number where there are several keys."""
    for number, key in enumerate(sort, 1):
        if key.field == column.field:
            mark = f" {'▾' if key.down else '▴'}{number if len(sort) > 1 else ''}"
            return fit(column.title, max(1, min(_cells(column.title), column.width - len(mark)))) + mark
    return column.title


def _title(field: Field, before: Field | None) -> str:
    if not field.kind:
        return _TITLES.get(field.key, field.key)
    key = clean(field.key)
    match field.kind:
        case "best":
            return "best @step" if before == Field("metric", field.key) else f"best {key}"
        case "step":
            return f"@{key}"
        case "delta":
            return f"Δ {key}"
    return key


def _content(field: Field, rows: Sequence[RunRow]) -> tuple[int, bool]:
    """(width, whether right-aligned) of a column that fits its content."""
    if field.kind == "metric":
        return max(NUMBER_CELLS + SPARK_CELLS, min(len(field.key) + 2, 24)), False
    if field.metric:
        return max(_OF_METRIC[field.kind], min(_cells(_title(field, None)) + 1, 24)), field.kind == "step"
    if field.name == "state":
        warned = (len(state_text(row, 0.0)) for row in rows if row.job is not None and row.job.alarms)
        return min(20, max((_FIXED["state"], *warned))), False
    if field.key in _FIXED and not field.kind:
        return _FIXED[field.key], field.key in ("age", "dur")
    texts = [_text(row, field) for row in rows]
    widest = _WIDEST.get(field.kind or field.key, 30)
    width = max(map(_cells, texts), default=0)
    there = [text for text in texts if text]
    numeric = field.kind == "param" and bool(there) and all(as_number(text) is not None for text in there)
    return min(max(width, min(len(_title(field, None)), 14), 5 if field.key == "model" else 1), widest), numeric


def _text(row: RunRow, field: Field) -> str:
    if field.kind == "param":
        return param(row.params[field.key]) if field.key in row.params else ""
    if field.kind == "tag":
        return row.tags.get(field.key, "")
    return {"model": row.model, "user": row.user, "experiment": row.experiment, "note": row.note,
            "folder": row.run_dir}.get(field.key, "")  # fmt: skip


def _cells(text: str) -> int:
    return len(text) if text.isascii() else cell_len(text)
