"""What the form for a sweep shows: values to try, how many trials, by which sampler; and the `edm sweep` that it is."""

import datetime as dt
import os
import shlex
from collections.abc import Mapping

from edm_core.errors import EdmError
from edm_core.jobs.gpus import slot_count
from edm_core.jobs.profiles import LOCAL, RUN_NAME, Profile, load_profile, profile_names
from edm_core.sweeps.spec import PRUNERS, SAMPLERS, SweepSpec, check_spec, sweeps_dir
from edm_core.workspace import Workspace
from edm_tui.dialogs.launch import LaunchCommand, LaunchField, LaunchPlan

_SYNTAX = "Each FIELD=VALUES: lr=log:1e-4:1e-1, lr=0.1:0.5, epochs=10:50:10 (with a step), dropout=0.1,0.3."


def sweep_plan(workspace: Workspace, now: dt.datetime, profile: str = LOCAL) -> LaunchPlan:
    """The form of a new sweep on this profile. Raises EdmError where edm.toml does not say the profile rightly."""
    settings = workspace.settings
    plan = load_profile(settings.launch, profile)
    fields = [
        _field("name", f"sweep_{now:%Y%m%d_%H%M%S}", "Name of the sweep and of its parent run.", wide=True),
        _field("try", "", _SYNTAX, label="values to try", wide=True),
        _field(
            "set", "", "Fields that are the same in all trials: epochs=10 seed=1.", label="the same in all", wide=True
        ),
        _field("trials", "20", "How many trainings; a grid makes no more than it has."),
        _field("parallel", str(slot_count(settings.launch.slots, os.environ)), "Trials at once.", label="at once"),
        _field("sampler", SAMPLERS[0], "tpe learns from the trials so far.", choices=SAMPLERS),
        _field(
            "pruner", PRUNERS[0], "median stops trials that are worse than most at the same epoch.", choices=PRUNERS
        ),
        _field("metric", settings.metrics.primary, "What is judged, by its direction in edm.toml."),
    ]
    names = [name for name in plan.options if name not in (RUN_NAME, "resume")]
    return LaunchPlan(
        title="New sweep",
        fields=fields,
        command=lambda values: to_sweep(workspace, plan, values),
        notices=[f"fields: {', '.join(names[:6])}{' …' if len(names) > 6 else ''}"],
        profiles=profile_names(settings.launch),
        profile=profile,
        other=lambda name: sweep_plan(workspace, now, name),
    )


def to_sweep(workspace: Workspace, plan: Profile, values: Mapping[str, str]) -> LaunchCommand:
    """The command line of the fields' texts, or what is wrong with them."""
    tried, fixed = _pairs(values["try"]), _pairs(values["set"])
    if isinstance(tried, str) or isinstance(fixed, str):
        wrong = "try" if isinstance(tried, str) else "set"
        return LaunchCommand(error=str(tried if wrong == "try" else fixed), at=wrong)
    for name in ("trials", "parallel"):
        if not values[name].strip().isdigit() or not int(values[name]):
            return LaunchCommand(error=f"{name} must be a whole number above 0", at=name)
    if (sweeps_dir(workspace) / values["name"]).exists() and values["name"]:
        return LaunchCommand(error=f"there is a sweep {values['name']!r} already", at="name")
    metric = values["metric"].strip()
    spec = SweepSpec(
        values["name"], tried, metric, workspace.settings.metrics.minimised(metric), int(values["trials"]),
        values["sampler"], values["pruner"], int(values["parallel"]), plan.name, fixed=fixed,
    )  # fmt: skip
    try:
        check_spec(workspace, spec)
    except EdmError as error:
        return LaunchCommand(
            error=". ".join(filter(None, (error.message.rstrip("."), error.hint))), at="" if tried else "try"
        )
    return LaunchCommand(("edm", *sweep_words(spec)), spec.name, profile=plan.name)


def sweep_words(spec: SweepSpec) -> tuple[str, ...]:
    """The `edm sweep` that starts it."""
    words = ["sweep", "--name", spec.name]
    for option, pairs in (("--param", spec.params), ("--set", spec.fixed)):
        words += [word for name, text in pairs.items() for word in (option, f"{name}={text}")]
    words += ["--trials", str(spec.trials), "--parallel", str(spec.parallel), "--sampler", spec.sampler]
    words += ["--pruner", spec.pruner, "--metric", spec.metric]
    return (*words, *(("--profile", spec.profile) if spec.profile != LOCAL else ()))


def _field(
    name: str, value: str, help_text: str, *, label: str = "", choices: tuple[str, ...] = (), wide: bool = False
) -> LaunchField:
    return LaunchField(name, label or name, value, help_text, lambda text: "", choices, wide=wide)


def _pairs(text: str) -> dict[str, str] | str:
    """`a=1 b=2` as a mapping; what is wrong with it, where it is none."""
    try:
        words = shlex.split(text)
    except ValueError as error:
        return f"{error}: close the quotation"
    wrong = next((word for word in words if "=" not in word or word.startswith("=")), None)
    return f"{wrong!r} is not FIELD=VALUES" if wrong is not None else dict(word.split("=", 1) for word in words)
