"""`s`: by which fields the run table is sorted, the first one the weightiest."""

from collections.abc import Sequence

from rich.text import Text

from edm_core.settings import MetricsSettings
from edm_core.table.fields import Field, read_field
from edm_core.table.view import SortKey
from edm_tui.dialogs.pick import ListDialog, Option

ALONE = "enter sort by this alone · space as a further key · S turn round · 0 newest first · / search · esc back"
TAKE = "enter take · space add or remove · S turn round · 0 newest first · / search · esc back"


class SortDialog(ListDialog[tuple[SortKey, ...]]):
    """Dismissed with the keys of the order, () for newest first."""

    def __init__(self, sort: Sequence[SortKey], fields: Sequence[Field], metrics: MetricsSettings) -> None:
        first = [key.field for key in sort]
        order = [*first, *(field for field in fields if field not in first and field.kind != "spark")]
        super().__init__("Sort by", [Option(one.name, one.name, one.help) for one in order], ALONE)
        self._sort = list(sort)
        self._metrics = metrics
        self._changed = False

    def line(self, option: Option) -> Text:
        at = next((n for n, key in enumerate(self._sort) if key.field.name == option.key), None)
        mark = "" if at is None else f"{at + 1} {'▾' if self._sort[at].down else '▴'}"
        text = Text(f" {mark:<4}{option.label:<34}", style="bold" if mark else "", end="")
        return text.append(f" {option.remark}", style="$text-quiet")

    def pressed(self, character: str, name: str) -> bool:
        if character == "s":
            self.list.action_move(1)
            return True
        if character == "0":
            self.dismiss(())
            return True
        if character not in (" ", "S") or not self.key:
            return False
        self._changed = True
        field = read_field(self.key)
        at = next((n for n, key in enumerate(self._sort) if key.field == field), None)
        if at is None:
            self._sort.append(self._first(field))
        elif character == "S":
            self._sort[at] = self._sort[at].turned()
        else:
            del self._sort[at]
        self.query_one(".dialog-keys").update(TAKE)  # type: ignore[attr-defined]
        self.fill()
        return True

    def choose(self, key: str) -> None:
        if self._changed:
            self.dismiss(tuple(self._sort))
            return
        field = read_field(key)
        alone = len(self._sort) == 1 and self._sort[0].field == field
        self.dismiss((self._sort[0].turned(),) if alone else (self._first(field),))

    def _first(self, field: Field) -> SortKey:
        return SortKey(field, field.largest_first(self._metrics))
