"""What MLflow knows now of the runs that a job opened, asked so cheaply that it can be asked every few seconds.

MLflow itself is not imported: a SQLite store is read in place, a server is asked over HTTP. Other databases tell
nothing here (they need a driver of their own); their jobs show what their progress file says.
"""

import base64
import contextlib
import json
import math
import os
import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_BUSY_SECONDS = 5.0
# Short, because the supervisor waits meanwhile, and a job that is to be stopped should stop.
_LOOK_SECONDS, _HTTP_SECONDS = 1.0, 3.0
_STORED_INFINITY = 1.7976931348623157e308
_RUNS = """
SELECT r.run_uuid, r.name, (SELECT MIN(m.step) FROM metrics m WHERE m.run_uuid = r.run_uuid) FROM runs r
JOIN tags t ON t.run_uuid = r.run_uuid AND t.key = 'edm.job_id'
WHERE t.value = :job AND r.lifecycle_stage = 'active' ORDER BY r.start_time
"""
_METRICS = "SELECT key, value, step, timestamp, is_nan FROM latest_metrics WHERE run_uuid = :run"
_PARAMS = "SELECT key, value FROM params WHERE run_uuid = :run"
Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Point:
    """The last value of a metric: `at` is Unix seconds."""

    value: float
    step: int
    at: float


@dataclass(frozen=True, slots=True)
class RunNow:
    """A run that a job opened, as it stands."""

    run_id: str
    name: str
    metrics: Mapping[str, Point] = field(default_factory=dict)
    params: Mapping[str, str] = field(default_factory=dict)
    first_step: int = 0


def runs_now(uri: str, job_id: str) -> list[RunNow]:
    """The active runs that carry the job's id, the oldest first; [] where none is there or nothing can be read."""
    if uri.startswith("sqlite:///"):
        return _from_sqlite(uri, job_id)
    return _from_server(uri, job_id) if uri.startswith(("http://", "https://")) else []


def read_sqlite(uri: str, query: str, values: Mapping[str, str]) -> list[Row] | None:
    """The rows; [] while there is no store, None where it is none of SQLite's or cannot be read."""
    if not uri.startswith("sqlite:///"):
        return None
    if not _path(uri).exists():
        return []
    try:
        with _connected(uri, _BUSY_SECONDS) as base:
            return base.execute(query, values).fetchall()
    except sqlite3.Error:
        return None


def _path(uri: str) -> Path:
    return Path(uri.removeprefix("sqlite:///"))


@contextlib.contextmanager
def _connected(uri: str, patience: float) -> Iterator[sqlite3.Connection]:
    # rw, because a killed writer leaves a journal that has to be rolled back before anything can be read.
    address = f"{_path(uri).as_uri()}?mode=rw"
    with contextlib.closing(sqlite3.connect(address, uri=True, timeout=patience)) as base:
        base.execute("PRAGMA query_only=1")
        yield base


def _from_sqlite(uri: str, job_id: str) -> list[RunNow]:
    if not _path(uri).exists():
        return []
    found = []
    try:
        with _connected(uri, _LOOK_SECONDS) as base:
            for run_id, name, first in base.execute(_RUNS, {"job": job_id}).fetchall():
                metrics = base.execute(_METRICS, {"run": run_id}).fetchall()
                params = base.execute(_PARAMS, {"run": run_id}).fetchall()
                points = {key: Point(_value(value, nan), step, at / 1000) for key, value, step, at, nan in metrics}
                found.append(RunNow(run_id, name or "", points, dict(params), first or 0))
    except sqlite3.Error:
        # Locked, or not a store yet: the next look sees it.
        return []
    return found


def _value(value: float, nan: object) -> float:
    if nan:
        return math.nan
    return math.copysign(math.inf, value) if abs(value) >= _STORED_INFINITY else value


def _from_server(uri: str, job_id: str) -> list[RunNow]:
    # Imported when it is needed: most supervisors never speak to a server.
    from http.client import HTTPException

    try:
        experiments = _post(uri, "experiments/search", {"max_results": 1000}).get("experiments", [])
        ids = [str(one["experiment_id"]) for one in experiments]
        query = {"experiment_ids": ids, "filter": f"tags.`edm.job_id` = '{job_id}'", "order_by": ["start_time ASC"]}
        return [_run(run) for run in _post(uri, "runs/search", query).get("runs", [])]
    except (OSError, HTTPException, ValueError, KeyError, TypeError, AttributeError):
        # A server that is away is asked again later; the job itself does not depend on it.
        return []


def _run(run: Mapping[str, Any]) -> RunNow:
    info, data = run["info"], run.get("data", {})
    points = {
        str(one["key"]): Point(
            _value(float(one["value"]), False), int(one.get("step", 0)), int(one["timestamp"]) / 1000
        )
        for one in data.get("metrics", [])
    }
    params = {str(one["key"]): str(one["value"]) for one in data.get("params", [])}
    return RunNow(str(info["run_id"]), str(info.get("run_name", "")), points, params)


def _post(uri: str, call: str, body: Mapping[str, Any]) -> dict[str, Any]:
    import urllib.request

    headers = {"Content-Type": "application/json", **_authorization(os.environ)}
    address = f"{uri.rstrip('/')}/api/2.0/mlflow/{call}"
    request = urllib.request.Request(address, json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=_HTTP_SECONDS) as answer:
        found = json.load(answer)
    return found if isinstance(found, dict) else {}


def _authorization(env: Mapping[str, str]) -> dict[str, str]:
    """As MLflow's own client does it."""
    token, user = env.get("MLFLOW_TRACKING_TOKEN"), env.get("MLFLOW_TRACKING_USERNAME")
    if user:
        pair = f"{user}:{env.get('MLFLOW_TRACKING_PASSWORD', '')}"
        return {"Authorization": f"Basic {base64.b64encode(pair.encode()).decode()}"}
    return {"Authorization": f"Bearer {token}"} if token else {}
