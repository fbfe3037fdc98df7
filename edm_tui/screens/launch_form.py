"""What the launch form shows: a profile's options as fields, and the command that they amount to."""

import datetime as dt
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from edm_core.data.version import data_state
from edm_core.errors import EdmError, RunNameError, TrainingError
from edm_core.jobs.again import fields_of, next_name, own_config
from edm_core.jobs.gpus import slot_count
from edm_core.jobs.names import taken_names, used_names
from edm_core.jobs.profiles import LOCAL, RUN_NAME, Profile, load_profile, made_up_name, profile_names
from edm_core.naming import check_run_name, naming_warnings
from edm_core.snapshots.jobs import JobSnapshot
from edm_core.snapshots.runs import RunRow
from edm_core.training.config import OPTIONS, ConfigOption, TrainingConfig, default_run_name, to_command
from edm_core.workspace import Workspace
from edm_tui.dialogs.launch import LaunchCommand, LaunchField, LaunchPlan

FIRST = ("run_name", "backbone", "epochs", "batch_size", "learning_rate", "hypothesis")
LEFT_OUT = ("resume",)


@dataclass(frozen=True, slots=True)
class Origin:
    """What a form is filled from: its texts by field, and the fields whose former value is worth showing."""

    values: Mapping[str, str]
    shown: frozenset[str]


def launch_plan(
    workspace: Workspace,
    source: RunRow | None,
    jobs: Sequence[JobSnapshot],
    now: dt.datetime,
    profile: str = LOCAL,
) -> LaunchPlan:
    """The form for a new run by this profile; with `source` its fields are filled from that run's. Reads folder names
    only. Raises EdmError for a profile that edm.toml does not say rightly."""
    launch = workspace.settings.launch
    chosen = load_profile(launch, profile)
    taken = taken_names(workspace, jobs)
    origin = _origin(workspace, chosen, source, used_names(workspace, jobs))

    def command(values: Mapping[str, str]) -> LaunchCommand:
        if chosen.template:
            return from_template(chosen, values, taken, now)
        return to_launch(values, taken, now, profile)

    def other(name: str) -> LaunchPlan:
        return launch_plan(workspace, source, jobs, now, name)

    return LaunchPlan(
        title=f"New training, from {source.name}" if source else "New training",
        fields=[_field(chosen.options[name], origin) for name in _shown(chosen)],
        command=command,
        notices=[slots_notice(jobs, slot_count(launch.slots, os.environ))] if chosen.engine == LOCAL else [],
        profiles=profile_names(launch), profile=profile, other=other,
    )  # fmt: skip


def _shown(profile: Profile) -> list[str]:
    if profile.template:
        return sorted(profile.options, key=lambda name: name != RUN_NAME)
    return [*FIRST, *(name for name in OPTIONS if name not in FIRST and name not in LEFT_OUT)]


def _origin(workspace: Workspace, profile: Profile, source: RunRow | None, used: set[str]) -> Origin:
    """The run's values where the form is filled from one, else the defaults."""
    if profile.template:
        values = {name: as_text(option, option.default) for name, option in profile.options.items()}
        known = fields_of(workspace, source, profile.options) if source else {}
        # What a run was given in other words (1e-3) shows as the form writes it.
        values |= {name: _again(profile.options[name], text) for name, text in known.items()}
        shown = frozenset(known)
    else:
        config = (own_config(workspace, source) if source else None) or TrainingConfig()
        values = {name: as_text(option, getattr(config, name)) for name, option in OPTIONS.items()}
        shown = frozenset(name for name, option in OPTIONS.items() if option.logged) if source else frozenset()
    if source and RUN_NAME in profile.options:
        values[RUN_NAME] = next_name(source.name, used)
    return Origin(values, shown)


def _again(option: ConfigOption, text: str) -> str:
    try:
        return as_text(option, option.parse(text))
    except TrainingError:
        return text


def _field(option: ConfigOption, origin: Origin) -> LaunchField:
    value = origin.values[option.name]
    details = " ".join(filter(None, (option.help, _range(option))))
    return LaunchField(
        name=option.name,
        label=option.name.replace("_", " "),
        value=value,
        help=f"{option.label}: {details}" if details else "",
        check=lambda text: fault(option, text),
        choices=("on", "off") if option.kind == "bool" else option.choices,
        was=value if option.name in origin.shown else None,
        wide=option.kind == "str" and not option.choices,
    )


def _range(option: ConfigOption) -> str:
    bounded = option.kind in ("int", "float") and (option.low is not None or option.high is not None)
    return f"({option.range_text})" if bounded else ""


def as_text(option: ConfigOption, value: object) -> str:
    """A value as it stands in its field."""
    if option.kind == "bool":
        return "on" if value else "off"
    if option.choices:
        return str(value)
    return f"{value:g}" if isinstance(value, float) and float(f"{value:g}") == value else str(value)


def fault(option: ConfigOption, text: str) -> str:
    """What is wrong with the text of a field, "" where nothing is."""
    try:
        option.parse(text)
    except TrainingError as error:
        return error.message
    return ""


def to_launch(
    values: Mapping[str, str], taken: Mapping[str, str], now: dt.datetime, profile: str = LOCAL
) -> LaunchCommand:
    """The command of EDM's own training, or what is wrong. `taken` says for a name what it is taken by."""
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
    argv = tuple(to_command(replace(config, run_name=name)))
    return _named(LaunchCommand(argv, name, profile=profile), values.get(RUN_NAME, ""), taken)


def from_template(
    profile: Profile, values: Mapping[str, str], taken: Mapping[str, str], now: dt.datetime
) -> LaunchCommand:
    """The command of a profile's template, or what is wrong."""
    for name, text in values.items():
        wrong = fault(profile.options[name], text)
        if wrong:
            return LaunchCommand(error=wrong, at=name)
    given = dict(values)
    if RUN_NAME in given:
        given[RUN_NAME] = given[RUN_NAME] or made_up_name(now)
    try:
        argv = tuple(profile.command(given))
    except EdmError as error:
        return LaunchCommand(error=" ".join(filter(None, (error.message, error.hint))))
    words = tuple(f"{name}={text}" for name, text in given.items())
    command = LaunchCommand(argv, given.get(RUN_NAME, ""), profile=profile.name, given=words)
    return _named(command, values[RUN_NAME], taken) if RUN_NAME in given else command


def _named(command: LaunchCommand, typed: str, taken: Mapping[str, str]) -> LaunchCommand:
    """The command with what there is to say of its run's name."""
    wrong = name_fault(command.run_name, taken)
    if wrong:
        return replace(command, error=wrong, at=RUN_NAME)
    warnings = naming_warnings(command.run_name)
    return replace(command, warning="; ".join(warnings), praise="free, a good name" if typed and not warnings else "")


def name_fault(name: str, taken: Mapping[str, str]) -> str:
    """Why a run cannot have this name, "" where it can."""
    try:
        check_run_name(name)
    except RunNameError as error:
        return f"{error.message}: {error.hint}"
    if name in taken:
        return f"run name {name!r} is taken by {taken[name]}"
    return ""


def data_sentence(workspace: Workspace) -> str:
    """How the data set here stands beside data.dvc. Reads what is new of it, so call it in a thread."""
    try:
        found = data_state(workspace.root)
    except EdmError as error:
        return f"data  {error.message}"
    if found.state == "untracked" and not found.files and workspace.settings.launch.command:
        return ""  # A training of the user's own need not keep its data here.
    if found.state == "same" and found.version:
        return f"data  data.dvc {found.version[:8]} ✓ as tracked, {found.files} files"
    return f"data  {found.sentence}" + (f", version {found.version[:8]}" if found.version else "")


def slots_notice(jobs: Sequence[JobSnapshot], slots: int) -> str:
    """Whether a job would start at once, and if not, after which."""
    local = [job for job in jobs if job.engine == LOCAL]
    running = [job for job in local if job.state == "running"]
    waiting = sorted((job for job in local if job.state == "queued" and not job.held), key=lambda job: job.rank)
    if len(running) < slots and not waiting:
        return f"slots {len(running)} of {slots} busy: starts at once"
    ahead = waiting[-1] if waiting else min(running, key=lambda job: -job.progress.fraction)
    return f"slots {min(len(running), slots)} of {slots} busy: starts after {ahead.run_name or ahead.title}"
