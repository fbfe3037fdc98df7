"""The values that a sweep tries, as the user writes them: `lr=log:1e-4:1e-1`, `dropout=0.1,0.3`, `epochs=10:50:10`."""

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from edm_core.errors import JobError, TrainingError
from edm_core.jobs.profiles import RUN_NAME, Profile
from edm_core.training.config import ConfigOption

_SYNTAX = "Write lr=log:1e-4:1e-1, lr=0.1:0.5, epochs=10:50:10 (with a step) or dropout=0.1,0.3."
_MANY = 2000


@dataclass(frozen=True, slots=True)
class Dimension:
    """One field and the values that it takes: `choices`, or a range from `low` to `high`."""

    name: str
    kind: str
    choices: tuple[str, ...] = ()
    low: float = 0.0
    high: float = 0.0
    log: bool = False
    step: float | None = None

    def grid(self) -> tuple[str, ...]:
        """All its values. Raises JobError for a range that has no step."""
        if self.choices:
            return self.choices
        step = self.step or (1.0 if self.kind == "int" else None)
        if step is None or self.log:
            raise JobError(f"--param {self.name}: a grid needs single values", f"Give choices, or a step. {_SYNTAX}")
        count = int((self.high - self.low) / step + 1e-9) + 1
        if count > _MANY:
            raise JobError(f"--param {self.name} has {count:,} values", "Give a larger step.")
        return tuple(self.text(self.low + index * step) for index in range(count))

    def text(self, value: float | str) -> str:
        """A value as it stands on a command line."""
        if isinstance(value, str):
            return value
        return str(round(value)) if self.kind == "int" else f"{value:.6g}"


def read_space(profile: Profile, given: Mapping[str, str]) -> tuple[Dimension, ...]:
    """The dimensions of the fields' specs. Raises JobError that names the field and what is wrong."""
    if not given:
        raise JobError("a sweep needs values to try", f"Give --param. {_SYNTAX}")
    return tuple(_dimension(field_of(profile, name), text) for name, text in given.items())


def field_of(profile: Profile, name: str) -> ConfigOption:
    """The profile's field of this name, or of this option (`lr` for `--lr`). Raises JobError."""
    by_flag = {option.flag.removeprefix("--"): option for option in profile.options.values() if option.flag}
    option = profile.options.get(name) or by_flag.get(name)
    if option is None or option.name in (RUN_NAME, "resume"):
        names = ", ".join(one for one in profile.options if one not in (RUN_NAME, "resume"))
        hint = f"Fields are: {names}." if names else f"Write {{{name}}} into the command."
        raise JobError(f"there is no field {name!r} to try values of", hint)
    return option


def grid_size(space: tuple[Dimension, ...]) -> int:
    """How many trials a grid has. Raises JobError where a dimension has no single values."""
    size = 1
    for dimension in space:
        size *= len(dimension.grid())
    if size > _MANY:
        raise JobError(f"this grid has {size:,} trials", "Give fewer values, or another --sampler.")
    return size


def grid_points(space: tuple[Dimension, ...]) -> Iterator[dict[str, str]]:
    """Every combination, the last field changing quickest."""
    names = [dimension.name for dimension in space]
    for values in itertools.product(*(one.grid() for one in space)):
        yield dict(zip(names, values, strict=True))


def _dimension(option: ConfigOption, text: str) -> Dimension:
    where = f"--param {option.name}={text}"
    numeric = option.kind in ("int", "float")
    try:
        if "," in text or ":" not in text or not _is_range(text):
            choices = tuple(part.strip() for part in text.split(","))
            for choice in choices:
                option.parse(choice)
            if len(set(choices)) != len(choices) or not all(choices):
                raise JobError(f"{where}: a value is there twice, or empty", _SYNTAX)
            return Dimension(option.name, option.kind, choices)
        kind = option.kind if numeric else _kind_of(text)
        return _range(option, kind, where, text)
    except TrainingError as error:
        raise JobError(f"{where}: {error.message}", _SYNTAX) from error
    except ValueError as error:
        raise JobError(f"{where} is no range of numbers", _SYNTAX) from error


def _is_range(text: str) -> bool:
    parts = text.removeprefix("log:").removeprefix("int:").split(":")
    try:
        return 2 <= len([float(part) for part in parts]) <= 3
    except ValueError:
        return text.startswith(("log:", "int:"))


def _kind_of(text: str) -> str:
    """A field without a type is a whole number where it is written as one."""
    parts = text.removeprefix("int:").split(":")
    return "int" if text.startswith("int:") or all(part.lstrip("-").isdigit() for part in parts) else "float"


def _range(option: ConfigOption, kind: str, where: str, text: str) -> Dimension:
    log = text.startswith("log:")
    parts = [float(part) for part in text.removeprefix("log:").removeprefix("int:").split(":")]
    if len(parts) not in (2, 3):
        raise JobError(f"{where} is no range", _SYNTAX)
    low, high, step = parts[0], parts[1], parts[2] if len(parts) == 3 else None
    if not low < high or (log and (low <= 0 or step is not None)) or (step is not None and step <= 0):
        raise JobError(f"{where}: the range must rise, on a log scale from above 0 and without a step", _SYNTAX)
    if kind == "int" and any(part != int(part) for part in parts):
        raise JobError(f"{where}: {option.name} is a whole number", _SYNTAX)
    made = Dimension(option.name, kind, (), low, high, log, step)
    for end in (low, high):
        option.parse(made.text(end))
    return made
