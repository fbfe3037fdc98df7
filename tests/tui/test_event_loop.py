"""The event loop is never held while a training, a push and refreshes go on."""

from pathlib import Path

from edm_core.jobs.folder import load_jobs
from edm_core.snapshots.runs import DataState
from edm_core.stores.data_states import data_states
from edm_core.workspace import find_workspace
from tests.support.busy import busy_while, make_workspace

LIMIT = 0.1


async def test_training_push_and_refresh_leave_the_loop_alone(git_repo: Path, tmp_path: Path) -> None:
    make_workspace(git_repo, tmp_path / "remote")
    found = await busy_while(git_repo)
    workspace = find_workspace(git_repo, {})
    assert [job.state for job in load_jobs(workspace.jobs_dir)] == ["done"]
    assert data_states(workspace)["big_run"] is DataState.PUSHED
    # On a shared machine only the time that the loop's own thread worked is the program's doing.
    assert found.worst_busy < LIMIT
