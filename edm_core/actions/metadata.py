"""What a person writes about a run: metadata.yaml in its folder, and MLflow's note."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from edm_core.actions.run_tags import set_tags, told
from edm_core.errors import ActionError, EdmError
from edm_core.files import write_atomic
from edm_core.journal import Entry, Journal
from edm_core.lock import Say, data_lane, quiet
from edm_core.snapshots.outcome import Outcome
from edm_core.snapshots.runs import RunRow
from edm_core.stores.mlflow_client import mlflow_client
from edm_core.workspace import Workspace

FILE_NAME = "metadata.yaml"
NOTE_TAG = "mlflow.note.content"
# Folder and run find each other by these, so they are not for editing.
FIXED = ("run_id", "run_name")
ORDER = ("run_name", "run_id", "hypothesis", "dataset_version", "config_changes", "results")


def edit_metadata(
    workspace: Workspace, row: RunRow, changes: Mapping[str, Any], note: str | None = None, *, say: Say = quiet
) -> Outcome:
    """Change keys of the run's metadata.yaml, dotted for those inside a section: {"results.conclusion": "..."}.

    None takes a key away. With `note` MLflow's note changes too, in the same step of undo.
    Raises ActionError when there is no folder, a key is fixed or the file is no YAML mapping; StoreError.
    """
    folder = workspace.root / row.run_dir
    if not row.run_dir or not folder.is_dir():
        raise ActionError(f"run {row.name} has no folder here, so no {FILE_NAME}", "A note needs none: --note TEXT")
    for key in changes:
        if key in FIXED:
            raise ActionError(
                f"{key} joins the folder with its MLflow run: it is not for editing", "edm runs edit --help"
            )
    with data_lane(workspace, f"edm runs edit {row.name}", say):
        path = folder / FILE_NAME
        before = _read(path)
        document = _parse(path, before)
        for key, value in changes.items():
            _assign(document, key, value)
        journal = Journal(workspace)
        text = _dump(document)
        noted = {} if note is None else {"run_id": _noted_run(row), "note": note, "note_before": _note(workspace, row)}
        entry = journal.begin("metadata", row.name, path=workspace.relative(path), before=before, after=text, **noted)
        try:
            # MLflow first: it may be away, and then nothing has changed.
            if note is not None:
                set_tags(mlflow_client(workspace), row.run_id, {NOTE_TAG: note or None})
        except EdmError as error:
            journal.failed(entry.id, error.message)
            raise
        write_atomic(path, text)
        journal.done(entry.id, undo={})
    what = [*changes, *(["note"] if note is not None else [])]
    data = {"run": row.name, "metadata": document} | ({"note": note} if note is not None else {})
    return Outcome(f"changed {FILE_NAME} of {row.name}", ", ".join(what), "done", ("runs", "data"), data)


def _noted_run(row: RunRow) -> str:
    if not row.run_id:
        raise ActionError(f"{row.name} has no MLflow run to write a note on", f"Its {FILE_NAME} can be edited.")
    return row.run_id


def _note(workspace: Workspace, row: RunRow) -> str | None:
    """MLflow's note as it is; None where there is none."""
    client = mlflow_client(workspace)
    found: str | None = told("read the run", lambda: client.get_run(row.run_id)).data.tags.get(NOTE_TAG)
    return found


def set_note(workspace: Workspace, row: RunRow, text: str, *, say: Say = quiet) -> Outcome:
    """Set MLflow's note of the run; an empty text takes it away. Raises ActionError or StoreError."""
    run_id = _noted_run(row)
    with data_lane(workspace, f"edm runs edit {row.name}", say):
        journal = Journal(workspace)
        client = mlflow_client(workspace)
        entry = journal.begin("note", row.name, run_id=run_id, before=_note(workspace, row))
        try:
            set_tags(client, row.run_id, {NOTE_TAG: text or None})
        except EdmError as error:
            journal.failed(entry.id, error.message)
            raise
        journal.done(entry.id, undo={})
    return Outcome(f"changed the note of {row.name}", "", "done", ("runs",), {"run": row.name, "note": text})


def undo_metadata(workspace: Workspace, entry: Entry, say: Say = quiet) -> str:
    """Take an edit or a note back. Raises ActionError when the file was changed since."""
    if entry.verb == "note":
        set_tags(mlflow_client(workspace), entry.data["run_id"], {NOTE_TAG: entry.data["before"]})
        return f"the note of {entry.target} is as it was"
    path = workspace.root / entry.data["path"]
    if not path.parent.is_dir():
        raise ActionError(f"{path.parent} is not here any more", "edm storage trash list")
    before = entry.data["before"]
    if _read(path) not in (entry.data["after"], before):
        raise ActionError(f"{path} was changed since the edit", "Edit it by hand.")
    _note_back(workspace, entry)
    if before is None:
        path.unlink(missing_ok=True)
    else:
        write_atomic(path, before)
    return f"{FILE_NAME} of {entry.target} is as it was"


def recover_metadata(workspace: Workspace, entry: Entry) -> str:
    """An edit that died: the file was replaced whole, or not at all; a note is set back."""
    journal = Journal(workspace)
    if entry.verb == "metadata" and _read(workspace.root / entry.data["path"]) == entry.data["after"]:
        journal.done(entry.id, undo={})
        return f"the interrupted edit of {entry.target} is whole"
    if entry.verb == "note":
        set_tags(mlflow_client(workspace), entry.data["run_id"], {NOTE_TAG: entry.data["before"]})
    _note_back(workspace, entry)
    journal.failed(entry.id, "interrupted")
    return f"an edit of {entry.target} had been interrupted; it is as it was"


def _note_back(workspace: Workspace, entry: Entry) -> None:
    """The note as it was before an edit that changed it together with the file."""
    if "note_before" in entry.data:
        set_tags(mlflow_client(workspace), entry.data["run_id"], {NOTE_TAG: entry.data["note_before"]})


def _read(path: Path) -> str | None:
    try:
        return path.read_bytes().decode()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise ActionError(f"{path} cannot be read: {error}", "Mend it by hand.") from error


def _parse(path: Path, text: str | None) -> dict[str, Any]:
    try:
        document = yaml.safe_load(text) if text and text.strip() else {}
    except yaml.YAMLError as error:
        raise ActionError(f"{path} is not YAML: {' '.join(str(error).split())}", "Mend it in an editor.") from error
    if not isinstance(document, dict):
        raise ActionError(f"{path} is not a mapping of keys to values", "Mend it in an editor.")
    return document


def _assign(document: dict[str, Any], key: str, value: Any) -> None:
    *sections, last = key.split(".")
    if not all([*sections, last]):
        raise ActionError(f"{key!r} is no key", "For example results.conclusion")
    place = document
    for section in sections:
        inner = place.setdefault(section, {})
        if not isinstance(inner, dict):
            raise ActionError(
                f"{section} holds a value, not a section, so {key} cannot be set", f"Set {section} itself."
            )
        place = inner
    if value is None:
        place.pop(last, None)
    else:
        place[last] = value


def _dump(document: Mapping[str, Any]) -> str:
    ordered = {key: document[key] for key in ORDER if key in document}
    ordered |= {key: value for key, value in document.items() if key not in ordered}
    return str(yaml.safe_dump(ordered, sort_keys=False, allow_unicode=True, width=120))
