"""Checks of folders whose run this store does not have: it is in another store, or nowhere any more."""

from collections.abc import Iterable, Sequence
from functools import partial
from pathlib import Path

from edm_core.actions.doctor import Case
from edm_core.actions.mends import make_run_again, set_store
from edm_core.gitrepo import git_of
from edm_core.snapshots.findings import Finding
from edm_core.snapshots.runs import DataState, RunRow
from edm_core.stores.data_states import pointer
from edm_core.stores.protocols import ALL_EXPERIMENTS
from edm_core.stores.runs import load_runs
from edm_core.stores.sqlite_schema import database_path, reading
from edm_core.workspace import Workspace

_KEPT = (DataState.KEPT, DataState.PUSHED, DataState.CHANGED, DataState.MISSING)


def _rows(workspace: Workspace) -> Sequence[RunRow]:
    return load_runs(workspace, ALL_EXPERIMENTS).rows


def strays(workspace: Workspace) -> Iterable[Case]:
    """Run folders that name a run which this store does not have: they were logged to another tracking URI."""
    for row in _rows(workspace):
        named = row.tags.get("edm.run_id", "")
        if row.run_id or not named or row.data_state is not DataState.UNTRACKED:
            continue
        where = elsewhere(workspace, named)
        if where:
            yield _in_another_store(workspace, "strays", row, named, where)
            continue
        yield Case(Finding(
            "strays", "warning", f"{row.name} names a run that this store does not have",
            f"run {named}; no other store here has it",
            "set [tracking] uri in edm.toml, or MLFLOW_TRACKING_URI, to the store that it was logged to",
        ))  # fmt: skip


def _in_another_store(workspace: Workspace, check: str, row: RunRow, run_id: str, where: str) -> Case:
    finding = Finding(
        check, "warning", f"{row.name} names a run that this store does not have", f"run {run_id}, which {where} has",
        f"set [tracking] uri in edm.toml to {_short(workspace, where)}", by_choice=True,
    )  # fmt: skip
    return Case(finding, partial(set_store, workspace, _short(workspace, where)))


def _short(workspace: Workspace, uri: str) -> str:
    """As edm.toml has it: relative to the workspace, so that it holds in every clone."""
    return uri.replace(f"{workspace.root}/", "", 1) if uri.startswith("sqlite:") else "mlruns"


def elsewhere(workspace: Workspace, run_id: str) -> str:
    """Another store in the workspace's folder that has this run; "" for none."""
    ours_here = database_path(workspace.tracking_uri)
    for path in sorted(workspace.root.glob("*.db")):
        if path == ours_here:
            continue
        with reading(path) as base:
            tables = base.execute("SELECT count(*) FROM sqlite_master WHERE name = 'runs'").fetchone()[0]
            if tables and base.execute("SELECT 1 FROM runs WHERE run_uuid = ?", (run_id,)).fetchone():
                return f"sqlite:///{path}"
    mlruns = workspace.root / "mlruns"
    if workspace.tracking_uri == mlruns.as_uri():
        return ""
    return f"file://{mlruns}" if next(mlruns.glob(f"*/{run_id}/meta.yaml"), None) is not None else ""


def orphans(workspace: Workspace) -> Iterable[Case]:
    """Kept runs that MLflow does not know, such as a teammate's: nothing is wrong, but their curves are elsewhere."""
    for row in _rows(workspace):
        if row.run_id or row.data_state not in _KEPT:
            continue
        path = workspace.root / f"{row.run_dir}.dvc"
        where = elsewhere(workspace, row.tags.get("edm.run_id", "")) if row.tags.get("edm.run_id") else ""
        if where:
            yield _in_another_store(workspace, "orphans", row, row.tags["edm.run_id"], where)
            continue
        finding = Finding(
            "orphans", "info", f"{row.name} is kept, but MLflow here has no such run", f"{row.run_dir}.dvc",
            "make a run for it from its pointer and its logs (a teammate's curves are in their store)", by_choice=True,
        )  # fmt: skip
        yield Case(finding, partial(_make_again, workspace, row, path))


def _make_again(workspace: Workspace, row: RunRow, path: Path) -> str:
    target = pointer(path)
    commit = (git_of(workspace).commits_of(workspace.relative(path)) or [""])[0]
    return make_run_again(workspace, row, target.meta, (target.hash, commit))
