"""What a filter says, as a tree."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

Kind: TypeAlias = Literal["metric", "parameter", "tag", "attribute", "dataset"]
Value: TypeAlias = str | int | float | tuple[str, ...] | None
"""A number, a text, the texts of IN, or None for IS NULL and IS NOT NULL."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """One condition on one value; `text` is what was typed, `column` where it begins in the whole filter."""

    kind: Kind
    key: str
    operator: str
    value: Value
    text: str
    column: int


@dataclass(frozen=True, slots=True)
class All:
    """Every part holds; without parts it always does."""

    parts: tuple["Expression", ...]


@dataclass(frozen=True, slots=True)
class Some:
    """At least one part holds."""

    parts: tuple["Expression", ...]


@dataclass(frozen=True, slots=True)
class Negation:
    """Holds for exactly the runs for which `part` does not, so for those without the value, too."""

    part: "Expression"


Expression: TypeAlias = Comparison | All | Some | Negation


@dataclass(frozen=True, slots=True)
class Query:
    """A filter that was read. `extended` tells one that MLflow itself would refuse."""

    text: str
    expression: Expression
    extended: bool


@dataclass(frozen=True, slots=True)
class OrderKey:
    """One thing to order by. Runs without the value come last either way, those with NaN before them."""

    kind: Kind
    key: str
    ascending: bool


def comparisons(expression: Expression) -> Iterator[Comparison]:
    """Every comparison of the tree, from left to right."""
    match expression:
        case Comparison():
            yield expression
        case Negation(part):
            yield from comparisons(part)
        case All(parts) | Some(parts):
            for part in parts:
                yield from comparisons(part)
