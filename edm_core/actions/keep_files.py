"""The two files of a kept run, RUN.dvc and the .gitignore beside it: written, brought back, committed."""

import io
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from edm_core.actions.keep_plan import KeepPlan, read_text
from edm_core.errors import ActionError
from edm_core.files import write_atomic
from edm_core.gitrepo import GitRepo
from edm_core.snapshots.runs import RunRow
from edm_core.workspace import Workspace


def describe(row: RunRow) -> dict[str, Any]:
    """The `meta:` section of RUN.dvc: what a teammate wants to know of the run before anything is downloaded."""
    metrics = {name: _number(summary.last) for name, summary in sorted(row.metrics.items())}
    best = {
        f"{name}": {"value": _number(summary.best), "step": summary.best_step}
        for name, summary in sorted(row.metrics.items())
        if summary.best is not None
    }
    found: dict[str, Any] = {
        "run_id": row.run_id, "run_name": row.name, "status": row.status, "user": row.user,
        "experiment": row.experiment, "start_ms": row.start_ms, "end_ms": row.end_ms,
        "git_commit": row.git_commit, "data_version": row.tags.get("edm.data_version", ""), "note": row.note,
        "params": dict(sorted(row.params.items())), "metrics": metrics, "best": best,
    }  # fmt: skip
    return {key: value for key, value in found.items() if value not in ("", None, {})}


def _number(value: float | None) -> float | int | None:
    if value is None or not math.isfinite(value):
        return value
    return int(value) if value == int(value) and abs(value) < 1e15 else value


def write_meta(pointer: Path, meta: Mapping[str, Any]) -> str:
    """Put `meta` into the pointer; DVC and the user's own keys there stay. Returns the new text."""
    yaml = YAML()
    yaml.width = 4096
    text = read_text(pointer) or ""
    try:
        document = yaml.load(text)
    except YAMLError as error:
        raise ActionError(f"{pointer} is not YAML: {error}", "`git checkout -- FILE` restores it.") from error
    if not isinstance(document, dict):
        raise ActionError(f"{pointer} is not a DVC pointer", "`git checkout -- FILE` restores it.")
    known = document.get("meta")
    document["meta"] = {**(known if isinstance(known, dict) else {}), **meta}
    stream = io.StringIO()
    yaml.dump(document, stream)
    write_atomic(pointer, stream.getvalue())
    return stream.getvalue()


def hash_in(text: str | None) -> str:
    """The hash that a pointer's text names; "" when it is no pointer (a crash may have cut it short)."""
    try:
        document = YAML(typ="safe").load(text) if text else None
    except YAMLError:
        return ""
    outs = document.get("outs") if isinstance(document, dict) else None
    first = outs[0] if isinstance(outs, list) and outs else None
    return str(first.get("md5") or "") if isinstance(first, dict) else ""


def restore_files(workspace: Workspace, git: GitRepo, plan: KeepPlan) -> None:
    """Bring disk and index of the two files back to what they were before keep."""
    before = plan.before
    write_or_remove(workspace.root / plan.pointer, before.pointer)
    ignore = workspace.root / plan.ignore
    write_or_remove(ignore, without_line(ignore, before.ignore, ignore_line(plan)))
    git.restore_index({plan.pointer: before.pointer_index, plan.ignore: before.ignore_index})


def ignore_line(plan: KeepPlan) -> str:
    """The line by which DVC takes the run folder out of git: pattern characters in the name are escaped."""
    return "/" + "".join(f"\\{c}" if c in "[]!*#?" else c for c in Path(plan.run_dir).name)


def without_line(ignore: Path, before: str | None, line: str) -> str | None:
    """The .gitignore as it is now, less the line that keep added; None when nothing of it is left that was not there.

    Other runs may have been kept since, so it is edited by line; a file that a crash cut short comes back whole.
    """
    now = read_text(ignore) or ""
    old = (before or "").splitlines()
    lines = [text for text in now.splitlines() if text != line or line in old]
    lost = [text for text in old if text not in lines]
    if lost:
        lines = old + [text for text in lines if text not in old and not any(whole.startswith(text) for whole in lost)]
    if not lines:
        return before
    if lines == old:
        return before
    return "\n".join(lines) + "\n"


def write_or_remove(path: Path, text: str | None) -> None:
    if text is None:
        path.unlink(missing_ok=True)
    elif read_text(path) != text:
        write_atomic(path, text)


def commit_files(git: GitRepo, plan: KeepPlan, message: str) -> str:
    """Commit exactly the two files as they are on disk; the commit's id, or HEAD when they are committed already."""
    if all(git.at("HEAD", path) == read_text(git.root / path) for path in plan.paths):
        return (git.commits_of(plan.pointer) or [git.head()])[0]
    return git.commit_only(plan.paths, message)


def commit_message(workspace: Workspace, row: RunRow) -> str:
    """[keep] message with {run}, {run_id} and {metrics} filled in."""
    settings = workspace.settings
    template = settings.keep.message
    for name, value in (("run_id", row.run_id), ("metrics", metrics_text(workspace, row)), ("run", row.name)):
        template = template.replace(f"{{{name}}}", value)
    return template


def metrics_text(workspace: Workspace, row: RunRow) -> str:
    """`val_loss 0.0287 (best 0.0281 at 44), boundary_f1 0.78`: the primary metric and those with columns."""
    wanted = dict.fromkeys((workspace.settings.metrics.primary, *workspace.settings.metrics.columns))
    parts = []
    for name in wanted:
        summary = row.metrics.get(name)
        if summary is None:
            continue
        best = f" (best {summary.best:.4g} at {summary.best_step})" if summary.best is not None else ""
        parts.append(f"{name} {summary.last:.4g}{best}")
    return ", ".join(parts) or "no metrics"
