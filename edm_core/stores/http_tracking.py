"""Runs of an MLflow server through its REST API, page by page: what MLflow's client answers, without its import."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from edm_core.curves.history import Span, Timed
from edm_core.errors import StoreError
from edm_core.snapshots.run_builder import extended, with_metrics
from edm_core.snapshots.run_columns import RunColumns
from edm_core.snapshots.runs import MetricSummary, RunRow
from edm_core.stores.asking_again import ACTIVE, asked_again, gone, window_before, with_changed
from edm_core.stores.best_values import best_values, read_best_values
from edm_core.stores.client_tracking import ClientTracking, remembered, unanswered
from edm_core.stores.protocols import ManyRuns, Point, Progress, Told
from edm_core.stores.rest_client import Page, RestClient, RestError, RestMetric
from edm_core.stores.rest_pages import Pages
from edm_core.stores.series import from_store

FIRST_PAGE, PAGE = 100, 1000
"""Runs in the first answer, so that there is something to see at once, and in each further one."""
IDS = 100
"""How many runs one question may name."""
SAMPLES = 320
BY_VIEW = "best values of so many runs are read as they come into view"
MOST_POINTS = 25_000
"""What a server sends at most of several histories in one answer."""
MOST_SAMPLES = 2_500
"""What the bulk endpoint gives at most of a run."""
LAST_STEP = 2**53
"""What a server takes for a step."""
_AT_ONCE = 4
_MISSING = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")
T = TypeVar("T")


@dataclass(slots=True)
class HttpTracking(ClientTracking):
    """A TrackingStore on an MLflow server; `_client` is a RestClient."""

    def many(
        self, experiment: str, best_of: Sequence[str], known: ManyRuns | None, told: Told | None = None
    ) -> ManyRuns:
        if known is not None and known.columns.run_ids:
            return self._again(known, experiment, best_of)
        ids, columns = self._experiment_ids(experiment), RunColumns()
        if not ids:
            return ManyRuns(columns)

        def asked(size: int, token: str) -> Page:
            return self._page(ids, "", "ACTIVE_ONLY", size, token)

        for page in Pages(asked, FIRST_PAGE, PAGE):
            if page.token:
                self.notice = BY_VIEW
            whole = not page.token and not len(columns)
            # A run that was read before the one that pushed it down came in is met twice: it keeps its place.
            columns = extended(columns, self._rows(page, best_of if whole else ()))
            if page.token and told is not None and not told(columns):
                break
        for key in best_of:
            best_values(self.workspace, key).fill(columns)
        return ManyRuns(columns)

    def with_best(self, known: ManyRuns, metrics: Sequence[str]) -> ManyRuns:
        """As far as they were read before: the others come with `read_best`, or with the view."""
        columns = with_metrics(known.columns, metrics)
        for key in metrics:
            best_values(self.workspace, key).fill(columns)
        return replace(known, columns=columns)

    def read_best(self, current: Callable[[], RunColumns], key: str, told: Progress) -> None:
        """The best values of a metric that are not known yet, into the columns that are current by then."""
        read_best_values(best_values(self.workspace, key), current, lambda left: self._whole(left, key), told)

    def _whole(self, run_ids: Sequence[str], key: str) -> dict[str, list[Point]]:
        """Whole histories of the first ones of these runs, by step."""
        part = sorted(run_ids[:IDS])
        try:
            answer = self._ask(lambda client: client.histories(part, key, MOST_POINTS))
        except RestError as error:
            if not error.unknown:
                raise
            return {part[0]: self._series(part[0], key)}
        if len(answer) >= MOST_POINTS:
            part = [run_id for run_id in part if run_id < answer[-1][0]]
        if not part:
            return {answer[-1][0]: self._series(answer[-1][0], key)}
        found: dict[str, list[RestMetric]] = {run_id: [] for run_id in part}
        for run_id, metric in answer:
            if run_id in found:
                found[run_id].append(metric)
        return {run_id: _by_step(metrics) for run_id, metrics in found.items()}

    def _again(self, known: ManyRuns, experiment: str, best_of: Sequence[str]) -> ManyRuns:
        """The runs that go on, those that are new, those in view, and the next stretch of the older ones, as they are
        now: somebody may have renamed, deleted or restored them."""
        columns = known.columns
        ids = self._experiment_ids(experiment)
        if not ids:
            return known
        active, newest = asked_again(columns)
        found = {run.info.run_id: run for run in self._search(ids, None, f"attributes.start_time >= {newest}")}
        for status in ACTIVE:
            runs = self._search(ids, None, f"attributes.status = '{status}'")
            found.update({run.info.run_id: run for run in runs})
        window = window_before(columns, known.before)
        older = {run.info.run_id: run for run in self._search(ids, None, window.query)}
        met = found.keys() | older.keys()
        ended = [run_id for run_id in active if run_id not in met]
        looked = {run_id for run_id in (*window.run_ids, *known.in_view) if run_id in columns.places}
        # One that is surely there is asked for with those that may be gone: without it the answer is none to trust.
        sure = next(iter(met), "")
        others = {run.info.run_id: run for run in self._by_ids(ids, sorted({*looked, *ended} - met | {sure}))}
        lately = [*found.values(), *(others[run_id] for run_id in ended if run_id in others)]
        told = {row.run_id: row for row in self._rows([*older.values(), *others.values()], ())}
        told |= {row.run_id: row for row in self._rows(lately, best_of)}
        changed = with_changed(columns, told, experiment)
        if sure in others:
            changed = gone(changed, looked - told.keys())
        return ManyRuns(changed, before=window.since)

    def runs_by_id(self, run_ids: Sequence[str], best_of: Sequence[str]) -> dict[str, RunRow]:
        wanted = list(dict.fromkeys(run_ids))
        if not wanted:
            return {}
        everywhere = [e.experiment_id for e in self._ask(_all_experiments)]
        return {row.run_id: row for row in self._rows(self._by_ids(everywhere, wanted), best_of)}

    def _by_ids(self, experiment_ids: Sequence[str], wanted: Sequence[str]) -> list[Any]:
        """Deleted runs, too."""
        runs: list[Any] = []
        for start in range(0, len(wanted), IDS):
            listed = ", ".join(f"'{run_id}'" for run_id in wanted[start : start + IDS] if "'" not in run_id)
            if listed:
                runs += self._page(experiment_ids, f"attributes.run_id IN ({listed})", "ALL", IDS, "")
        return runs

    def _page(self, experiment_ids: Sequence[str], query: str, stages: str, size: int, token: str) -> Page:
        def page(client: RestClient) -> Page:
            return client.search_runs(experiment_ids, query, stages, size, None, token or None)

        return self._ask(page)

    def _unknown_summaries(self, asked: Sequence[tuple[str, Any]]) -> dict[tuple[str, str], MetricSummary]:
        """By the bulk endpoint, 100 runs a question; run by run where the server has none. A series of which samples
        came shows no best value: that may lie between two of them."""
        by_key: dict[str, list[tuple[str, Any]]] = {}
        for run_id, metric in asked:
            by_key.setdefault(metric.key, []).append((run_id, metric))
        parts = [found[at : at + IDS] for found in by_key.values() for at in range(0, len(found), IDS)]
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            answers = list(pool.map(self._sampled, parts))
        return {name: summary for answer in answers for name, summary in answer.items()}

    def _sampled(self, part: Sequence[tuple[str, Any]]) -> dict[tuple[str, str], MetricSummary]:
        key = part[0][1].key
        try:
            series = self._ask(lambda client: client.sampled([run_id for run_id, _ in part], key, SAMPLES))
        except RestError as error:
            if not error.unknown:
                raise
            return {(run_id, key): self._summary((run_id, metric)) for run_id, metric in part}
        found = {}
        for run_id, metric in part:
            points = [(m.step, from_store(m.value)) for m in series.get(run_id, ())]
            whole = len(points) < SAMPLES
            summary = self._summarised(metric, points)
            if not whole:
                summary = MetricSummary(summary.last, summary.last_step, None, None, summary.spark)
            found[run_id, key] = remembered(self._cache_key(run_id, key), metric, summary) if whole else summary
        return found

    def stretch(self, run_id: str, key: str, span: Span) -> list[Timed] | None:
        """By the bulk endpoint, which leaves points out where there are many: then, as where the server has none, the
        whole history has to be read."""
        first, last = max(span[0], -LAST_STEP), min(span[1], LAST_STEP)
        try:
            series = self._ask(lambda client: client.sampled([run_id], key, MOST_SAMPLES, (first, last)))
        except RestError as error:
            if not error.unknown:
                raise
            return None
        points = [(m.step, m.timestamp, from_store(m.value)) for m in series.get(run_id, ())]
        return points if len(points) < MOST_SAMPLES else None

    def _get(self, run_id: str) -> Any:
        try:
            return self._ask(lambda client: client.get_run(run_id))
        except RestError as error:
            if error.error_code in _MISSING:
                return None
            raise

    def _ask(self, question: Callable[[Any], T], query: str = "") -> T:
        try:
            return question(self._client)
        except RestError as error:
            if query and error.error_code in ("INVALID_PARAMETER_VALUE", "BAD_REQUEST"):
                raise unanswered(self.label, error, query) from error
            raise
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise StoreError(
                f"{self.label} answers with JSON that is none of MLflow's", "Is [tracking] uri in edm.toml right?"
            ) from error


def _by_step(metrics: Sequence[RestMetric]) -> list[Point]:
    ordered = sorted(metrics, key=lambda metric: (metric.step, metric.timestamp))
    return [(metric.step, from_store(metric.value)) for metric in ordered]


def _all_experiments(client: RestClient) -> list[Any]:
    """Deleted ones, too."""
    found: list[Any] = []
    token: str | None = None
    while token != "":
        part = client.search_experiments(token, "ALL")
        found += part
        token = part.token
    return found
