"""A folder that no run of this store has: a teammate's kept run says in its pointer what it was."""

from collections.abc import Mapping

from edm_core.snapshots.jobs import JobSnapshot
from edm_core.snapshots.runs import MetricSummary, RunRow
from edm_core.stores.data_states import RunFolder
from edm_core.workspace import Workspace

_TAGS = {
    "git_commit": "mlflow.source.git.commit", "data_version": "edm.data_version", "note": "mlflow.note.content",
}  # fmt: skip
_STATUSES = ("FINISHED", "FAILED", "KILLED")


def folder_row(workspace: Workspace, folder: RunFolder, run_id: str, job: JobSnapshot | None) -> RunRow:
    """The row of a folder or pointer; `run_id` is what it calls itself in a store that is not this one."""
    meta = folder.pointer.meta if folder.pointer is not None else {}
    tags = {tag: _text(meta.get(key)) for key, tag in _TAGS.items() if _text(meta.get(key))}
    status = _text(meta.get("status"))
    started = _whole(meta.get("start_ms"))
    return RunRow(
        run_id="", name=folder.name, status=status if status in _STATUSES else "", user=_text(meta.get("user")),
        start_ms=started if started is not None else (int(folder.modified * 1000) or None),
        end_ms=_whole(meta.get("end_ms")), experiment=_text(meta.get("experiment")),
        params={key: str(value) for key, value in _mapping(meta.get("params")).items()},
        metrics=_metrics(_mapping(meta.get("metrics")), _mapping(meta.get("best"))),
        tags=tags | ({"edm.run_id": run_id} if run_id else {}),
        run_dir=f"{workspace.settings.runs.dir}/{folder.name}", data_state=folder.state, job=job,
    )  # fmt: skip


def _metrics(last: Mapping[str, object], best: Mapping[str, object]) -> dict[str, MetricSummary]:
    found = {}
    for key, value in last.items():
        if not _is_number(value):
            continue
        top = _mapping(best.get(key))
        highest = top.get("value")
        found[key] = MetricSummary(
            float(str(value)), 0, float(str(highest)) if _is_number(highest) else None, _whole(top.get("step"))
        )
    return found


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _whole(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _mapping(value: object) -> Mapping[str, object]:
    return {str(key): item for key, item in value.items()} if isinstance(value, dict) else {}


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
