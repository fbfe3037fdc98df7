"""A small app for one screen, with services that read a workspace and write down the verbs that they are asked for."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from textual.app import App

from edm_core.snapshots.jobs import JobSnapshot
from edm_core.snapshots.models import ModelVersion
from edm_core.snapshots.runs import RunDetail, RunRow
from edm_core.workspace import Workspace, find_workspace
from edm_tui.messages import ActionRequested
from edm_tui.screens.base import EdmScreen
from edm_tui.services import Services

T = TypeVar("T")


class FakeServices(Services):
    """Answers from attributes instead of stores; threads and the workspace are real."""

    def __init__(self, workspace: Workspace) -> None:
        super().__init__(workspace)
        self.job_list: tuple[JobSnapshot, ...] = ()
        self.model_list: tuple[ModelVersion, ...] = ()
        self.details: dict[str, RunDetail] = {}
        self.answers: dict[str, dict[str, Any]] = {}
        self.queries: list[tuple[str, ...]] = []

    async def jobs(self) -> tuple[JobSnapshot, ...]:
        return self.job_list

    async def models(self, limit: int | None = None) -> tuple[ModelVersion, ...]:
        return self.model_list[:limit]

    async def detail(self, row: RunRow) -> RunDetail:
        return self.details.get(row.row_id, RunDetail(row))

    async def query(self, *argv: str, lane: Any = "tracking", title: str = "") -> dict[str, Any]:
        self.queries.append(argv)
        return self.answers[" ".join(argv[:2])]


class HostApp(App[None]):
    """Shows one screen; `requests` has the argv of each action that was asked for. A test that expects errors sets
    `errors` to a list."""

    def __init__(self, workspace: Workspace, make: Callable[[], EdmScreen] | None = None) -> None:
        super().__init__()
        self.services = FakeServices(workspace)
        self.ascii_only = False
        self.requests: list[ActionRequested] = []
        self.shown: list[str] = []
        self.errors: list[str] | None = None
        self._make = make

    def on_mount(self) -> None:
        if self._make is not None:
            self.push_screen(self._make())

    def on_action_requested(self, message: ActionRequested) -> None:
        self.requests.append(message)

    def open_view(self, view: str, rows: tuple[RunRow, ...] = ()) -> None:
        raise AssertionError(f"{view} was not meant to open")

    def show_run(self, run_id: str) -> None:
        self.shown.append(run_id)

    def redraw(self) -> None:
        """Nothing is kept here of what was drawn."""

    def show_error(self, message: str, hint: str = "") -> None:
        if self.errors is None:
            raise AssertionError(f"nothing was meant to fail: {message}")
        self.errors.append(message)


def a_workspace(folder: Path) -> Workspace:
    (folder / "edm.toml").touch()
    return find_workspace(folder, env={})
