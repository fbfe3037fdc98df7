"""Many runs in memory: a column for each fact, and rows only for what is in view.

    RunColumns   the facts, run by run: position 7 of every column is the same run
    RunView      an order of positions; a sequence of RunRow that makes a row when it is asked for

100,000 runs are 100,000 numbers a column here, and no objects. Sorting, filtering and grouping make new orders of
positions (`view.take`) out of whole columns (`columns.metrics["val_loss"].last`, `columns.params["lr"]`); only what is
drawn or printed becomes a RunRow. Columns are never changed once they are in a snapshot: a newer snapshot has new ones
where something changed, and shares the others.
"""

from array import array
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import overload

from edm_core.snapshots.jobs import JobSnapshot
from edm_core.snapshots.runs import DataState, MetricSummary, RunRow

MISSING = -(2**63)
"""What a column of whole numbers holds where a run has no value."""
NAN = float("nan")
_KEPT_ROWS = 2000


class Texts:
    """A text for each run, as numbers of distinct texts: `words[codes[position]]`, code -1 where a run has none."""

    __slots__ = ("_numbers", "codes", "words")

    def __init__(self, codes: "array[int] | None" = None, words: list[str] | None = None) -> None:
        self.codes = array("i") if codes is None else codes
        self.words: list[str] = [] if words is None else words
        self._numbers: dict[str, int] | None = None

    def __reduce__(self) -> tuple[type["Texts"], tuple["array[int]", list[str]]]:
        return Texts, (self.codes, self.words)

    def __getitem__(self, position: int) -> str | None:
        code = self.codes[position]
        return None if code < 0 else self.words[code]

    def values(self) -> list[str | None]:
        """The text of every position."""
        words = [*self.words, None]
        return [words[code] for code in self.codes]

    def code(self, text: str) -> int:
        """The number of this text, a new one where it is new. Only for who builds the column."""
        if self._numbers is None:
            self._numbers = {word: number for number, word in enumerate(self.words)}
        number = self._numbers.get(text)
        if number is None:
            number = self._numbers[text] = len(self.words)
            self.words.append(text)
        return number

    def copy(self) -> "Texts":
        return Texts(self.codes[:], self.words[:])

    def grow(self, length: int) -> None:
        """Let the positions up to `length` have no text."""
        more = length - len(self.codes)
        if more == 1:
            self.codes.append(-1)
        elif more > 0:
            self.codes.extend(array("i", [-1]) * more)


class MetricColumn:
    """A metric of each run. `last_step` is MISSING where a run does not have the metric; `best` is NaN and `best_step`
    MISSING where the best value is not known or no value is a number."""

    __slots__ = ("best", "best_step", "last", "last_step", "sparks")

    def __init__(self) -> None:
        self.last = array("d")
        self.last_step = array("q")
        self.best = array("d")
        self.best_step = array("q")
        self.sparks: dict[int, tuple[float, ...]] = {}
        """Sparks by position, of the few runs that were in view."""

    def __getitem__(self, position: int) -> MetricSummary | None:
        step = self.last_step[position]
        if step == MISSING:
            return None
        best, at = self.best[position], self.best_step[position]
        known = at != MISSING
        spark = self.sparks.get(position, ())
        return MetricSummary(self.last[position], step, best if known else None, at if known else None, spark)

    def put(self, position: int, summary: MetricSummary) -> None:
        """Only for who builds the column."""
        self.last[position], self.last_step[position] = summary.last, summary.last_step
        self.put_best(position, summary.best, summary.best_step)
        if summary.spark:
            self.sparks[position] = summary.spark
        else:
            self.sparks.pop(position, None)

    def put_best(self, position: int, best: float | None, step: int | None) -> None:
        """Only for who builds the column."""
        self.best[position] = NAN if best is None else best
        self.best_step[position] = MISSING if step is None else step

    def clear(self, position: int) -> None:
        self.last[position] = self.best[position] = NAN
        self.last_step[position] = self.best_step[position] = MISSING
        self.sparks.pop(position, None)

    def copy(self) -> "MetricColumn":
        made = MetricColumn()
        made.last, made.last_step = self.last[:], self.last_step[:]
        made.best, made.best_step = self.best[:], self.best_step[:]
        made.sparks = dict(self.sparks)
        return made

    def grow(self, length: int) -> None:
        more = length - len(self.last)
        if more <= 0:
            return
        if more == 1:
            # Row by row, which is how most columns grow, this is three times as quick.
            self.last.append(NAN)
            self.best.append(NAN)
            self.last_step.append(MISSING)
            self.best_step.append(MISSING)
            return
        for column in (self.last, self.best):
            column.extend(array("d", [NAN]) * more)
        for steps in (self.last_step, self.best_step):
            steps.extend(array("q", [MISSING]) * more)


@dataclass(frozen=True, slots=True)
class Here:
    """What is known of a run besides MLflow's facts: folder, data, model, job, trash."""

    run_dir: str = ""
    data_state: DataState = DataState.NONE
    model: str = ""
    job: JobSnapshot | None = None
    trash: str = ""


NOWHERE = Here()


@dataclass(slots=True)
class RunColumns:
    """All runs of a snapshot, in the order in which they were read. `here` holds the few that have more than MLflow's
    facts, by position."""

    run_ids: list[str] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    status: Texts = field(default_factory=Texts)
    start_ms: "array[int]" = field(default_factory=lambda: array("q"))
    end_ms: "array[int]" = field(default_factory=lambda: array("q"))
    user: Texts = field(default_factory=Texts)
    experiment: Texts = field(default_factory=Texts)
    params: dict[str, Texts] = field(default_factory=dict)
    tags: dict[str, Texts] = field(default_factory=dict)
    metrics: dict[str, MetricColumn] = field(default_factory=dict)
    deleted: set[int] = field(default_factory=set)
    """Positions of runs that are deleted in MLflow."""
    here: Mapping[int, Here] = field(default_factory=dict)
    places: dict[str, int] = field(default_factory=dict)
    """Position by run id; runs without an id are not in it."""
    made: dict[int, RunRow] = field(default_factory=dict, repr=False)
    """Rows that were asked for lately."""

    def __len__(self) -> int:
        return len(self.run_ids)

    def row(self, position: int) -> RunRow:
        """The run as a row of its own."""
        row = self.made.get(position)
        if row is None:
            if len(self.made) >= _KEPT_ROWS:
                self.made.clear()
            row = self.made[position] = self._made(position)
        return row

    def _made(self, at: int) -> RunRow:
        here = self.here.get(at, NOWHERE)
        start, end = self.start_ms[at], self.end_ms[at]
        return RunRow(
            run_id=self.run_ids[at], name=self.names[at], status=self.status[at] or "",
            start_ms=None if start == MISSING else start, end_ms=None if end == MISSING else end,
            user=self.user[at] or "", experiment=self.experiment[at] or "",
            params={key: text for key, texts in self.params.items() if (text := texts[at]) is not None},
            metrics={key: summary for key, metric in self.metrics.items() if (summary := metric[at]) is not None},
            tags={key: text for key, texts in self.tags.items() if (text := texts[at]) is not None},
            run_dir=here.run_dir, data_state=here.data_state,
            model=here.model, job=here.job, trash=here.trash, deleted=at in self.deleted,
        )  # fmt: skip

    def newest_first(self) -> list[int]:
        """Every position, by start; runs of the same moment in their order here."""
        start = self.start_ms
        return sorted(range(len(self)), key=start.__getitem__, reverse=True)

    def view(self, order: Sequence[int] | None = None) -> "RunView":
        """The runs in this order (default: newest first)."""
        return RunView(self, self.newest_first() if order is None else order)

    def add_curve(self, metric: str, position: int, summary: MetricSummary) -> None:
        """Keep best value and spark of a run that came into view: the one thing that is added later."""
        column = self.metrics.get(metric)
        if column is not None and column.last_step[position] != MISSING:
            if summary.best is not None:
                column.put_best(position, summary.best, summary.best_step)
            column.sparks[position] = summary.spark
            self.made.pop(position, None)


class RunView(Sequence[RunRow]):
    """Runs of `columns` in `order` (positions). Slices are views, too."""

    __slots__ = ("columns", "order")

    def __init__(self, columns: RunColumns, order: Sequence[int]) -> None:
        self.columns = columns
        self.order = order

    def __len__(self) -> int:
        return len(self.order)

    @overload
    def __getitem__(self, index: int) -> RunRow: ...
    @overload
    def __getitem__(self, index: slice) -> "RunView": ...
    def __getitem__(self, index: int | slice) -> "RunRow | RunView":
        if isinstance(index, slice):
            return RunView(self.columns, self.order[index])
        return self.columns.row(self.order[index])

    def __iter__(self) -> Iterator[RunRow]:
        row = self.columns.row
        return (row(position) for position in self.order)

    def take(self, order: Sequence[int]) -> "RunView":
        """The same runs in another order, or fewer of them."""
        return RunView(self.columns, order)

    def find(self, row_id: str) -> int | None:
        """The index in this view of the row with this id."""
        position = self.columns.places.get(row_id)
        if position is None:
            # Folders, trash and jobs without a run have no run id; there are few.
            wanted = (at for at in self.columns.here if not self.columns.run_ids[at])
            position = next((at for at in wanted if self.columns.row(at).row_id == row_id), None)
        try:
            return None if position is None else self.order.index(position)
        except ValueError:
            return None
