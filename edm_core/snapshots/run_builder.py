"""Filling columns with runs, row by row or column by column."""

from array import array
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from edm_core.snapshots.run_columns import MISSING, NOWHERE, Here, MetricColumn, RunColumns, RunView, Texts
from edm_core.snapshots.runs import MetricSummary, RunRow

T = TypeVar("T")


class Builder:
    """Adds runs to columns of its own; `finish` gives them away."""

    def __init__(self, columns: RunColumns | None = None) -> None:
        self._columns = RunColumns() if columns is None else _copied(columns)
        self._here = dict(self._columns.here)
        self._places = self._columns.places

    def place(self, run_id: str) -> int | None:
        """Position of a run that was added."""
        return self._places.get(run_id)

    def put(self, row: RunRow) -> int:
        """Add a run, or replace the one of its id. Returns its position."""
        columns = self._columns
        at = self._places.get(row.run_id) if row.run_id else None
        if at is None:
            at = self._grown(row.run_id)
        else:
            _clear(columns, at)
        columns.names[at] = row.name
        columns.start_ms[at] = MISSING if row.start_ms is None else row.start_ms
        columns.end_ms[at] = MISSING if row.end_ms is None else row.end_ms
        for texts, text in (
            (columns.status, row.status),
            (columns.user, row.user),
            (columns.experiment, row.experiment),
        ):
            texts.codes[at] = texts.code(text)
        _put_texts(columns.params, at, row.params)
        _put_texts(columns.tags, at, row.tags)
        _put_metrics(columns.metrics, at, row.metrics)
        (columns.deleted.add if row.deleted else columns.deleted.discard)(at)
        here = Here(row.run_dir, row.data_state, row.model, row.job, row.trash)
        if here != NOWHERE or not row.run_id:
            self._here[at] = here
        else:
            self._here.pop(at, None)
        return at

    def finish(self) -> RunColumns:
        """The columns, each as long as there are runs, and sorted by their keys."""
        columns = self._columns
        fit_length(columns)
        return replace(
            columns, params=_sorted(columns.params), tags=_sorted(columns.tags), metrics=_sorted(columns.metrics),
            here=self._here, places=self._places, made={},
        )  # fmt: skip

    def _grown(self, run_id: str) -> int:
        columns = self._columns
        at = len(columns.run_ids)
        columns.run_ids.append(run_id)
        columns.names.append("")
        columns.start_ms.append(MISSING)
        columns.end_ms.append(MISSING)
        for texts in (columns.status, columns.user, columns.experiment):
            texts.codes.append(-1)
        if run_id:
            self._places[run_id] = at
        return at


def extended(columns: RunColumns, rows: Iterable[RunRow]) -> RunColumns:
    """Columns with these rows added, or put in the place of those of their ids."""
    builder = Builder(columns)
    for row in rows:
        builder.put(row)
    return builder.finish()


def columns_of(rows: Iterable[RunRow]) -> RunColumns:
    """These rows as columns, in their order."""
    builder = Builder()
    for row in rows:
        builder.put(row)
    return builder.finish()


def view_of(rows: Sequence[RunRow]) -> RunView:
    """These rows as a view, in their order; a view comes back as it is."""
    if isinstance(rows, RunView):
        return rows
    columns = columns_of(rows)
    return RunView(columns, range(len(columns)))


def fit_length(columns: RunColumns) -> None:
    """Let every column reach to the last run."""
    length = len(columns)
    for texts in (*columns.params.values(), *columns.tags.values()):
        texts.grow(length)
    for metric in columns.metrics.values():
        metric.grow(length)


def with_here(columns: RunColumns, here: Mapping[int, Here]) -> RunColumns:
    """The same runs with other facts of what lies here."""
    return replace(columns, here=here, made={})


def with_metrics(columns: RunColumns, keys: Iterable[str]) -> RunColumns:
    """The same runs; the columns of these metrics are copies, which may be filled."""
    copies = {key: columns.metrics[key].copy() for key in keys if key in columns.metrics}
    return replace(columns, metrics={**columns.metrics, **copies}, made={})


def _put_texts(columns: dict[str, Texts], at: int, values: Mapping[str, str]) -> None:
    for key, value in values.items():
        texts = columns.get(key)
        if texts is None:
            texts = columns[key] = Texts()
        if len(texts.codes) <= at:
            texts.grow(at + 1)
        texts.codes[at] = texts.code(value)


def _put_metrics(columns: dict[str, MetricColumn], at: int, values: Mapping[str, MetricSummary]) -> None:
    for key, summary in values.items():
        metric = columns.get(key)
        if metric is None:
            metric = columns[key] = MetricColumn()
        if len(metric.last) <= at:
            metric.grow(at + 1)
        metric.put(at, summary)


def _clear(columns: RunColumns, at: int) -> None:
    """Let the run at this position have no params, tags and metrics."""
    for texts in (*columns.params.values(), *columns.tags.values()):
        if at < len(texts.codes):
            texts.codes[at] = -1
    for metric in columns.metrics.values():
        if at < len(metric.last):
            metric.clear(at)


def _sorted(columns: dict[str, T]) -> dict[str, T]:
    return dict(sorted(columns.items()))


def _copied(columns: RunColumns) -> RunColumns:
    """Columns that may be changed without changing those."""
    return RunColumns(
        columns.run_ids[:], columns.names[:], columns.status.copy(), array("q", columns.start_ms),
        array("q", columns.end_ms), columns.user.copy(), columns.experiment.copy(),
        {key: texts.copy() for key, texts in columns.params.items()},
        {key: texts.copy() for key, texts in columns.tags.items()},
        {key: metric.copy() for key, metric in columns.metrics.items()}, set(columns.deleted),
        dict(columns.here), dict(columns.places),
    )  # fmt: skip
