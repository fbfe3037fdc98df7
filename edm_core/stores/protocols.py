"""What every tracking store can say, whatever MLflow keeps its runs in."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias, runtime_checkable

from edm_core.snapshots.runs import MetricSummary, RunRow

if TYPE_CHECKING:
    from edm_core.curves.history import History, Span
    from edm_core.snapshots.run_columns import RunColumns

MEMORY = "memory://"
"""Tracking URIs that begin so are runs in memory, for tests, pictures and trying things."""

Point = tuple[int, float]
"""(step, value) of a metric; the value may be NaN or infinite."""


@dataclass(frozen=True, slots=True)
class Experiment:
    """An MLflow experiment and how many active runs it holds (None where the store cannot count cheaply)."""

    id: str
    name: str
    artifact_location: str = ""
    runs: int | None = None


@dataclass(frozen=True, slots=True)
class Curve:
    """A metric of one run: its summary, and its points by step, of which some may have been left out."""

    summary: MetricSummary
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class ManyRuns:
    """All runs of an experiment, and what the store needs to find later what changed: anything that JSON can say."""

    columns: "RunColumns"
    mark: Any = None
    in_view: Sequence[str] = ()
    """Runs that someone looks at: a store that cannot tell what changed asks for these each time."""
    before: int | None = None
    """How far a store that cannot tell what changed has got in looking at the older ones again."""


Told: TypeAlias = Callable[["RunColumns"], bool]
"""Is told the runs that were read so far; what it answers with False ends the reading there."""


Progress: TypeAlias = Callable[[str, int, int], bool]
"""Is told a metric, how many runs' best values of it are known, and of how many; False ends the reading."""


@runtime_checkable
class LateBest(Protocol):
    """A store that tells best values only when it is asked for whole histories."""

    def read_best(self, current: "Callable[[], RunColumns]", key: str, told: Progress) -> None:
        """Read the best values of a metric that are not known, into what are the current columns by then."""
        ...


class TrackingStore(Protocol):
    """Reading runs. Rows carry what MLflow knows; folders, data states, jobs and models are joined elsewhere.

    Every method raises StoreError when the store cannot be read. Nothing here writes.
    """

    label: str
    """The store in short, such as `sqlite:mlflow.db`; never a password."""
    notice: str
    """One line for the status line, such as why a slower way of reading was taken; "" for none."""

    def experiments(self) -> tuple[Experiment, ...]:
        """The active experiments, by name."""
        ...

    def runs(self, experiment: str, limit: int | None, best_of: Sequence[str]) -> list[RunRow]:
        """Active runs of the experiment (ALL_EXPERIMENTS for all), newest first, at most `limit`.

        Metrics named in `best_of` come with best value, its step and a spark; the others with their last value.
        """
        ...

    def many(
        self, experiment: str, best_of: Sequence[str], known: ManyRuns | None, told: "Told | None" = None
    ) -> ManyRuns:
        """As `runs` without a limit, but as columns: 100,000 runs are no more work than they have to be.

        Of more than a few hundred runs there are no sparks (`sparks` reads those that are wanted). With what is `known`
        only that is read which changed since; the columns are the same object where nothing did. A store that answers
        page by page tells `told` what it has so far.
        """
        ...

    def summaries_of(self, run_ids: Sequence[str], metrics: Sequence[str]) -> dict[str, dict[str, MetricSummary]]:
        """These metrics of these runs with best values and sparks, by run id: for runs that come into view."""
        ...

    def with_best(self, known: ManyRuns, metrics: Sequence[str]) -> ManyRuns | None:
        """What is known, with the best values of these further metrics; None where everything has to be read anew."""
        ...

    def runs_by_id(self, run_ids: Sequence[str], best_of: Sequence[str]) -> dict[str, RunRow]:
        """Runs with these ids, deleted ones too, of any experiment; ids that are not there are left out."""
        ...

    def active_ids(self, run_ids: Sequence[str], names: Sequence[str]) -> set[str]:
        """Those of the ids, and those of the names, that active runs of any experiment have."""
        ...

    def find(self, ref: str) -> list[tuple[str, str]]:
        """(run id, name) of the active runs whose name or id begins with `ref`, newest first, at most FIND_LIMIT."""
        ...

    def names(self, limit: int) -> list[str]:
        """Names of the newest active runs, to suggest one that is near."""
        ...

    def curves(self, run_id: str, points: int) -> dict[str, Curve]:
        """Every metric of the run: the exact summary, and its history reduced to `points` that keep its extremes."""
        ...

    def summaries(self, run_id: str) -> Mapping[str, MetricSummary]:
        """Every metric of the run with its exact best value, without the points."""
        ...

    def histories(
        self, run_id: str, keys: Sequence[str] | None, parts: int, span: "Span | None", known: "Mapping[str, History]"
    ) -> "dict[str, History]":
        """Histories of these metrics (all where None), within `span` steps where given, long ones cut into `parts`.

        Of the `known` ones only what came since need be read; without a `span`, one that is as it was comes back as the
        same object.
        """
        ...


ALL_EXPERIMENTS = "*"
FIND_LIMIT = 20
