"""How much a metric goes with each param, over runs: rank correlation, so that no scale has to be chosen."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from statistics import StatisticsError, correlation, fmean

from edm_core.curves.fields import Field

FEWEST = 3
"""Runs with both values below which nothing is said."""


@dataclass(frozen=True, slots=True)
class Importance:
    """`strength` is from -1 to 1 for numbers (Spearman's rho: negative where the metric falls as the param grows), and
    from 0 to 1 for words (the correlation ratio of the metric's ranks); `runs` is how many have both."""

    name: str
    strength: float
    runs: int
    words: bool = False


def importances(params: Sequence[Field], metric: Field) -> list[Importance]:
    """Of every param that differs between runs with the metric, the strongest first."""
    found = []
    for param in params:
        pairs = [
            (value, score)
            for value, score in zip(param.values, metric.values, strict=True)
            if value is not None and isinstance(score, float) and math.isfinite(score)
        ]
        if len(pairs) < FEWEST or len({value for value, _ in pairs}) < 2:
            continue
        scores = ranks([score for _, score in pairs])
        strength = _ratio([str(value) for value, _ in pairs], scores)
        if param.numeric:
            numbers = [float(value) for value, _ in pairs]
            if not all(map(math.isfinite, numbers)):
                continue
            strength = _rho(ranks(numbers), scores)
        found.append(Importance(param.name, strength, len(pairs), not param.numeric))
    return sorted(found, key=lambda one: (-abs(one.strength), one.name))


def ranks(values: Sequence[float]) -> list[float]:
    """The place of each value in their order, from 1; equal values share the mean of their places."""
    order = sorted(range(len(values)), key=values.__getitem__)
    found = [0.0] * len(values)
    place = 0
    for _, group in groupby(order, key=values.__getitem__):
        same = list(group)
        for index in same:
            found[index] = place + (len(same) + 1) / 2
        place += len(same)
    return found


def _rho(one: Sequence[float], other: Sequence[float]) -> float:
    try:
        return correlation(one, other)
    except StatisticsError:
        # All runs have the same score, so nothing goes with anything.
        return 0.0


def _ratio(words: Sequence[str], scores: Sequence[float]) -> float:
    """The root of the share of the scores' variance that lies between the groups."""
    mean = fmean(scores)
    total = sum((score - mean) ** 2 for score in scores)
    groups: dict[str, list[float]] = {}
    for word, score in zip(words, scores, strict=True):
        groups.setdefault(word, []).append(score)
    between = sum(len(group) * (fmean(group) - mean) ** 2 for group in groups.values())
    return math.sqrt(between / total) if total else 0.0
