"""Pages of an answer one after another, the next ones on their way while one is put to use: two at once where the
server's tokens tell where a page begins, for it answers with several processes."""

import base64
import binascii
import json
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from edm_core.stores.rest_client import Page, RestError

AT_ONCE = 2
"""More gained nothing, and others want answers, too."""
LEAST = 20
"""A server that does not send so few in time is taken as away."""
Asked: TypeAlias = Callable[[int, str], Page]
"""A page of at most so many, with this token ("" for the first)."""


@dataclass(slots=True)
class Pages:
    """Raises RestError while it is iterated; leaving it early leaves nothing behind but the answers under way."""

    ask: Asked
    first: int
    most: int
    """How many to ask for after the first page; fewer once the server was too slow for so many."""
    _pool: ThreadPoolExecutor = field(default_factory=lambda: ThreadPoolExecutor(AT_ONCE))

    def __iter__(self) -> Iterator[Page]:
        try:
            page = self._patient(self.first, "")
            if page.token and offset_in(page.token) == len(page):
                yield from self._side_by_side(page)
            else:
                yield from self._in_turn(page)
        finally:
            self._pool.shutdown(wait=False, cancel_futures=True)

    def _in_turn(self, page: Page) -> Iterator[Page]:
        seen: set[str] = set()
        while page.token:
            if page.token in seen:
                raise _again()
            seen.add(page.token)
            waiting = self._pool.submit(self._patient, self.most, page.token)
            yield page
            page = waiting.result()
        yield page

    def _side_by_side(self, page: Page) -> Iterator[Page]:
        start, waiting = len(page), deque[Future[Page]]()
        while page.token:
            while len(waiting) < AT_ONCE:
                size = self.most
                waiting.append(self._pool.submit(self._stretch, start, size))
                start += size
            yield page
            page = waiting.popleft().result()
        yield page

    def _stretch(self, start: int, size: int) -> Page:
        """So many from `start` on, in several answers where the server has become too slow for one."""
        whole = Page()
        while len(whole) < size:
            at = start + len(whole)
            part = self._patient(min(self.most, size - len(whole)), token_of(at))
            whole += part
            whole.token = part.token
            if not part.token:
                break
            if not part or offset_in(part.token) != at + len(part):
                raise _again()
        return whole

    def _patient(self, size: int, token: str) -> Page:
        while True:
            try:
                return self.ask(size, token)
            except RestError as error:
                if not error.slow or size <= LEAST:
                    raise
                size = max(LEAST, size // 5)
                self.most = min(self.most, size)


def _again() -> RestError:
    return RestError("the server sends the same page of runs again and again", "Is it a server of MLflow's?")


def offset_in(token: str) -> int | None:
    """Where the page of this token begins, as MLflow's own servers write it; None for a token of another kind."""
    try:
        told: Any = json.loads(base64.b64decode(token, validate=True))
    except (binascii.Error, ValueError):
        return None
    offset = told.get("offset") if isinstance(told, dict) and len(told) == 1 else None
    return offset if isinstance(offset, int) else None


def token_of(offset: int) -> str:
    """The token of a page that begins there."""
    return base64.b64encode(json.dumps({"offset": offset}).encode()).decode()
