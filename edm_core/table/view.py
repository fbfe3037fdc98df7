"""How the run table is arranged: columns, order, filter and group; written as a small table of texts."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from edm_core.errors import SettingsError
from edm_core.settings import MetricsSettings
from edm_core.table.fields import Field, known_field

TREE, FLAT = "tree", "flat"
"""Groups that are no fields: children below their parents; one run below the other."""
WIDEST = 200


@dataclass(frozen=True, slots=True)
class Shown:
    """A column that was chosen; width 0 fits its content."""

    field: Field
    width: int = 0

    def __str__(self) -> str:
        return f"{self.field.name}={self.width}" if self.width else self.field.name


@dataclass(frozen=True, slots=True)
class SortKey:
    """One key of the order; `down` puts the largest first."""

    field: Field
    down: bool

    def __str__(self) -> str:
        return f"{self.field.name} {'DESC' if self.down else 'ASC'}"

    def turned(self) -> "SortKey":
        return replace(self, down=not self.down)


@dataclass(frozen=True, slots=True)
class View:
    """`columns` () are the usual ones, `sort` () is newest first; `name` is a part of the name, `query` MLflow's
    language; `group` is the name of a field, TREE, FLAT, or "" for a tree while newest first, else flat."""

    columns: tuple[Shown, ...] = ()
    sort: tuple[SortKey, ...] = ()
    name: str = ""
    query: str = ""
    group: str = ""

    def as_table(self) -> dict[str, Any]:
        """As it is written; what is as usual is left out."""
        found: dict[str, Any] = {
            "columns": [str(column) for column in self.columns],
            "sort": [str(key) for key in self.sort],
            "name": self.name,
            "filter": self.query,
            "group": self.group,
        }
        return {key: value for key, value in found.items() if value}

    def metrics(self) -> tuple[str, ...]:
        """The metrics that its columns and its order are about."""
        fields = [*(column.field for column in self.columns), *(key.field for key in self.sort)]
        return tuple(dict.fromkeys(field.metric for field in fields if field.metric))


def read_view(table: Mapping[str, Any], metrics: MetricsSettings, where: str) -> View:
    """The view that a table says. Raises SettingsError that begins with `where`."""
    known = ("columns", "sort", "name", "filter", "group")
    for key in table:
        if key not in known:
            raise SettingsError(f"{where}: a view has no key {key!r}", f"Keys are: {', '.join(known)}.")
    group = _text(table, "group", where)
    if group and group not in (TREE, FLAT):
        group = _field(group, where).name
    return View(
        tuple(_shown(text, where) for text in _texts(table, "columns", where)),
        tuple(_sort_key(text, metrics, where) for text in _texts(table, "sort", where)),
        _text(table, "name", where), _text(table, "filter", where), group,
    )  # fmt: skip


def _shown(text: str, where: str) -> Shown:
    name, sign, width = text.rpartition("=")
    if sign and width.strip().isdigit():
        return Shown(_field(name, where), min(int(width), WIDEST))
    return Shown(_field(text, where))


def _sort_key(text: str, metrics: MetricsSettings, where: str) -> SortKey:
    """`FIELD ASC`, `FIELD DESC`, or the field alone for the order that one wants first."""
    name, _, direction = text.strip().rpartition(" ")
    if name and direction.upper() in ("ASC", "DESC"):
        return SortKey(_field(name, where), direction.upper() == "DESC")
    field = _field(text, where)
    return SortKey(field, field.largest_first(metrics))


def _field(name: str, where: str) -> Field:
    found = known_field(name)
    if found is None:
        raise SettingsError(
            f"{where}: {name!r} is no field of the run table", "For example best:val_loss, param:lr, tag:kind or age."
        )
    return found


def _text(table: Mapping[str, Any], key: str, where: str) -> str:
    value = table.get(key, "")
    if not isinstance(value, str):
        raise SettingsError(f"{where}: {key} must be text, not {value!r}")
    return value


def _texts(table: Mapping[str, Any], key: str, where: str) -> list[str]:
    value = table.get(key, [])
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise SettingsError(f"{where}: {key} must be a list of texts", 'For example ["best:val_loss", "param:lr"].')
    return value
