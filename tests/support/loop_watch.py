"""Watches an event loop: how long was it away from its work at the worst?"""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

INTERVAL = 0.005


@dataclass
class LoopGaps:
    """Seconds by which the loop came late to a timer, each with the processor time that its thread spent in them.

    A gap in which the thread computed or waited in a call is the program's; one in which the machine gave the
    processor to others shows little of both, so `worst_busy` is what a test may judge on a shared machine.
    """

    gaps: list[tuple[float, float]] = field(default_factory=list)

    @property
    def worst(self) -> float:
        return max((late for late, _ in self.gaps), default=0.0)

    @property
    def worst_busy(self) -> float:
        return max((busy for _, busy in self.gaps), default=0.0)


@asynccontextmanager
async def watch_loop() -> AsyncIterator[LoopGaps]:
    """Watch the running loop until the block ends."""
    found = LoopGaps()

    async def tick() -> None:
        while True:
            wall, cpu = time.perf_counter(), time.thread_time()
            await asyncio.sleep(INTERVAL)
            found.gaps.append((time.perf_counter() - wall - INTERVAL, time.thread_time() - cpu))

    task = asyncio.create_task(tick())
    try:
        yield found
    finally:
        task.cancel()
