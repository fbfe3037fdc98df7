"""`e`: the form for name, note, tags and metadata.yaml of a run, or for note and tags of several."""

from collections.abc import Mapping
from typing import Any, cast

from textual.app import App

from edm_core.errors import EdmError
from edm_core.snapshots.runs import RunDetail, RunRow
from edm_tui.messages import ActionRequested
from edm_tui.services import Host

Rows = tuple[RunRow, ...]
OTHERS = ("mlflow.", "edm.")
"""Tags that MLflow and the workspace write; they are not for editing here."""

METADATA_FIELDS = (
    ("hypothesis", "hypothesis"), ("config_changes", "config changes"), ("results.expected", "expected"),
    ("results.actual", "actual"), ("results.conclusion", "conclusion"),
)  # fmt: skip


async def open_metadata(app: App[Any], rows: Rows) -> None:
    """The form for one run, or for what several may share."""
    if len(rows) > 1:
        await _open_batch(app, rows)
        return
    from edm_tui.dialogs.metadata import MetadataDialog, MetadataField, MetadataPlan

    row = rows[0]
    detail: RunDetail = await cast(Host, app).services.detail(row)
    values, warning = metadata_values(detail.metadata)
    tags = own_tags(row)
    fields = []
    if row.run_id:
        listed = "\n".join(f"{key} = {value}" for key, value in tags.items())
        fields = [MetadataField("name", "name", row.name), MetadataField("note", "note", row.note)]
        fields.append(MetadataField("tags", "tags (key = value)", listed))
    if row.run_dir and not warning:
        fields += [MetadataField(key, label, values.get(key, "")) for key, label in METADATA_FIELDS]

    def edited(changes: Mapping[str, str] | None) -> None:
        if changes:
            argv = ("runs", "edit", row.run_id or row.name, *edit_options(changes, values, tags))
            app.post_message(ActionRequested("edit", argv, "data", f"Edit {row.name}"))

    plan = MetadataPlan(f"Edit {row.name}", fields, warning, tags_fault)
    await app.push_screen(MetadataDialog(plan), edited)


async def _open_batch(app: App[Any], rows: Rows) -> None:
    from edm_tui.dialogs.metadata import MetadataDialog, MetadataField, MetadataPlan

    targets = [row.run_id for row in rows if row.run_id]
    if not targets:
        raise EdmError("none of these is a run of MLflow's", "A folder alone has no note and no tags.")

    def edited(changes: Mapping[str, str] | None) -> None:
        if changes:
            argv = ("runs", "edit", *targets, *edit_options(changes, {}, {}))
            app.post_message(ActionRequested("edit", argv, "data", f"Edit {len(targets)} runs"))

    fields = [MetadataField("note", "note for all", ""), MetadataField("tags", "tags for all", "")]
    hint = "tags: a line `key = value` sets one, `-key` takes one away; what is left empty stays as it is"
    plan = MetadataPlan(f"Edit {len(targets)} runs", fields, hint, tags_fault)
    await app.push_screen(MetadataDialog(plan), edited)


def own_tags(row: RunRow) -> dict[str, str]:
    """The tags that a person may edit as lines."""
    return {
        key: value for key, value in sorted(row.tags.items())
        if not key.startswith(OTHERS) and "\n" not in value and "=" not in key
    }  # fmt: skip


def tag_options(text: str, before: Mapping[str, str]) -> list[str]:
    """The options of `edm runs edit` that make the tags those of these lines."""
    words: list[str] = []
    kept = set()
    for line in filter(None, map(str.strip, text.splitlines())):
        key, sign, value = (part.strip() for part in line.partition("="))
        if not sign:
            words += ["--untag", key.removeprefix("-").strip()]
            continue
        kept.add(key)
        if before.get(key) != value:
            words += ["--tag", f"{key}={value}"]
    return [*words, *(word for key in before if key not in kept for word in ("--untag", key))]


def tags_fault(changes: Mapping[str, str]) -> str:
    """What is wrong with what was typed, "" for nothing."""
    for line in filter(None, map(str.strip, changes.get("tags", "").splitlines())):
        key, sign, _ = (part.strip() for part in line.partition("="))
        if not key or not (sign or (key.startswith("-") and key != "-")):
            return f"tags: {line!r} is neither `key = value` nor `-key`"
    if "name" in changes and not changes["name"].strip():
        return "a run needs a name"
    return ""


def edit_options(
    changes: Mapping[str, str], before: Mapping[str, str], tags: Mapping[str, str] | None = None
) -> list[str]:
    """The options of `edm runs edit` for these changes. A section that stays one is changed key by key."""
    words: list[str] = []
    for key, text in changes.items():
        if key in ("note", "name"):
            words += [f"--{key}", text]
            continue
        if key == "tags":
            words += tag_options(text, tags or {})
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
