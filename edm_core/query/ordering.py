"""Reading `--order-by`: MLflow's `order_by` entries, and bare names of metrics."""

import shlex
from collections.abc import Sequence

import sqlparse
from sqlparse import lexer, sql
from sqlparse import tokens as ttypes
from sqlparse.exceptions import SQLParseError

from edm_core.query.expressions import OrderKey
from edm_core.query.names import ORDERABLE, read_name
from edm_core.query.pointing import Source

_HINT = "For example: metrics.val_loss DESC; names with /, - or spaces go in backticks."


def read_order(keys: Sequence[str]) -> tuple[OrderKey, ...]:
    """MLflow's `order_by` list, read as MLflow reads it. Raises QueryError."""
    found: dict[tuple[str, str], OrderKey] = {}
    for text in keys:
        key = _order_key(Source(text))
        if (key.kind, key.key) in found:
            raise Source(", ".join(keys)).error(0, f"{key.key!r} is named twice in the order")
        found[key.kind, key.key] = key
    return tuple(found.values())


def _order_key(source: Source) -> OrderKey:
    try:
        statements = sqlparse.parse(source.text)
    except SQLParseError as error:
        raise source.error(0, "this order is too long or too deeply nested", _HINT) from error
    tokens = statements[0].tokens if len(statements) == 1 else []
    if len(tokens) != 1 or not isinstance(tokens[0], sql.Identifier):
        column = len(str(tokens[0])) if len(tokens) > 1 else 0
        raise source.error(column, f"this is no name to order by: {source.text[:40]}", _HINT)
    raw = tokens[0].value
    try:
        words = shlex.split(raw.replace("`", '"'))
    except ValueError as error:
        raise source.error(0, "a quote is not closed", _HINT) from error
    if len(words) > 2 or (len(words) == 2 and words[1].lower() not in ("asc", "desc")):
        raise source.error(len(raw) - len(words[-1]), "after the name only ASC or DESC may follow", _HINT)
    # As in MLflow: with a direction the name has lost its quotes already, without one they are still there.
    name = read_name(source, (words[0] if len(words) == 2 else raw).strip(), 0, ORDERABLE)
    if name.kind == "dataset":
        raise source.error(0, "runs cannot be ordered by their data sets", _HINT)
    return OrderKey(name.kind, name.key, len(words) < 2 or words[1].lower() == "asc")


def parts_of(order_by: str) -> list[str]:
    """`order_by` cut at the commas that are not quoted."""
    parts, start, at = [], 0, 0
    for ttype, value in lexer.tokenize(order_by):
        if ttype is ttypes.Punctuation and value == ",":
            parts.append(order_by[start:at])
            start = at + 1
        at += len(value)
    return [part for part in (part.strip() for part in [*parts, order_by[start:]]) if part]
