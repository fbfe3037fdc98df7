"""Narrowing the run table: `/` by name as one types, `f` by a query that the store answers."""

from textual import work

from edm_core.errors import EdmError
from edm_tui.messages import FilterChanged
from edm_tui.screens.base import EdmScreen
from edm_tui.screens.run_filter import RunFilter, answered
from edm_tui.widgets.run_table import RunTable


class Narrowing(EdmScreen):
    """A screen with a run table; `show_rows` shows those that `narrowed` lets through."""

    table: RunTable

    def __init__(self) -> None:
        super().__init__()
        self.narrowed = RunFilter()

    @property
    def total(self) -> int:
        """How many runs there are before narrowing."""
        raise NotImplementedError

    def show_rows(self) -> None:
        raise NotImplementedError

    def do_filter(self) -> None:
        from edm_tui.widgets.filter_bar import FilterBar

        if not self.query(FilterBar):
            self.mount(FilterBar(self.narrowed.name, id="filter"), after="#body")

    def on_filter_changed(self, message: FilterChanged) -> None:
        from edm_tui.widgets.filter_bar import FilterBar

        message.stop()
        self.narrowed = self.narrowed.narrower(message.text)
        self.show_rows()
        bar = self.query_one(FilterBar)
        if message.done:
            bar.remove()
            self.table.focus()
        else:
            bar.show_count(len(self.table.rows), self.total)

    def do_query(self) -> None:
        from edm_tui.dialogs.text_prompt import TextPrompt

        def asked(query: str | None) -> None:
            if query:
                self._ask_store(query)
            elif query is not None and self.narrowed.query:
                self.narrowed = RunFilter(self.narrowed.name)
                self.show_rows()

        hint = "metrics.val_loss < 0.03 and params.backbone = 'cnn'"
        self.app.push_screen(TextPrompt("Query in MLflow's language", self.narrowed.query, hint), asked)

    @work(exclusive=True, group="query")
    async def _ask_store(self, query: str) -> None:
        self.call_later(self.say)
        try:
            document = await self.services.query(
                "runs", "list", "--filter", query, lane=None, title="reading the answer"
            )
        except EdmError as error:
            self.host.show_error(error.message, error.hint)
        else:
            self.narrowed = answered(self.narrowed.name, query, document)
        self.show_rows()
