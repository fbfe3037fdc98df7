"""How every command speaks: data on stdout, narration on stderr, one JSON document with --json, no traceback."""

import json
import math
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, is_dataclass
from enum import Enum
from typing import Any, TypeVar

import click

from edm_core.snapshots.outcome import Outcome
from edm_core.stores.redact import without_password

F = TypeVar("F", bound=Callable[..., Any])

DONE, FAILED, USAGE, INTERRUPTED = 0, 1, 2, 130


def json_option(function: F) -> F:
    """`--json`: print one JSON document instead of text."""
    return click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")(function)


def plain(value: Any) -> Any:
    """`value` in types that JSON has: NaN and infinities as the strings "nan", "inf" and "-inf"."""
    if isinstance(value, float) and not math.isfinite(value):
        return "nan" if math.isnan(value) else ("inf" if value > 0 else "-inf")
    if isinstance(value, Enum):
        return getattr(value, "word", value.value)
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value))
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [plain(item) for item in value]
    return value if isinstance(value, str | int | float | bool | None) else str(value)


def print_json(document: Any) -> None:
    click.echo(json.dumps(plain(document), indent=2, ensure_ascii=False))


def say(text: str) -> None:
    """Narration: to stderr, with escape sequences and passwords taken out."""
    click.echo(clean(without_password(text)), err=True)


def clean(text: str) -> str:
    """Text from outside made safe for a terminal: control characters other than newline and tab become '?'."""
    return "".join(c if c in "\n\t" or (c.isprintable() or c == " ") else "?" for c in text)


def human(size: float) -> str:
    """1,234,567 → `1.2 MB`."""
    value = float(size)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" or value >= 100 else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"


def age(at: float) -> str:
    """How long ago that was (Unix seconds): `3m`, `2h`, `5d`."""
    seconds = max(0.0, time.time() - at)
    for length, unit in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= length:
            return f"{seconds / length:.0f}{unit}"
    return f"{seconds:.0f}s"


def print_table(headers: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> None:
    """Aligned columns on stdout; columns whose index is in `right` are right-aligned."""
    from rich.cells import cell_len

    cells = [[clean(cell).replace("\n", " ") for cell in row] for row in rows]
    widths = [max((cell_len(line[i]) for line in [list(headers), *cells]), default=0) for i in range(len(headers))]

    def pad(text: str, i: int) -> str:
        space = " " * (widths[i] - cell_len(text))
        return space + text if i in right else text + space

    for line in [list(headers), *cells]:
        click.echo("  ".join(pad(text, i) for i, text in enumerate(line)).rstrip())


def print_outcome(outcome: Outcome, as_json: bool) -> None:
    """The end of an action: one JSON document, or its title and detail."""
    if as_json:
        print_json({"title": outcome.title, "detail": outcome.detail, "level": outcome.level,
                    "stale": list(outcome.stale), **outcome.data})  # fmt: skip
        return
    click.echo(clean(outcome.title))
    if outcome.detail:
        click.echo(clean(outcome.detail))


def interactive() -> bool:
    """Whether there is a person to ask: a terminal on stdin and stdout, and not CI."""
    return sys.stdin.isatty() and sys.stdout.isatty() and not os.environ.get("CI")
