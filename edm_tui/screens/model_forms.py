"""Opening the forms on model versions: register, promote, demote, roll back."""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

from textual.app import App

from edm_core.errors import EdmError
from edm_core.snapshots.models import ModelVersion
from edm_core.snapshots.runs import RunDetail, RunRow
from edm_tui.messages import ActionRequested
from edm_tui.screens.promotion import find_out, incumbent_of
from edm_tui.services import Host
from edm_tui.widgets.version_table import run_name

if TYPE_CHECKING:
    from edm_tui.dialogs.promote import PromotePlan

Rows = tuple[RunRow, ...]
CHECKPOINT = "checkpoints/best.pt"


async def open_promote(app: App[Any], rows: Rows) -> None:
    """The promotion form: one stage up."""
    await open_promotion(app, await version_of(app, rows[0]), up=True)


async def open_demote(app: App[Any], rows: Rows) -> None:
    """The promotion form: one stage down."""
    await open_promotion(app, await version_of(app, rows[0]), up=False)


async def version_of(app: App[Any], row: RunRow) -> ModelVersion:
    """The version that the run's row names: its most promoted one. Raises EdmError where there is none."""
    from edm_core.stores.models import standing

    made = [one for one in await cast(Host, app).services.models() if one.run_id and one.run_id == row.run_id]
    if made:
        return max(made, key=standing)
    raise EdmError(f"{row.name} is no model version", "R registers it.")


async def open_promotion(app: App[Any], version: ModelVersion, *, up: bool) -> None:
    """The form for one stage up or down from where the version is. Raises EdmError where there is no such stage."""
    from edm_core.actions.stages import next_stage, previous_stage
    from edm_tui.dialogs.promote import HOLDERS, PromotePlan

    stage = next_stage(version.stage) if up else previous_stage(version.stage)
    versions = await cast(Host, app).services.models()
    target = f"{version.name}/{version.version}"
    plan = PromotePlan(
        version.name, version.version, run_name(version), version.stage, stage,
        incumbent_of(versions, version, stage), "promote" if up else "demote",
    )  # fmt: skip
    asked = ("models", "promote", target, stage) if stage in HOLDERS else None
    act = ("models", "promote", target, stage) if up else ("models", "demote", target)
    await _decide(app, plan, asked, act, f"{version.name} v{version.version} to {stage}")


async def open_rollback(app: App[Any], versions: Sequence[ModelVersion], before: ModelVersion) -> None:
    """The form that shows who was in Production before, against who is there now."""
    from edm_tui.dialogs.promote import PromotePlan

    stage = "Production"
    plan = PromotePlan(
        before.name, before.version, run_name(before), before.stage, stage, incumbent_of(versions, before, stage),
        "roll back",
    )  # fmt: skip
    act = ("models", "rollback", stage, "--model", before.name)
    await _decide(app, plan, act, act, f"{before.name} back to v{before.version}")


async def _decide(
    app: App[Any], plan: "PromotePlan", asked: tuple[str, ...] | None, act: tuple[str, ...], title: str
) -> None:
    """Open the form, find out by `asked --dry-run` what there is to know, and do `act` when it is decided."""
    from edm_tui.dialogs.promote import Findings, PromoteDialog, Promotion

    services = cast(Host, app).services
    target = f"{plan.model}/{plan.version}"

    async def tell() -> None:
        found = Findings() if asked is None else await find_out(services, asked, f"Compare {target}")
        if form in app.screen_stack:
            form.tell(found)

    async def evaluate() -> None:
        try:
            outcome = await services.verb("models", "evaluate", target, lane="registry", title=f"Evaluate {target}")
        except EdmError as error:
            cast(Host, app).show_error(f"Evaluate {target}: {error.message}", error.hint)
        else:
            app.notify(f"{outcome.title}\n{outcome.detail}", markup=False)
        await tell()

    def decided(promotion: Promotion | None) -> None:
        if promotion is not None:
            reason = ("--reason", promotion.reason) if promotion.reason else ()
            app.post_message(ActionRequested(plan.kind.replace(" ", "_"), (*act, *reason), "registry", title))

    again = plan.kind == "promote" and asked is not None
    form = PromoteDialog(plan, (lambda: app.run_worker(evaluate(), group="evaluate")) if again else None)
    await app.push_screen(form, decided)
    await tell()


async def open_register(app: App[Any], rows: Rows) -> None:
    """The confirmation of a new model version."""
    from edm_tui.dialogs.register import RegisterDialog, RegisterPlan, Registration

    row, services = rows[0], cast(Host, app).services
    model = services.workspace.settings.registry.model
    versions, detail = await asyncio.gather(services.models(), services.detail(row))
    newest: dict[str, int] = {}
    for version in versions:
        newest[version.name] = max(newest.get(version.name, 0), version.version)
    plan = RegisterPlan(
        run_name=row.name,
        model=model,
        newest=newest,
        facts=register_facts(detail),
        warnings=register_warnings(row, detail, [version for version in versions if version.name == model]),
        checkpoint=CHECKPOINT,
    )

    def answered(answer: Registration | None) -> None:
        if answer is None:
            return
        options = {"--model": (answer.model, model), "--checkpoint": (answer.checkpoint, CHECKPOINT),
                   "--format": (answer.format, "pickle")}  # fmt: skip
        told = [f"{option}={value}" for option, (value, default) in options.items() if value != default]
        argv = ("models", "register", row.run_id, *told)
        app.post_message(ActionRequested("register", argv, "registry", f"Register {row.name}"))

    await app.push_screen(RegisterDialog(plan), answered)


def register_facts(detail: RunDetail) -> list[tuple[str, str]]:
    """What goes into the version: checkpoint and best metrics."""
    from edm_tui.formatting import number, size

    best = [(name, found) for name, found in detail.row.metrics.items() if not name.startswith("best_")]
    checkpoints = [file for file in detail.files if file.path == CHECKPOINT]
    return [
        *(("checkpoint", f"{file.path} ({size(file.size)})") for file in checkpoints),
        *((name, f"{number(found.last if found.best is None else found.best)}") for name, found in best[:8]),
    ]


def register_warnings(row: RunRow, detail: RunDetail, versions: Sequence[ModelVersion]) -> list[str]:
    """What is worth a second look before a version is made."""
    warnings = [
        f"v{version.version} was made from this run already" for version in versions if version.run_id == row.run_id
    ]
    if detail.files and not any(file.path == CHECKPOINT for file in detail.files):
        warnings.append("checkpoints/best.pt was not found")
    if row.data_state.word == "untracked":
        warnings.append("the run is not kept yet: K keeps it")
    return warnings
