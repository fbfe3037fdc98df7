"""Checks of a model version that take a while: they go on whatever screen is in front, and their word stays."""

import time
from typing import Any, cast

from textual.app import App

from edm_core.errors import EdmError
from edm_core.snapshots.models import ModelVersion
from edm_tui.formatting import clean
from edm_tui.services import Host
from edm_tui.widgets.version_table import version_key

CHECKS = {"verify": "verify", "serve-check": "serve check"}
"""The verbs of `edm models`, and how they are called here."""


def is_checked(app: App[Any], version: ModelVersion, check: str) -> bool:
    """Whether this check of the version goes on."""
    title = title_of(version, check)
    return any(act.title == title for act in cast(Host, app).services.going_on.acts)


def title_of(version: ModelVersion, check: str) -> str:
    return f"{CHECKS[check]} {version.name} v{version.version}"


async def run_check(app: App[Any], version: ModelVersion, check: str) -> None:
    """Run it to its end, and tell how it ended; what it does meanwhile is in the status line."""
    host = cast(Host, app)
    key, title = version_key(version), title_of(version, check)
    found = host.services.going_on.found.setdefault(key, {})
    found[check] = "goes on"
    try:
        # No lane: it changes nothing, and nobody waits for minutes.
        told = await host.services.query("models", check, f"{version.name}/{version.version}", lane=None, title=title)
    except EdmError as error:
        found[check] = f"failed at {time.strftime('%H:%M')}: {error.message}"
        host.show_error(f"{title}: {error.message}", error.hint)
    else:
        found[check] = f"passed at {time.strftime('%H:%M')}: {told.get('title', '')}; {told.get('detail', '')}"
        app.notify(clean(f"{told.get('title', title)}; {told.get('detail', '')}"), markup=False)
