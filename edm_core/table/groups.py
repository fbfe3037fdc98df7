"""What stands on the lines of the run table: runs one below the other, in groups with their figures, or as a tree."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain, islice
from math import fsum
from typing import Any

from edm_core.snapshots.run_columns import MISSING
from edm_core.snapshots.runs import RunRow
from edm_core.table.fields import PARENT_TAG, Field, read_field
from edm_core.table.frame import Frame, by_value
from edm_core.table.view import FLAT, TREE, SortKey, View

GROUP_ID = "group:"


@dataclass(frozen=True, slots=True)
class Group:
    """The runs (positions) that have one value of a field; `text` None where they have none."""

    field: Field
    text: str | None
    runs: Sequence[int]

    @property
    def row_id(self) -> str:
        """What names its line through every change, beside the ids of runs."""
        return f"{GROUP_ID}{self.field.name}={'' if self.text is None else self.text}"


@dataclass(slots=True)
class Arrangement:
    """What the table shows. A line is the position of a run, or -1 - n for the n-th group.

    `runs` are all that fit the filter, in their order, those folded away included. `depth` is how far a run stands
    below its root, `children` how many runs stand right below it (only those that are not 0), `parents` the run above.
    Row ids in `turned` are turned from how they begin: groups begin folded, parents unfolded.
    """

    frame: Frame
    runs: Sequence[int]
    lines: Sequence[int]
    groups: Sequence[Group] = ()
    depth: Mapping[int, int] = field(default_factory=dict)
    children: Mapping[int, int] = field(default_factory=dict)
    parents: Mapping[int, int] = field(default_factory=dict)
    turned: Collection[str] = ()
    _best: dict[Field, float | None] = field(default_factory=dict)
    _members: set[int] = field(default_factory=set)

    def __len__(self) -> int:
        return len(self.lines)

    def group(self, line: int) -> Group | None:
        """The group whose line this is; None for the line of a run."""
        at = self.lines[line]
        return self.groups[-1 - at] if at < 0 else None

    def row(self, line: int) -> RunRow | None:
        """The run on this line; None for the line of a group."""
        at = self.lines[line]
        return self.frame.row(at) if at >= 0 else None

    def row_id(self, line: int) -> str:
        """What names this line."""
        group = self.group(line)
        return self.frame.row_id(self.lines[line]) if group is None else group.row_id

    def is_open(self, line: int) -> bool | None:
        """Whether what stands below this line is shown; None where nothing stands below it."""
        if self.lines[line] < 0:
            return self.row_id(line) in self.turned
        return self.row_id(line) not in self.turned if self.lines[line] in self.children else None

    def above(self, line: int) -> str:
        """The row id of the group or parent that this run stands below; "" for none."""
        at = self.lines[line]
        if self.groups:
            return next((group.row_id for group in self.groups if at in group.runs), "")
        return self.frame.row_id(self.parents[at]) if at in self.parents else ""

    def line_of(self, row_id: str) -> int | None:
        """The line that this id names, or of what its run is folded away in; None where there is none."""
        if row_id.startswith(GROUP_ID):
            found = next((n for n, group in enumerate(self.groups) if group.row_id == row_id), None)
            return None if found is None else _index(self.lines, -1 - found)
        at = self.frame.position(row_id)
        while at is not None:
            line = _index(self.lines, at)
            if line is None and self.groups:
                line = next((_index(self.lines, -1 - n) for n, g in enumerate(self.groups) if at in g.runs), None)
            if line is not None:
                return line
            at = self.parents.get(at)
        return None

    def shown(self, row_id: str) -> RunRow | None:
        """The run with this id, where it is among `runs`."""
        at = self.frame.position(row_id)
        if not self._members:
            self._members = set(self.runs)
        return self.frame.row(at) if at is not None and at in self._members else None

    def best(self, wanted: Field) -> float | None:
        """The best of a metric's field among all `runs`; None where less than two have a value, or where a server has
        not told all yet."""
        if wanted not in self._best:
            largest = wanted.largest_first(self.frame.metrics)
            whole = wanted.kind != "best" or not self._untold(wanted.key)
            self._best[wanted] = extreme(self.frame.values(wanted), self.runs, largest) if whole else None
        return self._best[wanted]

    def _untold(self, key: str) -> bool:
        """Whether the best value of a run is not known that must have one, because its last value is a number."""
        metric = self.frame.columns.metrics.get(key)
        if metric is None:
            return False
        last, best = metric.last, metric.best_step
        return any(best[at] == MISSING and last[at] == last[at] for at in self.runs)


def arrange(frame: Frame, view: View, mask: bytes | None = None, turned: Collection[str] = ()) -> Arrangement:
    """The lines for this view of the runs; of those in the mask alone, where given."""
    runs = frame.narrowed(frame.ordered(view.sort), view.name, mask)
    if view.group == TREE or not (view.group or view.sort):
        return _tree(frame, runs, turned)
    if view.group and view.group != FLAT:
        return _grouped(frame, runs, read_field(view.group), view.sort, turned)
    return Arrangement(frame, runs, runs)


def _grouped(
    frame: Frame, runs: Sequence[int], by: Field, sort: Sequence[SortKey], turned: Collection[str]
) -> Arrangement:
    texts = frame.texts(by)
    members: dict[str | None, list[int]] = {}
    for at in runs:
        members.setdefault(texts[at], []).append(at)
    groups = [Group(by, text, found) for text, found in members.items()]
    ranks = frame.values(by)
    down = bool(sort) and sort[0].field == by and sort[0].down
    firsts = [None if group.text is None else ranks[group.runs[0]] for group in groups]
    groups = [groups[at] for at in by_value(range(len(groups)), firsts, down)]
    if sort and sort[0].field != by:
        groups = _by_figure(frame, groups, sort[0])
    lines: list[int] = []
    for number, group in enumerate(groups):
        lines.append(-1 - number)
        if turned and group.row_id in turned:
            lines += group.runs
    return Arrangement(frame, runs, lines, groups, turned=turned)


def _by_figure(frame: Frame, groups: list[Group], key: SortKey) -> list[Group]:
    """Groups by what their line says of the field: the mean of numbers, else by their first run."""
    values = frame.values(key.field)
    if key.field.metric or key.field.key in ("age", "dur"):
        figures: list[Any] = [_figure(frame, values, group.runs, key.field) for group in groups]
    else:
        figures = [values[group.runs[0]] for group in groups]
    return [groups[at] for at in by_value(range(len(groups)), figures, key.down)]


def figure(frame: Frame, runs: Sequence[int], wanted: Field) -> float | None:
    """What a group says of a field of numbers: the best of its runs for `best`, the mean for all others."""
    return _figure(frame, frame.values(wanted), runs, wanted)


def _figure(frame: Frame, values: Sequence[Any], runs: Sequence[int], wanted: Field) -> float | None:
    there = numbers(values, runs)
    if len(there) < 2:
        return there[0] if there else None
    if wanted.kind in ("best", "delta"):
        return max(there) if wanted.largest_first(frame.metrics) else min(there)
    return fsum(there) / len(there)


def extreme(values: Sequence[float], runs: Sequence[int], largest: bool) -> float | None:
    """The largest or least of these runs' values; None where less than two have one."""
    found = map(values.__getitem__, runs)
    first = [*islice((value for value in found if value == value), 2)]
    if len(first) < 2:
        return None
    # NaN is neither less nor more, so it takes the place of no number that was there before it.
    return (max if largest else min)(chain(first, found))


def numbers(values: Sequence[Any], runs: Sequence[int]) -> list[float]:
    """The values of these runs that are there."""
    return [value for value in map(values.__getitem__, runs) if value is not None and value == value]


def _tree(frame: Frame, runs: Sequence[int], turned: Collection[str]) -> Arrangement:
    """Children below their parents, in the order of `runs`; who has no parent among them is a root."""
    if PARENT_TAG not in frame.columns.tags:
        return Arrangement(frame, runs, runs)
    parents, places = frame.texts(Field("tag", PARENT_TAG)), frame.columns.places
    shown = set(runs)
    below: dict[int, list[int]] = {}
    above: dict[int, int] = {}
    roots = []
    for at in runs:
        parent = places.get(parents[at]) if parents[at] else None
        if parent is None or parent not in shown or parent == at:
            roots.append(at)
        else:
            above[at] = parent
            below.setdefault(parent, []).append(at)
    if not below:
        return Arrangement(frame, runs, runs)
    lines: list[int] = []
    depth: dict[int, int] = {}
    seen: set[int] = set()
    # Runs that name each other as parents hang below no root: the rest of `runs` takes care of them.
    stack = [(at, 0) for at in [*reversed(runs), *reversed(roots)]]
    while stack:
        at, level = stack.pop()
        if at in seen:
            continue
        seen.add(at)
        lines.append(at)
        if level:
            depth[at] = level
        if at not in below:
            continue
        if turned and frame.row_id(at) in turned:
            seen.update(_descendants(at, below))
        else:
            stack += [(child, level + 1) for child in reversed(below[at])]
    children = {at: len(found) for at, found in below.items()}
    return Arrangement(frame, runs, lines, (), depth, children, above, turned)


def _descendants(at: int, below: Mapping[int, Sequence[int]]) -> set[int]:
    found: set[int] = set()
    rest = list(below[at])
    while rest:
        child = rest.pop()
        if child not in found:
            found.add(child)
            rest += below.get(child, ())
    return found


def _index(lines: Sequence[int], wanted: int) -> int | None:
    try:
        return lines.index(wanted)
    except ValueError:
        return None
