"""What a training run is told: one table for `edm train`, the launch dialog's fields and MLflow's params.

Nothing heavy is imported here: the TUI reads this table before anything of torch is wanted.
"""

import datetime as dt
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Literal

from edm_core.errors import TrainingError

BACKBONE_NAMES = ("cnn",)
SCHEDULERS = ("cosine", "linear", "constant")
DEVICES = ("auto", "cpu", "cuda")
PRECISIONS = ("32-true", "bf16-mixed", "16-mixed")
HEADS = ("boundary", "energy", "beat", "label")

Value = str | int | float | bool
Kind = Literal["str", "int", "float", "bool"]
_TRUE, _FALSE = ("true", "yes", "on", "1"), ("false", "no", "off", "0")


@dataclass(frozen=True)
class ConfigOption:
    """One field of TrainingConfig as a person meets it.

    `flag` is "" for the positional argument. `low` and `high` are inclusive unless `low_open` or `high_open`.
    `logged` fields become MLflow params. `fixed` fields cannot change when a run is resumed, because the
    result would no longer be that of a run that was never stopped.
    """

    name: str
    kind: Kind
    default: Value
    flag: str
    help: str
    choices: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    low_open: bool = False
    high_open: bool = False
    logged: bool = True
    fixed: bool = True

    @property
    def label(self) -> str:
        """The option as the user types it, or the name of the argument."""
        return self.flag or self.name.upper()

    def parse(self, text: str) -> Value:
        """The value that `text` stands for; TrainingError names the option where there is none."""
        if self.kind == "str":
            return self.check(text)
        word = text.strip().lower()
        if self.kind == "bool":
            if word not in _TRUE + _FALSE:
                raise TrainingError(f"{self.label} must be true or false, not {text!r}.")
            return word in _TRUE
        try:
            return self.check(int(word) if self.kind == "int" else float(word))
        except ValueError:
            what = "a whole number" if self.kind == "int" else "a number"
            raise TrainingError(f"{self.label} must be {what}, not {text!r}.") from None

    def check(self, value: Value) -> Value:
        """`value`, where it is one of the choices and within the range; else TrainingError."""
        if self.choices and self.as_text(value) not in self.choices:
            shown = repr(value) if self.kind == "str" else self.as_text(value)
            raise TrainingError(f"{self.label} must be {_either(self.choices)}, not {shown}.")
        if isinstance(value, bool) or not isinstance(value, int | float):
            return value
        if not math.isfinite(value) or self._below(value) or self._above(value):
            raise TrainingError(f"{self.label} must be {self.range_text}, not {value:g}.")
        return value

    @staticmethod
    def as_text(value: Value) -> str:
        """A value as it stands among the choices."""
        return str(value).lower() if isinstance(value, bool) else str(value)

    @property
    def range_text(self) -> str:
        """The range in words, "" where any number will do."""
        low = "" if self.low is None else f"{'above' if self.low_open else 'at least'} {self.low:g}"
        high = "" if self.high is None else f"{'below' if self.high_open else 'at most'} {self.high:g}"
        return " and ".join(part for part in (low, high) if part) or "finite"

    def _below(self, value: float) -> bool:
        return self.low is not None and (value < self.low or (self.low_open and value == self.low))

    def _above(self, value: float) -> bool:
        return self.high is not None and (value > self.high or (self.high_open and value == self.high))


def _either(choices: tuple[str, ...]) -> str:
    return choices[0] if len(choices) == 1 else f"{', '.join(choices[:-1])} or {choices[-1]}"


def _option(default: Any, flag: str, help_: str, **metadata: Any) -> Any:
    return field(default=default, metadata={"flag": flag, "help": help_, **metadata})


@dataclass(frozen=True)
class TrainingConfig:
    """The settings of one training run. TrainingError names the option that is at fault."""

    annotations: str = _option(
        "data/annotations", "", "Folder of annotations (YAML or JAMS).", logged=False, fixed=False
    )
    run_name: str = _option("", "--run-name", "Name of the run and of its folder.", logged=False, fixed=False)
    backbone: str = _option("cnn", "--backbone", "Network under the heads.", choices=BACKBONE_NAMES)
    epochs: int = _option(30, "--epochs", "Passes over the training tracks.", low=1, high=1_000_000, fixed=False)
    batch_size: int = _option(4, "--batch-size", "Excerpts in one step.", low=1, high=65_536)
    learning_rate: float = _option(0.003, "--lr", "Peak learning rate of AdamW.", low=0, low_open=True, high=100)
    train_split: float = _option(
        0.8, "--train-split", "Share of the tracks to train on.", low=0, low_open=True, high=1, high_open=True
    )
    duration: float = _option(30.0, "--duration", "Length of a training excerpt, seconds.", low=4, high=3600)
    workers: int = _option(0, "--workers", "Processes that prepare batches.", low=0, high=256, fixed=False)
    boundary: bool = _option(True, "--boundary", "Train the boundary head.")
    boundary_weight: float = _option(1.0, "--boundary-weight", "Weight of the boundary loss.", low=0)
    energy: bool = _option(True, "--energy", "Train the energy head (three bands).")
    energy_weight: float = _option(0.1, "--energy-weight", "Weight of the energy loss.", low=0)
    beat: bool = _option(True, "--beat", "Train the beat head.")
    beat_weight: float = _option(0.2, "--beat-weight", "Weight of the beat loss.", low=0)
    label: bool = _option(False, "--label", "Train the section label head.")
    label_weight: float = _option(0.1, "--label-weight", "Weight of the label loss.", low=0)
    scheduler: str = _option("cosine", "--scheduler", "Course of the learning rate after warm-up.", choices=SCHEDULERS)
    weight_decay: float = _option(0.01, "--weight-decay", "Weight decay of AdamW.", low=0, high=10)
    gradient_clip: float = _option(1.0, "--gradient-clip", "Largest gradient norm; 0 is no limit.", low=0)
    stop_on_nan: bool = _option(
        True, "--stop-on-nan", "End the run once a loss is not finite.", logged=False, fixed=False
    )
    eval_every: int = _option(1, "--eval-every", "Epochs between validations.", low=1)
    save_every: int = _option(0, "--save-every", "Epochs between epoch_N.pt; 0 is never.", low=0, fixed=False)
    seed: int = _option(0, "--seed", "Seed of the weights, the split and the excerpts.", low=0, high=2**32 - 1)
    threads: int = _option(1, "--threads", "CPU threads; another number gives other last digits.", low=1, high=1024)
    device: str = _option("auto", "--device", "Where to compute.", choices=DEVICES)
    devices: int = _option(1, "--devices", "How many devices share each step.", low=1, high=1024)
    precision: str = _option("32-true", "--precision", "Arithmetic of the network.", choices=PRECISIONS)
    audio_dir: str = _option(
        "", "--audio-dir", "Folder of the audio, where it is not beside.", logged=False, fixed=False
    )
    hypothesis: str = _option(
        "", "--hypothesis", "What you expect, and why; becomes the note.", logged=False, fixed=False
    )
    description: str = _option(
        "", "--description", "One word or two for the default run name.", logged=False, fixed=False
    )
    resume: bool = _option(False, "--resume", "Go on with the run of this name.", logged=False, fixed=False)

    def __post_init__(self) -> None:
        for option in OPTIONS.values():
            option.check(getattr(self, option.name))
        self._check_heads()
        if self.resume and not self.run_name:
            raise TrainingError("--resume needs --run-name.", "Give the name of the run folder under outputs/training.")

    def _check_heads(self) -> None:
        on = self.heads()
        if not on:
            flags = [f"--no-{head}" for head in HEADS]
            raise TrainingError(
                f"{', '.join(flags[:-1])} and {flags[-1]} leave nothing to train.", "Leave one head on."
            )
        if not any(self.weight(head) for head in on):
            flags = [f"--{head}-weight" for head in on]
            raise TrainingError(f"{', '.join(flags)}: every head has weight 0.", "Give one a weight above 0.")

    def heads(self) -> tuple[str, ...]:
        """The heads that are trained, in the order of HEADS."""
        return tuple(head for head in HEADS if getattr(self, head))

    def weight(self, head: str) -> float:
        """The weight of a head's loss in the sum."""
        return float(getattr(self, f"{head}_weight"))

    def params(self) -> dict[str, str]:
        """MLflow's params."""
        return {name: str(getattr(self, name)) for name, option in OPTIONS.items() if option.logged}

    def to_dict(self) -> dict[str, Value]:
        """Plain types, for config.yaml and checkpoints. `resume` is not part of what a run is."""
        return {name: getattr(self, name) for name in OPTIONS if name != "resume"}

    def changes(self) -> dict[str, Value]:
        """The logged fields that are not at their defaults."""
        return {
            name: getattr(self, name)
            for name, option in OPTIONS.items()
            if option.logged and getattr(self, name) != option.default
        }


def _options() -> dict[str, ConfigOption]:
    table = {}
    for item in fields(TrainingConfig):
        kind = getattr(item.type, "__name__", str(item.type))
        table[item.name] = ConfigOption(name=item.name, kind=kind, default=item.default, **item.metadata)  # type: ignore[arg-type]
    return table


OPTIONS: dict[str, ConfigOption] = _options()
"""Every option by its field's name, in the order in which help and the dialog show them."""


def from_dict(values: Mapping[str, Any]) -> TrainingConfig:
    """The config that `to_dict` wrote. Keys that this version does not know are left out."""
    known: dict[str, Any] = {}
    for name, value in values.items():
        option = OPTIONS.get(name)
        if option is not None and value is not None:
            known[name] = value if type(value).__name__ == option.kind else option.parse(str(value))
    return TrainingConfig(**known)


def from_params(params: Mapping[str, str]) -> TrainingConfig:
    """Prefill from an MLflow run's params: what cannot be read, or is not ours, keeps its default."""
    known: dict[str, Any] = {}
    for name, text in params.items():
        option = OPTIONS.get(name)
        if option is None or not option.logged:
            continue
        try:
            known[name] = option.parse(text)
        except TrainingError:
            continue
    try:
        return TrainingConfig(**known)
    except TrainingError:
        return TrainingConfig()


def to_command(config: TrainingConfig) -> list[str]:
    """The `edm train …` command line that gives this config: only what differs from the defaults."""
    words = ["edm", "train", config.annotations]
    for name, option in OPTIONS.items():
        value = getattr(config, name)
        if not option.flag or value == option.default:
            continue
        if option.kind == "bool":
            words.append(option.flag if value else option.flag.replace("--", "--no-", 1))
        else:
            words += [option.flag, f"{value:g}" if _short(value) else str(value)]
    return words


def _short(value: Value) -> bool:
    return isinstance(value, float) and float(f"{value:g}") == value


def default_run_name(config: TrainingConfig, now: dt.datetime) -> str:
    """run_{YYYYMMDD}_{HHMMSS}_{backbone}_{description}; without the last part where there is no description."""
    words = "_".join(re.findall(r"\w+", config.description.lower()))[:60]
    parts = ["run", f"{now:%Y%m%d}", f"{now:%H%M%S}", config.backbone, words]
    return "_".join(part for part in parts if part)
