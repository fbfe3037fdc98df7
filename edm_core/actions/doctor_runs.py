"""Checks of runs: dead ones, unlogged metrics, missing checkpoints, MLflow and DVC that disagree."""

import time
from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path

from edm_core.actions.doctor import Case
from edm_core.actions.run_tags import set_tags, told
from edm_core.gitrepo import git_of
from edm_core.processes import ProcessMark
from edm_core.snapshots.findings import Finding
from edm_core.snapshots.runs import RunRow
from edm_core.stores.data_states import run_folders
from edm_core.stores.mlflow_client import mlflow_client
from edm_core.stores.protocols import ALL_EXPERIMENTS
from edm_core.stores.runs import load_runs
from edm_core.training.unfinished import fill_actual
from edm_core.workspace import Workspace


def _rows(workspace: Workspace) -> Sequence[RunRow]:
    return load_runs(workspace, ALL_EXPERIMENTS).rows


def jobs(workspace: Workspace) -> Iterable[Case]:
    """Jobs whose supervisor was killed, or that wait for one since the machine restarted."""
    from edm_core.jobs.reaper import needs_settling, settle

    if needs_settling(workspace):
        finding = Finding(
            "jobs", "warning", "jobs without their supervisor", "their process is gone",
            "note how those that ran ended, and let those that wait go on",
        )  # fmt: skip
        yield Case(finding, lambda: "; ".join(settle(workspace)) or "noted already")


def unlogged(workspace: Workspace) -> Iterable[Case]:
    """Metrics that training wrote down while MLflow was away."""
    from edm_core.training.replay import needs_replay, replay_unlogged

    busy = {row.run_dir for row in _rows(workspace) if row.status == "RUNNING" and _alive(row)}
    folders = workspace.runs_dir.iterdir() if workspace.runs_dir.is_dir() else ()
    for folder in sorted(folders):
        if folder.is_dir() and workspace.relative(folder) not in busy and needs_replay(folder):
            finding = Finding(
                "unlogged", "warning", f"MLflow may lack what {folder.name} has logged",
                f"{folder}/logs/run.json is not marked as synced", "log what is missing",
            )  # fmt: skip

            def replay(folder: Path = folder) -> str:
                experiment = workspace.settings.tracking.experiment
                return f"logged {replay_unlogged(folder, workspace.tracking_uri, experiment)} points of {folder.name}"

            yield Case(finding, replay)


def _alive(row: RunRow) -> bool:
    """Whether its process may still run: it does, it is another machine's, or the run names none."""
    mark = ProcessMark.from_tags(row.tags)
    return (row.job is not None and row.job.active) or not mark.pid or mark.alive()


def dead_runs(workspace: Workspace) -> Iterable[Case]:
    """Runs that MLflow shows as RUNNING for ever, because their process was killed."""
    for row in _rows(workspace):
        if row.status != "RUNNING" or not row.run_id:
            continue
        mark = ProcessMark.from_tags(row.tags)
        if not mark.pid:
            if row.job is None or not row.job.active:
                yield Case(Finding(
                    "dead_runs", "info", f"run {row.name} is RUNNING and names no process",
                    "it was not started by `edm train`",
                    f"if it died: edm discard {row.name} --force --yes-really {row.name}",
                ))  # fmt: skip
            continue
        if _alive(row):
            continue
        finding = Finding(
            "dead_runs", "error", f"run {row.name} is RUNNING, but its process is gone",
            f"pid {mark.pid} on {mark.host or 'this machine'}", "mark it KILLED",
        )  # fmt: skip
        yield Case(finding, partial(_kill, workspace, row))


def _kill(workspace: Workspace, row: RunRow) -> str:
    client = mlflow_client(workspace)
    ended = _last_sign(workspace, row)
    set_tags(client, row.run_id, {"edm.error": "its process was killed"})
    told("end the run", lambda: client.set_terminated(row.run_id, "KILLED", end_time=ended))
    if row.run_dir:
        known = {key: found.last for key, found in row.metrics.items()}
        fill_actual(workspace.root / row.run_dir, "its process was killed", known)
    return f"marked {row.name} KILLED, ended when it last wrote something"


def _last_sign(workspace: Workspace, row: RunRow) -> int:
    """When the run last wrote into its folder (milliseconds); now, where it has none.

    logs/run.json does not count: doctor's own replay marks in it what MLflow has.
    """
    folder = workspace.root / row.run_dir
    files = [path for path in folder.rglob("*") if path.is_file()] if row.run_dir else []
    times = [path.stat().st_mtime for path in files if path != folder / "logs" / "run.json"]
    return int(max(times, default=time.time()) * 1000)


def tags(workspace: Workspace) -> Iterable[Case]:
    """MLflow's edm.kept tag and the pointer RUN.dvc that disagree."""
    folders = run_folders(workspace)
    for row in _rows(workspace):
        folder = folders.get(Path(row.run_dir).name) if row.run_dir else None
        pointer = folder.pointer if folder is not None else None
        kept = row.tags.get("edm.kept")
        if not row.run_id or kept == (pointer.hash if pointer else None):
            continue
        if pointer is None:
            finding = Finding(
                "tags", "warning", f"MLflow says that {row.name} is kept, but there is no {row.run_dir}.dvc",
                f"edm.kept = {kept}", "take the tag away (`git log` shows where the pointer went)",
            )  # fmt: skip
            new: dict[str, str | None] = {"edm.kept": None, "edm.kept_commit": None}
        elif pointer.meta.get("run_id", row.run_id) != row.run_id:
            continue
        else:
            commit = (git_of(workspace).commits_of(f"{row.run_dir}.dvc") or [""])[0]
            finding = Finding(
                "tags", "warning", f"{row.run_dir}.dvc and MLflow name different versions of {row.name}",
                f"pointer {pointer.hash}, edm.kept = {kept}", "set edm.kept as the pointer says",
            )  # fmt: skip
            new = {"edm.kept": pointer.hash, "edm.kept_commit": commit or None}
        yield Case(finding, partial(_set, workspace, row, new))


def _set(workspace: Workspace, row: RunRow, new: dict[str, str | None]) -> str:
    set_tags(mlflow_client(workspace), row.run_id, new)
    return f"set the tags of {row.name}"
