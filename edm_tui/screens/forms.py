"""Opening the forms: what each needs is read first, and what comes of it is an action of the app.

Each opener takes the app and the runs that the verb means; the app runs it as a worker of its own.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, cast

from textual.app import App

from edm_core.errors import EdmError
from edm_core.snapshots.models import ModelVersion
from edm_core.snapshots.runs import RunDetail, RunRow
from edm_tui.messages import ActionRequested
from edm_tui.screens.launching import launch_again, open_launch
from edm_tui.screens.promotion import find_out, incumbent_of, run_name_of
from edm_tui.services import Host

Rows = tuple[RunRow, ...]


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


async def open_promote(app: App[Any], rows: Rows) -> None:
    """The promotion form: one stage up."""
    await open_promotion(app, await version_of(app, rows[0]), up=True)


async def open_demote(app: App[Any], rows: Rows) -> None:
    """The promotion form: one stage down."""
    await open_promotion(app, await version_of(app, rows[0]), up=False)


async def version_of(app: App[Any], row: RunRow) -> ModelVersion:
    """The newest model version made from this run. Raises EdmError where there is none."""
    for version in await cast(Host, app).services.models():
        if version.run_id and version.run_id == row.run_id:
            return version
    raise EdmError(f"{row.name} is no model version", "R registers it.")


async def open_promotion(app: App[Any], version: ModelVersion, *, up: bool) -> None:
    """The form for one stage up or down from where the version is. Raises EdmError where there is no such stage."""
    from edm_core.actions.stages import next_stage, previous_stage
    from edm_tui.dialogs.promote import PromoteDialog, PromotePlan, Promotion

    services = cast(Host, app).services
    stage = next_stage(version.stage) if up else previous_stage(version.stage)
    incumbent = incumbent_of(await services.models(), version, stage)
    target = f"{version.name}/{version.version}"

    def decided(promotion: Promotion | None) -> None:
        if promotion is not None:
            verb = ("promote", target, stage) if up else ("demote", target)
            reason = ("--reason", promotion.reason) if promotion.reason else ()
            title = f"{version.name} v{version.version} to {stage}"
            app.post_message(ActionRequested("promote", ("models", *verb, *reason), "registry", title))

    form = PromoteDialog(
        PromotePlan(version.name, version.version, run_name_of(version), version.stage, stage, incumbent)
    )
    await app.push_screen(form, decided)
    found = await find_out(services, version, stage)
    if form in app.screen_stack:
        form.tell(found.metrics, found.gates, found.differences or {}, found.notice)


async def open_register(app: App[Any], rows: Rows) -> None:
    """The confirmation of a new model version."""
    from edm_tui.dialogs.register import RegisterDialog, RegisterPlan

    row, services = rows[0], cast(Host, app).services
    model = services.workspace.settings.registry.model
    versions, detail = await asyncio.gather(services.models(), services.detail(row))
    ours = [version for version in versions if version.name == model]
    plan = RegisterPlan(
        run_name=row.name,
        model=model,
        next_version=max((version.version for version in ours), default=0) + 1,
        facts=register_facts(detail),
        warnings=register_warnings(row, detail, ours),
    )

    def answered(yes: bool | None) -> None:
        if yes:
            argv = ("models", "register", row.run_id)
            app.post_message(ActionRequested("register", argv, "registry", f"Register {row.name}"))

    await app.push_screen(RegisterDialog(plan), answered)


def register_facts(detail: RunDetail) -> list[tuple[str, str]]:
    """What goes into the version: checkpoint and best metrics."""
    from edm_tui.formatting import number, size

    best = [(name, found) for name, found in detail.row.metrics.items() if not name.startswith("best_")]
    checkpoints = [file for file in detail.files if file.path == "checkpoints/best.pt"]
    return [
        *(("checkpoint", f"{file.path} ({size(file.size)})") for file in checkpoints),
        *((name, f"{number(found.last if found.best is None else found.best)}") for name, found in best[:8]),
    ]


def register_warnings(row: RunRow, detail: RunDetail, versions: Sequence[ModelVersion]) -> list[str]:
    """What is worth a second look before a version is made."""
    warnings = [
        f"v{version.version} was made from this run already" for version in versions if version.run_id == row.run_id
    ]
    if detail.files and not any(file.path == "checkpoints/best.pt" for file in detail.files):
        warnings.append("checkpoints/best.pt was not found")
    if row.data_state.word == "untracked":
        warnings.append("the run is not kept yet: K keeps it")
    return warnings
