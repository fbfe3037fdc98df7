"""Mends of doctor that make something new: a store set in edm.toml, a run made again, a checkpoint taken for the best.

Each is in the journal before it begins, is taken back by `edm undo`, and when its process dies by doctor.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edm_core.actions.keep_plan import read_text
from edm_core.actions.run_tags import told
from edm_core.errors import ActionError, EdmError
from edm_core.files import write_atomic
from edm_core.journal import Entry, Journal
from edm_core.lock import Say, quiet
from edm_core.settings import FILE_NAME, load_settings
from edm_core.snapshots.runs import RunRow
from edm_core.stores.mlflow_client import ensure_experiment, mlflow_client
from edm_core.training.journal import Point, RunJournal
from edm_core.training.replay import log_points
from edm_core.workspace import Workspace

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

VERB = "mend"
RESTORED_FROM = "edm.restored_from"
"""Tag of a run that was made again: the id that its folder and pointer name."""
_ENDED = ("FINISHED", "FAILED", "KILLED")


@dataclass(frozen=True, slots=True)
class _Taken:
    """One mend under way: what it is, what it changes, and how that is taken back."""

    workspace: Workspace
    target: str
    data: Mapping[str, Any]

    def do(self, act: Callable[[], str]) -> str:
        journal = Journal(self.workspace)
        entry = journal.begin(VERB, self.target, **self.data)
        try:
            said = act()
        except BaseException as error:
            _take_back(self.workspace, self.data)
            journal.failed(entry.id, error.message if isinstance(error, EdmError) else "interrupted")
            raise
        journal.done(entry.id, undo={})
        return said


def set_store(workspace: Workspace, uri: str) -> str:
    """Set [tracking] uri in edm.toml; the rest of the file stays as it is written."""
    import tomlkit

    path = workspace.root / FILE_NAME
    before = read_text(path)
    document = tomlkit.parse(before or "")
    section = document.setdefault("tracking", tomlkit.table())
    if section.get("uri") == uri:
        return f"[tracking] uri in {FILE_NAME} is {uri} already"
    section["uri"] = uri
    after = tomlkit.dumps(document)

    def act() -> str:
        write_atomic(path, after)
        load_settings(workspace.root, {})
        return f"set [tracking] uri = {uri!r} in {FILE_NAME}; `edm undo` takes it back"

    return _Taken(workspace, f"[tracking] uri in {FILE_NAME}", {"kind": "store", "before": before, "after": after}).do(
        act
    )


def use_checkpoint(workspace: Workspace, row: RunRow, source: str) -> str:
    """Let a copy of another checkpoint of the run's folder (relative to it) be its best.pt, where there is none."""
    import shutil

    folder = workspace.root / row.run_dir / "checkpoints"
    target = folder / "best.pt"
    temporary = folder / ".best.pt.edm.tmp"

    def act() -> str:
        shutil.copyfile(workspace.root / row.run_dir / source, temporary)
        if target.exists():
            raise ActionError(f"{target} is there again", "edm doctor")
        temporary.rename(target)
        return f"copied {source} to checkpoints/best.pt of {row.name}; `edm undo` takes it away"

    data = {"kind": "checkpoint", "path": workspace.relative(folder) + "/best.pt", "source": source,
            "run_dir": row.run_dir}  # fmt: skip
    return _Taken(workspace, f"best.pt of {row.name}", data).do(act)


def make_run_again(workspace: Workspace, row: RunRow, meta: Mapping[str, Any], kept: tuple[str, str]) -> str:
    """An MLflow run for a kept folder that has none, of what its pointer and its logs say; the folder stays untouched.

    `meta` is the pointer's, `kept` its hash and commit.
    """
    from edm_core.stores.event_files import stamp_of

    client = mlflow_client(workspace)
    old = str(meta.get("run_id") or row.tags.get("edm.run_id") or row.run_dir)

    def act() -> str:
        experiment = ensure_experiment(client, workspace)
        run_id = _create(workspace, client, experiment, row, meta, {
            RESTORED_FROM: old, "edm.run_dir": row.run_dir, "edm.kept": kept[0], "edm.kept_commit": kept[1],
        })  # fmt: skip
        folder = workspace.root / row.run_dir
        points = RunJournal(folder / "logs").points()
        if not points and stamp_of(folder):
            points = _of_events(folder)
        from_logs = bool(points)
        told("log its metrics", lambda: log_points(client, run_id, points or _of_meta(meta)))
        status = str(meta.get("status", ""))
        ended = int(meta.get("end_ms") or points[-1][1] if points else meta.get("end_ms") or 0) or None
        told("end the run", lambda: client.set_terminated(run_id, status if status in _ENDED else "FINISHED", ended))
        source = "its logs" if from_logs else "the best values in its pointer"
        return f"made {row.name} again in MLflow from {source}; `edm undo` takes it away"

    return _Taken(workspace, f"run {row.name}", {"kind": "run", "restored_from": old}).do(act)


def _create(
    workspace: Workspace, client: "MlflowClient", experiment: str, row: RunRow, meta: Mapping[str, Any],
    tags: Mapping[str, str],
) -> str:  # fmt: skip
    from mlflow.entities import Param

    given = {
        "mlflow.source.git.commit": meta.get("git_commit"), "mlflow.note.content": meta.get("note"),
        "edm.data_version": meta.get("data_version"), "mlflow.user": meta.get("user"), **tags,
    }  # fmt: skip
    start = meta.get("start_ms")
    run = told("make the run", lambda: client.create_run(
        experiment, start_time=int(start) if start else None, run_name=str(meta.get("run_name") or row.name),
        tags={key: str(value) for key, value in given.items() if value},
    ))  # fmt: skip
    run_id = str(run.info.run_id)
    params = meta.get("params")
    known = params if isinstance(params, dict) else {}
    told("log its params", lambda: client.log_batch(run_id, params=[Param(str(k), str(v)) for k, v in known.items()]))
    return run_id


def _of_events(folder: Path) -> list[Point]:
    """Every point of the folder's TensorBoard event files."""
    from edm_core.stores.event_files import event_histories, read_events

    read_events([folder])
    histories = event_histories(folder, None, 1 << 30, None, {})
    return sorted(
        (int(step), int(at), {key: float(value)})
        for key, history in histories.items()
        for step, at, value in zip(history.steps, history.times, history.means, strict=True)
    )


def _of_meta(meta: Mapping[str, Any]) -> list[Point]:
    """The best values and the steps of theirs: of the others nobody knows the step."""
    best, at = meta.get("best"), int(meta.get("end_ms") or meta.get("start_ms") or 0)
    return [
        (int(one["step"]), at, {str(key): float(one["value"])})
        for key, one in (best.items() if isinstance(best, dict) else ())
        if isinstance(one, dict) and one.get("step") is not None and one.get("value") is not None
    ]


def undo_mend(workspace: Workspace, entry: Entry, say: Say = quiet) -> str:
    """Take a mend back. Can be run again after a crash. Raises ActionError where what it made was changed since."""
    _take_back(workspace, entry.data)
    return f"{entry.target} is as it was before the mend"


def recover_mend(workspace: Workspace, entry: Entry) -> str:
    """One that died is taken back: doctor finds what is wrong again."""
    _take_back(workspace, entry.data)
    Journal(workspace).failed(entry.id, "interrupted")
    return f"took back the mend of {entry.target}, which had been interrupted"


def _take_back(workspace: Workspace, data: Mapping[str, Any]) -> None:
    {"store": _take_back_store, "checkpoint": _take_back_checkpoint, "run": _take_back_run}[data["kind"]](
        workspace, data
    )


def _take_back_store(workspace: Workspace, data: Mapping[str, Any]) -> None:
    path = workspace.root / FILE_NAME
    now = read_text(path)
    if now == data["before"]:
        return
    if now != data["after"]:
        raise ActionError(f"{FILE_NAME} was changed since", f"Edit [tracking] uri in {FILE_NAME} by hand.")
    if data["before"] is None:
        path.unlink()
    else:
        write_atomic(path, str(data["before"]))


def _take_back_checkpoint(workspace: Workspace, data: Mapping[str, Any]) -> None:
    import filecmp

    target, source = workspace.root / data["path"], workspace.root / data["run_dir"] / data["source"]
    target.with_name(".best.pt.edm.tmp").unlink(missing_ok=True)
    if target.exists():
        if not source.exists() or not filecmp.cmp(target, source, shallow=False):
            raise ActionError(f"{target} was changed since", "It stays; remove it by hand if it is not wanted.")
        target.unlink()


def _take_back_run(workspace: Workspace, data: Mapping[str, Any]) -> None:
    client = mlflow_client(workspace)
    experiments: Sequence[Any] = told("list experiments", client.search_experiments)
    where = [one.experiment_id for one in experiments]
    clause = f"tags.`{RESTORED_FROM}` = '{data['restored_from']}'"
    for run in told("look for the run", lambda: client.search_runs(where, filter_string=clause)):
        told("delete the run", partial(client.delete_run, str(run.info.run_id)))
