"""What a profile says of its engine, typed: one dataclass an engine, each field with a sentence."""

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, TypeVar

from edm_core.errors import SettingsError
from edm_core.settings import typed

_TIME = re.compile(r"(\d+-)?\d+(:\d{1,2}){0,2}|UNLIMITED|INFINITE", re.IGNORECASE)
_MEMORY = re.compile(r"\d+[KMGT]?", re.IGNORECASE)
_OURS = ("--array", "-a", "--output", "-o", "--error", "-e", "--wrap", "--chdir", "-D", "--comment", "--open-mode",
         "--parsable", "--wait", "-W", "--job-name", "-J")  # fmt: skip
T = TypeVar("T", "SlurmSettings", "SshSettings")


@dataclass(frozen=True, slots=True)
class SlurmSettings:
    """A profile with `engine = "slurm"`."""

    partition: str = ""
    """Where to queue; empty is the cluster's default."""
    time: str = ""
    """Slurm's time limit: minutes, H:MM:SS or D-HH:MM:SS; empty is the partition's."""
    gpus: int = 0
    """GPUs on each node."""
    nodes: int = 1
    """Nodes that work together."""
    tasks: int = 1
    """Processes on each node; above 1, and with several nodes, the command is started by srun."""
    cpus: int = 0
    """CPUs for each process; 0 is Slurm's default."""
    memory: str = ""
    """Memory of each node, such as 16G."""
    array: int = 0
    """For sweeps: trials go to Slurm as one array, of which so many run at once; 0 is a job each."""
    options: tuple[str, ...] = ()
    """Further options of sbatch, such as `--qos=high`."""
    setup: str = ""
    """Lines of shell that run on the node first, such as `module load cuda`."""
    resume: tuple[str, ...] = ()
    """Words that are added to a command when Slurm starts it again; `edm train` gets --resume by itself."""

    def check(self, where: str) -> None:
        """Raise SettingsError for what sbatch would refuse, or what would take the job's folder from it."""
        for name, low in (("gpus", 0), ("nodes", 1), ("tasks", 1), ("cpus", 0), ("array", 0)):
            if getattr(self, name) < low:
                raise SettingsError(f"{where} {name} must be {low} or more, not {getattr(self, name)}")
        if self.time and not _TIME.fullmatch(self.time):
            raise SettingsError(
                f"{where} time is no time limit: {self.time!r}", 'For example "4:00:00" or "1-12:00:00".'
            )
        if self.memory and not _MEMORY.fullmatch(self.memory):
            raise SettingsError(f"{where} memory is no size: {self.memory!r}", 'For example "16G".')
        for option in self.options:
            if not option.startswith("-") or option.partition("=")[0] in _OURS:
                raise SettingsError(
                    f"{where} options cannot have {option!r}",
                    'Options are such as "--qos=high"; where output goes and what runs is said by the job.',
                )

    @property
    def srun(self) -> bool:
        """Whether several processes work together."""
        return self.nodes > 1 or self.tasks > 1


@dataclass(frozen=True, slots=True)
class SshSettings:
    """A profile with `engine = "ssh"`."""

    host: str = ""
    """The host as ssh knows it: an alias of your ssh config, or user@host."""
    workspace: str = ""
    """The workspace there; empty is the path that it has here."""
    edm: str = "edm"
    """The program there, such as `.venv/bin/edm` (seen from the workspace)."""
    config: str = ""
    """Another ssh config than your own."""

    def check(self, where: str) -> None:
        """Raise SettingsError for a host that ssh would take for an option, or none."""
        if not self.host or self.host.startswith("-") or any(c.isspace() for c in self.host):
            raise SettingsError(f"{where} host must name a host, not {self.host!r}", "As you type it after `ssh`.")
        if not self.edm.strip():
            raise SettingsError(f"{where} edm must name the program there", 'For example ".venv/bin/edm".')


Settings = SlurmSettings | SshSettings
KINDS: dict[str, type[SlurmSettings] | type[SshSettings]] = {"slurm": SlurmSettings, "ssh": SshSettings}


def engine_keys(engine: str) -> tuple[str, ...]:
    """The keys that a profile of this engine has besides those of all profiles."""
    kind = KINDS.get(engine)
    return tuple(field.name for field in fields(kind)) if kind else ()


def engine_settings(engine: str, where: str, table: Mapping[str, Any]) -> Settings | None:
    """What the profile's table says of its engine; None for this machine. Raises SettingsError that names the key."""
    kind = KINDS.get(engine)
    if kind is None:
        return None
    defaults = kind()
    given = {
        key: typed(f"{where} {key}", getattr(defaults, key), table[key]) for key in engine_keys(engine) if key in table
    }
    made = kind(**given)
    made.check(where)
    return made


def as_table(settings: Settings) -> dict[str, Any]:
    """Plain types for job.json."""
    return {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(settings).items()}


def from_table(kind: type[T], table: object) -> T:
    """What `as_table` wrote; the defaults where it is not that."""
    known: dict[str, Any] = table if isinstance(table, dict) else {}
    names = {field.name for field in fields(kind)}
    values: dict[str, Any] = {k: tuple(v) if isinstance(v, list) else v for k, v in known.items() if k in names}
    return kind(**values)
