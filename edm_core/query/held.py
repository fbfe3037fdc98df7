"""A filter answered by runs that are held in columns: what SQLite says of the same values, in a tenth of its time.

A mask has a byte for each position of the columns, 1 where the run fits. LIKE tells capitals from small letters, ILIKE
does so only beyond ASCII, and texts end at a NUL for both, as in SQLite with MLflow's setting.
"""

import re
import sys
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from operator import eq, ge, gt, le, lt, methodcaller, ne
from typing import Any

from edm_core.query.expressions import All, Comparison, Expression, Negation, Some, comparisons
from edm_core.snapshots.run_columns import MISSING, RunColumns, Texts

_LONGEST_PATTERN = 10_000
"""SQLite refuses longer ones, by a limit in bytes."""
_ELSEWHERE = ("user_id", "artifact_uri")
"""Attributes that columns do not hold as the store has them."""
_TURNED = {"<": gt, "<=": ge, ">": lt, ">=": le, "=": eq, "!=": ne}
"""Operators with their sides exchanged: the value asked for comes first."""
_SMALL = {code: code + 32 for code in range(ord("A"), ord("Z") + 1)}


def is_held(expression: Expression) -> bool:
    """Whether columns hold all that is asked about."""
    return all(_is_held(asked) for asked in comparisons(expression))


def _is_held(asked: Comparison) -> bool:
    if asked.kind == "dataset" or (asked.kind == "attribute" and asked.key in _ELSEWHERE):
        return False
    if isinstance(asked.value, float):
        # A database has the largest number in the place of infinity; columns have infinity.
        return abs(asked.value) < sys.float_info.max
    return asked.operator not in ("LIKE", "ILIKE") or len(str(asked.value)) <= _LONGEST_PATTERN


def fitting(expression: Expression, columns: RunColumns, experiment: str | None) -> bytes:
    """The mask of the active runs of one experiment (None: of all) that fit; the expression has to be held."""
    return _bytes(_mask(expression, columns) & _number(_active(columns, experiment)), len(columns))


def _active(columns: RunColumns, experiment: str | None) -> bytearray:
    found = bytearray(map(bool, columns.run_ids))
    for at in columns.deleted:
        found[at] = 0
    if experiment is not None:
        for at, here in columns.here.items():
            # A run whose folder lies in the trash is a row whatever its experiment.
            if here.trash:
                found[at] &= columns.experiment[at] == experiment
    return found


def _mask(expression: Expression, columns: RunColumns) -> int:
    match expression:
        case Comparison():
            return _number(_compared(expression, columns))
        case Negation(part):
            return _all(columns) ^ _mask(part, columns)
        case All(parts):
            found = _all(columns)
            for part in parts:
                found &= _mask(part, columns)
            return found
        case Some(parts):
            found = 0
            for part in parts:
                found |= _mask(part, columns)
            return found


def _compared(asked: Comparison, columns: RunColumns) -> bytes:
    if asked.kind == "metric":
        return _metric(asked, columns)
    if asked.kind == "parameter":
        return _texts(asked, columns.params.get(asked.key), len(columns))
    if asked.kind == "tag":
        return _texts(asked, columns.tags.get(asked.key), len(columns))
    match asked.key:
        case "run_name":
            return _texts(asked, columns.tags.get("mlflow.runName"), len(columns))
        case "run_id":
            return bytes(_tests(asked, columns.run_ids))
        case "status":
            # A run that has none is not even unequal to anything.
            words = [*_tests(asked, columns.status.words), False]
            known = [fits and bool(word) for fits, word in zip(words, [*columns.status.words, ""], strict=True)]
            return bytes(map(known.__getitem__, columns.status.codes))
    times = columns.start_ms if asked.key == "start_time" else columns.end_ms
    return _there(_ordered(asked, times), times)


def _metric(asked: Comparison, columns: RunColumns) -> bytes:
    column = columns.metrics.get(asked.key)
    if column is None:
        return bytes(len(columns))
    # NaN is unequal to everything and in no order with anything; where a run has no value there is NaN, too.
    found = _ordered(asked, column.last)
    return _there(found, column.last_step) if asked.operator == "!=" else found


def _ordered(asked: Comparison, values: Iterable[float]) -> bytes:
    value: Any = asked.value
    return bytes(map(partial(_TURNED[asked.operator], value), values))


def _there(found: bytes, values: Sequence[int]) -> bytes:
    """Only those that have a value."""
    if MISSING not in values:
        return found
    return _bytes(_number(found) & _number(bytes(map(partial(ne, MISSING), values))), len(found))


def _texts(asked: Comparison, column: Texts | None, length: int) -> bytes:
    if column is None:
        return (b"\1" if asked.operator == "IS NULL" else b"\0") * length
    if asked.operator in ("IS NULL", "IS NOT NULL"):
        there = [asked.operator == "IS NOT NULL"] * len(column.words)
        return bytes(map([*there, asked.operator == "IS NULL"].__getitem__, column.codes))
    # Code -1 is the last of them: no value, which fits nothing.
    return bytes(map([*_tests(asked, column.words), False].__getitem__, column.codes))


def _tests(asked: Comparison, words: Sequence[str]) -> Iterable[bool]:
    """For each word, whether it fits."""
    value: Any = asked.value
    if isinstance(value, tuple):
        listed, wanted = frozenset(value), asked.operator == "IN"
        return ((word in listed) is wanted for word in words)
    if asked.operator in ("=", "!="):
        return map(partial(_TURNED[asked.operator], value), words)
    pattern = str(value)
    if asked.operator == "ILIKE":
        pattern, words = _lowered(pattern), [_lowered(word) for word in words]
    if "\0" in pattern or any("\0" in word for word in words):
        pattern, words = pattern.partition("\0")[0], [word.partition("\0")[0] for word in words]
    return map(like(pattern), words)


def like(pattern: str) -> Callable[[str], Any]:
    """A test for SQLite's LIKE: `%` stands for any text, `_` for one character, everything else for itself."""
    parts = pattern.split("%")
    if "_" not in pattern:
        match parts:
            case [whole]:
                return partial(eq, whole)
            case [first, ""]:
                return methodcaller("startswith", first)
            case ["", part, ""]:
                return methodcaller("__contains__", part)
    first, *rest = [re.escape(part).replace("_", ".") for part in parts]
    if not rest:
        return _found(re.compile(first, re.DOTALL))
    # What stands between two `%` is as well taken where it is found first: no going back, however long the text.
    between = "".join(f"(?>.*?{part})" for part in rest[:-1])
    return _found(re.compile(f"{first}{between}.*{rest[-1]}", re.DOTALL))


def _found(pattern: re.Pattern[str]) -> Callable[[str], bool]:
    return lambda word: pattern.fullmatch(word) is not None


def _lowered(text: str) -> str:
    return text.lower() if text.isascii() else text.translate(_SMALL)


def _all(columns: RunColumns) -> int:
    return _number(b"\1" * len(columns))


def _number(mask: bytes | bytearray) -> int:
    """As one number, of which `&` and `|` take all positions at once."""
    return int.from_bytes(mask, "little")


def _bytes(number: int, length: int) -> bytes:
    return number.to_bytes(length, "little")
