"""The table as plain values: what is exported, and what `edm runs list --view` prints."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from edm_core.snapshots.runs import RunRow
from edm_core.table.fields import Field
from edm_core.table.groups import Arrangement, Group, figure
from edm_core.table.values import reader

ID = Field("", "id")
NAME = Field("", "name")
_TITLES = {"name": "run", "age": "started", "dur": "seconds", "id": "run_id", "folder": "run_dir"}


@dataclass(frozen=True, slots=True)
class Sheet:
    """Titles and rows of values; `rows` can be gone through once, and makes them as it goes."""

    titles: list[str]
    rows: Iterator[list[Any]]


def sheet_of(arrangement: Arrangement, fields: Sequence[Field], baseline: RunRow | None = None) -> Sheet:
    """The lines as they are shown: one row for each group while all are folded, else one for each run in view of the
    reader. A best value comes with its step, and the run id is there in any case."""
    if arrangement.groups and all(line < 0 for line in arrangement.lines):
        return _groups(arrangement, fields, baseline)
    wanted: list[Field] = [NAME]
    for field in fields:
        wanted += [field, Field("step", field.key)] if field.kind == "best" else [field]
    wanted = list(dict.fromkeys([*wanted, ID]))
    titles = [title(field) for field in wanted]
    read = [reader(arrangement.frame.columns, field, baseline) for field in wanted]
    runs = (line for line in arrangement.lines if line >= 0)
    return Sheet(titles, ([value(at) for value in read] for at in runs))


def title(field: Field) -> str:
    return field.name if field.kind else _TITLES.get(field.key, field.key)


def _groups(arrangement: Arrangement, fields: Sequence[Field], baseline: RunRow | None) -> Sheet:
    """One row for each group: its value, how many runs it has, and its figures."""
    figured = [field for field in fields if field.kind in ("metric", "best", "delta") or field == Field("", "dur")]
    by = arrangement.groups[0].field
    titles = [title(by), "n"]
    titles += [
        field.name if field.kind in ("best", "delta") else f"mean {field.key if field.kind else title(field)}"
        for field in figured
    ]

    def row(group: Group) -> list[Any]:
        return [group.text, len(group.runs), *(_figure(arrangement, group, field, baseline) for field in figured)]

    return Sheet(titles, (row(group) for group in arrangement.groups))


def _figure(arrangement: Arrangement, group: Group, field: Field, baseline: RunRow | None) -> float | None:
    found = figure(arrangement.frame, group.runs, field)
    if field.kind == "delta":
        other = baseline.metrics.get(field.key) if baseline is not None else None
        return None if found is None or other is None or other.best is None else found - other.best
    return found / 1000 if found is not None and not field.kind else found
