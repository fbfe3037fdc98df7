"""What MLflow knows now of the runs that a job opened, asked so cheaply that it can be asked every few seconds.

MLflow itself is not imported: a SQLite store is read in place, PostgreSQL through its driver alone, a server is asked
over HTTP. Other databases tell nothing here; their jobs show what their progress file says.
"""

import base64
import contextlib
import importlib
import json
import math
import os
import re
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_BUSY_SECONDS = 5.0
# Short, because the supervisor waits meanwhile, and a job that is to be stopped should stop.
_LOOK_SECONDS, _HTTP_SECONDS = 1.0, 3.0
_STORED_INFINITY = 1.7976931348623157e308
_RUNS = """
SELECT r.run_uuid, r.name FROM runs r
JOIN tags t ON t.run_uuid = r.run_uuid AND t.key = 'edm.job_id'
WHERE t.value = :job AND r.lifecycle_stage = 'active' ORDER BY r.start_time
"""
_METRICS = "SELECT key, value, step, timestamp, is_nan FROM latest_metrics WHERE run_uuid = :run"
_FIRST = "SELECT MIN(step) FROM metrics WHERE run_uuid = :run"
_PARAMS = "SELECT key, value FROM params WHERE run_uuid = :run"
_NAMED = re.compile(r":(\w+)")
Row = tuple[Any, ...]
Ask = Callable[[str, Mapping[str, str]], list[Row]]
"""Answers a statement with its named values."""


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


def runs_now(uri: str, job_id: str, firsts: dict[str, int] | None = None) -> list[RunNow]:
    """The active runs that carry the job's id, the oldest first; [] where none is there or nothing can be read.

    `firsts` keeps the first step by run id from one call to the next: it is looked for once, while a run is young.
    """
    firsts = {} if firsts is None else firsts
    if uri.startswith("sqlite:///"):
        return _from_sqlite(uri, job_id, firsts)
    if uri.startswith("postgresql"):
        return _from_postgres(uri, job_id, firsts)
    return _from_server(uri, job_id, firsts) if uri.startswith(("http://", "https://")) else []


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


def _from_sqlite(uri: str, job_id: str, firsts: dict[str, int]) -> list[RunNow]:
    if not _path(uri).exists():
        return []
    try:
        with _connected(uri, _LOOK_SECONDS) as base:
            return _from_tables(lambda sql, values: base.execute(sql, values).fetchall(), job_id, firsts)
    except sqlite3.Error:
        # Locked, or not a store yet: the next look sees it.
        return []


def _from_postgres(uri: str, job_id: str, firsts: dict[str, int]) -> list[RunNow]:
    scheme, _, rest = uri.partition("://")
    try:
        # Imported when it is needed: most supervisors never speak to a database server.
        driver = importlib.import_module("psycopg2" if scheme.endswith("+psycopg2") else "psycopg")
    except ImportError:
        return []
    options = f"-c default_transaction_read_only=on -c statement_timeout={_HTTP_SECONDS * 1000:g}"

    def ask(sql: str, values: Mapping[str, str]) -> list[Row]:
        cursor.execute(_NAMED.sub(r"%(\1)s", sql), values)
        return list(cursor.fetchall())

    try:
        # A connection for each look: one that stayed open would cost the server a process for each job.
        connection = driver.connect(f"postgresql://{rest}", connect_timeout=int(_HTTP_SECONDS), options=options)
        with contextlib.closing(connection) as base:
            cursor = base.cursor()
            return _from_tables(ask, job_id, firsts)
    except driver.Error:
        # Away, or not a store yet: as above.
        return []


def _from_tables(ask: Ask, job_id: str, firsts: dict[str, int]) -> list[RunNow]:
    """From MLflow's tables, which are the same in each database."""
    found = []
    for run_id, name in ask(_RUNS, {"job": job_id}):
        metrics, params = ask(_METRICS, {"run": run_id}), ask(_PARAMS, {"run": run_id})
        points = {key: Point(_value(value, nan), step, at / 1000) for key, value, step, at, nan in metrics}
        if points and run_id not in firsts:
            firsts[run_id] = int(ask(_FIRST, {"run": run_id})[0][0] or 0)
        found.append(RunNow(run_id, name or "", points, dict(params), firsts.get(run_id, 0)))
    return found


def _value(value: float, nan: object) -> float:
    if nan:
        return math.nan
    return math.copysign(math.inf, value) if abs(value) >= _STORED_INFINITY else value


def _from_server(uri: str, job_id: str, firsts: dict[str, int]) -> list[RunNow]:
    # Imported when it is needed: most supervisors never speak to a server.
    from http.client import HTTPException

    try:
        experiments = _ask_server(uri, "experiments/search", {"max_results": 1000}).get("experiments", [])
        ids = [str(one["experiment_id"]) for one in experiments]
        query = {"experiment_ids": ids, "filter": f"tags.`edm.job_id` = '{job_id}'", "order_by": ["start_time ASC"]}
        return [_run(uri, run, firsts) for run in _ask_server(uri, "runs/search", query).get("runs", [])]
    except (OSError, HTTPException, ValueError, KeyError, TypeError, AttributeError):
        # A server that is away is asked again later; the job itself does not depend on it.
        return []


def _run(uri: str, run: Mapping[str, Any], firsts: dict[str, int]) -> RunNow:
    info, data = run["info"], run.get("data", {})
    run_id = str(info["run_id"])
    points = {
        str(one["key"]): Point(
            _value(float(one["value"]), False), int(one.get("step", 0)), int(one["timestamp"]) / 1000
        )
        for one in data.get("metrics", [])
    }
    params = {str(one["key"]): str(one["value"]) for one in data.get("params", [])}
    if points and run_id not in firsts:
        firsts[run_id] = _first_on_server(uri, run_id, next(iter(points)))
    return RunNow(run_id, str(info.get("run_name", "")), points, params, firsts.get(run_id, 0))


def _first_on_server(uri: str, run_id: str, metric: str) -> int:
    """The step of the metric's first point."""
    from urllib.parse import urlencode

    asked = urlencode({"run_id": run_id, "metric_key": metric, "max_results": 1})
    return int(_ask_server(uri, f"metrics/get-history?{asked}").get("metrics", [{}])[0].get("step", 0))


def _ask_server(uri: str, call: str, body: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """What the server answers to this body, or to a question without one."""
    import urllib.request

    headers = {"Content-Type": "application/json", **_authorization(os.environ)}
    address = f"{uri.rstrip('/')}/api/2.0/mlflow/{call}"
    request = urllib.request.Request(address, None if body is None else json.dumps(body).encode(), headers)
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
