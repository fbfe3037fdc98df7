"""Metrics over epochs, gathered from MLflow's histories and from a job's progress, as lines of a chart."""

import math
from collections.abc import Mapping, Sequence

from edm_core.curves.history import from_points
from edm_core.curves.lines import Line
from edm_core.curves.signs import RUN_MARKS
from edm_core.settings import MetricsSettings


class Curves:
    """Values by metric and epoch; a later value of the same epoch takes the place of an earlier one."""

    def __init__(self, settings: MetricsSettings) -> None:
        self._settings = settings
        self._values: dict[str, dict[float, float]] = {}

    def add_histories(self, histories: Mapping[str, Sequence[tuple[int, float]]]) -> None:
        """What MLflow has; it does not displace what the job itself said."""
        for name, points in histories.items():
            known = self._values.setdefault(name, {})
            for step, value in points:
                known.setdefault(float(step), value)

    def add(self, epoch: float, metrics: Mapping[str, float]) -> None:
        """What the job said at the end of an epoch."""
        for name, value in metrics.items():
            self._values.setdefault(name, {})[epoch] = value

    def points(self, name: str) -> tuple[tuple[float, float], ...]:
        """(epoch, value) by epoch."""
        return tuple(sorted(self._values.get(name, {}).items()))

    def last(self, name: str) -> float | None:
        points = self.points(name)
        return points[-1][1] if points else None

    def best(self, name: str) -> tuple[float, float] | None:
        """(epoch, value) of the best number by the metric's direction; None where there is no number."""
        finite = [(epoch, value) for epoch, value in self.points(name) if math.isfinite(value)]
        sign = 1 if self._settings.minimised(name) else -1
        return min(finite, key=lambda point: (sign * point[1], point[0]), default=None)

    def pair(self) -> list[str]:
        """The primary metric and its counterpart in training, where they have values; else the first metrics."""
        primary = self._settings.primary
        twins = [primary.replace("val_", "train_"), primary] if "val_" in primary else [primary]
        found = [name for name in dict.fromkeys(twins) if self._values.get(name)]
        return found or sorted(name for name, values in self._values.items() if len(values) > 1)[:2]

    def lines(self) -> list[Line]:
        """The chart's lines: training solid, validation dashed."""
        return [
            Line(name, from_points([(int(epoch), 0, value) for epoch, value in self.points(name)]), mark, index > 0)
            for index, (name, mark) in enumerate(zip(self.pair(), RUN_MARKS, strict=False))
        ]
