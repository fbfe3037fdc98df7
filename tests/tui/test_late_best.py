"""Best values that a server tells late: read for an order by them, said while incomplete, ended with esc."""

import asyncio
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from edm_core.snapshots.run_columns import MISSING
from edm_core.snapshots.runs import MetricSummary
from edm_core.stores.protocols import Progress
from edm_core.table.fields import Field
from edm_core.table.view import SortKey, View
from edm_tui.app import EdmApp
from edm_tui.screens.runs import RunsScreen
from tests.support.rows import QuietServices, a_row, an_app
from tests.tui.test_app_runs import settled

BEST = {"run_0": 0.3, "run_1": 0.1, "run_2": 0.2}
BY_BEST = View(sort=(SortKey(Field("best", "val_loss"), False),))


class Late:
    """Tells best values run by run, each when it is let."""

    def __init__(self, app: EdmApp, services: QuietServices) -> None:
        self.app, self.go_on = app, threading.Semaphore(0)
        services.best_left = self.left  # type: ignore[method-assign]
        services.read_best = self.read  # type: ignore[method-assign]

    @property
    def screen(self) -> RunsScreen:
        assert isinstance(self.app.screen, RunsScreen)
        return self.app.screen

    def _missing(self) -> list[int]:
        steps = self.screen.frame.columns.metrics["val_loss"].best_step
        return [at for at, step in enumerate(steps) if step == MISSING]

    async def left(self, metrics: Sequence[str]) -> int:
        return 2_000 + len(self._missing()) if "val_loss" in metrics and self._missing() else 0

    async def read(self, metrics: Sequence[str], told: Progress) -> None:
        columns = self.screen.frame.columns

        def reading() -> None:
            while (missing := self._missing()) and told("val_loss", len(BEST) - len(missing), len(BEST)):
                self.go_on.acquire(timeout=2)
                at = missing[0]
                columns.metrics["val_loss"].put_best(at, BEST[columns.names[at]], 1)
            told("val_loss", len(BEST) - len(self._missing()), len(BEST))

        await asyncio.to_thread(reading)

    def order(self) -> list[str]:
        return [row.name for row in self.screen.table.rows]


def late_app(folder: Path) -> tuple[EdmApp, Late]:
    rows = [a_row(name, metrics={"val_loss": MetricSummary(0.5, 9, None, None)}) for name in BEST]
    app, services = an_app(folder, rows)
    return app, Late(app, services)


def status(late: Late) -> str:
    late.screen.say()
    return late.screen._status.render_line(0).text


async def until(pilot: Any, condition: Any) -> None:
    for _ in range(200):
        if condition():
            return
        await pilot.pause(0.01)
    raise AssertionError("it did not come")


async def test_none_is_read_of_many_runs_before_it_is_asked_for(tmp_path: Path) -> None:
    app, late = late_app(tmp_path)
    async with app.run_test(size=(160, 30)) as pilot:
        await settled(pilot)
        assert len(late._missing()) == 3
        assert "best val_loss of" not in status(late)
        metric = late.screen.frame.columns.metrics["val_loss"]
        metric.put_best(0, 0.3, 1)
        metric.put_best(1, 0.1, 1)
        # The third may be better still: no run is marked as the best.
        assert late.screen.arranged().best(Field("best", "val_loss")) is None
        metric.put_best(2, 0.2, 1)
        assert late.screen.arranged().best(Field("best", "val_loss")) == 0.1


async def test_an_order_by_best_values_is_right_once_all_are_read(tmp_path: Path) -> None:
    app, late = late_app(tmp_path)
    async with app.run_test(size=(160, 30)) as pilot:
        await settled(pilot)
        late.screen.change(view=BY_BEST)
        await until(pilot, lambda: "best val_loss of 0 of 3 runs, reading … (esc stops)" in status(late))
        late.go_on.release(3)
        await until(pilot, lambda: late.order() == ["run_1", "run_2", "run_0"])
        await until(pilot, lambda: "best val_loss" not in status(late))


async def test_esc_ends_the_reading_and_r_goes_on(tmp_path: Path) -> None:
    app, late = late_app(tmp_path)
    async with app.run_test(size=(160, 30)) as pilot:
        await settled(pilot)
        late.screen.change(view=BY_BEST)
        await until(pilot, lambda: "reading … (esc stops)" in status(late))
        await pilot.press("escape")
        late.go_on.release(1)
        await until(pilot, lambda: "best val_loss of 1 of 3 runs (r reads on)" in status(late))
        assert len(late._missing()) == 2
        late.go_on.release(3)  # The rows of the test begin anew with each reading.
        await pilot.press("r")
        await until(pilot, lambda: not late._missing())
        await until(pilot, lambda: "best val_loss" not in status(late))
