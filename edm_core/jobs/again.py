"""A run launched again under another name: the same command, from the same place."""

import itertools
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from edm_core.errors import JobError, TrainingError
from edm_core.jobs.folder import JobFolder
from edm_core.jobs.profiles import LOCAL, RUN_NAME, Profile, load_profile
from edm_core.naming import MAX_LENGTH
from edm_core.snapshots.jobs import JobSnapshot
from edm_core.snapshots.runs import RunRow
from edm_core.training.config import OPTIONS, TrainingConfig, from_dict, from_params, to_command
from edm_core.workspace import Workspace

_REPEAT = re.compile(r"_r\d+$")


@dataclass(frozen=True, slots=True)
class Again:
    """What is launched: a command line, the run's new name, and how its job is to be made."""

    run_name: str
    command: tuple[str, ...]
    profile: str = LOCAL
    fields: Mapping[str, str] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    cwd: Path | None = None


def next_name(name: str, taken: Collection[str]) -> str:
    """`name_r2`, or the first of `_r3`, `_r4` … that nothing has."""
    base = _REPEAT.sub("", name)[: MAX_LENGTH - 5]
    return next(new for number in itertools.count(2) if (new := f"{base}_r{number}") not in taken)


def again(workspace: Workspace, row: RunRow, taken: Collection[str]) -> Again:
    """How to launch this run once more, under the next free name.

    By its job where it has one here, else by what its folder or its params say. Raises JobError where nobody knows.
    """
    name = next_name(row.name, taken)
    request = request_of(workspace, row.job)
    if request is not None:
        return _from_job(request, row, name)
    profile = load_profile(workspace.settings.launch)
    if profile.template:
        return _from_template(workspace, profile, row, name)
    own = own_config(workspace, row)
    if own is None:
        raise _unknown(row)
    return Again(name, tuple(to_command(replace(own, run_name=name))))


def request_of(workspace: Workspace, job: JobSnapshot | None) -> dict[str, Any] | None:
    """What was asked for when this job was launched; None where there is no job, or its file is damaged."""
    if job is None or not job.command:
        return None
    folder = JobFolder(workspace.jobs_dir / job.id)
    return folder.read(folder.job_file)


def own_config(workspace: Workspace, row: RunRow) -> TrainingConfig | None:
    """What EDM's own training was told for this run: by config.yaml of its folder, which knows all, else its params.

    None where neither says anything of it.
    """
    import yaml

    path = workspace.root / row.run_dir / "config.yaml"
    config: TrainingConfig | None = None
    try:
        document = yaml.safe_load(path.read_bytes()) if row.run_dir else None
        config = from_dict(document) if isinstance(document, dict) else None
    except (OSError, yaml.YAMLError, TrainingError):
        config = None
    if config is None and not OPTIONS.keys().isdisjoint(row.params):
        config = from_params(row.params)
    return None if config is None else replace(config, run_name="", hypothesis="", description="", resume=False)


def fields_of(workspace: Workspace, row: RunRow, names: Collection[str]) -> dict[str, str]:
    """The texts of a template's fields as this run had them: by its job, else by the params of the same names."""
    given = (request_of(workspace, row.job) or {}).get("fields")
    known = {**row.params, **(given if isinstance(given, dict) else {})}
    return {name: str(known[name]) for name in names if name in known and name != RUN_NAME}


def renamed(command: Sequence[str], old: str, new: str) -> tuple[str, ...]:
    """The command line with the run's name exchanged, whichever option gives it; nothing is resumed by it."""
    words = [word for word in command if word != "--resume"]
    return tuple(
        new if old and word == old else f"{word.partition('=')[0]}={new}" if _gives(word, old) else word
        for word in words
    )


def _gives(word: str, name: str) -> bool:
    option, _, value = word.partition("=")
    return bool(name) and value == name and option.startswith("-")


def _from_job(request: Mapping[str, Any], row: RunRow, name: str) -> Again:
    old = str(request.get("run_name") or row.name)
    fields = {str(key): str(value) for key, value in (request.get("fields") or {}).items()}
    if RUN_NAME in fields:
        fields[RUN_NAME] = name
    return Again(
        name, renamed([str(word) for word in request["command"]], old, name),
        str(request.get("profile") or LOCAL), fields, request.get("env") or {}, Path(str(request.get("cwd") or ".")),
    )  # fmt: skip


def _from_template(workspace: Workspace, profile: Profile, row: RunRow, name: str) -> Again:
    fields = fields_of(workspace, row, profile.options)
    if not fields:
        raise _unknown(row)
    if RUN_NAME in profile.options:
        fields[RUN_NAME] = name
    return Again(name, tuple(profile.command(fields)), fields=fields, env=profile.env)


def _unknown(row: RunRow) -> JobError:
    return JobError(
        f"how {row.name} was started is not known: it has no job here, and no params of the launch command",
        "`n` opens the form for a new run.",
    )
