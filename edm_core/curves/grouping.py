"""Which metrics share a chart, and which charts a pattern means."""

import re
from collections.abc import Callable, Iterable
from fnmatch import translate

_STAGES = ("train", "training", "", "val", "valid", "validation", "dev", "eval", "test")
"""What metrics are measured on; the order is that of their lines in a chart."""
_STAGE = re.compile(r"(train|training|val|valid|validation|dev|eval|test)[_/.\- ](?P<rest>.+)", re.IGNORECASE)
_SUFFIX = re.compile(r"(?P<rest>.+)[_/.\-](train|training|val|valid|validation|dev|eval|test)", re.IGNORECASE)


def stage_and_rest(key: str) -> tuple[str, str]:
    """`val_loss`, `val/loss` and `loss/val` as ("val", "loss"); a metric of no stage as ("", key)."""
    found = _STAGE.fullmatch(key)
    if found:
        return found[1].lower(), found["rest"]
    found = _SUFFIX.fullmatch(key)
    return (found[2].lower(), found["rest"]) if found else ("", key)


def grouped(keys: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Title → metrics of each chart, by title: training and validation of the same metric together."""
    by_rest: dict[str, list[str]] = {}
    for key in sorted(keys):
        by_rest.setdefault(stage_and_rest(key)[1], []).append(key)
    charts: dict[str, tuple[str, ...]] = {}
    for rest, found in by_rest.items():
        title = rest if len(found) > 1 else found[0]
        charts[title] = tuple(sorted(found, key=lambda key: (_STAGES.index(stage_and_rest(key)[0]), key)))
    return dict(sorted(charts.items()))


def matcher(pattern: str) -> Callable[[str], bool]:
    """Whether a name fits: a glob where there is `*`, `?` or `[`, a regular expression where there is one of `^$|()+`,
    else a part of the name, in any case. `!` before it turns it round. A regular expression that is not finished yet
    is taken as a part of the name."""
    wanted = pattern.strip()
    if wanted.startswith("!") and len(wanted) > 1:
        positive = matcher(wanted[1:])
        return lambda name: not positive(name)
    expression = _expression(wanted)
    if expression is not None:
        return lambda name: expression.search(name) is not None
    lowered = wanted.lower()
    return lambda name: lowered in name.lower()


def _expression(wanted: str) -> re.Pattern[str] | None:
    try:
        if any(char in wanted for char in "^$|()+"):
            return re.compile(wanted, re.IGNORECASE)
        if any(char in wanted for char in "*?["):
            return re.compile(rf"\A{translate(wanted)}", re.IGNORECASE)
    except re.error:
        return None
    return None
