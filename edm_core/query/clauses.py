"""MLflow's own filter language: comparisons side by side, with AND between them.

sqlparse groups the text, as it does for MLflow, which has no grammar of its own beyond what sqlparse calls a
comparison; so whether an unusual way of quoting or spacing is read is decided by the same code.
"""

import ast
import warnings
from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

import sqlparse
from sqlparse import sql
from sqlparse import tokens as ttypes
from sqlparse.exceptions import SQLParseError

from edm_core.errors import QueryError
from edm_core.query.expressions import Comparison, Value
from edm_core.query.names import FILTERABLE, Name, read_name
from edm_core.query.pointing import Source

Placed: TypeAlias = tuple[Any, int]
"""A token of sqlparse and its column."""

_NUMBERS = (ttypes.Literal.Number.Integer, ttypes.Literal.Number.Float)
_LARGEST = 2**63 - 1
_EXAMPLE = "For example: metrics.val_loss < 0.03 AND params.backbone = 'cnn'."
_QUOTING = "Names with /, - or spaces go in backticks: metrics.`loss/val`."


def read_clauses(source: Source, start: int, end: int) -> tuple[Comparison, ...]:
    """The comparisons of `source.text[start:end]`, all of which have to hold. Raises QueryError."""
    try:
        statements = sqlparse.parse(source.text[start:end])
    except SQLParseError as error:
        raise source.error(start, "this is too long or too deeply nested", str(error)) from error
    if not statements:
        raise source.error(start, "a comparison is missing here", _EXAMPLE)
    if len(statements) > 1:
        after = start + len(str(statements[0]))
        raise source.error(after, "only one query at a time", "Join conditions with AND.")
    try:
        return _read(source, _placed(statements[0].tokens, start))
    except QueryError:
        # Whatever else a quote that is not closed leads to, it is what has to be mended first.
        for token, column in _placed(statements[0].flatten(), start):
            if token.ttype is ttypes.Error and token.value in "'\"`":
                raise source.error(column, "this quote is not closed", "Close it, or quote with another.") from None
        raise


def _read(source: Source, placed: list[Placed]) -> tuple[Comparison, ...]:
    found = []
    while placed:
        token, column = placed[0]
        used = 1
        if isinstance(token, sql.Comparison):
            found.append(_comparison(source, token, column))
        elif isinstance(token, sql.Identifier):
            comparison, used = _worded(source, placed)
            found.append(comparison)
        elif not token.match(ttypes.Keyword, ["AND"]):
            raise source.error(column, f"{str(token)[:40]!r} is no comparison", _hint_for(token))
        placed = placed[used:]
    return tuple(found)


def _placed(tokens: Iterable[Any], start: int) -> list[Placed]:
    """The tokens that are not white space, with their columns."""
    found = []
    for token in tokens:
        if not token.is_whitespace:
            found.append((token, start))
        start += len(str(token))
    return found


def _comparison(source: Source, token: Any, column: int) -> Comparison:
    parts = _placed(token.tokens, column)
    if len(parts) != 3 or not isinstance(parts[0][0], sql.Identifier):
        problem = f"{str(parts[0][0])[:40]!r} is no name"
        raise source.error(column, problem, _QUOTING)
    (left, _), (operator, at), (right, value_at) = parts
    name = read_name(source, left.value, column, FILTERABLE)
    word = _operator(source, name, operator.value.upper(), at)
    value = _value(source, name, word, right, value_at)
    return Comparison(name.kind, name.key, word, value, str(token), column)


def _worded(source: Source, placed: Sequence[Placed]) -> tuple[Comparison, int]:
    """The comparison with IN, NOT IN, IS NULL or IS NOT NULL that begins here, and how many tokens it takes."""
    (left, column), rest = placed[0], placed[1:4]
    words = " ".join(_keyword(token) for token, _ in rest)
    for operator, count, takes_list in _FORMS:
        if words.startswith(operator) and (not takes_list or isinstance(rest[count - 1][0], sql.Parenthesis)):
            break
    else:
        at = rest[0][1] if rest else column + len(str(left))
        raise source.error(at, f"no operator that MLflow knows after {left.value[:40]}", _hint_for(left, rest))
    name = read_name(source, left.value, column, FILTERABLE)
    operator = _operator(source, name, operator.removesuffix(" ("), rest[0][1])
    last, last_at = rest[count - 1]
    value = _value(source, name, operator, last, last_at) if takes_list else None
    end = last_at + len(str(last))
    return Comparison(name.kind, name.key, operator, value, source.text[column:end], column), count + 1


_FORMS = (("IS NULL", 2, False), ("IS NOT NULL", 2, False), ("IN (", 2, True), ("NOT IN (", 3, True))
"""Operators that are words, how many tokens follow the name, and whether the last of these is a list."""


def _keyword(token: Any) -> str:
    if isinstance(token, sql.Parenthesis):
        return "("
    return " ".join(token.value.upper().split()) if token.ttype is ttypes.Keyword else "?"


def _operator(source: Source, name: Name, word: str, column: int) -> str:
    if word in name.operators:
        return word
    hint = f"Operators here: {' '.join(name.operators)}."
    if word.startswith("NOT ") and word[4:] in name.operators:
        hint = f"Write NOT before the whole comparison. {hint}"
    raise source.error(column, f"{word} does not go with {_called(name)}", hint)


def _called(name: Name) -> str:
    return {"attribute": name.key, "metric": "a metric", "parameter": "a param", "tag": "a tag"}.get(
        name.kind, "a data set"
    )


def _value(source: Source, name: Name, operator: str, token: Any, column: int) -> Value:
    if operator in ("IN", "NOT IN"):
        return _texts(source, token, column)
    if name.numeric:
        return _number(source, name, token, column)
    raw = token.value
    quoted = len(raw) >= 2 and raw[0] == raw[-1] and raw[0] in "'\""
    if quoted and (token.ttype is ttypes.Literal.String.Single or isinstance(token, sql.Identifier)):
        return str(raw[1:-1])
    raise source.error(column, f"{_called(name)} is text, and text has to be quoted", f"Write '{raw[:40].strip()}'.")


def _number(source: Source, name: Name, token: Any, column: int) -> int | float:
    if token.ttype not in _NUMBERS:
        problem = f"{_called(name)} is compared with a number, not with {token.value[:40]}"
        raise source.error(column, problem, "Write it without quotes, such as 0.03 or 1e-3.")
    if name.kind == "metric" or token.ttype is not ttypes.Literal.Number.Integer:
        return float(token.value)
    number = int(token.value)
    if abs(number) > _LARGEST:
        raise source.error(column, "this number is too large for a time", "Times are milliseconds since 1970.")
    return number


def _texts(source: Source, token: Any, column: int) -> tuple[str, ...]:
    """The list after IN, which MLflow reads as Python: ('a', "b")."""
    problem, hint = "this is no list of quoted texts", "Write IN ('a', 'b')."
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = ast.literal_eval(token.value)
    except (SyntaxError, ValueError, TypeError, MemoryError, RecursionError) as error:
        raise source.error(column, problem, hint) from error
    texts = found if isinstance(found, tuple) else (found,)
    if not texts or not all(isinstance(text, str) for text in texts):
        raise source.error(column, problem, hint)
    return texts


def _hint_for(token: Any, rest: Sequence[Placed] = ()) -> str:
    following = str(rest[0][0]) if rest else ""
    if token.ttype is ttypes.Operator or following[:1] in ("/", "-", ":"):
        return _QUOTING
    if token.ttype is ttypes.Punctuation and token.value == ";":
        return "Leave the semicolon out."
    return _EXAMPLE
