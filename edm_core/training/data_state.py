"""Before training: is the data set here, and is it the one that data.dvc names?"""

from collections.abc import Callable
from pathlib import Path

from edm_core.data.tracking import make_and_track, pull_data
from edm_core.data.version import DataSetState, data_state
from edm_core.errors import DataError, EdmError
from edm_core.training.config import TrainingConfig
from edm_core.workspace import Workspace

Say = Callable[[str], None]
MAKE_HINT = "`edm data make` makes a data set to try."


def ready_data(
    workspace: Workspace, config: TrainingConfig, say: Say, confirm: Callable[[str], bool] | None = None
) -> None:
    """Pull the data set where it is missing, say so where it differs from data.dvc, else offer to make it.

    Only for annotations under data/: other folders are the user's own. `confirm` asks a person; without one nothing
    is made. Raises DataError where there is nothing to train on.
    """
    annotations = Path(workspace.root / config.annotations).resolve()
    if not annotations.is_relative_to(workspace.data_dir.resolve()):
        return
    state = data_state(workspace.root, workspace.cache_dir)
    if state.state == "differs":
        say(f"warning: {state.sentence}. The run is logged as trained on changed data; see `edm data status`.")
    if state.here is not None:
        return
    reason = _pull(workspace, say) if state.state == "missing" else state.sentence
    if not reason:
        return
    if confirm is None or not confirm(f"{reason}. Make a data set to try now?"):
        raise DataError(reason, MAKE_HINT)
    make_and_track(workspace, say=say)


def _pull(workspace: Workspace, say: Say) -> str:
    """Why the data that data.dvc names could not be pulled; "" when they are here now."""
    say("the data that data.dvc names are not here: pulling them")
    try:
        after: DataSetState = pull_data(workspace, say)
    except EdmError as error:
        return f"data/ is not here and could not be pulled: {error.message}"
    return "" if after.here is not None else after.sentence


def data_tags(workspace: Workspace) -> dict[str, str]:
    """`edm.data_version`, and `edm.data_changed` where the data here are not that version; {} without data.dvc."""
    try:
        state = data_state(workspace.root, workspace.cache_dir)
    except EdmError:
        return {}
    if state.version is None:
        return {}
    changed = {"edm.data_changed": "true", "edm.data_here": state.here or ""} if state.state == "differs" else {}
    return {"edm.data_version": state.version, **changed}
