"""What may be asked about: kinds of values, attributes, the operators of each, and how names are written."""

import re
from dataclasses import dataclass

from edm_core.query.expressions import Kind
from edm_core.query.pointing import Source

KINDS: dict[str, Kind] = {
    "metric": "metric", "metrics": "metric",
    "parameter": "parameter", "parameters": "parameter", "param": "parameter", "params": "parameter",
    "tag": "tag", "tags": "tag",
    "attribute": "attribute", "attributes": "attribute", "attr": "attribute", "run": "attribute",
    "dataset": "dataset", "datasets": "dataset",
}  # fmt: skip
PREFIXES = ("metrics", "params", "tags", "attributes", "datasets")
"""One way to write each kind, for completion and for hints."""

ATTRIBUTES = ("run_name", "run_id", "status", "start_time", "end_time", "user_id", "artifact_uri")
DATASET_KEYS = ("name", "digest", "context")
_ALIASES = {
    "created": "start_time", "Created": "start_time",
    "run name": "run_name", "Run name": "run_name", "Run Name": "run_name",
}  # fmt: skip
NUMERIC = {"start_time", "end_time", "created", "Created"}
FILTERABLE = {*ATTRIBUTES, *_ALIASES}
ORDERABLE = {*ATTRIBUTES, "created", "Created"}

_ORDERED = (">", ">=", "!=", "=", "<", "<=")
_TEXT = ("!=", "=", "LIKE", "ILIKE")
_NULLS = ("IS NULL", "IS NOT NULL")
_LISTS = ("IN", "NOT IN")
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_.]*\Z")


@dataclass(frozen=True, slots=True)
class Name:
    """What a comparison or an order is about; `numeric` where its value is a number."""

    kind: Kind
    key: str
    numeric: bool

    @property
    def operators(self) -> tuple[str, ...]:
        if self.numeric:
            return _ORDERED
        if self.kind in ("parameter", "tag"):
            return _TEXT + _NULLS
        return _TEXT + (_LISTS if self.kind == "dataset" or self.key == "run_id" else ())


def read_name(source: Source, raw: str, column: int, attributes: set[str]) -> Name:
    """The name written as `raw` at `column`; without a prefix it is an attribute, one of `attributes`.

    Raises QueryError.
    """
    prefix, dot, rest = raw.partition(".")
    if not dot:
        prefix, rest = "attribute", raw
    kind = KINDS.get(_without("`", prefix))
    if kind is None:
        written = ", ".join(f"{known}." for known in PREFIXES)
        raise source.error(column, f"nothing is called {prefix!r}", f"Names begin with {written}")
    key = _without("`", _unquoted(rest))
    place = column + (len(prefix) + 1 if dot else 0)
    if kind == "attribute" and key not in attributes:
        hint = f"Attributes are {', '.join(ATTRIBUTES)}."
        if not dot:
            hint += f" Of others, say the kind: metrics.{key}, params.{key} or tags.{key}."
        raise source.error(place, f"runs have no attribute {key!r}", hint)
    if kind == "dataset" and key not in DATASET_KEYS:
        raise source.error(place, f"data sets have no {key!r}", f"They have {', '.join(DATASET_KEYS)}.")
    numeric = kind == "metric" or (kind == "attribute" and key in NUMERIC)
    # MLflow renames the key of every kind, so that metrics.created is the metric `start_time`: then here, too.
    return Name(kind, _ALIASES.get(key, key), numeric)


def written(prefix: str, key: str) -> str:
    """`prefix.key` as it has to be typed: other than plain names go in backticks, or in quotes if they hold one."""
    if _PLAIN.match(key):
        return f"{prefix}.{key}"
    quote = '"' if "`" in key else "`"
    return f"{prefix}.{quote}{key}{quote}"


def _without(quote: str, text: str) -> str:
    return text[1:-1] if len(text) >= 2 and text[0] == text[-1] == quote else text


def _unquoted(text: str) -> str:
    return _without("'", text) if text.startswith("'") else _without('"', text)
