"""Narrowing the run table: `/` by name as one types, `f` by a query that the store answers."""

from typing import TYPE_CHECKING

from textual import work
from textual.reactive import reactive

from edm_core.errors import EdmError, QueryError
from edm_core.query.grammar import parse
from edm_core.query.held import is_held
from edm_core.snapshots.runs import RunsSnapshot
from edm_tui.messages import FilterChanged
from edm_tui.screens.base import EdmScreen
from edm_tui.screens.run_filter import RunFilter
from edm_tui.widgets.run_table import RunTable

if TYPE_CHECKING:
    from edm_tui.dialogs.query_prompt import QueryPrompt

NAMED_BY = 1000
"""How many rows name the metrics, params and tags where the store itself cannot be asked."""


class Narrowing(EdmScreen):
    """A screen with a run table of `snapshot`; `show_rows` shows those that `narrowed` lets through."""

    table: RunTable
    snapshot: reactive[RunsSnapshot | None] = reactive(None, init=False, always_update=True)

    def __init__(self) -> None:
        super().__init__()
        self.narrowed = RunFilter()

    @property
    def total(self) -> int:
        """How many runs there are before narrowing."""
        raise NotImplementedError

    @property
    def experiment(self) -> str | None:
        """The experiment that is asked: None for the workspace's own, `*` for all."""
        return None

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
            bar.show_count(len(self.table.arrangement.runs), self.total)

    def do_query(self) -> None:
        from edm_tui.dialogs.query_prompt import QueryPrompt

        def asked(query: str | None) -> None:
            if query:
                self.ask(query)
            elif query is not None and self.narrowed.query:
                self.narrowed = self.narrowed.without_query()
                self.show_rows()

        prompt = QueryPrompt(self.narrowed.query)
        self.app.push_screen(prompt, asked)
        self._offer_names(prompt)

    @work(exclusive=True, group="names")
    async def _offer_names(self, prompt: "QueryPrompt") -> None:
        from edm_core.query.complete import names_of

        try:
            names = await self.services.query_names()
        except EdmError:
            # The screen says already that the store cannot be read; the rows are still there.
            names = None
        prompt.offer(names_of(self.table.rows[:NAMED_BY]) if names is None else names)

    async def renew_answer(self, snapshot: RunsSnapshot) -> None:
        """Ask the query again since other runs are to be shown, where that is cheap; elsewhere the old answer stands
        until `f`."""
        query = self.narrowed.query
        if not query or self._held(query, snapshot):
            return
        found = await self.services.quick_matches(query, self.experiment)
        if found is not None and query == self.narrowed.query:
            self.narrowed = self.narrowed.asked(query, frozenset(found.run_ids))

    def ask(self, query: str) -> None:
        """Narrow by this query; what cannot be read is said, and changes nothing."""
        try:
            held = self._held(query, self.snapshot)
        except QueryError as error:
            self.host.show_error(error.message, error.hint)
            return
        if held:
            self.show_rows()
        else:
            self._ask_store(query)

    def _held(self, query: str, snapshot: RunsSnapshot | None) -> bool:
        """Narrow by this query where the runs at hand answer it. Raises QueryError."""
        expression = parse(query).expression
        held = snapshot is not None and self.services.holds_all(snapshot) and is_held(expression)
        if held:
            self.narrowed = self.narrowed.held(query, expression)
        return held

    @work(exclusive=True, group="query")
    async def _ask_store(self, query: str) -> None:
        self.call_later(self.say)
        try:
            matches = await self.services.matching(query, self.experiment)
        except EdmError as error:
            self.host.show_error(error.message, error.hint)
        else:
            self.narrowed = self.narrowed.asked(query, frozenset(matches.run_ids))
        self.show_rows()
