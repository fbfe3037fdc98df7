"""Pages of a server: side by side where tokens tell where they begin, in turn where not, and never without end."""

import threading

import pytest

from edm_core.stores.rest_client import Page, RestError
from edm_core.stores.rest_pages import AT_ONCE, LEAST, Pages, offset_in, token_of


class Numbers:
    """Answers with the numbers below `count`; notes what was asked and how many questions were open at once."""

    def __init__(self, count: int, opaque: bool = False, slow_over: int = 0) -> None:
        self.count, self.opaque, self.slow_over = count, opaque, slow_over
        self.asked: list[tuple[int, int]] = []
        self.lock = threading.Lock()

    def ask(self, size: int, token: str) -> Page:
        start = 0 if not token else int(token[1:]) if self.opaque else offset_in(token) or 0
        with self.lock:
            self.asked.append((start, size))
        if self.slow_over and size > self.slow_over:
            error = RestError("slow", "")
            error.slow = True
            raise error
        end = min(self.count, start + size)
        page = Page(range(start, end))
        page.token = "" if end == self.count else f"t{end}" if self.opaque else token_of(end)
        return page


@pytest.mark.parametrize("opaque", [False, True])
@pytest.mark.parametrize("count", [0, 3, 10, 11, 110, 137, 260])
def test_all_come_in_order(count: int, opaque: bool) -> None:
    numbers = Numbers(count, opaque)
    assert [one for page in Pages(numbers.ask, 10, 50) for one in page] == list(range(count))


def test_a_slow_server_is_asked_for_fewer() -> None:
    numbers = Numbers(400, slow_over=30)
    assert [one for page in Pages(numbers.ask, 10, 100) for one in page] == list(range(400))
    assert all(size <= 100 for _, size in numbers.asked[1:])
    assert sum(size > 30 for _, size in numbers.asked) <= AT_ONCE


def test_a_server_that_is_too_slow_for_any_is_away() -> None:
    with pytest.raises(RestError, match="slow"):
        list(Pages(Numbers(400, slow_over=LEAST - 1).ask, 100, 100))


@pytest.mark.parametrize("token", [token_of(10), "again"])
def test_the_same_page_again_and_again_ends(token: str) -> None:
    def ask(size: int, _: str) -> Page:
        page = Page(range(10))
        page.token = token
        return page

    with pytest.raises(RestError, match="the same page of runs again and again"):
        list(Pages(ask, 10, 50))


def test_leaving_early_asks_no_further() -> None:
    numbers = Numbers(1_000)
    for page in Pages(numbers.ask, 10, 10):
        if page[0] >= 30:
            break
    assert len(numbers.asked) <= 4 + AT_ONCE


@pytest.mark.parametrize("token", ["", "abc", "e30=", token_of(3)[:-3], "bnVsbA=="])
def test_tokens_of_another_kind(token: str) -> None:
    assert offset_in(token) is None
