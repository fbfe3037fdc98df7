"""What the launch form shows: the training's options as fields, and the command that they amount to."""

import datetime as dt
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from edm_core.data.version import data_state
from edm_core.errors import EdmError, RunNameError, TrainingError
from edm_core.jobs.gpus import slot_count
from edm_core.naming import check_run_name, naming_warnings
from edm_core.snapshots.jobs import JobSnapshot
from edm_core.snapshots.runs import RunRow
from edm_core.training.config import (
    OPTIONS,
    ConfigOption,
    TrainingConfig,
    default_run_name,
    from_dict,
    from_params,
    to_command,
)
from edm_core.workspace import Workspace
from edm_tui.dialogs.launch import LaunchCommand, LaunchField, LaunchPlan

FIRST = ("run_name", "hypothesis", "backbone", "epochs", "batch_size", "learning_rate")
LEFT_OUT = ("resume",)


def launch_plan(
    workspace: Workspace,
    source: RunRow | None,
    jobs: Sequence[JobSnapshot],
    now: dt.datetime,
    notices: Sequence[str] = (),
) -> LaunchPlan:
    """The form for a new run; with `source` its fields are filled from that run's params. Reads folder names only."""
    config = config_of(workspace, source) if source else TrainingConfig()
    taken = taken_names(workspace, jobs)
    names = [*FIRST, *(name for name in OPTIONS if name not in FIRST and name not in LEFT_OUT)]
    return LaunchPlan(
        title=f"New training, from {source.name}" if source else "New training",
        fields=[_field(OPTIONS[name], config, source) for name in names],
        command=lambda values: to_launch(values, taken, now),
        notices=[*notices, slots_notice(jobs, slot_count(workspace.settings.launch.slots, os.environ))],
    )


def config_of(workspace: Workspace, source: RunRow) -> TrainingConfig:
    """What a run was trained with: config.yaml of its folder, which knows all, else its params; name and hypothesis are
    the new run's own."""
    import yaml

    path = workspace.root / source.run_dir / "config.yaml"
    try:
        document = yaml.safe_load(path.read_bytes()) if source.run_dir else None
        config = from_dict(document) if isinstance(document, dict) else from_params(source.params)
    except (OSError, yaml.YAMLError, TrainingError):
        config = from_params(source.params)
    return replace(config, run_name="", hypothesis="", description="", resume=False)


def _field(option: ConfigOption, config: TrainingConfig, source: RunRow | None) -> LaunchField:
    value = as_text(option, getattr(config, option.name))
    if option.name == "run_name" and source:
        value = source.name
    return LaunchField(
        name=option.name,
        label=option.name.replace("_", " "),
        value=value,
        help=" ".join(filter(None, (f"{option.label}:", option.help, _range(option)))),
        check=lambda text: fault(option, text),
        choices=("on", "off") if option.kind == "bool" else option.choices,
        was=value if source and option.logged else None,
    )


def _range(option: ConfigOption) -> str:
    bounded = option.kind in ("int", "float") and (option.low is not None or option.high is not None)
    return f"({option.range_text})" if bounded else ""


def as_text(option: ConfigOption, value: object) -> str:
    """A value as it stands in its field."""
    if option.kind == "bool":
        return "on" if value else "off"
    return f"{value:g}" if isinstance(value, float) and float(f"{value:g}") == value else str(value)


def fault(option: ConfigOption, text: str) -> str:
    """What is wrong with the text of a field, "" where nothing is."""
    try:
        option.parse(text)
    except TrainingError as error:
        return error.message
    return ""


def to_launch(values: Mapping[str, str], taken: Mapping[str, str], now: dt.datetime) -> LaunchCommand:
    """The command of the fields' texts, or what is wrong with them. `taken` says for a name what it is taken by."""
    known: dict[str, Any] = {}
    for name, text in values.items():
        try:
            known[name] = OPTIONS[name].parse(text)
        except TrainingError as error:
            return LaunchCommand(error=error.message, at=name)
    try:
        config = TrainingConfig(**known)
    except TrainingError as error:
        return LaunchCommand(error=" ".join(filter(None, (error.message, error.hint))))
    name = config.run_name or default_run_name(config, now)
    config = replace(config, run_name=name)
    argv = tuple(to_command(config))
    taken_or_bad = name_fault(name, taken)
    if taken_or_bad:
        return LaunchCommand(argv, name, error=taken_or_bad, at="run_name")
    warnings = naming_warnings(name)
    praise = "" if warnings or not values.get("run_name") else "free, a good name"
    return LaunchCommand(argv, name, warning="; ".join(warnings), praise=praise)


def name_fault(name: str, taken: Mapping[str, str]) -> str:
    """Why a run cannot have this name, "" where it can."""
    try:
        check_run_name(name)
    except RunNameError as error:
        return f"{error.message}: {error.hint}"
    if name in taken:
        return f"run name {name!r} is taken by {taken[name]}"
    return ""


def taken_names(workspace: Workspace, jobs: Sequence[JobSnapshot]) -> dict[str, str]:
    """Names that a new run cannot have, and what has them."""
    taken = {job.run_name: "a job" for job in jobs if job.run_name and job.active}
    try:
        for entry in workspace.runs_dir.iterdir():
            kept = entry.name.removesuffix(".dvc")
            if entry.is_dir():
                taken[entry.name] = "a run folder"
            elif kept != entry.name:
                taken.setdefault(kept, "a kept run")
    except FileNotFoundError:
        return taken
    except OSError as error:
        raise EdmError(f"{workspace.runs_dir}: {error.strerror}", "Check the folder's permissions.") from error
    return taken


def data_sentence(workspace: Workspace) -> str:
    """How the data set here stands beside data.dvc. Reads what is new of it, so call it in a thread."""
    try:
        found = data_state(workspace.root)
    except EdmError as error:
        return f"data  {error.message}"
    return f"data  {found.sentence}" + (f", version {found.version[:8]}" if found.version else "")


def slots_notice(jobs: Sequence[JobSnapshot], slots: int) -> str:
    """Whether a job would start at once, and if not, after which."""
    running = [job for job in jobs if job.state == "running"]
    waiting = [job for job in jobs if job.state == "queued" and not job.held]
    if len(running) < slots and not waiting:
        return f"slots {len(running)} of {slots} busy: starts at once"
    ahead = waiting[0] if waiting else min(running, key=lambda job: -job.progress.fraction)
    return f"slots {min(len(running), slots)} of {slots} busy: starts after {ahead.run_name or ahead.title}"
