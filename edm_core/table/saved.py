"""Views by name: those of `[tui.views]` in edm.toml, which a team shares, and the user's own in their configuration."""

import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from edm_core.errors import NotFoundError, SettingsError
from edm_core.files import write_atomic
from edm_core.settings import MetricsSettings, read_toml
from edm_core.table.view import View, read_view
from edm_core.workspace import Workspace

LONGEST_NAME = 60
_MEND = "Mend the line, or move the file away."


@dataclass(frozen=True, slots=True)
class SavedView:
    """`shared` ones come from edm.toml and are changed there; `fault` says what is wrong with one as it is written."""

    name: str
    view: View
    shared: bool = False
    fault: str = ""


def views_path() -> Path:
    """The user's own views: `edm-tui/views.toml` where XDG_CONFIG_HOME says, `~/.config` by default."""
    home = os.environ.get("XDG_CONFIG_HOME", "")
    return (Path(home) if Path(home).is_absolute() else Path.home() / ".config") / "edm-tui" / "views.toml"


def saved_views(workspace: Workspace) -> tuple[SavedView, ...]:
    """All views by name; of two with one name the user's own counts. Raises SettingsError where the file is damaged."""
    own, metrics = views_path(), workspace.settings.metrics
    found = {}
    for name, table in workspace.settings.tui.views.items():
        found[name] = _read_one(name, table, metrics, f"[tui.views.{name}]", shared=True)
    for name, table in read_toml(own, _MEND).items():
        found[name] = _read_one(name, table, metrics, f"{own}: [{name}]", shared=False)
    return tuple(found[name] for name in sorted(found))


def _read_one(name: str, table: Any, metrics: MetricsSettings, where: str, *, shared: bool) -> SavedView:
    """One that cannot be read has its fault; the others live on."""
    try:
        if not isinstance(table, Mapping):
            raise SettingsError(f"{where} must be a table")
        return SavedView(name, read_view(table, metrics, where), shared)
    except SettingsError as error:
        return SavedView(name, View(), shared, error.message)


def find_view(workspace: Workspace, name: str) -> SavedView:
    """The view of this name. Raises NotFoundError that lists those there are, SettingsError."""
    views = {saved.name: saved for saved in saved_views(workspace)}
    if name not in views:
        listed = ", ".join(views) or "none yet: `V` in edm-tui saves what is shown"
        raise NotFoundError(f"no view is called {name!r}", f"Views: {listed}.")
    if views[name].fault:
        raise SettingsError(views[name].fault, "Mend it in the file, or save it anew.")
    return views[name]


def save_view(name: str, view: View) -> None:
    """Write the view under this name into the user's own; one of that name is replaced. Raises SettingsError."""
    text = name.strip()
    if not text or len(text) > LONGEST_NAME or not text.isprintable():
        raise SettingsError(f"a view cannot be called {name!r}", f"Give 1 to {LONGEST_NAME} printable characters.")
    with _changed() as document:
        document[text] = view.as_table()


def delete_view(workspace: Workspace, name: str) -> None:
    """Take one of the user's own views away. Raises NotFoundError, SettingsError for one of edm.toml's."""
    known = next((saved for saved in saved_views(workspace) if saved.name == name), None)
    if known is None:
        raise NotFoundError(f"no view is called {name!r}", "`V` in edm-tui lists them.")
    if known.shared:
        raise SettingsError(f"view {name!r} stands in edm.toml", f"Take [tui.views.{name}] out of it by hand.")
    with _changed() as document:
        del document[name]


@contextmanager
def _changed() -> Iterator[Any]:
    """The user's file for changing, its comments kept; two programs take turns, and a damaged file stays as it is."""
    import tomlkit

    path = views_path()
    read_toml(path, _MEND)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with (path.parent / ".views.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            document = tomlkit.parse(path.read_text(encoding="utf-8") if path.exists() else "")
            yield document
            write_atomic(path, tomlkit.dumps(document))
    except OSError as error:
        raise SettingsError(f"{path} cannot be written: {error.strerror}", "Check the folder's permissions.") from error
