"""Where things are in a workspace. Asking never creates anything; `init.py` does that."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from edm_core.errors import WorkspaceError
from edm_core.settings import FILE_NAME, Settings, load_settings


@dataclass(frozen=True, slots=True)
class Workspace:
    """A folder with its settings; all paths are absolute."""

    root: Path
    settings: Settings

    @property
    def name(self) -> str:
        return self.root.name

    @property
    def runs_dir(self) -> Path:
        return self.root / self.settings.runs.dir

    @property
    def edm_dir(self) -> Path:
        return self.root / ".edm"

    @property
    def jobs_dir(self) -> Path:
        return self.edm_dir / "jobs"

    @property
    def transfers_dir(self) -> Path:
        """A folder for each push and pull, like those of jobs."""
        return self.edm_dir / "transfers"

    @property
    def trash_dir(self) -> Path:
        return self.edm_dir / "trash"

    @property
    def cache_dir(self) -> Path:
        return self.edm_dir / "cache"

    @property
    def journal_path(self) -> Path:
        """The journal of actions, from which undo and doctor work."""
        return self.edm_dir / "journal.jsonl"

    @property
    def command_log_path(self) -> Path:
        return self.edm_dir / "commands.jsonl"

    @property
    def data_dir(self) -> Path:
        return self.root / "data"

    @property
    def data_pointer(self) -> Path:
        return self.root / "data.dvc"

    @property
    def artifacts_dir(self) -> Path:
        return self.root / "mlartifacts"

    @property
    def tracking_uri(self) -> str:
        """The MLflow store's URI: the one set, else what MLflow itself would take in this folder (facts: an
        `mlruns/` that holds experiments, else SQLite in `mlflow.db`)."""
        uri = self.settings.tracking.uri
        if uri:
            return _absolute(uri, self.root)
        mlruns = self.root / "mlruns"
        if holds_experiments(mlruns) and not (self.root / "mlflow.db").exists():
            return mlruns.as_uri()
        return f"sqlite:///{self.root / 'mlflow.db'}"

    def run_folder(self, run_name: str) -> Path:
        return self.runs_dir / run_name

    def relative(self, path: Path) -> str:
        """`path` as it is written in tags and metadata: relative to the workspace, with forward slashes."""
        return path.resolve().relative_to(self.root).as_posix()


def holds_experiments(mlruns: Path) -> bool:
    """Whether an MLflow file store lies in this folder."""
    return mlruns.is_dir() and any(child.joinpath("meta.yaml").is_file() for child in mlruns.iterdir())


def _absolute(uri: str, root: Path) -> str:
    """A relative SQLite or file URI, or a plain path, made absolute: it must not hang on the current folder."""
    if uri.startswith("sqlite:///") and not uri.startswith("sqlite:////"):
        return f"sqlite:///{(root / uri.removeprefix('sqlite:///')).resolve()}"
    if "://" not in uri and not uri.startswith("file:"):
        return (root / uri).resolve().as_uri()
    return uri


def find_workspace(start: Path | None = None, env: Mapping[str, str] | None = None) -> Workspace:
    """The workspace that `start` (default: the current folder) lies in: the nearest folder upwards that holds
    edm.toml, else the git root.

    Raises WorkspaceError when there is neither, SettingsError when edm.toml is at fault.
    """
    env = os.environ if env is None else env
    here = (start or Path.cwd()).resolve()
    root = _upwards(here, FILE_NAME) or _upwards(here, ".git")
    if root is None:
        raise WorkspaceError(
            f"{here} is in no workspace and no git repository",
            "Run `edm init` in a git repository, or `edm demo` for a workspace to try things in.",
        )
    return Workspace(root, load_settings(root, env))


def _upwards(here: Path, name: str) -> Path | None:
    return next((folder for folder in (here, *here.parents) if (folder / name).exists()), None)
