"""What a sweep was asked to be: sweep.json in `.edm/sweeps/NAME`, beside study.db and trials.json."""

import json
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from edm_core.errors import JobError, NotFoundError
from edm_core.files import write_json
from edm_core.jobs.profiles import LOCAL, RUN_NAME, Profile, load_profile, profile_of
from edm_core.naming import check_run_name
from edm_core.sweeps.space import Dimension, field_of, grid_size, read_space
from edm_core.workspace import Workspace

SAMPLERS = ("tpe", "random", "grid")
PRUNERS = ("median", "none")


@dataclass(frozen=True, slots=True)
class SweepSpec:
    """All that a sweep's driver needs. `trials` 0 is all of a grid; `command` () is the profile's own."""

    name: str
    params: Mapping[str, str]
    metric: str
    minimised: bool
    trials: int
    sampler: str = "tpe"
    pruner: str = "median"
    parallel: int = 1
    profile: str = LOCAL
    command: tuple[str, ...] = ()
    fixed: Mapping[str, str] = field(default_factory=dict)
    cwd: str = ""
    seed: int = 0
    created: float = 0.0

    def plan(self, workspace: Workspace) -> Profile:
        """Where and what each trial launches. Raises JobError, SettingsError."""
        profile = load_profile(workspace.settings.launch, self.profile)
        return profile_of(profile, self.command) if self.command else profile

    def space(self, workspace: Workspace) -> tuple[Dimension, ...]:
        return read_space(self.plan(workspace), self.params)

    def trial_command(self, plan: Profile, number: int, params: Mapping[str, str]) -> tuple[list[str], str]:
        """The command line of a trial and the name of its run, "" where the command takes none."""
        name = f"{self.name}_t{number:03}" if RUN_NAME in plan.options else ""
        values = {**self.fixed, **params} | ({RUN_NAME: name} if name else {})
        return plan.command(values), name


def sweeps_dir(workspace: Workspace) -> Path:
    return workspace.edm_dir / "sweeps"


def check_spec(workspace: Workspace, spec: SweepSpec) -> SweepSpec:
    """The spec with its number of trials, once all of it can be. Raises EdmError that names what cannot."""
    check_run_name(spec.name)
    if spec.sampler not in SAMPLERS or spec.pruner not in PRUNERS:
        raise JobError(f"a sampler is one of {', '.join(SAMPLERS)}, a pruner {' or '.join(PRUNERS)}")
    plan, space = spec.plan(workspace), spec.space(workspace)
    fixed = {field_of(plan, name).name: text for name, text in spec.fixed.items()}
    both = [one.name for one in space if one.name in fixed]
    if both:
        raise JobError(f"{both[0]} is both tried and set", "Give it by --param or by --set.")
    size = grid_size(space) if spec.sampler == "grid" else 0
    trials = min(spec.trials or size, size) if size else spec.trials
    if trials < 1:
        raise JobError("a sweep needs a number of trials", "Give --trials.")
    if spec.trial_command(plan, 0, _first(space))[1] and any(workspace.runs_dir.glob(f"{spec.name}_t[0-9]*")):
        raise JobError(f"there are runs {spec.name}_t… already", "Give the sweep another --name.")
    made = SweepSpec(**{**_plain(spec), "trials": trials, "fixed": fixed, "created": time.time()})
    made.trial_command(plan, 0, _first(space))
    return made


def _first(space: tuple[Dimension, ...]) -> dict[str, str]:
    return {one.name: one.choices[0] if one.choices else one.text(one.low) for one in space}


def create_sweep(workspace: Workspace, spec: SweepSpec) -> Path:
    """Make the sweep's folder. Raises JobError where the name is taken."""
    folder = sweeps_dir(workspace) / spec.name
    try:
        folder.mkdir(parents=True)
    except FileExistsError:
        raise JobError(
            f"sweep {spec.name} is there already", f"`edm sweep --resume {spec.name}`, or another --name."
        ) from None
    write_json(folder / "sweep.json", _plain(spec))
    return folder


def load_spec(folder: Path) -> SweepSpec:
    """What `create_sweep` wrote. Raises NotFoundError, JobError where it is damaged."""
    try:
        raw = json.loads((folder / "sweep.json").read_bytes())
        return SweepSpec(**{**raw, "command": tuple(raw["command"])})
    except FileNotFoundError:
        known = sorted(path.name for path in folder.parent.glob("*")) if folder.parent.is_dir() else []
        hint = f"Sweeps are: {', '.join(known)}." if known else "None was started here yet."
        raise NotFoundError(f"no sweep {folder.name!r}", hint) from None
    except (ValueError, TypeError, KeyError) as error:
        raise JobError(
            f"{folder / 'sweep.json'} cannot be read: {error}", "Start the sweep under another name."
        ) from error


def _plain(spec: SweepSpec) -> dict[str, Any]:
    return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(spec).items()}
