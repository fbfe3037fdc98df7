"""Runs through MLflow's own client: `file:` folders, and databases of a schema that is not known here. Slower by its
nature, the same answers. The REST API of a server has the same questions (http_tracking.py)."""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

from edm_core.curves.history import EXACT, History, Span, Timed, extended, reduced, unchanged, within
from edm_core.errors import StoreError
from edm_core.snapshots.run_builder import columns_of
from edm_core.snapshots.runs import MetricSummary, RunRow
from edm_core.stores.mlflow_client import mlflow_client
from edm_core.stores.protocols import ALL_EXPERIMENTS, FIND_LIMIT, Curve, Experiment, ManyRuns, Point, Told
from edm_core.stores.redact import brief_reason
from edm_core.stores.series import best_point, from_store, reduce_points, spark
from edm_core.workspace import Workspace

if TYPE_CHECKING:
    from mlflow.entities import Metric, Run
    from mlflow.tracking import MlflowClient

    from edm_core.stores.rest_client import RestClient

PAGE = 1000
SERIES_PER_LOAD = 400
"""How many series one load of the table asks for; with the next load come the next."""
_AT_ONCE = 8
_CACHE_LIMIT = 100_000
T = TypeVar("T")

_cache: dict[tuple[str, str, str, bool], tuple[tuple[str, int, int], MetricSummary]] = {}
"""Summaries by (store, run, metric, direction) for the life of the process, with the last value they stand for."""


@dataclass(slots=True)
class ClientTracking:
    """A TrackingStore through MlflowClient, which is made at the first question."""

    workspace: Workspace
    label: str
    notice: str = ""
    _client: "MlflowClient | RestClient | None" = field(default=None, repr=False)
    _names: dict[str, str] = field(default_factory=dict)

    def experiments(self) -> tuple[Experiment, ...]:
        found = self._ask(lambda client: _all_pages(lambda token: client.search_experiments(page_token=token)))
        return tuple(
            sorted((Experiment(str(e.experiment_id), e.name, e.artifact_location or "") for e in found), key=_name_of)
        )

    def runs(self, experiment: str, limit: int | None, best_of: Sequence[str]) -> list[RunRow]:
        return self._rows(self._search(self._experiment_ids(experiment), limit), best_of)

    def many(
        self, experiment: str, best_of: Sequence[str], known: ManyRuns | None, told: Told | None = None
    ) -> ManyRuns:
        return ManyRuns(columns_of(self.runs(experiment, None, best_of)))

    def summaries_of(self, run_ids: Sequence[str], metrics: Sequence[str]) -> dict[str, dict[str, MetricSummary]]:
        rows = self.runs_by_id(run_ids, metrics)
        return {id_: {key: row.metrics[key] for key in metrics if key in row.metrics} for id_, row in rows.items()}

    def with_best(self, known: ManyRuns, metrics: Sequence[str]) -> ManyRuns | None:
        return None

    def runs_by_id(self, run_ids: Sequence[str], best_of: Sequence[str]) -> dict[str, RunRow]:
        runs = [run for run_id in dict.fromkeys(run_ids) if (run := self._get(run_id)) is not None]
        return {row.run_id: row for row in self._rows(runs, best_of)}

    def active_ids(self, run_ids: Sequence[str], names: Sequence[str]) -> set[str]:
        known = {run_id for run_id in run_ids if (run := self._get(run_id)) and run.info.lifecycle_stage == "active"}
        return known | {name for name in names if self._search(None, 1, f"run_name = {_quoted(name)}")}

    def find(self, ref: str) -> list[tuple[str, str]]:
        exact = self._get(ref) if len(ref) == 32 else None
        runs = [exact] if exact is not None and exact.info.lifecycle_stage == "active" else []
        for column in ("run_name", "run_id"):
            for query in (f"{column} = {_quoted(ref)}", f"{column} LIKE {_quoted(ref + '%')}"):
                if column == "run_name" or query.startswith("run_id LIKE"):
                    runs += self._search(None, FIND_LIMIT, query)
        found = {run.info.run_id: run.info.run_name or "" for run in runs}
        # LIKE takes _ and % for more than themselves.
        return [(id_, name) for id_, name in found.items() if name.startswith(ref) or id_.startswith(ref)][:FIND_LIMIT]

    def names(self, limit: int) -> list[str]:
        return [run.info.run_name for run in self._search(None, limit) if run.info.run_name]

    def curves(self, run_id: str, points: int) -> dict[str, Curve]:
        run = self._get(run_id)
        metrics = [] if run is None else sorted(run.data._metric_objs, key=_key_of)

        def curve(metric: "Metric") -> Curve:
            series = self._series(run_id, metric.key)
            return Curve(self._summarised(metric, series), tuple(reduce_points(series, points)))

        with ThreadPoolExecutor(_AT_ONCE) as pool:
            return {metric.key: found for metric, found in zip(metrics, pool.map(curve, metrics), strict=True)}

    def summaries(self, run_id: str) -> Mapping[str, MetricSummary]:
        run = self._get(run_id)
        return {} if run is None else self._rows([run], sorted(run.data.metrics))[0].metrics

    def histories(
        self, run_id: str, keys: Sequence[str] | None, parts: int, span: Span | None, known: Mapping[str, History]
    ) -> dict[str, History]:
        run = self._get(run_id)
        newest = {metric.key: metric for metric in (run.data._metric_objs if run is not None else [])}
        wanted = [key for key in sorted(newest) if keys is None or key in keys]

        def history(key: str) -> History:
            old, metric = known.get(key), newest[key]
            last = (metric.step, metric.timestamp, from_store(metric.value))
            if span is None and old is not None and repr(old.last) == repr(last):
                return old
            if span is not None and (points := self.stretch(run_id, key, span)) is not None:
                return reduced(points, parts)
            # A long history that goes on: its new points alone.
            if span is None and old is not None and old.last is not None and not old.exact and last[0] > old.last[0]:
                points = self.stretch(run_id, key, (old.last[0] + 1, last[0]))
                if points is not None and len(old) + len(points) < 2 * EXACT:
                    return extended(old, points)
            timed = [(m.step, m.timestamp, from_store(m.value)) for m in self._metrics(run_id, key)]
            return unchanged(old, reduced(within(timed, span), parts))

        with ThreadPoolExecutor(_AT_ONCE) as pool:
            return dict(zip(wanted, pool.map(history, wanted), strict=True))

    def stretch(self, run_id: str, key: str, span: Span) -> list[Timed] | None:
        """All points of a stretch where the store can tell them without the rest of the history; None where not."""
        return None

    def search_ids(self, experiment: str, query: str, order: Sequence[str], limit: int | None) -> list[str]:
        """Ids of the active runs that fit MLflow's own language, page after page. Raises StoreError."""
        ids = self._experiment_ids(experiment)

        def pages(client: Any) -> list[Any]:
            return _all_pages(
                lambda token: client.search_runs(
                    ids, query, max_results=min(PAGE, limit or PAGE), order_by=list(order), page_token=token
                ),
                limit,
            )

        return [run.info.run_id for run in self._ask(pages, query or ", ".join(order))] if ids else []

    def _experiment_ids(self, experiment: str) -> list[str]:
        self._names = {e.id: e.name for e in self.experiments()}
        return [id_ for id_, name in self._names.items() if experiment in (name, ALL_EXPERIMENTS)]

    def _search(self, experiment_ids: list[str] | None, limit: int | None, query: str = "") -> list["Run"]:
        ids = self._experiment_ids(ALL_EXPERIMENTS) if experiment_ids is None else experiment_ids
        if not ids:
            return []

        def page(client: Any, token: str | None, wanted: int) -> Any:
            return client.search_runs(ids, query, max_results=wanted, page_token=token)

        def pages(client: Any) -> list["Run"]:
            return _all_pages(lambda token: page(client, token, min(PAGE, limit or PAGE)), limit)

        return self._ask(pages)

    def _get(self, run_id: str) -> "Run | None":
        from mlflow.exceptions import MlflowException

        def get(client: "MlflowClient") -> "Run | None":
            try:
                return client.get_run(run_id)
            except MlflowException as error:
                if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
                    return None
                raise

        return self._ask(get)

    def _rows(self, runs: Sequence["Run"], best_of: Sequence[str]) -> list[RunRow]:
        if any(run.info.experiment_id not in self._names for run in runs):
            self._experiment_ids(ALL_EXPERIMENTS)
        series = [
            (run.info.run_id, metric) for run in runs for metric in run.data._metric_objs if metric.key in best_of
        ]
        found = self._summaries_of(series)
        rows = []
        for run in runs:
            metrics = {}
            for metric in sorted(run.data._metric_objs, key=_key_of):
                last = MetricSummary(from_store(metric.value), metric.step, None, None)
                metrics[metric.key] = found.get((run.info.run_id, metric.key), last)
            rows.append(_row(run, metrics, self._names.get(run.info.experiment_id, "")))
        return rows

    def _summaries_of(self, series: Sequence[tuple[str, "Metric"]]) -> dict[tuple[str, str], MetricSummary]:
        """Summaries by (run, metric): those that are known, and of the newest others as many as one load may ask."""
        found, unknown = {}, []
        for run_id, metric in series:
            known = _cache.get(self._cache_key(run_id, metric.key))
            if known is not None and known[0] == _fingerprint(metric):
                found[run_id, metric.key] = known[1]
            else:
                unknown.append((run_id, metric))
        return found | self._unknown_summaries(unknown)

    def _unknown_summaries(self, unknown: "Sequence[tuple[str, Metric]]") -> dict[tuple[str, str], MetricSummary]:
        if len(unknown) > SERIES_PER_LOAD and not self.notice:
            self.notice = "best values of older runs come with the next loads: each is a question of its own"
        asked = unknown[:SERIES_PER_LOAD]
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            found = pool.map(self._summary, asked)
            return {(run_id, m.key): summary for (run_id, m), summary in zip(asked, found, strict=True)}

    def _summary(self, asked: "tuple[str, Metric]") -> MetricSummary:
        run_id, metric = asked
        found = self._summarised(metric, self._series(run_id, metric.key))
        return remembered(self._cache_key(run_id, metric.key), metric, found)

    def _summarised(self, metric: "Metric", points: Sequence[Point]) -> MetricSummary:
        best = best_point(points, self.workspace.settings.metrics.minimised(metric.key))
        last = from_store(metric.value)
        return MetricSummary(last, metric.step, best[1] if best else None, best[0] if best else None, spark(points))

    def _cache_key(self, run_id: str, key: str) -> tuple[str, str, str, bool]:
        return self.workspace.tracking_uri, run_id, key, self.workspace.settings.metrics.minimised(key)

    def _series(self, run_id: str, key: str) -> list[Point]:
        return [(metric.step, from_store(metric.value)) for metric in self._metrics(run_id, key)]

    def _metrics(self, run_id: str, key: str) -> "list[Metric]":
        history = self._ask(lambda client: client.get_metric_history(run_id, key))
        return sorted(history, key=lambda metric: (metric.step, metric.timestamp))

    def _ask(self, question: "Callable[[Any], T]", query: str = "") -> T:
        """The client's answer; a `query` that it cannot read is told with it. Raises StoreError."""
        if self._client is None:
            self._client = mlflow_client(self.workspace)
        from mlflow.exceptions import MlflowException

        try:
            return question(self._client)
        except (MlflowException, OSError) as error:
            raise unanswered(self.label, error, query) from error


def remembered(name: tuple[str, str, str, bool], metric: "Metric", summary: MetricSummary) -> MetricSummary:
    """Keep a summary for as long as the metric's last value stays what it is."""
    if len(_cache) >= _CACHE_LIMIT:
        _cache.clear()
    _cache[name] = (_fingerprint(metric), summary)
    return summary


def unanswered(label: str, error: Exception, query: str) -> StoreError:
    """What a failed question means, in words."""
    reason = brief_reason(error, 400)
    if query and getattr(error, "error_code", "") in ("INVALID_PARAMETER_VALUE", "BAD_REQUEST"):
        return StoreError(f"MLflow cannot read {query!r}: {reason}", "Its version may know less of its language.")
    return StoreError(f"{label} does not answer: {reason}", "Is the server up, and [tracking] uri in edm.toml right?")


def _all_pages(page: Callable[[str | None], Any], limit: int | None = None) -> list[Any]:
    found: list[Any] = []
    token = None
    while True:
        part = page(token)
        found += part
        token = getattr(part, "token", None)
        if not token or (limit is not None and len(found) >= limit):
            return found[:limit]


def _row(run: "Run", metrics: dict[str, MetricSummary], experiment: str) -> RunRow:
    info, tags = run.info, dict(sorted(run.data.tags.items()))
    return RunRow(
        run_id=info.run_id, name=info.run_name or tags.get("mlflow.runName", ""), status=info.status,
        start_ms=info.start_time, end_ms=info.end_time, user=tags.get("mlflow.user") or info.user_id or "",
        experiment=experiment, params=dict(sorted(run.data.params.items())), metrics=metrics, tags=tags,
        deleted=info.lifecycle_stage == "deleted",
    )  # fmt: skip


def _key_of(metric: "Metric") -> str:
    return str(metric.key)


def _fingerprint(metric: "Metric") -> tuple[str, int, int]:
    return repr(metric.value), metric.step, metric.timestamp


def _name_of(experiment: Experiment) -> str:
    return experiment.name


def _quoted(text: str) -> str:
    """A string of MLflow's filter language, which has no escape: the quote that the text does not hold."""
    return f'"{text}"' if "'" in text else f"'{text}'"
