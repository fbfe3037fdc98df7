"""The timeline of a stage as two lines of text: who stood there, drawn to scale where there is room, and since when."""

from collections.abc import Sequence

from edm_core.snapshots.promotion import Tenure

_LEAST = 6
"""Cells of the shortest piece: a version's name and the age below it."""


def timeline(tenures: Sequence[Tenure], now_ms: int, width: int) -> tuple[str, str]:
    """Two lines of at most `width` cells, oldest at the left; where there is too little room the oldest are left out.

    `v1━━━━v3━━━━━━━━━v1━━━▶` over `12d   5d         2h`: each began so long ago. `·` where nobody stood there.
    """
    cut = len(tenures) - max(1, (width - 3) // _LEAST)
    shown = tenures[max(0, cut) :]
    if not shown or width < _LEAST:
        return "", ""
    lead = "… " if cut > 0 else ""
    lengths = _lengths(shown, now_ms, width - 1 - len(lead))
    bar, below = lead, " " * len(lead)
    for tenure, length in zip(shown, lengths, strict=True):
        name = f"v{tenure.version}" if tenure.version else ""
        bar += (name + ("━" if tenure.version else "·") * length)[:length] if len(name) < length else name[:length]
        below += _ago(tenure, now_ms)[: length - 1].ljust(length)
    return bar + ("▶" if shown[-1].version else ""), below.rstrip()


def _lengths(tenures: Sequence[Tenure], now_ms: int, width: int) -> list[int]:
    """Cells of each piece: the least that it needs, and its share of the time in what is left over."""
    least = [max(_LEAST, len(f"v{tenure.version}") + 2) for tenure in tenures]
    spans = [_span(tenure, now_ms) for tenure in tenures]
    spare, total = max(0, width - sum(least)), sum(spans)
    return [at_least + (int(spare * span / total) if total else 0) for at_least, span in zip(least, spans, strict=True)]


def _span(tenure: Tenure, now_ms: int) -> int:
    if tenure.from_ms is None:
        return 0
    return max(0, (now_ms if tenure.to_ms is None else tenure.to_ms) - tenure.from_ms)


def _ago(tenure: Tenure, now_ms: int) -> str:
    """How long ago it came, in one number; `?` where no history tells."""
    if tenure.from_ms is None:
        return "?"
    return age((now_ms - tenure.from_ms) / 1000)


def age(seconds: float) -> str:
    """12s, 3m, 2h, 5d."""
    for size, letter in ((86400, "d"), (3600, "h"), (60, "m")):
        if seconds >= size:
            return f"{int(seconds // size)}{letter}"
    return f"{max(0, int(seconds))}s"
