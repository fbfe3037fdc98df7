"""`edm runs list` as a saved view shows the runs, and into files; on runs in memory."""

import csv
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from click.testing import CliRunner, Result

from edm_core.cli.main import edm
from edm_core.errors import EdmError
from edm_core.table.export import write_sheet
from edm_core.table.saved import views_path

NAN, INF = float("nan"), float("inf")
VIEWS = """
[good]
columns = ["best:val_loss", "metric:boundary_f1", "param:learning_rate"]
sort = ["best:val_loss"]
filter = "metrics.val_loss < 0.02"
name = "!seed2"

[groups]
columns = ["best:val_loss", "metric:boundary_f1"]
group = "param:learning_rate"
"""


@pytest.fixture(autouse=True)
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    root = tmp_path / "work"
    root.mkdir()
    (root / "edm.toml").touch()
    monkeypatch.chdir(root)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "memory://sample")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    views_path().parent.mkdir(parents=True)
    views_path().write_text(VIEWS)
    return root


def call(*words: str) -> Result:
    return CliRunner().invoke(edm, ["runs", "list", *words])


def test_a_view_has_its_columns_order_and_filter() -> None:
    document = json.loads(call("--view", "good", "--json").output)
    found = [(run["name"], run["best"]["val_loss"]["value"]) for run in document["runs"]]
    assert found
    assert found == sorted(found, key=lambda one: one[1])
    assert all(run["metrics"]["val_loss"] < 0.02 for run in document["runs"])
    assert not any("seed2" in name for name, _ in found)
    lines = call("--view", "good").output.splitlines()
    assert lines[0].split() == [
        "run", "best:val_loss", "step:val_loss", "metric:boundary_f1", "param:learning_rate", "run_id"
    ]  # fmt: skip
    assert [line.split()[0] for line in lines[1:]] == [name for name, _ in found]
    assert len(json.loads(call("--view", "good", "--limit", "1", "--json").output)["runs"]) == 1


def test_a_view_goes_with_another_filter_and_order() -> None:
    words = ("--view", "good", "--filter", "metrics.val_loss > 0.0135", "--order-by", "metrics.val_loss DESC", "--json")
    values = [run["metrics"]["val_loss"] for run in json.loads(call(*words).output)["runs"]]
    assert values
    assert values == sorted(values, reverse=True)
    assert all(0.0135 < value < 0.02 for value in values)


def test_groups_are_printed_with_their_figures() -> None:
    document = json.loads(call("--view", "groups", "--json").output)
    assert len(document["runs"]) == 12
    assert [group["n"] for group in document["groups"]] == [3, 3, 3, 3]
    assert set(document["groups"][0]) == {"value", "n", "best:val_loss", "mean boundary_f1"}
    assert call("--view", "groups").output.splitlines()[0].split()[:2] == ["param:learning_rate", "n"]


@pytest.mark.parametrize("kind", ["csv", "json", "markdown", "parquet"])
def test_every_format_holds_the_same_runs(workspace: Path, kind: str) -> None:
    path = workspace / {"markdown": "runs.md"}.get(kind, f"runs.{kind}")
    done = call("--view", "good", "--output", path.name)
    assert done.exit_code == 0, done.output
    expected = [run["run_id"] for run in json.loads(call("--view", "good", "--json").output)["runs"]]
    read: dict[str, Callable[[], list[str]]] = {
        "csv": lambda: [row["run_id"] for row in csv.DictReader(path.read_text().splitlines())],
        "json": lambda: [row["run_id"] for row in json.loads(path.read_text())],
        "markdown": lambda: [line.split("|")[-2].strip() for line in path.read_text().splitlines()[2:]],
        "parquet": lambda: list(pd.read_parquet(path)["run_id"]),
    }
    assert read[kind]() == expected
    if kind != "parquet":
        assert call("--view", "good", "--format", kind).output == path.read_text()


def test_a_file_is_replaced_only_when_told(workspace: Path) -> None:
    (workspace / "runs.csv").write_text("mine")
    done = call("--output", "runs.csv")
    assert isinstance(done.exception, EdmError)
    assert (workspace / "runs.csv").read_text() == "mine"
    assert call("--output", "runs.csv", "--force").exit_code == 0
    assert len((workspace / "runs.csv").read_text().splitlines()) == 13
    for words in (("--output", "gone/runs.csv"), ("--output", "runs.doc"), ("--view", "gone")):
        assert isinstance(call(*words).exception, EdmError), words
    assert call("--format", "parquet").exit_code == 2
    assert sorted(path.name for path in workspace.iterdir()) == ["edm.toml", "runs.csv"]


def test_odd_values_survive(tmp_path: Path) -> None:
    titles = ["run", "x", "curve"]
    rows: list[list[Any]] = [['a|b\n"c"', NAN, [1.0, NAN]], ["ü", INF, None], ["é", None, []], ["0", 0.1 + 0.2, [2.5]]]
    write_sheet(tmp_path / "x.csv", "csv", titles, rows)
    with (tmp_path / "x.csv").open(newline="", encoding="utf-8") as file:
        read = list(csv.DictReader(file))
    assert [row["x"] for row in read] == ["nan", "inf", "", "0.30000000000000004"]
    assert read[0]["run"] == 'a|b\n"c"'
    write_sheet(tmp_path / "x.json", "json", titles, rows)
    assert [row["x"] for row in json.loads((tmp_path / "x.json").read_text())] == ["nan", "inf", None, 0.1 + 0.2]
    write_sheet(tmp_path / "x.md", "markdown", titles, rows)
    lines = (tmp_path / "x.md").read_text().splitlines()
    assert len(lines) == 6
    assert 'a\\|b "c"' in lines[2]
    write_sheet(tmp_path / "x.parquet", "parquet", titles, rows)
    assert pd.read_parquet(tmp_path / "x.parquet")["x"].tolist()[3] == 0.1 + 0.2
    for kind in ("csv", "json", "markdown", "parquet"):
        write_sheet(tmp_path / f"none.{kind}", kind, titles, [])
