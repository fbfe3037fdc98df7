"""What a column of the run table can be: an attribute such as `age`, or `metric:NAME`, `best:NAME`, `param:NAME` …"""

from collections.abc import Iterable
from dataclasses import dataclass

from edm_core.errors import NotFoundError
from edm_core.settings import MetricsSettings

ATTRIBUTES = {
    "name": "the run's name",
    "state": "what the run does now, or how it ended",
    "data": "where its data is: kept, pushed, changed, missing",
    "model": "registered version and stage",
    "age": "time since it started",
    "dur": "how long it took",
    "user": "who ran it",
    "experiment": "MLflow's experiment",
    "note": "MLflow's note",
    "commit": "git commit",
    "id": "run id",
    "folder": "run folder",
}
OF_METRICS = {
    "metric": "last value and curve",
    "best": "best value and its step",
    "step": "step of the best value",
    "delta": "best value minus the baseline's",
    "spark": "curve",
}
KINDS = {**OF_METRICS, "param": "", "tag": ""}
_MLFLOW = {"metrics": "metric", "params": "param", "tags": "tag"}
_DOWN = ("age", "dur", "model", "step")
"""Fields whose largest value comes first at the first press."""
PARENT_TAG = "mlflow.parentRunId"


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a run: `kind` is "" for an attribute, whose name is `key`."""

    kind: str
    key: str

    @property
    def name(self) -> str:
        return f"{self.kind}:{self.key}" if self.kind else self.key

    @property
    def metric(self) -> str:
        """The metric that it is about, "" for other fields."""
        return self.key if self.kind in OF_METRICS else ""

    @property
    def help(self) -> str:
        """What it shows, in a few words."""
        return KINDS[self.kind] if self.kind else ATTRIBUTES[self.key]

    def largest_first(self, metrics: MetricsSettings) -> bool:
        """The order that one wants first: the best value, the newest, the longest; texts from a to z."""
        if self.kind in ("metric", "best", "delta"):
            return not metrics.minimised(self.key)
        return (self.kind or self.key) in _DOWN


def read_field(name: str) -> Field:
    """The field of this name, MLflow's spelling (`metrics.val_loss`) included. Raises NotFoundError."""
    text = name.strip()
    if text in ATTRIBUTES:
        return Field("", text)
    kind, _, key = text.partition(":")
    if kind in KINDS and key:
        return Field(kind, key)
    prefix, _, key = text.partition(".")
    if prefix in _MLFLOW and key.strip('`"'):
        return Field(_MLFLOW[prefix], key.strip('`"'))
    raise NotFoundError(
        f"the run table has no field {name!r}",
        f"Fields are {', '.join(ATTRIBUTES)}, and {', '.join(f'{kind}:NAME' for kind in KINDS)}.",
    )


def known_field(name: str) -> Field | None:
    """As `read_field`; None where there is no such field."""
    try:
        return read_field(name)
    except NotFoundError:
        return None


def all_fields(metrics: Iterable[str], params: Iterable[str], tags: Iterable[str]) -> list[Field]:
    """Every field that runs with these metrics, params and tags have."""
    return [
        *(Field("", name) for name in ATTRIBUTES),
        *(Field(kind, key) for key in metrics for kind in OF_METRICS),
        *(Field("param", key) for key in params),
        *(Field("tag", key) for key in tags),
    ]
