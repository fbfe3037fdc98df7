"""Runs made in memory, and an app on them that touches no store."""

from collections.abc import Hashable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from edm_core.errors import EdmError, StoreError
from edm_core.query.complete import Names
from edm_core.settings import Settings
from edm_core.snapshots.outcome import Outcome
from edm_core.snapshots.runs import DataState, MetricSummary, RunDetail, RunRow, RunsSnapshot
from edm_core.stores.protocols import Experiment
from edm_core.stores.query import Matches
from edm_core.workspace import Workspace
from edm_tui.app import EdmApp
from edm_tui.services import Services

NOW = 1_700_000_000.0


def a_metric(*values: float) -> MetricSummary:
    """A metric whose history is these values; less is better."""
    best = min(values)
    return MetricSummary(values[-1], len(values), best, values.index(best) + 1, tuple(values))


def a_row(name: str, **fields: Any) -> RunRow:
    """A finished run with a folder, an hour old, unless `fields` say otherwise."""
    known: dict[str, Any] = {
        "run_id": f"id-{name}", "status": "FINISHED", "start_ms": int((NOW - 3600) * 1000),
        "end_ms": int((NOW - 3000) * 1000), "run_dir": f"outputs/training/{name}", "data_state": DataState.UNTRACKED,
    }  # fmt: skip
    return RunRow(name=name, **{**known, **fields})


def a_snapshot(rows: Sequence[RunRow]) -> RunsSnapshot:
    return RunsSnapshot(tuple(rows), "sqlite:mlflow.db", "edm-training", NOW)


class QuietServices(Services):
    """Answers from attributes; `asked` has the argv of each verb."""

    def __init__(self, workspace: Workspace, rows: Sequence[RunRow]) -> None:
        super().__init__(workspace)
        self.rows: Sequence[RunRow] | EdmError = rows
        self.outcome: Outcome | EdmError = Outcome("done")
        self.asked: list[tuple[str, ...]] = []
        self.undoable = ""
        self.token: Hashable = 0
        self.documents: dict[tuple[str, ...], dict[str, Any]] = {}
        self.read: list[tuple[str | None, tuple[str, ...]]] = []
        """Experiment and metrics of each reading."""
        self.curves: dict[str, dict[str, MetricSummary]] = {}
        self.looked: list[tuple[tuple[str, ...], tuple[str, ...]]] = []
        self.known_experiments: tuple[Experiment, ...] = ()

    async def runs(
        self, experiment: str | None = None, metrics: Sequence[str] = (), whole: bool = False, part: Any = None
    ) -> RunsSnapshot:
        self.read.append((experiment, tuple(metrics)))
        if isinstance(self.rows, EdmError):
            raise self.rows
        return replace(a_snapshot(self.rows), experiment=experiment or "edm-training")

    async def summaries(self, run_ids: Sequence[str], metrics: Sequence[str]) -> dict[str, dict[str, MetricSummary]]:
        self.looked.append((tuple(run_ids), tuple(metrics)))
        return {run_id: self.curves[run_id] for run_id in run_ids if run_id in self.curves}

    async def experiments(self) -> tuple[Experiment, ...]:
        return self.known_experiments

    async def detail(self, row: RunRow) -> RunDetail:
        return RunDetail(row, metadata=f"run_name: {row.name}\n")

    async def branch(self) -> str:
        return ""

    async def jobs_need_settling(self) -> bool:
        return False

    async def last_action(self) -> str:
        return self.undoable

    async def change_token(self) -> Hashable:
        return self.token

    async def verb(self, *argv: str, lane: Any = "tracking", title: str = "") -> Outcome:
        self.asked.append(argv)
        if isinstance(self.outcome, EdmError):
            raise self.outcome
        return self.outcome

    async def matching(self, query: str, experiment: str | None = None) -> Matches:
        document = await self.query("runs", "list", "--filter", query)
        return Matches([run["run_id"] for run in document["runs"]])

    async def quick_matches(self, query: str, experiment: str | None = None) -> Matches | None:
        return None

    async def query_names(self) -> Names | None:
        return None

    async def query(self, *argv: str, lane: Any = "tracking", title: str = "") -> dict[str, Any]:
        if argv not in self.documents:
            raise StoreError(f"cannot read {argv[-1]}", "See MLflow's search syntax.")
        return self.documents[argv]


def an_app(folder: Path, rows: Sequence[RunRow], **options: Any) -> tuple[EdmApp, QuietServices]:
    """The app on these runs, and its services."""
    workspace = Workspace(folder, Settings())
    app = EdmApp(workspace, a_snapshot(rows), **options)
    app.services = services = QuietServices(workspace, rows)
    return app, services
