"""What the interface asks of the core: reads in threads, actions in child processes.

Nothing here imports MLflow, DVC or torch: reads go through `edm_core.stores` (plain SQL), and every action is the
`edm … --json` verb in a process of its own, which outlives the interface when it has to.
"""

import asyncio
import sys
import time
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from edm_core.snapshots.jobs import JobSnapshot
from edm_core.snapshots.outcome import Outcome
from edm_core.snapshots.runs import MetricSummary, RunDetail, RunRow, RunsSnapshot
from edm_core.stores.sqlite_schema import database_path
from edm_core.workspace import Workspace
from edm_tui.branch import branch_name, refs_stamp
from edm_tui.children import run_verb, to_outcome
from edm_tui.going_on import Act, GoingOn, News
from edm_tui.messages import Lane

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from edm_core.curves.history import History, Span
    from edm_core.query.complete import Names
    from edm_core.snapshots.models import ModelVersion
    from edm_core.snapshots.outcome import Undoable
    from edm_core.snapshots.storage import Shared
    from edm_core.stores.protocols import Experiment, Progress
    from edm_core.stores.query import Matches
    from edm_core.stores.run_reader import RunReader
    from edm_core.table.memory import TableMemory
    from edm_core.table.saved import SavedView
    from edm_tui.first_read import FirstRead

T = TypeVar("T")

ENGINE_SECONDS = 5.0
"""How often clusters and hosts are asked about jobs of ours that they have."""


class Host(Protocol):
    """What screens may ask of the app (which they must not import)."""

    services: "Services"

    def open_view(self, view: str, rows: tuple[RunRow, ...] = ()) -> None:
        """Open a screen or form of the app's tables on these runs."""

    def show_run(self, run_id: str) -> None:
        """The Runs screen with this run opened."""

    def redraw(self) -> None:
        """Send the whole screen to the terminal again."""

    def show_error(self, message: str, hint: str = "") -> None:
        """Say what could not be done, and what to do next."""


class Services:
    """One for each app. Threads are our own, so that leaving never waits for the event loop's."""

    def __init__(self, workspace: Workspace, python: str = sys.executable) -> None:
        self.workspace = workspace
        self._python = python
        self._threads = ThreadPoolExecutor(max_workers=8, thread_name_prefix="edm")
        self._first: FirstRead | None = None
        self.token_before: Hashable = None
        """The change token from before the first read of all runs; None before it began."""
        self._reader: RunReader | None = None
        self._lanes: dict[Lane, asyncio.Lock] = {}
        self.branch_text = branch_name(workspace.root)
        """The branch as far as it is known."""
        self._refs: tuple[int, ...] = ()
        self._asked_at = float("-inf")
        self._asking: Future[None] | None = None
        self.going_on = GoingOn(workspace.transfers_dir)
        self.in_view: Sequence[str] = ()
        """The runs on screen: what others change of these is seen first."""

    @property
    def running(self) -> list[str]:
        """What goes on or waits, in words for the status line."""
        return self.going_on.words()

    async def news(self) -> list[News]:
        """What is to be told since the last time: who waits for whom, transfers that ended; costs a few stats."""
        return await self.in_thread(self.going_on.news)

    async def in_thread(self, function: Callable[..., T], *args: Any) -> T:
        """Call `function(*args)` off the event loop."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, function, *args)

    def take_over(self, first: "FirstRead") -> None:
        """All runs come from the child that read the first ones, where it reads them."""
        self._first = first

    async def runs(
        self,
        experiment: str | None = None,
        metrics: "Sequence[str]" = (),
        whole: bool = False,
        part: "Callable[[RunsSnapshot], bool] | None" = None,
    ) -> RunsSnapshot:
        """The run table, newest first: of the workspace's experiment, where no other one is given; best values of
        `metrics`, too. `whole` reads everything again. `part` is called from a thread with what is there so far, and
        ends the reading with False. Raises EdmError when the store cannot be read."""
        return await self.in_thread(self._read_runs, experiment, metrics, whole, part)

    def _read_runs(
        self, experiment: str | None, metrics: "Sequence[str]", whole: bool,
        part: "Callable[[RunsSnapshot], bool] | None",
    ) -> RunsSnapshot:  # fmt: skip
        from edm_core.stores.run_reader import RunReader
        from edm_core.stores.runs import change_token

        if self._reader is None:
            self.token_before = change_token(self.workspace)
            self._reader = RunReader(self.workspace)
        self._reader.in_view = self.in_view
        first, self._first = self._first, None
        if first is not None:
            fresh = first.fresh() if part is not None else None
            if fresh is not None and part is not None:
                part(fresh)
            found = first.rest()
            if found is not None:
                self._reader.give(found.experiment, found.metrics, found.many)
        return self._reader.read(experiment, metrics, whole, part)

    async def summaries(
        self, run_ids: "Sequence[str]", metrics: "Sequence[str]"
    ) -> "dict[str, dict[str, MetricSummary]]":
        """Curves and best values by run id and metric, for runs that came into view. Raises EdmError."""
        reader = self._reader
        return {} if reader is None else await self.in_thread(reader.summaries, run_ids, metrics)

    async def best_left(self, metrics: "Sequence[str]") -> int:
        """How many best values of these metrics are not known yet; costs no question."""
        reader = self._reader
        return 0 if reader is None else await self.in_thread(reader.best_left, metrics)

    async def read_best(self, metrics: "Sequence[str]", told: "Progress") -> None:
        """Read them. `told` is called from a thread, and ends the reading with False. Raises EdmError."""
        if self._reader is not None:
            await self.in_thread(self._reader.read_best, metrics, told)

    async def remember(self, memory: "TableMemory") -> None:
        """Keep how the run table is arranged for the next start. Raises ActionError."""
        from edm_core.table.memory import remember

        await self.in_thread(remember, self.workspace, memory)

    async def experiments(self) -> "tuple[Experiment, ...]":
        """MLflow's active experiments. Raises EdmError."""
        from edm_core.stores.runs import list_experiments

        return await self.in_thread(list_experiments, self.workspace)

    async def views(self) -> "tuple[SavedView, ...]":
        """The saved views by name. Raises EdmError."""
        from edm_core.table.saved import saved_views

        return await self.in_thread(saved_views, self.workspace)

    async def detail(self, row: RunRow) -> RunDetail:
        """Files, metadata and metric histories of one run."""
        from edm_core.stores.runs import load_detail

        return await self.in_thread(load_detail, self.workspace, row)

    async def folder_bytes(self, rows: "Sequence[RunRow]") -> int:
        """Bytes in the folders of these runs that are here."""
        from edm_core.actions.sizes import measure

        folders = [self.workspace.root / row.run_dir for row in rows if row.run_dir]
        return await self.in_thread(lambda: sum(measure(folder).bytes for folder in folders))

    async def shared(self) -> "tuple[Shared, ...]":
        """What kept runs have in common in DVC's cache."""
        from edm_core.actions.sizes import shared

        return await self.in_thread(shared, self.workspace)

    async def histories(
        self,
        row: RunRow,
        keys: "Sequence[str] | None" = None,
        parts: int = 0,
        span: "Span | None" = None,
        known: "Mapping[str, History] | None" = None,
    ) -> "dict[str, History]":
        """Histories of a run's metrics for charts; of the `known` ones only what is new is read."""
        from edm_core.stores.histories import PARTS, histories_of

        return await self.in_thread(histories_of, self.workspace, row, keys, parts or PARTS, span, known)

    async def read_events(self, rows: "Sequence[RunRow]") -> bool:
        """Read the TensorBoard event files of these runs' folders; whether there was anything new."""
        from edm_core.stores.event_files import folder_of_events, read_events

        def read() -> bool:
            folders = [folder for row in rows if (folder := folder_of_events(self.workspace, row)) is not None]
            return read_events(folders)

        return await self.in_thread(read)

    async def jobs(self) -> tuple[JobSnapshot, ...]:
        """All jobs of the workspace, newest first."""
        from edm_core.jobs.folder import load_jobs

        return await self.in_thread(load_jobs, self.workspace.jobs_dir)

    async def jobs_need_settling(self) -> bool:
        """Whether a job is without its supervisor; changes nothing."""
        from edm_core.jobs.reaper import needs_settling

        return await self.in_thread(needs_settling, self.workspace)

    def ask_engines(self) -> None:
        """Ask clusters and hosts about our jobs there, now and then, one question at a time, off the event loop.

        What they answer is in the jobs' folders afterwards; what they have ended is settled.
        """
        now = time.monotonic()
        if now - self._asked_at >= ENGINE_SECONDS and (self._asking is None or self._asking.done()):
            self._asked_at = now
            self._asking = self._threads.submit(self._ask_engines)

    def _ask_engines(self) -> None:
        from edm_core.jobs.engines import ask_engines
        from edm_core.jobs.reaper import needs_settling

        if ask_engines(self.workspace, ENGINE_SECONDS) and needs_settling(self.workspace):
            run_verb(self._python, self.workspace.root, ("jobs", "list"), Act("settling jobs"))

    async def models(self, limit: int | None = None) -> "tuple[ModelVersion, ...]":
        """All versions of all registered models, or so many of the first ones."""
        from edm_core.stores.models import list_versions

        return await self.in_thread(list_versions, self.workspace, None, limit)

    async def moves_need_mending(self) -> bool:
        """Whether a move of a model version was cut short; changes nothing."""
        from edm_core.journal import Journal

        unfinished = await self.in_thread(lambda: Journal(self.workspace).unfinished())
        return any(entry.verb == "promote" for entry in unfinished)

    def holds_all(self, snapshot: RunsSnapshot) -> bool:
        """Whether these runs answer a query as their store does: all are here, as they are now, and the store is
        SQLite, of which is known how it compares texts."""
        unsure = snapshot.partial or snapshot.stopped or snapshot.old
        return not unsure and database_path(self.workspace.tracking_uri) is not None

    async def matching(self, query: str, experiment: str | None = None) -> "Matches":
        """The runs that fit a query in MLflow's language: from the store itself where it can be read without MLflow."""
        from edm_core.stores.query import Matches

        title = "reading the answer"
        with self.going_on.doing(title):
            found = await self.quick_matches(query, experiment)
        if found is not None:
            return found
        where = () if experiment is None else ("--experiment", experiment)
        document = await self.query("runs", "list", "--filter", query, *where, lane=None, title=title)
        return Matches([str(run["run_id"]) for run in document["runs"] if run["run_id"]])

    async def quick_matches(self, query: str, experiment: str | None = None) -> "Matches | None":
        """As `matching`, but None where it would take a process with MLflow."""
        from edm_core.stores.query import direct_matches

        return await self.in_thread(direct_matches, self.workspace, query, "", None, experiment)

    async def query_names(self) -> "Names | None":
        """The metrics, params and tags that runs have; None where only the rows on screen can tell."""
        from edm_core.stores.query_names import direct_names

        return await self.in_thread(direct_names, self.workspace)

    async def change_token(self) -> Hashable:
        """A value that is another one as soon as a store changed; costs microseconds."""
        from edm_core.stores.runs import change_token

        return await self.in_thread(change_token, self.workspace)

    async def branch(self) -> str:
        """The git branch and how many commits only it has, such as `main ↑1`; asks git only when a reference moved."""
        return await self.in_thread(self._branch)

    def _branch(self) -> str:
        from edm_core.gitrepo import git_of

        stamp = refs_stamp(self.workspace.root)
        if stamp != self._refs:
            name = branch_name(self.workspace.root)
            upstream = git_of(self.workspace).upstream() if name else None
            behind = f" ↓{upstream.behind}" if upstream is not None and upstream.behind else ""
            ahead = f" ↑{upstream.ahead}" if upstream is not None and upstream.ahead else ""
            self._refs, self.branch_text = stamp, f"{name}{ahead}{behind}"
        return self.branch_text

    async def last_action(self) -> str:
        """What `z` would undo, such as `keep cnn_lr1e-3`; "" when there is nothing."""
        return (await self.next_undo()).what

    async def next_undo(self) -> "Undoable":
        """What `z` would undo, and whether something that cannot be undone came after it."""
        from edm_core.actions.undo import what_undo_would_do

        return await self.in_thread(what_undo_would_do, self.workspace)

    async def verb(self, *argv: str, lane: Lane = "tracking", title: str = "") -> Outcome:
        """Run `edm ARGV --json` to its end and return what it says.

        Actions of one lane wait for each other. The child has a session of its own and writes to files, so it ends
        what it began even when the interface is gone. Raises EdmError with the child's message and hint.
        """
        document = await self.query(*argv, lane=lane, title=title)
        return to_outcome(document, title or " ".join(argv[:2]))

    async def query(self, *argv: str, lane: Lane | None = "tracking", title: str = "") -> dict[str, Any]:
        """As `verb`, but the child's JSON document as it is. What only reads has no lane (None) and never waits."""
        title = title or " ".join(argv[:2])
        with self.going_on.doing(title) as act:
            async with self._lanes.setdefault(lane, asyncio.Lock()) if lane else nullcontext():
                return await self.in_thread(run_verb, self._python, self.workspace.root, argv, act)
