"""Opening the forms: what each needs is read first, and what comes of it is an action of the app.

Each opener takes the app and the runs that the verb means; the app runs it as a worker of its own.
"""

from collections.abc import Mapping
from typing import Any, cast

from textual.app import App

from edm_core.snapshots.runs import RunDetail, RunRow
from edm_tui.messages import ActionRequested
from edm_tui.screens.launching import launch_again, open_launch
from edm_tui.screens.model_forms import open_demote, open_promote, open_register
from edm_tui.services import Host

Rows = tuple[RunRow, ...]
__all__ = ["open_demote", "open_metadata", "open_new", "open_new_from", "open_promote", "open_register"]


async def open_new(app: App[Any], rows: Rows) -> None:
    """The launch form with the defaults."""
    await open_launch(app, None)


async def open_new_from(app: App[Any], rows: Rows) -> None:
    """The launch form filled from a run; several runs are launched again as they are."""
    if len(rows) > 1:
        await launch_again(app, rows)
    else:
        await open_launch(app, rows[0] if rows else None)


METADATA_FIELDS = (
    ("hypothesis", "hypothesis"), ("config_changes", "config changes"), ("results.expected", "expected"),
    ("results.actual", "actual"), ("results.conclusion", "conclusion"),
)  # fmt: skip


async def open_metadata(app: App[Any], rows: Rows) -> None:
    """The form for note and metadata.yaml of one run."""
    from edm_tui.dialogs.metadata import MetadataDialog, MetadataField, MetadataPlan

    row = rows[0]
    detail: RunDetail = await cast(Host, app).services.detail(row)
    values, warning = metadata_values(detail.metadata)
    fields = [MetadataField("note", "note", row.note)]
    if row.run_dir and not warning:
        fields += [MetadataField(key, label, values.get(key, "")) for key, label in METADATA_FIELDS]
    target = row.run_id or row.name

    def edited(changes: Mapping[str, str] | None) -> None:
        if changes:
            argv = ("runs", "edit", target, *edit_options(changes, values))
            app.post_message(ActionRequested("edit", argv, "data", f"Edit {row.name}"))

    await app.push_screen(MetadataDialog(MetadataPlan(row.name, fields, warning)), edited)


def edit_options(changes: Mapping[str, str], before: Mapping[str, str]) -> list[str]:
    """The options of `edm runs edit` for these changes. A section that stays one is changed key by key."""
    words: list[str] = []
    for key, text in changes.items():
        if key == "note":
            words += ["--note", text]
            continue
        old, new = _section(before.get(key, "")), _section(text)
        if old is None or new is None:
            words += ["--set", f"{key}={text}"]
            continue
        for name in {**old, **new}:
            if old.get(name) != new.get(name):
                words += ["--set", f"{key}.{name}={_as_text(new.get(name))}"]
    return words


def _section(text: str) -> Mapping[str, object] | None:
    """The text of a section of plain values; None where it is something else."""
    import yaml

    try:
        found = yaml.safe_load(text)
    except yaml.YAMLError:
        return None
    flat = isinstance(found, dict) and not any(isinstance(value, dict | list) for value in found.values())
    return {str(key): value for key, value in found.items()} if flat else None


def metadata_values(text: str) -> tuple[dict[str, str], str]:
    """The texts of metadata.yaml by key, nested keys with a dot; and what is wrong with the file, "" for nothing."""
    import yaml

    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        where = getattr(error, "problem_mark", None)
        line = f" in line {where.line + 1}" if where is not None else ""
        return {}, f"metadata.yaml is no YAML{line}: mend it by hand; the note can be edited here"
    found = document if isinstance(document, dict) else {}
    results = found.get("results")
    nested = {f"results.{key}": value for key, value in results.items()} if isinstance(results, dict) else {}
    return {key: _as_text(value) for key, value in {**found, **nested}.items()}, ""


def _as_text(value: object) -> str:
    import yaml

    if value is None:
        return ""
    return str(value) if isinstance(value, str | int | float) else yaml.safe_dump(value, allow_unicode=True).rstrip()
