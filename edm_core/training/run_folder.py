"""The folder of a run: checkpoints/, logs/, config.yaml, metadata.yaml, and what training leaves beside them."""

import contextlib
import fcntl
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from edm_core.errors import NotFoundError, RunNameError, TrainingError
from edm_core.files import write_atomic
from edm_core.naming import check_run_name
from edm_core.training.config import OPTIONS, TrainingConfig, from_dict


class RunFolder:
    """Paths of a run folder, and its two YAML files."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def checkpoints(self) -> Path:
        return self.path / "checkpoints"

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    @property
    def config_path(self) -> Path:
        return self.path / "config.yaml"

    @property
    def metadata_path(self) -> Path:
        return self.path / "metadata.yaml"

    @property
    def tracks_path(self) -> Path:
        return self.path / "tracks.json"

    def write_config(self, config: TrainingConfig) -> None:
        write_atomic(self.config_path, to_yaml(config.to_dict()))

    def read_config(self) -> TrainingConfig:
        """The config that the run was started with. Raises NotFoundError or TrainingError."""
        return from_dict(_read_yaml(self.config_path))

    def read_metadata(self) -> dict[str, Any]:
        """metadata.yaml; {} where there is none. Raises TrainingError where it is no YAML mapping."""
        try:
            return _read_yaml(self.metadata_path)
        except NotFoundError:
            return {}

    def update_metadata(self, **values: Any) -> None:
        """Change these keys only: the rest belongs to the user, who may be editing it meanwhile."""
        write_atomic(self.metadata_path, to_yaml({**self.read_metadata(), **values}))

    def set_actual(self, text: str) -> None:
        """Fill in `results.actual`."""
        results = self.read_metadata().get("results")
        known = results if isinstance(results, dict) else {}
        self.update_metadata(results={"expected": "", "conclusion": "", **known, "actual": text})

    def sweep(self, before: float) -> None:
        """Remove what a killed training left half written: temporary files from before `before` (Unix seconds).

        Newer ones may be those of a person who edits metadata.yaml just now.
        """
        for path in self.path.rglob(".*.tmp"):
            with contextlib.suppress(FileNotFoundError):
                if path.stat().st_mtime < before:
                    path.unlink()

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Hold the folder against a second training. TrainingError where another process has it.

        The lock is the kernel's and goes with the process, however that ends.
        """
        handle = os.open(self.checkpoints, os.O_RDONLY)
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise TrainingError(
                    f"run {self.name} is being trained by another process", "`edm jobs list` shows it."
                ) from None
            yield
        finally:
            os.close(handle)


def create_run_folder(runs_dir: Path, config: TrainingConfig, data_version: str) -> RunFolder:
    """Make the folder of a new run with its two YAML files. RunNameError where the name is bad or taken."""
    check_run_name(config.run_name)
    folder = RunFolder(runs_dir / config.run_name)
    pointer = runs_dir / f"{config.run_name}.dvc"
    try:
        runs_dir.mkdir(parents=True, exist_ok=True)
        if pointer.exists():
            raise FileExistsError(pointer)
        folder.path.mkdir()
    except FileExistsError:
        raise taken(config.run_name) from None
    folder.checkpoints.mkdir()
    folder.logs.mkdir()
    folder.write_config(config)
    write_atomic(folder.metadata_path, to_yaml(_new_metadata(config, data_version)))
    return folder


def taken(name: str) -> RunNameError:
    """The error for a name that a run has already."""
    return RunNameError(f"run name {name} is taken", "Go on with that run with --resume, or give another --run-name.")


def open_run_folder(runs_dir: Path, given: TrainingConfig) -> tuple[RunFolder, TrainingConfig]:
    """The folder to resume, and its config with the changes that `given` may make.

    Raises NotFoundError where there is no such run, TrainingError where an option would change what the run is.
    """
    check_run_name(given.run_name)
    folder = RunFolder(runs_dir / given.run_name)
    if not folder.path.is_dir():
        raise NotFoundError(
            f"there is no run folder {given.run_name} to resume",
            "`edm pull` fetches a kept run; or leave out --resume.",
        )
    for part in (folder.checkpoints, folder.logs):
        part.mkdir(exist_ok=True)
    try:
        kept = folder.read_config()
    except NotFoundError:
        # Killed between making the folder and writing its config: nothing was trained yet.
        folder.write_config(given)
        kept = given
    return folder, _merged(kept, given)


def _merged(kept: TrainingConfig, given: TrainingConfig) -> TrainingConfig:
    values = kept.to_dict()
    for name, option in OPTIONS.items():
        wanted = getattr(given, name)
        if wanted == option.default or wanted == values.get(name):
            continue
        if option.fixed:
            raise TrainingError(
                f"{option.label} is {wanted} here, but run {kept.run_name} was started with {values[name]}.",
                f"Leave {option.label} out to resume, or start a new run.",
            )
        values[name] = wanted
    return from_dict({**values, "run_name": given.run_name, "resume": True})


def _new_metadata(config: TrainingConfig, data_version: str) -> dict[str, Any]:
    return {
        "run_name": config.run_name,
        "run_id": "",
        "hypothesis": config.hypothesis,
        "dataset_version": data_version,
        "config_changes": config.changes(),
        "results": {"expected": "", "actual": "", "conclusion": ""},
    }


def to_yaml(values: Mapping[str, Any]) -> str:
    """YAML in the order given, with non-ASCII text as it is."""
    return yaml.safe_dump(dict(values), sort_keys=False, allow_unicode=True, width=100)


def _read_yaml(path: Path) -> dict[str, Any]:
    try:
        loaded = yaml.safe_load(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise NotFoundError(f"{path} is not there", "`edm pull` fetches a kept run.") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise TrainingError(f"{path} is no YAML: {error}", "Mend it, or take it from git or MLflow.") from error
    if not isinstance(loaded, dict):
        raise TrainingError(f"{path} holds no mapping", "Mend it, or take it from git or MLflow.")
    return loaded
