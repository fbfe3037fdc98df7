"""Exponential moving averages that begin without a bias."""

from collections.abc import Sequence


def smoothed(values: Sequence[float], counts: Sequence[int], weight: float) -> tuple[float, ...]:
    """The moving average of `values` with `weight` (0 to below 1) for what came before.

    The average starts from 0 and is divided by 1 - weight^n, the share of the real values in it (Kingma and Ba 2015,
    section 3), as TensorBoard does. A value that stands for n points moves the average n times.
    """
    if weight <= 0:
        return tuple(values)
    average, left, result = 0.0, 1.0, []
    for value, count in zip(values, counts, strict=True):
        kept = weight**count
        average = average * kept + value * (1 - kept)
        left *= kept
        result.append(average / (1 - left))
    return tuple(result)
