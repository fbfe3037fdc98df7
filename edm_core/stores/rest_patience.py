"""How long a server is waited for: an answer that drips is ended, and one that asks us to wait is not asked again."""

import json
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

from edm_core.errors import StoreError

if TYPE_CHECKING:
    import requests

BYTES_A_SECOND = 512
"""What an answer must bring on average, once it has taken as long as the wait for one byte may."""
LONGEST_PAUSE = 300.0
_PART = 1 << 16
_paused: dict[str, float] = {}
"""By server, until when it asked not to be asked."""


class TooSlowError(OSError):
    """It does answer, but so slowly that it would take for ever."""


def in_time(call: "Callable[[], requests.Response]", seconds: float) -> "requests.Response":
    """What `call` gives. Raises TooSlowError where that takes longer: a byte now and then lets no timeout of a socket
    come. The call is then left behind in a thread that holds up nobody."""
    found: list[requests.Response] = []
    failed: list[Exception] = []
    lock, left = threading.Lock(), False

    def run() -> None:
        try:
            answer = call()
        except Exception as error:  # noqa: BLE001 (raised again below)
            failed.append(error)
            return
        with lock:
            if not left:
                found.append(answer)
                return
        answer.close()

    thread = threading.Thread(target=run, daemon=True, name="edm-rest")
    thread.start()
    thread.join(seconds)
    with lock:
        left = True
    if failed:
        raise failed[0]
    if not found:
        raise TooSlowError(f"no whole answer began within {seconds:g} s")
    return found[0]


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer; `moved` where the server sent us on to another address, which `url` is then."""

    status: int
    headers: Mapping[str, str]
    content: bytes
    url: str
    moved: bool

    @property
    def ok(self) -> bool:
        return self.status < 400

    def document(self) -> Any:
        """What its JSON says; None where it is none."""
        try:
            return json.loads(self.content)
        except ValueError:
            return None


def whole(response: "requests.Response", seconds: float) -> Answer:
    """Read the body. Raises TooSlowError for one that comes byte by byte, urllib3's errors for one that breaks off."""
    began, parts, size = time.monotonic(), [], 0
    with response:
        # As it comes: `iter_content` would wait for a whole part.
        while part := response.raw.read1(_PART, decode_content=True):
            parts.append(part)
            size += len(part)
            taken = time.monotonic() - began
            if taken > seconds and size < BYTES_A_SECOND * taken:
                raise TooSlowError(f"its answer drips: {size:,} bytes in {taken:.0f} s")
    return Answer(response.status_code, response.headers, b"".join(parts), response.url, bool(response.history))


def seconds_to_wait(answer: Answer) -> float:
    """What `Retry-After` asks for, at most LONGEST_PAUSE; 0 where it asks for nothing."""
    text = answer.headers.get("retry-after", "").strip()
    if text.isdigit():
        return min(float(text), LONGEST_PAUSE)
    try:
        return min(max(0.0, parsedate_to_datetime(text).timestamp() - time.time()), LONGEST_PAUSE)
    except (ValueError, TypeError):
        return 0.0


def note_pause(uri: str, answer: Answer) -> None:
    """Remember that the server asked not to be asked for a while."""
    if answer.status in (413, 429, 503) and (wait := seconds_to_wait(answer)):
        _paused[uri] = time.monotonic() + wait


def check_pause(uri: str, label: str) -> None:
    """Raise StoreError while the server has asked not to be asked."""
    left = _paused.get(uri, 0.0) - time.monotonic()
    if left > 0:
        raise StoreError(f"{label} is too busy and asked us to wait {left:.0f} s more", "It is asked again then.")
