"""edm.toml and the environment, typed. Every key has a default, so the file may be empty.

A variable `EDM_<SECTION>_<KEY>` (for example `EDM_METRICS_PRIMARY`) wins over edm.toml, and MLflow's own
`MLFLOW_TRACKING_URI` wins over `[tracking] uri`.
"""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

from edm_core.errors import SettingsError

FILE_NAME = "edm.toml"


@dataclass(frozen=True, slots=True)
class TrackingSettings:
    uri: str = ""
    """Where MLflow keeps runs; empty means the store that MLflow itself would take in this folder."""
    experiment: str = "edm-training"
    """The MLflow experiment that new runs go to and that the run table shows first."""


@dataclass(frozen=True, slots=True)
class RunsSettings:
    dir: str = "outputs/training"
    """Folder of the run folders, relative to the workspace."""


@dataclass(frozen=True, slots=True)
class MetricsSettings:
    primary: str = "val_loss"
    """The metric by which runs are judged: shown first, with its best value and step."""
    directions: Mapping[str, str] = field(default_factory=dict)
    """`min` or `max` for metrics whose names do not tell (loss, error, mae, mse, perplexity are minimised)."""
    columns: tuple[str, ...] = ("boundary_f1",)
    """Further metrics with a column of their own in the run table."""

    def minimised(self, metric: str) -> bool:
        """Whether less is better for this metric."""
        declared = self.directions.get(metric)
        if declared is not None:
            return declared == "min"
        words = ("loss", "error", "mae", "mse", "perplexity")
        return any(word in metric.lower() for word in words)


@dataclass(frozen=True, slots=True)
class KeepSettings:
    exclude: tuple[str, ...] = ("checkpoints/epoch_*.pt",)
    """Patterns inside a run folder that keep leaves out: they are moved to the trash first."""
    message: str = "Keep run {run}: {metrics}"
    """The commit message of a kept run; {run}, {run_id} and {metrics} are filled in."""


@dataclass(frozen=True, slots=True)
class RegistrySettings:
    model: str = "EDMModel"
    """The registered model that new versions go to."""
    gates: tuple[str, ...] = ()
    """Conditions that a version must meet to become Production, such as `boundary_f1_05 >= incumbent` or `pushed`."""
    loader: str = ""
    """`module:function` that turns the path of a checkpoint of your own into a torch module; empty means ours."""
    on_promote: str = ""
    """A shell command that runs after each promotion and rollback, with the facts in EDM_* variables."""


@dataclass(frozen=True, slots=True)
class LaunchSettings:
    command: str = ""
    """Template of the training command (`python train.py --lr {lr} --name {run_name}`); empty means `edm train`."""
    fields: Mapping[str, Any] = field(default_factory=dict)
    """Its fields: `lr = { type = "float", default = 0.001, min = 0, max = 1, choices = [], help = "" }`."""
    slots: int = 1
    """How many jobs may run at once on this machine; 0 is one a GPU, with CUDA_VISIBLE_DEVICES set for each."""
    stop_on_nan: bool = False
    """Whether a job is stopped, as failed, once one of its metrics is NaN or infinite."""
    warn_epochs: int = 10
    """Epochs without improvement of the primary metric after which a running job's row says so; 0 is never."""
    warn_disk_gb: int = 2
    """Gigabytes left on the disk below which running jobs say so."""
    log_cap_mb: int = 1024
    """Megabytes of a job's log that stay on disk, about: beyond that its middle is given up; 0 keeps all."""
    on_end: str = ""
    """Shell command that runs when a job has ended, with EDM_JOB_ID, EDM_JOB_STATE, EDM_JOB_TITLE and more set."""
    profiles: Mapping[str, Any] = field(default_factory=dict)
    """Named ways to launch, each with engine (local, slurm, ssh) and its keys, command, fields, env; see the README."""


@dataclass(frozen=True, slots=True)
class TuiSettings:
    params: tuple[str, ...] = ("learning_rate", "backbone")
    """Params with a column of their own in the run table."""
    theme: str = "edm-dark"
    """Colour theme of the interface."""
    ascii: bool = False
    """Draw with ASCII characters only."""
    tell: str = "bell"
    """How the terminal tells that a job has ended: bell, osc9 (a desktop notification, also through tmux) or off."""
    mouse: bool = True
    """Whether the mouse is used."""
    views: Mapping[str, Any] = field(default_factory=dict)
    """Views of the run table: `lr = { columns = ["best:val_loss"], sort = ["age"], filter = "", group = "" }`."""


@dataclass(frozen=True, slots=True)
class Settings:
    """All of edm.toml, section by section."""

    tracking: TrackingSettings = field(default_factory=TrackingSettings)
    runs: RunsSettings = field(default_factory=RunsSettings)
    metrics: MetricsSettings = field(default_factory=MetricsSettings)
    keep: KeepSettings = field(default_factory=KeepSettings)
    registry: RegistrySettings = field(default_factory=RegistrySettings)
    launch: LaunchSettings = field(default_factory=LaunchSettings)
    tui: TuiSettings = field(default_factory=TuiSettings)


def load_settings(root: Path, env: Mapping[str, str]) -> Settings:
    """Settings of the workspace at `root`, with the environment's overrides.

    Raises SettingsError that names the file, the section and the key.
    """
    path = root / FILE_NAME
    table = read_toml(path, "Mend the line, or empty the file: every key has a default.")
    known = {f.name: f for f in fields(Settings)}
    for section in table:
        if section not in known:
            raise SettingsError(f"{path}: no such section [{section}]", f"Sections are: {', '.join(known)}.")
    defaults = Settings()
    sections = {}
    for name in known:
        given = table.get(name, {})
        if not isinstance(given, dict):
            raise SettingsError(f"{path}: [{name}] must be a section", f"Write [{name}] on a line of its own.")
        sections[name] = _section(path, name, getattr(defaults, name), given, env)
    settings = Settings(**sections)
    _cross_check(path, settings)
    uri = env.get("MLFLOW_TRACKING_URI")
    _check_store("MLFLOW_TRACKING_URI" if uri else f"{path}: [tracking] uri", uri or settings.tracking.uri)
    return replace(settings, tracking=replace(settings.tracking, uri=uri)) if uri else settings


def read_toml(path: Path, hint: str) -> dict[str, Any]:
    """What the file holds; nothing where there is none. SettingsError, with `hint`, where it cannot be read as TOML."""
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"{path}: {error}", hint) from error
    except OSError as error:
        raise SettingsError(f"{path}: {error.strerror}", "Check the file's permissions.") from error


def _section(path: Path, name: str, defaults: Any, given: Mapping[str, Any], env: Mapping[str, str]) -> Any:
    values: dict[str, Any] = {}
    known = {f.name for f in fields(defaults)}
    for key, value in given.items():
        if key not in known:
            raise SettingsError(f"{path}: [{name}] has no key {key!r}", f"Keys are: {', '.join(sorted(known))}.")
        values[key] = typed(f"{path}: [{name}] {key}", getattr(defaults, key), value)
    for key in known:
        text = env.get(f"EDM_{name.upper()}_{key.upper()}")
        if text is not None:
            values[key] = _from_text(f"EDM_{name.upper()}_{key.upper()}", getattr(defaults, key), text)
    return replace(defaults, **values)


def typed(where: str, default: Any, value: Any) -> Any:
    """`value` as it must be to stand for `default`; SettingsError, with `where`, when it is of another type."""
    if isinstance(default, tuple):
        if isinstance(value, list) and all(isinstance(item, str) for item in value):
            return tuple(value)
        raise SettingsError(f"{where} must be a list of strings", 'For example ["a", "b"].')
    wanted = dict if isinstance(default, Mapping) else type(default)
    if not isinstance(value, wanted) or (wanted is int and isinstance(value, bool)):
        raise SettingsError(f"{where} must be {_word(wanted)}, not {value!r}", "See the comment beside it in edm.toml.")
    return value


def _from_text(where: str, default: Any, text: str) -> Any:
    if isinstance(default, bool):
        if text.lower() in ("1", "true", "yes", "on", "0", "false", "no", "off", ""):
            return text.lower() in ("1", "true", "yes", "on")
        raise SettingsError(f"{where} must be true or false, not {text!r}")
    if isinstance(default, int):
        try:
            return int(text)
        except ValueError as error:
            raise SettingsError(f"{where} must be a whole number, not {text!r}") from error
    if isinstance(default, tuple):
        return tuple(part.strip() for part in text.split(",") if part.strip())
    if isinstance(default, Mapping):
        raise SettingsError(f"{where} cannot be set by a variable", "Put it into edm.toml.")
    return text


def _word(kind: type) -> Literal["text", "a whole number", "true or false", "a table"]:
    if kind is str:
        return "text"
    if kind is bool:
        return "true or false"
    return "a whole number" if kind is int else "a table"


def _check_store(where: str, uri: str) -> None:
    """Refuse MLflow's names for Databricks: taken as a path, each would become a new, empty store."""
    if uri.partition(":")[0] in ("databricks", "databricks-uc", "uc"):
        raise SettingsError(
            f"{where} is {uri!r}: Databricks' stores are not supported",
            "Give a sqlite:///, postgresql:// or http(s):// address, or unset it for the store in this folder.",
        )
    try:
        _ = urlsplit(uri).port
    except ValueError:
        # Its text may hold a part of the password, where that has an unquoted `/` or `:`.
        raise SettingsError(
            f"{where} is no address: its host or port cannot be read",
            "A port is a number; in a user or password, write @ / : as %40 %2F %3A.",
        ) from None


def _cross_check(path: Path, settings: Settings) -> None:
    for metric, direction in settings.metrics.directions.items():
        if direction not in ("min", "max"):
            raise SettingsError(f"{path}: [metrics] directions.{metric} must be min or max, not {direction!r}")
    if settings.tui.tell not in ("bell", "osc9", "off"):
        raise SettingsError(f"{path}: [tui] tell must be bell, osc9 or off, not {settings.tui.tell!r}")
    if settings.launch.slots < 0:
        raise SettingsError(f"{path}: [launch] slots must be 1 or more, or 0 for one a GPU")
    if settings.launch.log_cap_mb < 0:
        raise SettingsError(f"{path}: [launch] log_cap_mb must be 1 or more, or 0 to keep all of a log")
    folder = Path(settings.runs.dir)
    if folder.is_absolute() or ".." in folder.parts or not folder.parts:
        raise SettingsError(f"{path}: [runs] dir must be a folder inside the workspace, not {settings.runs.dir!r}")
