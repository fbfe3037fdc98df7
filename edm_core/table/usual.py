"""The columns that one sees who has chosen none."""

from collections.abc import Collection

from edm_core.settings import Settings
from edm_core.table.fields import Field

LEFT_OUT = "system/"
"""MLflow's own measures of the machine: nobody judges a run by them."""


def usual_fields(
    settings: Settings,
    metrics: Collection[str],
    params: Collection[str],
    *,
    narrow: bool = False,
    delta: bool = False,
    everywhere: bool = False,
) -> list[Field]:
    """The fields beside the name; where it is `narrow` the first metric comes early.

    `metrics` and `params` are those that runs have, `delta` says that there is a baseline, `everywhere` that runs of
    all experiments are shown.
    """
    primary, *others = usual_metrics(settings, metrics)
    first = [Field("", "state"), Field("", "data"), *([Field("", "experiment")] if everywhere else [])]
    about = [Field("", "model"), Field("", "age"), Field("", "dur")]
    judged = [Field("metric", primary), Field("best", primary), *([Field("delta", primary)] if delta else [])]
    more = [Field("metric", name) for name in others]
    chosen = [Field("param", name) for name in settings.tui.params if name in params]
    return [*first, *judged, *about, *more, *chosen] if narrow else [*first, *about, *judged, *more, *chosen]


def usual_metrics(settings: Settings, metrics: Collection[str]) -> tuple[str, ...]:
    """The metrics of edm.toml that runs have; where they have none of these, the first two that they have."""
    listed = metrics_shown(settings)
    there = tuple(name for name in listed if name in metrics)
    others = tuple(sorted(name for name in metrics if not name.startswith(LEFT_OUT))[:2])
    return there or others or listed


def metrics_shown(settings: Settings) -> tuple[str, ...]:
    """The primary metric and the further ones, each once."""
    primary = settings.metrics.primary
    return (primary, *(name for name in settings.metrics.columns if name != primary))
