"""MLflow's REST API, as far as runs are read with it: what MlflowClient answers, without importing MLflow (1.5 s) and
with timeouts of seconds. Token, user and certificates come from MLflow's own environment variables and file."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from edm_core.errors import StoreError
from edm_core.stores.redact import brief_reason, without_password
from edm_core.stores.rest_patience import Answer, TooSlowError, check_pause, in_time, note_pause, seconds_to_wait, whole
from edm_core.stores.rest_session import answer_seconds, new_session

if TYPE_CHECKING:
    import requests

CONNECT_SECONDS = 3.0
_MODELS = "api/2.0/mlflow/registered-models"
_HINT = "Is the server up, and [tracking] uri in edm.toml right?"
_SIGN_IN = "Set MLFLOW_TRACKING_TOKEN, or MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD."
_NO_SUCH_QUESTION = ("NOT_FOUND", "ENDPOINT_NOT_FOUND", "")
HEAD_PARTS = 2
"""How many times the wait for a byte the whole head of an answer may take."""


class RestError(StoreError):
    """The server refused or did not answer; `error_code` is MLflow's word, "" where it said none."""

    error_code = ""
    slow = False
    """It was reached, but had not answered in time: a smaller question may help."""
    unknown = False
    """The server has no such question."""


@dataclass(frozen=True, slots=True)
class RestMetric:
    key: str
    value: float
    timestamp: int
    step: int


@dataclass(frozen=True, slots=True)
class RestInfo:
    run_id: str
    run_name: str
    status: str
    start_time: int | None
    end_time: int | None
    user_id: str
    lifecycle_stage: str
    experiment_id: str


@dataclass(frozen=True, slots=True)
class RestData:
    params: Mapping[str, str]
    tags: Mapping[str, str]
    _metric_objs: Sequence[RestMetric]

    @property
    def metrics(self) -> dict[str, float]:
        return {metric.key: metric.value for metric in self._metric_objs}


@dataclass(frozen=True, slots=True)
class RestRun:
    """As mlflow.entities.Run, in what is read of it."""

    info: RestInfo
    data: RestData


@dataclass(frozen=True, slots=True)
class RestExperiment:
    experiment_id: str
    name: str
    artifact_location: str


class Page(list[Any]):
    """Part of an answer; `token` asks for the next part, "" where this is the last."""

    token = ""


@dataclass(slots=True)
class RestClient:
    """One server. Its session keeps connections and may be used by several threads."""

    uri: str
    label: str
    _session: "requests.Session | None" = field(default=None, repr=False)

    def search_experiments(self, page_token: str | None = None, view_type: str = "ACTIVE_ONLY") -> Page:
        asked = {"max_results": 1000, "view_type": view_type, "page_token": page_token}
        answer = self.ask("POST", "api/2.0/mlflow/experiments/search", asked)
        return _page(answer, [
            RestExperiment(str(e["experiment_id"]), str(e["name"]), str(e.get("artifact_location", "")))
            for e in answer.get("experiments", ())
        ])  # fmt: skip

    def search_runs(
        self, experiment_ids: Sequence[str], filter_string: str = "", run_view_type: str = "ACTIVE_ONLY",
        max_results: int = 1000, order_by: Sequence[str] | None = None, page_token: str | None = None,
    ) -> Page:  # fmt: skip
        asked = {
            "experiment_ids": list(experiment_ids), "filter": filter_string, "run_view_type": run_view_type,
            "max_results": max_results, "order_by": list(order_by or ()), "page_token": page_token,
        }  # fmt: skip
        answer = self.ask("POST", "api/2.0/mlflow/runs/search", asked)
        return _page(answer, [_run(run) for run in answer.get("runs", ())])

    def get_run(self, run_id: str) -> RestRun:
        return _run(self.ask("GET", "api/2.0/mlflow/runs/get", {"run_id": run_id})["run"])

    def get_metric_history(self, run_id: str, key: str) -> list[RestMetric]:
        found: list[RestMetric] = []
        token = None
        while True:
            asked = {"run_id": run_id, "metric_key": key, "max_results": 25_000, "page_token": token}
            answer = self.ask("GET", "api/2.0/mlflow/metrics/get-history", asked)
            found += [_metric(metric) for metric in answer.get("metrics", ())]
            token = answer.get("next_page_token")
            if not token:
                return found

    def sampled(
        self, run_ids: Sequence[str], key: str, points: int, span: tuple[int, int] | None = None
    ) -> dict[str, list[RestMetric]]:
        """The metric of up to 100 runs, each with at most about `points` points by step, first and last among them;
        within these steps."""
        asked = {"run_ids": list(run_ids), "metric_key": key, "max_results": points}
        if span is not None:
            asked |= {"start_step": span[0], "end_step": span[1]}
        answer = self.ask("GET", "ajax-api/2.0/mlflow/metrics/get-history-bulk-interval", asked)
        found: dict[str, list[RestMetric]] = {}
        for metric in answer.get("metrics", ()):
            found.setdefault(str(metric["run_id"]), []).append(_metric(metric))
        return found

    def histories(self, run_ids: Sequence[str], key: str, most: int) -> list[tuple[str, RestMetric]]:
        """(run id, point) of the metric of up to 100 runs, run by run in the order of their ids, at most `most` points:
        where so many came, the last run's may not be all."""
        asked = {"run_id": list(run_ids), "metric_key": key, "max_results": most}
        answer = self.ask("GET", "ajax-api/2.0/mlflow/metrics/get-history-bulk", asked)
        return [(str(metric["run_id"]), _metric(metric)) for metric in answer.get("metrics", ())]

    def artifacts(self, run_id: str) -> dict[str, int]:
        """Name → bytes of the files at the top of a run's artifacts."""
        answer = self.ask("GET", "api/2.0/mlflow/artifacts/list", {"run_id": run_id})
        files = [file for file in answer.get("files", ()) if not file.get("is_dir")]
        return {str(file["path"]): int(file.get("file_size", 0)) for file in files}

    def artifact(self, run_id: str, path: str) -> bytes:
        """A file of a run's artifacts, which the server reads wherever they lie."""
        answer = self._send("GET", "get-artifact", {"run_uuid": run_id, "path": path})
        if not answer.ok:
            self._told(answer)
        return answer.content

    def search_registered_models(self, page_token: str | None = None) -> Page:
        """Names."""
        answer = self.ask("GET", _MODELS + "/search", {"max_results": 200, "page_token": page_token})
        return _page(answer, [str(model["name"]) for model in answer.get("registered_models", ())])

    def search_model_versions(self, name: str, limit: int | None, page_token: str | None = None) -> Page:
        """Versions of a model as the server says them, the newest first."""
        quoted = name.replace("'", "''")
        asked = {
            "filter": f"name='{quoted}'", "max_results": min(200, limit or 200), "order_by": ["version_number DESC"],
            "page_token": page_token,
        }  # fmt: skip
        answer = self.ask("GET", "api/2.0/mlflow/model-versions/search", asked)
        return _page(answer, answer.get("model_versions", ()))

    def aliases(self, name: str) -> dict[str, int]:
        """Alias → version of a model; none where there is no such model."""
        try:
            model = self.ask("GET", _MODELS + "/get", {"name": name})["registered_model"]
        except RestError as error:
            if error.error_code == "RESOURCE_DOES_NOT_EXIST":
                return {}
            raise
        return {str(one["alias"]): int(one["version"]) for one in model.get("aliases", ())}

    def ask(self, method: str, path: str, asked: Mapping[str, Any]) -> Any:
        """The server's answer to one question. Raises RestError."""
        return self._told(self._send(method, path, asked))

    def _send(self, method: str, path: str, asked: Mapping[str, Any]) -> Answer:
        import requests
        import urllib3

        if self._session is None:
            self._session = new_session()
        session, seconds = self._session, answer_seconds()
        given = {key: value for key, value in asked.items() if value is not None}
        check_pause(self.uri, self.label)

        def sent() -> "requests.Response":
            return session.request(
                method, f"{self.uri.rstrip('/')}/{path}", timeout=(min(CONNECT_SECONDS, seconds), seconds),
                params=given if method == "GET" else None, json=given if method == "POST" else None, stream=True,
            )  # fmt: skip

        try:
            answer = whole(in_time(sent, HEAD_PARTS * seconds), seconds)
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            failed = RestError(f"{self.label} does not answer: {_why(error, seconds)}", _HINT)
            failed.slow = isinstance(error, (requests.ReadTimeout, urllib3.exceptions.ReadTimeoutError))
            raise failed from error
        note_pause(self.uri, answer)
        return answer

    def _told(self, answer: Answer) -> Any:
        document = answer.document()
        if answer.ok and isinstance(document, dict):
            return document
        error = refusal(self.label, answer, document)
        error.unknown = answer.status in (404, 405, 501) and error.error_code in _NO_SUCH_QUESTION
        raise error


def refusal(label: str, answer: Answer, document: Any) -> RestError:
    """What an answer means that is none of MLflow's, or MLflow's word for why not."""
    status = answer.status
    if isinstance(document, dict) and ("error_code" in document or "message" in document):
        message = brief_reason(Exception(str(document.get("message", ""))))
        error = RestError(f"{label} answers: {message}", _SIGN_IN if status in (401, 403) else _HINT)
        error.error_code = str(document.get("error_code", ""))
        return error
    if status == 401:
        return RestError(f"{label} does not know who asks (status 401)", _SIGN_IN)
    if status == 403:
        return RestError(f"{label} does not let this user in (status 403)", _SIGN_IN)
    if status in (429, 503):
        wait = seconds_to_wait(answer)
        return RestError(f"{label} is too busy (status {status})" + (f": wait {wait:.0f} s" if wait else ""), _HINT)
    if not answer.ok:
        return RestError(f"{label} answers with status {status}", _HINT)
    kind = answer.headers.get("content-type", "").partition(";")[0] or "no type"
    if answer.moved:
        there = without_password(answer.url).partition("?")[0]
        return RestError(f"{label} sends us on to {there}, a page that is not JSON ({kind})", _SIGN_IN)
    if not answer.content.strip():
        return RestError(f"{label} answers with nothing", _HINT)
    if kind == "application/json":
        return RestError(f"{label} answers with JSON that is not whole", _HINT)
    return RestError(f"{label} answers with a page that is not JSON ({kind})", _HINT)


def _why(error: Exception, seconds: float) -> str:
    import requests
    import urllib3

    if isinstance(error, TooSlowError):
        return str(error)
    if isinstance(error, requests.ConnectTimeout):
        return f"no connection within {min(CONNECT_SECONDS, seconds):g} s"
    if isinstance(error, (requests.Timeout, urllib3.exceptions.ReadTimeoutError)):
        return f"nothing came for {seconds:g} s"
    if isinstance(error, requests.exceptions.SSLError):
        return f"its certificate is not trusted ({without_password(str(error))[:120]})"
    broken = (requests.exceptions.ChunkedEncodingError, urllib3.exceptions.ProtocolError)
    if isinstance(error, broken) or "RemoteDisconnected" in str(error):
        return "it broke the connection off"
    if "NameResolutionError" in str(error):
        return "its name is not known (no such host)"
    return brief_reason(error, 160)


def _page(answer: Mapping[str, Any], found: Sequence[Any]) -> Page:
    page = Page(found)
    page.token = str(answer.get("next_page_token", ""))
    return page


def _run(raw: Mapping[str, Any]) -> RestRun:
    info, data = raw["info"], raw.get("data", {})
    return RestRun(
        RestInfo(
            str(info["run_id"]), info.get("run_name", ""), info.get("status", ""), _whole(info.get("start_time")),
            _whole(info.get("end_time")), info.get("user_id", ""), info.get("lifecycle_stage", "active"),
            str(info.get("experiment_id", "")),
        ),
        RestData(
            {param["key"]: param.get("value", "") for param in data.get("params", ())},
            {tag["key"]: tag.get("value", "") for tag in data.get("tags", ())},
            [_metric(metric) for metric in data.get("metrics", ())],
        ),
    )  # fmt: skip


def _metric(raw: Mapping[str, Any]) -> RestMetric:
    # NaN and the infinities come as words; what is 0 may be left out.
    value, at, step = raw.get("value", 0.0), raw.get("timestamp", 0), raw.get("step", 0)
    return RestMetric(str(raw["key"]), float(value), int(at), int(step))


def _whole(value: Any) -> int | None:
    return None if value is None else int(value)
