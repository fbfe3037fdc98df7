"""The footer: the verbs valid now. One that cannot run stays visible with its reason."""

from collections.abc import Callable, Mapping
from typing import ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from textual.strip import Strip

from edm_tui.formatting import fit
from edm_tui.keys import BY_VERB, Key, footer_keys
from edm_tui.widgets.painted import Painted

ALWAYS = ("palette", "help")


class KeyBar(Painted):
    """`update_keys` asks `reason(verb)` for each verb of the screen; "" means that it can run."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"key-bar--key", "key-bar--off"}

    def __init__(self, context: str, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._place = context
        self._lead = ""
        self._labels: Mapping[str, str] = {}
        self._items: list[tuple[Key, str]] = []

    @property
    def items(self) -> dict[str, str]:
        """Verb → reason why it cannot run ("" when it can), as shown."""
        return {key.verb: reason for key, reason in self._items}

    def update_keys(
        self, reason: Callable[[str], str], lead: str = "", labels: Mapping[str, str] | None = None
    ) -> None:
        """Ask again what can run. `lead` comes first; `labels` say more of a verb than the table."""
        self._labels = labels or {}
        items = [(key, reason(key.verb)) for key in footer_keys(self._place) if key.verb not in ALWAYS]
        self._items, self._lead = items, lead
        self.repaint()

    def draw_line(self, y: int) -> Strip:
        width = self.size.width
        quiet = self.style_of()
        bold, off = self.style_of("key-bar--key"), self.style_of("key-bar--off")
        tail = " ".join(f"{BY_VERB[verb].shown} {BY_VERB[verb].label} " for verb in ALWAYS)
        left = width - cell_len(tail) - 1
        segments, used = [Segment(f" {self._lead}  " if self._lead else " ", quiet)], 1
        used = segments[0].cell_length
        texts = [(key, reason, self._text(key, reason)) for key, reason in self._items]
        if used + sum(cell_len(key.shown) + cell_len(text) for key, _, text in texts) > left:
            # Where not all have room, what can be done now comes before what cannot.
            texts.sort(key=lambda one: bool(one[1]))
        for key, reason, text in texts:
            size = cell_len(key.shown) + cell_len(text)
            if used + size > left:
                continue
            segments += [Segment(key.shown, off if reason else bold), Segment(text, off if reason else quiet)]
            used += size
        segments.append(Segment(" " * max(0, left - used) + fit(tail, min(width, cell_len(tail))), quiet))
        return Strip(segments).adjust_cell_length(width, quiet)

    def _text(self, key: Key, reason: str) -> str:
        return f": {short(reason)}  " if reason else f" {fit_most(self._labels.get(key.verb, key.label), 26)}  "


def short(reason: str) -> str:
    """A reason's first part: the footer has little room, the whole one comes when the key is pressed."""
    return fit_most(reason.split(":")[0], 18)


def fit_most(text: str, width: int) -> str:
    """`text` in at most `width` cells."""
    return text if cell_len(text) <= width else fit(text, width).rstrip()
