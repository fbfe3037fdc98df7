"""What can be launched besides a command that one types: `[launch] command` and its profiles, with typed fields.

    [launch]
    command = "python train.py --lr {lr} --name {run_name}"
    fields = { lr = { type = "float", default = 0.001, min = 0.0, max = 1.0 } }

    [launch.profiles.long]
    command = "python train.py --lr {lr} --epochs 500 --name {run_name}"

    [launch.profiles.cluster]
    engine = "slurm"
    partition = "gpu"
    time = "8:00:00"

A profile takes what it does not say itself from [launch]. Without any command it is EDM's own training.
"""

import datetime as dt
import shlex
import string
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

from edm_core.errors import JobError, SettingsError, TrainingError
from edm_core.jobs.engine_settings import KINDS, engine_keys, engine_settings
from edm_core.jobs.engine_settings import Settings as EngineSettings
from edm_core.settings import LaunchSettings
from edm_core.training.config import OPTIONS, ConfigOption, TrainingConfig, to_command

LOCAL = "local"
RUN_NAME = "run_name"
Kind = Literal["str", "int", "float", "bool"]
_KINDS = get_args(Kind)
_PROFILE_KEYS = ("engine", "command", "fields", "env")
_FIELD_KEYS = ("type", "default", "choices", "min", "max", "help")
_EMPTY: Mapping[Kind, Any] = {"str": "", "int": 0, "float": 0.0, "bool": False}


@dataclass(frozen=True, slots=True)
class Profile:
    """Where and what to launch. `template` is "" for EDM's own training, whose options then are the fields."""

    name: str
    engine: str = LOCAL
    template: str = ""
    options: Mapping[str, ConfigOption] = field(default_factory=lambda: OPTIONS)
    env: Mapping[str, str] = field(default_factory=dict)
    settings: EngineSettings | None = None
    """What the profile says of its engine; None for this machine."""

    def command(self, values: Mapping[str, str]) -> list[str]:
        """The command line with these values (texts, as typed) and the defaults of all other fields.

        Raises JobError for a field that is not there, TrainingError for a value that cannot be.
        """
        unknown = [name for name in values if name not in self.options]
        if unknown:
            raise JobError(f"there is no field {unknown[0]!r}", f"Fields are: {', '.join(self.options)}.")
        parsed = {name: self.options[name].parse(text) for name, text in values.items()}
        if not self.template:
            return to_command(TrainingConfig(**parsed))  # type: ignore[arg-type]
        filled = {name: parsed.get(name, option.default) for name, option in self.options.items()}
        if not filled.get(RUN_NAME, "x"):
            filled[RUN_NAME] = made_up_name(dt.datetime.now())
        # Split before filling in, so that a value with spaces stays one word, whatever is in it.
        return [
            word.format_map({name: _text(value) for name, value in filled.items()}) for word in _words(self.template)
        ]


def made_up_name(now: dt.datetime) -> str:
    """The name of a run that nobody named."""
    return f"run_{now:%Y%m%d}_{now:%H%M%S}"


def load_profile(settings: LaunchSettings, name: str = LOCAL) -> Profile:
    """The profile; `local` is always there. Raises JobError for an unknown one, SettingsError for a faulty one."""
    if name != LOCAL and name not in settings.profiles:
        raise JobError(f"edm.toml has no profile {name!r}", f"Profiles are: {', '.join([LOCAL, *settings.profiles])}.")
    where = f"edm.toml: [launch.profiles.{name}]"
    given = _table(settings.profiles.get(name, {}), where)
    engine = given.get("engine", LOCAL)
    if engine != LOCAL and engine not in KINDS:
        engines = ", ".join(f'"{one}"' for one in (LOCAL, *KINDS))
        raise JobError(f"profile {name!r} has the unknown engine {engine!r}", f"Engines are: {engines}.")
    table = _table(given, where, (*_PROFILE_KEYS, *engine_keys(engine)))
    elsewhere = engine_settings(engine, where, table)
    template = table.get("command", settings.command)
    env = _table(table.get("env", {}), f"{where} env")
    if not isinstance(template, str):
        raise SettingsError(f"{where} command must be text, not {template!r}")
    if not template:
        return Profile(name, engine, env=_texts(env), settings=elsewhere)
    own = _table(table.get("fields", {}), f"{where} fields")
    # Fields that are declared for another command are none of this one's.
    shared = settings.fields if template == settings.command else _used(settings.fields, template)
    fields = {**shared, **own}
    return Profile(name, engine, template, _options(where, template, fields), _texts(env), elsewhere)


def profile_of(profile: Profile, command: Sequence[str]) -> Profile:
    """The profile with another command, whose {fields} are the profile's where it has them, else texts."""
    template = shlex.join(command)
    options = _options("the command:", template, {})
    return replace(
        profile, template=template, options={name: profile.options.get(name, made) for name, made in options.items()}
    )


def _used(fields: Mapping[str, Any], template: str) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if f"{{{name}}}" in template}


def profile_names(settings: LaunchSettings) -> tuple[str, ...]:
    """All profiles that can be launched, `local` first."""
    return (LOCAL, *(name for name in settings.profiles if name != LOCAL))


def _options(where: str, template: str, fields: Mapping[str, Any]) -> dict[str, ConfigOption]:
    """The fields of a template in its own order; one that is not declared is text."""
    try:
        names = [
            name for word in _words(template) for _, name, _, _ in string.Formatter().parse(word) if name is not None
        ]
    except ValueError as error:
        raise SettingsError(f"{where} command: {error}", "Write {{ and }} for braces that are meant.") from error
    for name in names:
        if not name.isidentifier():
            raise SettingsError(f"{where} command: {{{name}}} is no name of a field", "For example {lr}.")
    unused = [name for name in fields if name not in names]
    if unused:
        raise SettingsError(f"{where} field {unused[0]!r} is not in the command", f"Put {{{unused[0]}}} into it.")
    return {name: _option(f"{where} field {name}", name, fields.get(name, {})) for name in dict.fromkeys(names)}


def _option(where: str, name: str, value: Any) -> ConfigOption:
    table = _table(value, where, _FIELD_KEYS)
    kind = table.get("type", "str")
    if kind not in _KINDS:
        raise SettingsError(f"{where}: type must be one of {', '.join(_KINDS)}, not {kind!r}")
    choices = table.get("choices", [])
    low, high = table.get("min"), table.get("max")
    if not isinstance(choices, list) or not all(
        bound is None or isinstance(bound, int | float) for bound in (low, high)
    ):
        raise SettingsError(f"{where}: choices must be a list, min and max numbers")
    default = table.get("default", choices[0] if choices else _EMPTY[kind])
    option = ConfigOption(
        name=name, kind=kind, default=_EMPTY[kind], flag=name, help=str(table.get("help", "")),
        choices=tuple(_text(choice) for choice in choices), low=low, high=high,
    )  # fmt: skip
    try:
        parsed = option.parse(_text(default)) if "default" in table or choices else option.default
    except TrainingError as error:
        raise SettingsError(f"{where}: its default does not fit: {error.message}") from error
    return ConfigOption(
        name=name, kind=kind, default=parsed, flag=name, help=option.help, choices=option.choices, low=low, high=high
    )


def _words(template: str) -> list[str]:
    try:
        return shlex.split(template)
    except ValueError as error:
        raise SettingsError(f"edm.toml: [launch] command: {error}", "Close the quotation.") from error


def _table(value: Any, where: str, keys: tuple[str, ...] = ()) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise SettingsError(f"{where} must be a table, not {value!r}")
    unknown = [key for key in value if keys and key not in keys]
    if unknown:
        raise SettingsError(f"{where} has no key {unknown[0]!r}", f"Keys are: {', '.join(keys)}.")
    return value


def _texts(table: Mapping[str, Any]) -> dict[str, str]:
    return {key: _text(value) for key, value in table.items()}


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
