"""`edm runs` and `edm experiments` as scripts meet them."""

import json
import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from edm_core.cli.main import edm
from edm_core.cli.run_plot import chart_text
from edm_core.curves.history import from_points
from edm_core.curves.lines import Line, View
from edm_core.errors import ActionError, EdmError, NotFoundError, QueryError
from edm_core.settings import MetricsSettings
from edm_core.stores.mlflow_client import mlflow_client
from edm_core.stores.query import order_keys
from edm_core.stores.runs import find_run
from edm_core.workspace import Workspace
from tests.support.stores import copied, many_kinds, new_workspace

Run = Callable[..., Result]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Workspace:
    workspace = new_workspace(tmp_path_factory.mktemp("cli") / "ws")
    many_kinds(workspace)
    folder = workspace.runs_dir / "plain"
    folder.mkdir()
    (folder / "metadata.yaml").write_text("run_name: plain\nhypothesis: it works\n")
    return workspace


@pytest.fixture
def workspace(made: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """The module's workspace, as the current folder. Tests that change it take a copy."""
    monkeypatch.chdir(made.root)
    return made


def call(*words: str) -> str:
    """Run `edm` and return what it wrote to stdout; its errors come as they are raised."""
    result = CliRunner().invoke(edm, list(words), standalone_mode=False)
    if result.exception is not None:
        raise result.exception
    return result.stdout


def document(*words: str) -> Any:
    return json.loads(call(*words, "--json"))


def test_list_as_json(workspace: Workspace) -> None:
    runs = document("runs", "list")["runs"]
    assert [run["name"] for run in runs][:2] == ["running", "empty"]
    plain = next(run for run in runs if run["name"] == "plain")
    assert plain["status"] == "FINISHED"
    assert plain["data_state"] == "untracked"
    assert plain["model"] is None
    assert plain["params"]["learning_rate"] == "0.001"
    assert plain["metrics"]["val_loss"] == 0.5 / 60
    assert plain["best"]["val_loss"] == {"value": 0.5 / 60, "step": 59}
    assert plain["tags"]["mlflow.user"] == plain["user"] == "ada"
    assert plain["start"] == "1970-01-01T00:16:40.000+00:00"
    assert plain["duration_s"] == 60
    assert plain["run_dir"] == "outputs/training/plain"
    assert plain["job"] is None
    nan = next(run for run in runs if run["name"] == "nan_last")
    assert nan["metrics"]["val_loss"] == "nan"


def test_list_as_a_table(workspace: Workspace) -> None:
    lines = call("runs", "list", "--limit", "4").splitlines()
    assert lines[0].split()[:6] == ["RUN", "STATE", "DATA", "MODEL", "STARTED", "TOOK"]
    assert len(lines) == 5
    assert lines[1].startswith("running")
    everything = call("runs", "list")
    plain = next(line for line in everything.splitlines() if line.startswith("plain"))
    assert "finished" in plain
    assert "untracked" in plain
    assert "0.008333 @59" in plain


def test_list_imports_nothing_heavy(workspace: Workspace) -> None:
    program = (
        "import sys\nfrom edm_core.cli.main import edm\n"
        "edm.main(['runs', 'list'], standalone_mode=False)\n"
        "heavy = {'mlflow', 'dvc', 'torch', 'pandas', 'sqlalchemy', 'numpy', 'textual'} & set(sys.modules)\n"
        "sys.exit(f'imported {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "plain" in done.stdout


def test_an_empty_workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workspace = new_workspace(tmp_path / "ws")
    monkeypatch.chdir(workspace.root)
    assert document("runs", "list") == {"runs": []}
    assert call("runs", "list") == ""
    assert document("experiments", "list") == {"experiments": []}
    assert not (workspace.root / "mlflow.db").exists()


@pytest.mark.parametrize(
    ("query", "order_by", "names"),
    [
        ("metrics.val_loss < 0.3", "val_loss", ["plain", "running", "backwards"]),
        ("metrics.val_loss < 0.3", "metrics.val_loss DESC", ["running", "backwards", "plain"]),
        ("attributes.status = 'KILLED'", "", ["only_nan"]),
        ("run_name LIKE '%a%' and params.learning_rate = '0.001'", "start_time ASC",
         ["plain", "nan_last", "only_nan", "backwards", "odd name % _ 'ü' 雪"]),
        ("metrics.`group/loss value` <= 0.5", "", ["odd name % _ 'ü' 雪"]),
        ("metrics.val_loss < 0", "", []),
    ],
)  # fmt: skip
def test_filter_and_order_are_mlflows(workspace: Workspace, query: str, order_by: str, names: list[str]) -> None:
    options = ["--order-by", order_by] if order_by else []
    assert [run["name"] for run in document("runs", "list", "--filter", query, *options)["runs"]] == names
    limited = document("runs", "list", "--filter", query, *options, "--limit", "2")["runs"]
    assert [run["name"] for run in limited] == names[:2]


@pytest.mark.parametrize("query", ["nonsense here", "metrics.val_loss = 'x'", "params.lr > 3 or x", "metrics.a/b < 3"])
def test_a_bad_filter_is_refused_and_shown(workspace: Workspace, query: str) -> None:
    with pytest.raises(QueryError) as caught:
        call("runs", "list", "--filter", query)
    assert query in caught.value.message
    assert caught.value.hint


def test_order_keys() -> None:
    metrics = MetricsSettings(directions={"odd": "max"})
    keys = order_keys("val_loss, boundary_f1,start_time, odd asc, params.lr DESC, metrics.`a b` ASC", metrics)
    assert keys == [
        "metrics.`val_loss` ASC", "metrics.`boundary_f1` DESC", "start_time", "metrics.`odd` asc", "params.lr DESC",
        "metrics.`a b` ASC",
    ]  # fmt: skip


def test_show(workspace: Workspace) -> None:
    shown = document("runs", "show", "plai")
    assert shown["name"] == "plain"
    assert shown["metadata"] == {"run_name": "plain", "hypothesis": "it works"}
    assert shown["files"] == [{"path": "metadata.yaml", "bytes": 37}]
    assert shown["histories"]["val_loss"][0] == [0, 0.5]
    text = call("runs", "show", "plain")
    for word in ("hypothesis: it works", "learning_rate", "boundary_f1", "note of plain", "1 files"):
        assert word in text


def test_show_what_is_not_there(workspace: Workspace) -> None:
    with pytest.raises(NotFoundError) as caught:
        call("runs", "show", "plian")
    assert "plain" in caught.value.hint


def test_diff(workspace: Workspace) -> None:
    found = document("runs", "diff", "plain", "backwards")
    assert set(found) >= {"params", "metrics", "metadata", "config", "code", "data", "environment", "tracks"}
    assert found["params"] == {}
    assert found["metrics"]["best val_loss"]["verdicts"] == ["", "worse"]
    assert found["runs"] == ["plain", "backwards"]
    everything = document("runs", "diff", "plain", "backwards", "--all")
    assert everything["params"]["learning_rate"] == {
        "values": ["0.001", "0.001"], "deltas": [], "verdicts": [], "same": True,
    }  # fmt: skip
    text = call("runs", "diff", "plain", "backwards")
    assert "worse" in text
    assert "params: same" in text
    assert "learning_rate" in call("runs", "diff", "plain", "backwards", "--all")


def test_diff_needs_two(workspace: Workspace) -> None:
    result = CliRunner().invoke(edm, ["runs", "diff", "plain", "plain"])
    assert result.exit_code == 2
    assert "two different runs" in result.stderr


def test_plot_in_a_pipe(workspace: Workspace) -> None:
    text = call("runs", "plot", "plain", "running", "--metric", "val_loss", "--width", "60", "--height", "12")
    assert "\x1b" not in text
    assert any(0x2800 < ord(c) <= 0x28FF for c in text)
    assert "plain" in text
    assert "running" in text
    assert max(len(line) for line in text.splitlines()) == 60
    points = document("runs", "plot", "plain", "running")["runs"]
    assert points["running"][0] == [0, 0.5]


def test_plot_of_what_no_run_has(workspace: Workspace) -> None:
    with pytest.raises(NotFoundError) as caught:
        call("runs", "plot", "plain", "--metric", "nothing")
    assert "boundary_f1, val_loss" in caught.value.hint


def test_plot_takes_axes_and_saves_what_the_ending_says(workspace: Workspace, tmp_path: Path) -> None:
    words = ("runs", "plot", "plain", "running", "-m", "val_loss", "-m", "boundary_f1", "--x", "relative", "--log")
    text = call(*words, "--smooth", "0.6", "--ignore-outliers", "--width", "70")
    assert "plain val_loss" in text
    assert "plain boundary_f1" in text
    both = document(*words)
    assert set(both["metrics"]) == {"val_loss", "boundary_f1"}
    assert both["runs"] == both["metrics"]["val_loss"]
    for ending in ("svg", "png", "csv"):
        path = tmp_path / f"chart.{ending}"
        call(*words, "--save", str(path))
        assert path.stat().st_size > 100
        with pytest.raises(ActionError, match="is there already"):
            call(*words, "--save", str(path))


def test_plot_of_a_stretch(workspace: Workspace) -> None:
    whole, part = (
        call("runs", "plot", "plain", "-m", "val_loss", *more) for more in ((), ("--from", "1", "--to", "2"))
    )
    assert whole != part
    result = CliRunner().invoke(edm, ["runs", "plot", "plain", "-m", "val_loss", "--from", "3", "--to", "1"])
    assert result.exit_code == 2


def test_gaps_stay_gaps() -> None:
    points = [(step, 0, math.nan if 10 <= step < 20 else 1.0) for step in range(30)] + [(30, 0, math.inf)]
    rows = chart_text("loss\x1b[31m", [Line("a", from_points(points))], View(), 60, 16, colour=False).splitlines()
    line = next(row for row in rows if sum(0x2800 < ord(char) <= 0x28FF for char in row) > 20)
    assert " " * 10 in line.partition("┤")[2].partition("│")[0].strip()
    assert any("×" in row for row in rows)
    assert any("↑" in row for row in rows)
    assert not any("\x1b" in row for row in rows)
    assert len(rows) == 16


def test_edit(workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = copied(workspace, tmp_path / "ws")
    monkeypatch.chdir(copy.root)
    changes = ("--set", "results.conclusion=steady = good", "--set", "config_changes.lr=0.5", "--set", "hypothesis=")
    call("runs", "edit", "plain", "--note", "the one to beat", *changes)
    assert find_run(copy, "plain").note == "the one to beat"
    written = yaml.safe_load((copy.runs_dir / "plain" / "metadata.yaml").read_text())
    assert written["results"] == {"conclusion": "steady = good"}
    assert written["config_changes"] == {"lr": 0.5}
    assert "hypothesis" not in written
    call("undo")
    assert find_run(copy, "plain").note == "note of plain"
    assert "results" not in yaml.safe_load((copy.runs_dir / "plain" / "metadata.yaml").read_text())


@pytest.mark.parametrize("words", [["edit", "plain"], ["edit", "plain", "--set", "novalue"]])
def test_edit_says_what_is_missing(workspace: Workspace, words: list[str]) -> None:
    assert CliRunner().invoke(edm, ["runs", *words]).exit_code == 2


@pytest.mark.parametrize("verb", ["stop", "tail"])
def test_verbs_on_jobs_need_one(workspace: Workspace, verb: str) -> None:
    with pytest.raises(EdmError, match="was not launched as a job"):
        call("runs", verb, "plain")


def test_tail_prints_the_log_of_the_runs_job(
    workspace: Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = copied(workspace, tmp_path / "ws")
    monkeypatch.chdir(copy.root)
    row = find_run(copy, "plain")
    job = copy.jobs_dir / "20261123-000000-aaaa"
    job.mkdir(parents=True)
    (job / "job.json").write_text(json.dumps({"id": job.name, "title": "x", "command": ["x"], "created": 1.0}))
    (job / "log").write_text("epoch 1\nepoch 2\n")
    (job / "exit.json").write_text(json.dumps({"state": "failed", "exit_code": 3, "at": 2.0}))
    mlflow_client(copy).set_tag(row.run_id, "edm.job_id", job.name)
    assert call("runs", "tail", "plain") == "epoch 1\nepoch 2\n"
    assert document("runs", "tail", "plain")["id"] == job.name
    assert CliRunner().invoke(edm, ["runs", "tail", "plain", "-f"], standalone_mode=False).return_value == 1


def test_experiments(workspace: Workspace) -> None:
    found = document("experiments", "list")["experiments"]
    assert [(e["name"], e["runs"], e["current"]) for e in found] == [
        ("Default", 0, False), ("edm-training", 8, True), ("other", 1, False),
    ]  # fmt: skip
    assert "edm-training" in call("experiments", "list")
    assert [run["name"] for run in document("runs", "list", "--experiment", "other")["runs"]] == ["elsewhere"]
