"""A server that refuses, is slow, breaks off, or is something else: told within seconds, without passwords."""

import json
import operator
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from edm_core.errors import StoreError
from edm_core.stores import rest_session
from edm_core.stores.run_reader import RunReader
from edm_core.stores.runs import load_runs
from edm_core.workspace import Workspace
from tests.support.postgres import free_port
from tests.support.servers import at
from tests.support.stores import new_workspace

EXPERIMENTS = {"experiments": [{"experiment_id": "1", "name": "edm-training"}]}


def a_run(number: int) -> dict[str, Any]:
    info = {"run_id": f"{number:032x}", "run_name": f"run_{number}", "status": "FINISHED", "end_time": 20_000,
            "start_time": 10_000 - number, "experiment_id": "1", "lifecycle_stage": "active"}  # fmt: skip
    metric = {"key": "other", "value": "NaN", "timestamp": 1, "step": 2}
    return {"info": info, "data": {"params": [{"key": "lr", "value": "1"}], "metrics": [metric]}}


def fits(info: dict[str, Any], query: str, stages: str) -> bool:
    """MLflow's language as far as the store asks in it."""
    if stages == "ACTIVE_ONLY" and info["lifecycle_stage"] != "active":
        return False
    start, checks = info["start_time"], {">=": operator.ge, "<": operator.lt}
    for part in query.split(" AND "):
        name, _, rest = part.partition(" ")
        sign, _, value = rest.partition(" ")
        if name == "attributes.start_time" and not checks[sign](start, int(value)):
            return False
        if name == "attributes.status" and value.strip("'") != info["status"]:
            return False
        if name == "attributes.run_id" and info["run_id"] not in value:
            return False
    return True


class Server(ThreadingHTTPServer):
    """Answers like MLflow with 250 runs, unless `trouble` says otherwise; notes what it was asked."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.trouble = ""
        self.runs = [a_run(number) for number in range(250)]
        self.asked: list[tuple[str, str, dict[str, Any]]] = []

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server_address[1]}"


Canned = tuple[int, bytes, str, dict[str, str]]
BAD: dict[str, Canned] = {
    "500": (500, b"Internal Server Error", "text/html", {}),
    "page": (200, b"<html>Sign in</html>", "text/html; charset=utf-8", {}),
    "other JSON": (200, b'{"runs": [{"id": 1}], "experiments": [{"name": 3}]}', "application/json", {}),
    "not whole": (200, b'{"runs": [{"info"', "application/json", {}),
    "nothing": (200, b"", "application/json", {}),
    "login": (302, b"", "text/html", {"Location": "/login?next=secret"}),
    "locked": (401, b"You are not authenticated", "text/html", {}),
    "forbidden": (403, b"Permission denied", "text/html", {}),
    "too many": (429, b"slow down", "text/plain", {"Retry-After": "1"}),
}
DRIPS = {
    "drips": (b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n", b"{" * 20),
    "drips from the start": (b"", b"HTTP/1.1 200 OK\r\n" * 2),
}


class Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.asked.append((self.path, self.headers.get("Authorization", ""), body))
        trouble = self.server.trouble
        if trouble in BAD:
            self._answer(*BAD[trouble])
        elif trouble == "breaks off":
            self.connection.shutdown(socket.SHUT_RDWR)
        elif trouble == "slow" or (trouble == "busy" and "order_by" in body and body["max_results"] > 150):
            threading.Event().wait(4)
        elif trouble == "half":
            self.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 900\r\n\r\n{")
            self.connection.shutdown(socket.SHUT_RDWR)
        elif trouble in DRIPS:
            self._drip(*DRIPS[trouble])
        else:
            self._answer(200, json.dumps(self._runs(body)).encode(), "application/json")

    def _runs(self, body: dict[str, Any]) -> dict[str, Any]:
        if self.path.endswith("experiments/search"):
            return EXPERIMENTS
        found = [run for run in self.server.runs if fits(run["info"], body["filter"], body["run_view_type"])]
        first = int(body.get("page_token", 0))
        last = min(len(found), first + body["max_results"])
        return {"runs": found[first:last], **({"next_page_token": str(last)} if last < len(found) else {})}

    def do_GET(self) -> None:
        if self.path.startswith("/login"):
            self._answer(*BAD["page"])
        else:
            self._answer(200, b"{}", "application/json")

    def _drip(self, at_once: bytes, slowly: bytes) -> None:
        """A byte now and then, so that no wait for one ever ends; until the other side has enough."""
        self.close_connection = True
        try:
            self.wfile.write(at_once)
            for byte in slowly:
                self.wfile.write(bytes([byte]))
                threading.Event().wait(0.1)
        except OSError:
            return

    def _answer(self, status: int, body: bytes, kind: str, more: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in (more or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing on the test's stderr."""


@contextmanager
def serving() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@pytest.fixture
def server() -> Iterator[Server]:
    with serving() as made:
        yield made


@pytest.fixture
def far(tmp_path: Path, server: Server, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    for name in ("TOKEN", "USERNAME", "PASSWORD"):
        monkeypatch.delenv(f"MLFLOW_TRACKING_{name}", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return at(new_workspace(tmp_path / "ws"), f"http://ada:secret@{server.address}")


@pytest.mark.parametrize(
    ("trouble", "told"),
    [
        ("500", "answers with status 500"),
        ("breaks off", "broke the connection off|Connection (reset|aborted)"),
        ("half", "broke the connection off|IncompleteRead"),
        ("slow", "nothing came for 0.3 s"),
        ("page", r"a page that is not JSON \(text/html\)"),
        ("other JSON", "JSON that is none of MLflow's"),
        ("locked", "does not know who asks"),
        ("forbidden", "does not let this user in"),
        ("login", r"sends us on to http://127.0.0.1:\d+/login, a page that is not JSON"),
        ("not whole", "JSON that is not whole"),
        ("nothing", "answers with nothing"),
        ("drips", r"its answer drips: \d+ bytes"),
        ("drips from the start", "no whole answer began within 0.6 s"),
    ],
)
def test_trouble_is_told_and_passes(
    far: Workspace, server: Server, trouble: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "0.3")
    reader = RunReader(far)
    server.trouble = trouble
    with pytest.raises(StoreError, match=told) as caught:
        reader.read()
    assert "secret" not in caught.value.message
    assert caught.value.hint
    server.trouble = ""
    assert len(reader.read().rows) == 250
    server.trouble = trouble
    with pytest.raises(StoreError, match=told):
        reader.read()
    server.trouble = ""
    assert len(reader.read().rows) == 250


def test_a_server_that_asks_for_a_pause_gets_it(far: Workspace, server: Server) -> None:
    reader = RunReader(far)
    server.trouble = "too many"
    with pytest.raises(StoreError, match=r"too busy \(status 429\): wait 1 s"):
        reader.read()
    server.trouble, asked = "", len(server.asked)
    with pytest.raises(StoreError, match="asked us to wait 1 s more"):
        reader.read()
    assert len(server.asked) == asked
    time.sleep(1)
    assert len(reader.read().rows) == 250


def test_a_server_that_is_away_or_has_no_address(far: Workspace) -> None:
    with pytest.raises(StoreError, match="Connection refused"):
        RunReader(at(far, f"http://127.0.0.1:{free_port()}")).read()
    with pytest.raises(StoreError, match="no such host"):
        RunReader(at(far, "http://no-such-host.invalid")).read()


def test_pages_are_shown_as_they_come_and_can_be_cut_short(
    far: Workspace, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("edm_core.stores.http_tracking.PAGE", 60)
    shown: list[int] = []

    def part(snapshot: Any) -> bool:
        assert snapshot.partial
        shown.append(len(snapshot.rows))
        return True

    whole = RunReader(far).read(part=part)
    assert shown == [100, 160, 220]
    assert (len(whole.rows), whole.partial, whole.stopped) == (250, False, False)
    cut = RunReader(far).read(part=lambda snapshot: len(snapshot.rows) < 160)
    assert (len(cut.rows), cut.stopped) == (160, True)
    row = whole.rows[7]
    assert (row.name, row.params, row.metrics["other"].last_step) == ("run_7", {"lr": "1"}, 2)
    assert row.metrics["other"].last != row.metrics["other"].last


def test_a_busy_server_is_asked_for_smaller_pages(
    far: Workspace, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1.5")
    monkeypatch.setattr("edm_core.stores.http_tracking.PAGE", 500)
    server.trouble = "busy"
    assert len(RunReader(far).read().rows) == 250
    sizes = [body["max_results"] for path, _, body in server.asked if path.endswith("runs/search")]
    assert sizes == [100, 500, 100, 100]


def searches(server: Server) -> list[str]:
    return [body["filter"] for path, _, body in server.asked if path.endswith("runs/search")]


def test_later_active_and_new_runs_and_some_older_ones_are_asked_for(far: Workspace, server: Server) -> None:
    reader = RunReader(far)
    reader.read()
    rounds = []
    for _ in range(4):
        server.asked.clear()
        reader.read()
        rounds.append(searches(server))
    usual = ["attributes.start_time >= 10000", "attributes.status = 'RUNNING'", "attributes.status = 'SCHEDULED'"]
    assert [asked[:3] for asked in rounds] == [usual] * 4
    assert [asked[3] for asked in rounds] == [
        "attributes.start_time >= 9901",
        "attributes.start_time < 9901 AND attributes.start_time >= 9801",
        "attributes.start_time < 9801",
        "attributes.start_time >= 9901",
    ]
    assert {len(asked) for asked in rounds} == {5}


def test_what_others_do_to_old_runs_is_seen_at_once_in_view_and_later_everywhere(
    far: Workspace, server: Server
) -> None:
    server.runs[240]["info"]["lifecycle_stage"] = "deleted"
    reader = RunReader(far)
    assert len(reader.read().rows) == 249
    reader.in_view = [f"{number:032x}" for number in (150, 151, 152)]
    server.runs[150]["info"]["run_name"] = "renamed"
    server.runs[151]["info"]["lifecycle_stage"] = "deleted"
    purged = server.runs.pop(152)
    now = {row.run_id: row.name for row in reader.read().rows}
    assert now[f"{150:032x}"] == "renamed"
    assert not {f"{151:032x}", f"{152:032x}"} & now.keys()
    reader.in_view = []
    server.runs[151]["info"]["lifecycle_stage"] = "active"
    server.runs.insert(152, purged)
    server.runs[230]["data"]["tags"] = [{"key": "by", "value": "ana"}]
    server.runs[235]["info"]["lifecycle_stage"] = "deleted"
    server.runs[240]["info"]["lifecycle_stage"] = "active"
    for _ in range(2):
        reader.read()
    found = {row.run_id: row for row in reader.read().rows}
    assert found.keys() == {run["info"]["run_id"] for run in server.runs} - {f"{235:032x}"}
    assert found[f"{230:032x}"].tags == {"by": "ana"}


def test_an_answer_without_any_run_takes_none_away(far: Workspace, server: Server) -> None:
    reader = RunReader(far)
    reader.read()
    server.runs = []
    for _ in range(4):
        assert len(reader.read().rows) == 250


@pytest.mark.parametrize(
    ("env", "sent"),
    [
        ({}, "Basic YWRhOnNlY3JldA=="),
        ({"MLFLOW_TRACKING_TOKEN": "tok"}, "Bearer tok"),
        ({"MLFLOW_TRACKING_USERNAME": "bob", "MLFLOW_TRACKING_PASSWORD": "pw", "MLFLOW_TRACKING_TOKEN": "tok"},
         "Basic Ym9iOnB3"),
    ],
)  # fmt: skip
def test_mlflows_own_variables_open_the_door(
    far: Workspace, server: Server, env: dict[str, str], sent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in env.items():
        monkeypatch.setenv(name, value)
    load_runs(far)
    assert {authorization for _, authorization, _ in server.asked} == {sent}


def test_mlflows_credentials_file_opens_it_too(far: Workspace, server: Server, tmp_path: Path) -> None:
    (tmp_path / ".mlflow").mkdir()
    (tmp_path / ".mlflow" / "credentials").write_text(
        "[mlflow]\nmlflow_tracking_username = eve\nmlflow_tracking_password = 50%\n"
    )
    load_runs(far)
    assert {authorization for _, authorization, _ in server.asked} == {"Basic ZXZlOjUwJQ=="}


def test_certificates_are_taken_from_mlflows_variables(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_SERVER_CERT_PATH", "/ca.pem")
    monkeypatch.setenv("MLFLOW_TRACKING_CLIENT_CERT_PATH", "/me.pem")
    session = rest_session.new_session()
    assert (session.verify, session.cert) == ("/ca.pem", "/me.pem")
    monkeypatch.delenv("MLFLOW_TRACKING_SERVER_CERT_PATH")
    monkeypatch.setenv("MLFLOW_TRACKING_INSECURE_TLS", "true")
    assert rest_session.new_session().verify is False


def test_a_way_in_that_only_mlflow_knows_is_left_to_mlflow(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not rest_session.needs_mlflow()
    monkeypatch.setenv("MLFLOW_TRACKING_AWS_SIGV4", "true")
    assert rest_session.needs_mlflow()
