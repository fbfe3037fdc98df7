"""`c`: which columns the run table has, in which order and how wide."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.text import Text

from edm_core.table.fields import Field, read_field
from edm_core.table.view import WIDEST, Shown
from edm_tui.dialogs.pick import ListDialog, Option

KEYS_LINE = "space on/off · J K move · + - width · 0 fit · u usual · / search · enter take · esc back"
NAME = "name"


@dataclass(frozen=True, slots=True)
class Columns:
    """What was taken; () for the usual columns."""

    shown: tuple[Shown, ...]


class ColumnsDialog(ListDialog[Columns]):
    """`shown` are the columns as they are (the name among them where it has a width), `fields` all that there are,
    `widths` how wide the shown ones are now."""

    def __init__(self, shown: Sequence[Shown], fields: Sequence[Field], widths: Mapping[str, int]) -> None:
        first = [one.field for one in shown if one.field.name != NAME]
        rest = [field for field in fields if field not in first and field.name != NAME]
        order = [Field("", NAME), *first, *rest]
        super().__init__("Columns", [Option(one.name, one.name, one.help) for one in order], KEYS_LINE)
        self._on = {NAME, *(field.name for field in first)}
        self._widths = {one.field.name: one.width for one in shown if one.width}
        self._now = widths
        self._changed = False

    def line(self, option: Option) -> Text:
        on, width = option.key in self._on, self._widths.get(option.key, 0)
        said = "frozen" if option.key == NAME else ""
        said = " ".join(filter(None, (said, f"width {width}" if width else "")))
        text = Text(f" [{'x' if on else ' '}] {option.label:<34}", style="bold" if on else "", end="")
        return text.append(f" {said or option.remark}", style="$text-quiet")

    def pressed(self, character: str, name: str) -> bool:
        key = self.key
        if character == "u":
            self.dismiss(Columns(()))
        elif character == " " and key:
            self._toggle(key)
        elif character in ("J", "K") or name in ("shift+down", "shift+up"):
            self._move(key, 1 if character == "J" or name == "shift+down" else -1)
        elif character in ("+", "-", "=", "_") and key:
            self._widen(key, 1 if character in "+=" else -1)
        elif character == "0":
            self._changed = self._widths.pop(key, None) is not None or self._changed
        else:
            return False
        self.fill()
        return True

    def _toggle(self, key: str) -> None:
        if key == NAME:
            self.note("the name stays where it is: it tells the runs apart")
            return
        self._changed = True
        self._on ^= {key}

    def _move(self, key: str, step: int) -> None:
        """Past the next line in view; the name stays the first."""
        names = [option.key for option in self.found() if option.key != NAME]
        if key not in names or not 0 <= names.index(key) + step < len(names):
            return
        other = names[names.index(key) + step]
        moved = next(option for option in self.options if option.key == key)
        self.options.remove(moved)
        place = next(at for at, option in enumerate(self.options) if option.key == other)
        self.options.insert(place + (step > 0), moved)
        self._changed = True

    def _widen(self, key: str, step: int) -> None:
        self._changed = True
        now = self._widths.get(key) or self._now.get(key, 12)
        self._widths[key] = min(max(3, now + step), WIDEST)

    def choose(self, key: str) -> None:
        """Take it all; nothing where nothing was changed."""
        if not self._changed:
            self.dismiss(None)
            return
        chosen = [option.key for option in self.options if option.key in self._on]
        shown = [Shown(read_field(name), self._widths.get(name, 0)) for name in chosen]
        if len(shown) == 1:
            self.note("at least one column besides the name")
            return
        self.dismiss(Columns(tuple(one for one in shown if one.field.name != NAME or one.width)))
