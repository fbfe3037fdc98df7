"""What may be typed next in a filter."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from edm_core.errors import QueryError
from edm_core.query.clauses import read_clauses
from edm_core.query.expressions import Kind
from edm_core.query.grammar import cut
from edm_core.query.names import ATTRIBUTES, DATASET_KEYS, FILTERABLE, KINDS, PREFIXES, read_name, written
from edm_core.query.pointing import Source
from edm_core.snapshots.runs import RunRow

LIMIT = 50
_TYPED = re.compile(r"""(?:(?P<prefix>\w+)\.(?P<key>`[^`]*|"[^"]*|'[^']*|[^\s`"'()<>=!,;]*)|(?P<word>[\w.]*))\Z""")
_NAME = re.compile(r"""(?:\w+\.)?(?:`[^`]*`|"[^"]*"|'[^']*'|[^\s`"'()<>=!,;]+)""")
_OPEN_STRING = re.compile(r"""(?:[^'"`]|'[^']*'|"[^"]*"|`[^`]*`)*(?P<open>['"`])?""")


@dataclass(frozen=True, slots=True)
class Names:
    """The keys that the runs of a store have, sorted."""

    metrics: tuple[str, ...] = ()
    params: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    attributes: tuple[str, ...] = ATTRIBUTES

    def of_kind(self, kind: Kind) -> tuple[str, ...]:
        return {
            "metric": self.metrics, "parameter": self.params, "tag": self.tags, "attribute": self.attributes,
            "dataset": DATASET_KEYS,
        }[kind]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Completion:
    """`options` may each replace the text from `start` to the cursor; likely ones first."""

    start: int
    options: tuple[str, ...] = ()

    def applied(self, text: str, cursor: int) -> list[str]:
        """The whole text with each of the options put in."""
        return [f"{text[: self.start]}{option}{text[cursor:]}" for option in self.options]


def names_of(rows: Iterable[RunRow]) -> Names:
    """The keys of these rows."""
    metrics: set[str] = set()
    params: set[str] = set()
    tags: set[str] = set()
    for row in rows:
        metrics.update(row.metrics)
        params.update(row.params)
        tags.update(row.tags)
    return Names(tuple(sorted(metrics)), tuple(sorted(params)), tuple(sorted(tags)))


def complete(text: str, cursor: int, names: Names) -> Completion:
    """Names, operators or joining words that fit at `cursor`; none inside a text that is being quoted."""
    typed = _TYPED.search(text[:cursor])
    if typed is None:
        return Completion(cursor)
    start = typed.start()
    before = text[:start]
    opened = _OPEN_STRING.match(before)
    if opened is not None and opened["open"]:
        return Completion(cursor)
    found = cut(before)
    last = found[-1] if found else None
    if last is None or last.word in ("AND", "OR", "NOT", "("):
        return Completion(start, _names(typed, names))
    if typed["prefix"] is not None:
        return Completion(cursor)
    words = ("AND", "OR") if last.word else _after(before[last.start : last.end])
    return Completion(start, _fitting(typed["word"], words))


def _names(typed: re.Match[str], names: Names) -> tuple[str, ...]:
    if typed["prefix"] is None:
        return _fitting(typed["word"], (*(f"{prefix}." for prefix in PREFIXES), *names.attributes, "NOT"))
    kind = KINDS.get(typed["prefix"])
    if kind is None:
        return ()
    keys = _fitting(typed["key"].lstrip("`\"'"), names.of_kind(kind))
    return tuple(written(typed["prefix"], key) for key in keys)


def _after(leaf: str) -> tuple[str, ...]:
    """What may follow this piece of a comparison: its operators after a name, AND or OR after a whole one."""
    source = Source(leaf)
    try:
        read_clauses(source, 0, len(leaf))
    except QueryError:
        pass
    else:
        return "AND", "OR"
    try:
        return read_name(source, leaf, 0, FILTERABLE).operators if _NAME.fullmatch(leaf) else ()
    except QueryError:
        return ()


def _fitting(typed: str, options: Iterable[str]) -> tuple[str, ...]:
    """Options that begin with what was typed, then those that hold it; not what stands there already."""
    wanted = typed.casefold()
    ranked = sorted(
        (not option.casefold().startswith(wanted), index, option)
        for index, option in enumerate(options)
        if wanted in option.casefold() and option != typed
    )
    return tuple(option for _, _, option in ranked[:LIMIT])
