"""The model versions, and below them the history of the stages."""

import time
from collections.abc import Sequence

from textual import on, work
from textual.app import ComposeResult

from edm_core.errors import EdmError
from edm_core.snapshots.models import ModelVersion
from edm_core.snapshots.promotion import StageMove
from edm_core.snapshots.runs import RunRow
from edm_tui.messages import StoreChanged
from edm_tui.screens.lists import ListScreen
from edm_tui.widgets.key_bar import KeyBar
from edm_tui.widgets.line_list import LineList
from edm_tui.widgets.status_line import StatusLine
from edm_tui.widgets.version_table import history_lines, version_key, version_lines


class ModelsScreen(ListScreen):
    """`>` and `<` move the version under the cursor by one stage, with a form that compares it first."""

    context = "models"
    CSS_PATH = "../styles/models.tcss"

    def __init__(self, rows: Sequence[RunRow] = ()) -> None:
        super().__init__()
        self.versions: tuple[ModelVersion, ...] = ()
        self.moves: tuple[StageMove, ...] = ()
        self._rows: dict[str, RunRow] = {}
        self._fault = ""
        self._opened: frozenset[str] = frozenset()

    def compose(self) -> ComposeResult:
        yield StatusLine(id="status")
        yield LineList(id="list", empty="reading …")
        yield LineList(id="history", empty="no version has been moved yet")
        yield KeyBar(self.context, id="keys")

    @property
    def version(self) -> ModelVersion | None:
        """The version under the cursor."""
        return next((version for version in self.versions if version_key(version) == self.list.key), None)

    def targets(self) -> tuple[RunRow, ...]:
        row = self._rows.get(self.version.run_id) if self.version is not None else None
        return () if row is None else (row,)

    def stores_changed(self, message: StoreChanged) -> None:
        self._load()

    @work(exclusive=True, group="load")
    async def _load(self) -> None:
        from edm_core.actions.model_history import history
        from edm_core.stores.runs import load_rows

        services = self.services
        try:
            versions = await services.models()
            ids = dict.fromkeys(version.run_id for version in versions if version.run_id)
            rows = await services.in_thread(load_rows, services.workspace, list(ids))
        except EdmError as error:
            self._fault = f"! {error.message}" + (f" ({error.hint})" if error.hint else "")
        else:
            self._fault = ""
            self.versions, self._rows = versions, {row.run_id: row for row in rows}
            self.moves = history(versions)
        self._show()

    def _show(self) -> None:
        metric = self.services.workspace.settings.metrics.primary
        width, now = self.size.width, time.time()
        header, lines = version_lines(
            self.versions, self._rows, metric, now, width, opened=self._opened, ascii_only=self.ascii_only
        )
        self.list.set_empty(self._fault or "no model versions yet: R on a run registers it")
        self.list.set_lines(lines, header if lines else None)
        history_header, moves = history_lines(self.moves, now, width)
        self.query_one("#history", LineList).set_lines(moves, history_header if moves else None)
        self.say()

    def status_text(self) -> str:
        live = [f"{one.name} v{one.version}" for one in self.versions if one.stage == "Production"]
        count = len(self.versions)
        parts = [
            f"{count:,} version{'' if count == 1 else 's'}",
            f"Production: {', '.join(live) or 'nobody'}",
            self._fault,
        ]
        return " · ".join(part for part in parts if part)

    def on_resize(self) -> None:
        self._show()

    @on(LineList.Chosen, "#list")
    def _open_version(self, event: LineList.Chosen) -> None:
        """Enter shows where the version comes from."""
        self._opened ^= {event.key}
        self._show()

    def on_line_list_highlighted(self) -> None:
        self.say()

    # Verbs --------------------------------------------------------------------

    def reason(self, verb: str) -> str:
        if verb in ("promote", "demote"):
            version = self.version
            if version is None:
                return "no version"
            if verb == "promote" and version.stage == "Production":
                return "already in Production"
            return "" if verb == "promote" or version.stage in ("Staging", "Production") else "no step down"
        return super().reason(verb)

    def do_promote(self) -> None:
        """One stage up, with the form that compares."""
        self._open_form(up=True)

    def do_demote(self) -> None:
        """One stage down."""
        self._open_form(up=False)

    @work(exclusive=True, group="form")
    async def _open_form(self, *, up: bool) -> None:
        from edm_tui.screens.forms import open_promotion

        version = self.version
        if version is None:
            return
        try:
            await open_promotion(self.app, version, up=up)
        except EdmError as error:
            self.notify(f"{error.message} {error.hint}", severity="warning", markup=False)

    def copied(self) -> str:
        """The version's URI, which `mlflow.pytorch.load_model` takes."""
        return f"models:/{self.version.name}/{self.version.version}" if self.version is not None else ""
