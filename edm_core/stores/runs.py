"""The run table, one run's detail, and finding a run by name: the only door that screens and commands use."""

import os
import time
from collections.abc import Hashable, Iterable
from dataclasses import replace
from pathlib import Path

from edm_core.errors import NotFoundError
from edm_core.jobs.folder import jobs_token
from edm_core.snapshots.run_builder import columns_of
from edm_core.snapshots.run_columns import RunColumns, RunView
from edm_core.snapshots.runs import DataState, FileEntry, RunDetail, RunRow, RunsSnapshot
from edm_core.stores.joining import Local, join_columns, join_rows, read_local, table_metrics
from edm_core.stores.kept_files import stamps
from edm_core.stores.protocols import ALL_EXPERIMENTS, FIND_LIMIT, Experiment, TrackingStore
from edm_core.stores.run_folders import metadata_run_id, tagged_folder
from edm_core.stores.sqlite_schema import database_path
from edm_core.stores.tracking import open_tracking, store_label
from edm_core.workspace import Workspace

DETAIL_FILES = 500
HISTORY_POINTS = 400
REMOTE_SECONDS = 10
"""How often a store that cannot be watched is asked again."""
_METADATA_BYTES = 262_144
_NEAR_NAMES = 2000


def load_runs(
    workspace: Workspace, experiment: str | None = None, limit: int | None = None, metrics: Iterable[str] = ()
) -> RunsSnapshot:
    """Every row of the experiment (default: the workspace's; ALL_EXPERIMENTS for all), newest first.

    `limit` reads only so many of the newest runs, for a first frame; rows of folders, trash and jobs come on top. Best
    values are read of the `metrics` named, beside those of edm.toml. Raises StoreError.
    """
    name = workspace.settings.tracking.experiment if experiment is None else experiment
    store = open_tracking(workspace)
    best_of = judged(workspace, metrics)
    many = store.many(name, best_of, None).columns if limit is None else columns_of(store.runs(name, limit, best_of))
    return assembled(workspace, store, name, many, time.time())


def assembled(
    workspace: Workspace, store: TrackingStore, experiment: str, columns: RunColumns, taken: float,
    local: Local | None = None,
) -> RunsSnapshot:  # fmt: skip
    """The run table of these runs: with folders, labels and jobs as they are, or as `local` says. Raises StoreError."""
    local = read_local(workspace) if local is None else local
    joined = join_columns(workspace, store, columns, local)
    return RunsSnapshot(joined, store.label, experiment, taken, _notice(store, experiment, len(columns), local))


def judged(workspace: Workspace, metrics: Iterable[str] = ()) -> tuple[str, ...]:
    """The metrics whose best values are read."""
    return tuple(dict.fromkeys((*table_metrics(workspace), *metrics)))


def list_experiments(workspace: Workspace) -> tuple[Experiment, ...]:
    """MLflow's active experiments, by name. Raises StoreError."""
    return open_tracking(workspace).experiments()


def load_rows(workspace: Workspace, run_ids: Iterable[str], metrics: Iterable[str] = ()) -> tuple[RunRow, ...]:
    """The rows of these runs in this order, with best values of the `metrics`, too; ids that MLflow does not have are
    left out. Raises StoreError."""
    store = open_tracking(workspace)
    ids = list(run_ids)
    found = store.runs_by_id(ids, judged(workspace, metrics))
    by_id = {row.run_id: row for row in _joined_only(workspace, store, list(found.values()), set())}
    return tuple(by_id[run_id] for run_id in ids if run_id in by_id)


def load_detail(workspace: Workspace, row: RunRow) -> RunDetail:
    """Files, metadata and histories of one row; its metrics come back with exact best values. Raises StoreError."""
    folder = folder_of(workspace, row)
    files = stamps(folder) if folder is not None else {}
    listed = tuple(FileEntry(path, size) for path, (size, _) in sorted(files.items())[:DETAIL_FILES])
    histories: dict[str, tuple[tuple[int, float], ...]] = {}
    if row.run_id:
        curves = open_tracking(workspace).curves(row.run_id, HISTORY_POINTS)
        row = replace(row, metrics={key: curve.summary for key, curve in curves.items()} or row.metrics)
        histories = {key: curve.points for key, curve in curves.items()}
    total = sum(size for size, _ in files.values())
    return RunDetail(row, listed, len(files), total, _metadata(folder), histories)


def folder_of(workspace: Workspace, row: RunRow) -> Path | None:
    """The row's folder as it can be read now (in the trash, for a discarded run); None where there is none."""
    if row.trash:
        path = workspace.trash_dir / row.trash / "folder"
    elif row.run_dir:
        path = workspace.root / row.run_dir
    else:
        return None
    return path if path.is_dir() else None


def find_run(workspace: Workspace, ref: str) -> RunRow:
    """The one row whose name or run id is `ref`, or begins with it when only one does.

    Raises NotFoundError that lists the candidates, or names that are near; StoreError.
    """
    store = open_tracking(workspace)
    if not ref.strip():
        raise NotFoundError("an empty name names no run", "`edm runs list` shows them.")
    local_names = _local_names(workspace)
    near = sorted(name for name in local_names if name.startswith(ref))[:FIND_LIMIT]
    ids = [run_id for run_id, _ in store.find(ref)] + [metadata_run_id(workspace.runs_dir / name) for name in near]
    found = store.runs_by_id(list(filter(None, ids)), table_metrics(workspace))
    row = _chosen(workspace, ref, _joined_only(workspace, store, list(found.values()), set(near)))
    if row is None:
        # A teammate's run is known by its id only to its pointer: then every pointer is read.
        row = _chosen(workspace, ref, join_rows(workspace, store, [], read_local(workspace)))
    if row is not None:
        return row
    import difflib

    close = difflib.get_close_matches(ref, {*store.names(_NEAR_NAMES), *local_names}, n=3)
    looked = f"Looked in {store.label} and {workspace.settings.runs.dir}."
    raise NotFoundError(
        f"no run is called {ref!r}", f"Did you mean {' or '.join(close)}? {looked}" if close else looked
    )


def _chosen(workspace: Workspace, ref: str, rows: Iterable[RunRow]) -> RunRow | None:
    """The row that `ref` names exactly, else the only one that begins with it; None where there is none."""
    listed = list(rows)
    for matches in (_exact, _begins):
        candidates = _preferred(workspace, [row for row in listed if matches(row, ref)])
        if len(candidates) == 1:
            return candidates[0]
        if candidates:
            raise NotFoundError(f"{ref!r} could be {_listed(candidates)}", "Give more of the name, or the run id.")
    return None


def change_token(workspace: Workspace) -> Hashable:
    """A value that changes when a store changed: a handful of stat calls, so that asking every second costs nothing,
    and a round trip to PostgreSQL.

    Stores that cannot be watched (servers, `file:` folders) count as changed every REMOTE_SECONDS.
    """
    edm = workspace.edm_dir
    watched = [workspace.runs_dir, workspace.trash_dir, edm / "kept", edm / "pushed", workspace.journal_path]
    # Another address for a remote: what was seen on the old one is not there.
    watched += [workspace.root / ".dvc" / name for name in ("config", "config.local")]
    database = database_path(workspace.tracking_uri)
    if database is not None:
        # In journal mode `delete` a commit writes the file itself; with WAL only the log beside it.
        watched += [database, Path(f"{database}-wal")]
    store = 0 if database is not None else _store_token(workspace)
    return (*(_stamp(path) for path in watched), jobs_token(workspace.jobs_dir), store)


def _store_token(workspace: Workspace) -> Hashable:
    from edm_core.stores.postgres import PostgresServer, is_postgres

    if is_postgres(workspace.tracking_uri):
        from edm_core.stores.postgres_watch import postgres_token

        return postgres_token(PostgresServer(workspace.tracking_uri, store_label(workspace)))
    return int(time.monotonic() // REMOTE_SECONDS)


def _stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        status = os.stat(path)  # noqa: PTH116 (half the cost of Path.stat in a poll)
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size, status.st_ino


def _joined_only(workspace: Workspace, store: TrackingStore, rows: list[RunRow], names: set[str]) -> RunView:
    """These runs and the folders of these names, joined; the states of other folders are not looked at."""
    tags = {row.tags["edm.run_dir"] for row in rows if "edm.run_dir" in row.tags}
    wanted = {row.name for row in rows if row.name}
    wanted.update(filter(None, (tagged_folder(workspace, tag) for tag in tags)))
    return join_rows(workspace, store, rows, read_local(workspace, wanted | names))


def _local_names(workspace: Workspace) -> set[str]:
    try:
        entries = os.listdir(workspace.runs_dir)  # noqa: PTH208
    except OSError:
        return set()
    return {name.removesuffix(".dvc") for name in entries if not name.startswith(".")}


def _exact(row: RunRow, ref: str) -> bool:
    return ref in _names_of(row)


def _begins(row: RunRow, ref: str) -> bool:
    return any(name.startswith(ref) for name in _names_of(row))


def _names_of(row: RunRow) -> tuple[str, ...]:
    return row.name, row.run_id, row.tags.get("edm.run_id", ""), row.run_dir.rpartition("/")[2]


def _preferred(workspace: Workspace, rows: list[RunRow]) -> list[RunRow]:
    """Of several, those that are not in the trash, then those of the workspace's experiment."""
    alive = [row for row in rows if row.data_state is not DataState.TRASHED] or rows
    return [row for row in alive if row.experiment == workspace.settings.tracking.experiment] or alive


def _listed(rows: list[RunRow]) -> str:
    shown = [f"{row.name} ({row.run_id[:8] or row.data_state.word})" for row in rows[:8]]
    return ", ".join(shown) + (f" and {len(rows) - 8} more" if len(rows) > 8 else "")


def _metadata(folder: Path | None) -> str:
    if folder is None:
        return ""
    try:
        with (folder / "metadata.yaml").open("rb") as file:
            return file.read(_METADATA_BYTES).decode("utf-8", "replace")
    except OSError:
        return ""


def _notice(store: TrackingStore, experiment: str, count: int, local: Local) -> str:
    if store.notice:
        return store.notice
    if local.problem:
        return local.problem
    if not count and experiment != ALL_EXPERIMENTS:
        others = [e for e in store.experiments() if e.runs or e.runs is None]
        if others and experiment not in {e.name for e in others}:
            named = ", ".join(e.name for e in others[:5])
            return f"{store.label} has no runs in experiment {experiment!r}; it has some in {named}"
    return ""


__all__ = [
    "change_token", "find_run", "folder_of", "list_experiments", "load_detail", "load_rows", "load_runs",
    "store_label",
]  # fmt: skip
