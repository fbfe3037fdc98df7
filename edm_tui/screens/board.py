"""`T`: TensorBoard on the marked run folders, and off again."""

import asyncio
from collections.abc import Sequence
from typing import Any

from textual.app import App

from edm_core.errors import EdmError
from edm_core.snapshots.runs import RunRow
from edm_tui.dialogs.told import ToldDialog
from edm_tui.services import Services
from edm_tui.tensorboard import Board, start, with_events


class Boards:
    """At most one TensorBoard for each program; it ends with the program."""

    def __init__(self, app: App[Any], services: Services) -> None:
        self._app, self._services = app, services
        self._board: Board | None = None
        self._busy = False

    async def toggle(self, rows: Sequence[RunRow]) -> None:
        """Start it on these runs, or stop it where it runs. Raises EdmError."""
        if self._busy:
            return
        self._busy = True
        try:
            if self._board is not None and self._board.alive:
                await self._stop(self._board)
            else:
                await self._start(rows)
        finally:
            self._busy = False

    async def _start(self, rows: Sequence[RunRow]) -> None:
        folders = await self._services.in_thread(with_events, self._services.workspace, rows)
        if not folders:
            text = "no TensorBoard event files in the folders of these runs"
            self._app.notify(text, severity="warning", markup=False)
            return
        self._say("TensorBoard is starting")
        try:
            board: Board = await self._services.in_thread(start, folders)
        except EdmError:
            self._say("")
            raise
        self._board = board
        self._say(f"TensorBoard on port {board.port} (T stops it)")
        lines = (
            f"{', '.join(board.names[:4])}{' and more' if len(board.names) > 4 else ''}", "", f"here: {board.url}",
            "from your machine, leave this running there:", f"  {board.ssh_line}", f"and open http://localhost:{board.port}/",
            "", "T stops it, and so does q.",
        )  # fmt: skip
        self._app.push_screen(ToldDialog("TensorBoard", lines, board.ssh_line, "the ssh line"))
        self._app.run_worker(self._watch(board), group="tensorboard")

    async def _stop(self, board: Board) -> None:
        self._board = None
        await self._services.in_thread(board.stop)
        self._say("")
        self._app.notify("TensorBoard was stopped", markup=False)

    async def _watch(self, board: Board) -> None:
        """Say so when it ends by itself."""
        while board is self._board and board.alive:
            await asyncio.sleep(1)
        if board is self._board:
            self._board = None
            self._say("")
            self._app.notify("TensorBoard has ended", severity="warning", markup=False)

    def _say(self, title: str) -> None:
        """What the status line says of it, "" for nothing."""
        standing = self._services.going_on.standing
        standing.pop("TensorBoard", None)
        if title:
            standing["TensorBoard"] = title
        getattr(self._app.screen, "say", lambda: None)()
