"""The columns that one sees who has chosen none."""

from collections.abc import Collection

from edm_core.settings import Settings
from edm_core.table.fields import Field


def usual_fields(
    settings: Settings, params: Collection[str], *, narrow: bool = False, delta: bool = False, everywhere: bool = False
) -> list[Field]:
    """The fields beside the name; where it is `narrow` the primary metric comes early.

    `params` are those that runs have, `delta` says that there is a baseline, `everywhere` that runs of all experiments
    are shown.
    """
    primary = settings.metrics.primary
    first = [Field("", "state"), Field("", "data"), *([Field("", "experiment")] if everywhere else [])]
    about = [Field("", "model"), Field("", "age"), Field("", "dur")]
    judged = [Field("metric", primary), Field("best", primary), *([Field("delta", primary)] if delta else [])]
    more = [Field("metric", name) for name in metrics_shown(settings)[1:]]
    chosen = [Field("param", name) for name in settings.tui.params if name in params]
    return [*first, *judged, *about, *more, *chosen] if narrow else [*first, *about, *judged, *more, *chosen]


def metrics_shown(settings: Settings) -> tuple[str, ...]:
    """The primary metric and the further ones, each once."""
    primary = settings.metrics.primary
    return (primary, *(name for name in settings.metrics.columns if name != primary))
