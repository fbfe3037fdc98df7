"""`edm data`: make, check and pull the data set, and say which version is here."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from edm_core.cli.output import FAILED, clean, json_option, plain, print_json, say

if TYPE_CHECKING:
    from edm_core.data.check import CheckReport
    from edm_core.data.tracking import MadeAndTracked, RemoteState
    from edm_core.data.version import DataSetState


@click.group()
def data() -> None:
    """Make, check and pull the data set.

    \b
    For example:
      edm data make
      edm data check data
    """


@data.command()
@click.option("--force", is_flag=True, help="Move other data in data/ aside (to .edm/replaced/) instead of refusing.")
@json_option
def make(force: bool, as_json: bool) -> None:
    """Render the made data set into data/ and track it with DVC.

    Every machine makes the same bytes, so that what it makes is what data.dvc names.

    \b
    For example:
      edm data make
    """
    from edm_core.data.tracking import make_and_track
    from edm_core.workspace import find_workspace

    done = make_and_track(find_workspace(), force=force, say=say, progress=_progress)
    if as_json:
        print_json({**plain(done.made), "data_dvc": done.version, "matches": done.matches, "dvc_added": done.added})
        return
    for line in _made_lines(done):
        click.echo(clean(line))


def _progress(done: int, total: int, name: str) -> None:
    if done % 5 == 0 or done == total:
        say(f"made {done}/{total} tracks")


def _made_lines(done: "MadeAndTracked") -> list[str]:
    made = done.made
    size = f"{made.tracks} tracks, {made.files} files, {made.bytes / 1e6:.1f} MB, version {made.version}"
    lines = [f"made {made.folder}: {size}" if made.written else f"{made.folder} is there already: {size}"]
    if made.replaced is not None:
        lines.append(f"what was there before lies in {made.replaced}")
    if done.added:
        lines.append("tracked in data.dvc; commit it: git add data.dvc && git commit")
    elif done.version is None:
        lines.append("not tracked: there is no DVC repository here (`edm init` makes one, then `dvc add data`)")
    elif done.matches:
        lines.append("it matches data.dvc")
    else:
        lines.append(f"it does NOT match data.dvc, which names {done.version}: `dvc add data` would track it instead")
    return lines


@data.command()
@click.argument("folder", required=False, type=click.Path(path_type=Path))
@click.option("--audio-dir", type=click.Path(path_type=Path), help="Look for the audio files here.")
@json_option
def check(folder: Path | None, audio_dir: Path | None, as_json: bool) -> int:
    """Check annotations and audio of FOLDER (default: data/); name file, line and reason of each fault.

    \b
    For example:
      edm data check data/annotations
    """
    from edm_core.data.check import check_data
    from edm_core.workspace import find_workspace

    report = check_data(folder or find_workspace().data_dir, audio_dir)
    if as_json:
        print_json(_check_document(report))
    else:
        for fault in report.faults:
            click.echo(clean(str(fault)))
        counted = f"{report.annotations} annotations, {report.audio_files} audio files"
        bad = len({fault.path for fault in report.faults})
        say(f"{counted}: {len(report.faults)} faults in {bad} files" if bad else f"{counted}: all well")
    return FAILED if report.faults else 0


def _check_document(report: "CheckReport") -> dict[str, object]:
    return {
        "folder": str(report.folder),
        "annotations": report.annotations,
        "audio_files": report.audio_files,
        "faults": [
            {"file": str(fault.path), "line": fault.line, "reason": fault.reason, "blocking": fault.blocking}
            for fault in report.faults
        ],
    }


@data.command()
@click.option("--remote", is_flag=True, help="Also ask the default remote whether it has this version.")
@json_option
def status(remote: bool, as_json: bool) -> None:
    """Say which version data.dvc names and whether the data here are that version.

    \b
    For example:
      edm data status --remote
    """
    from edm_core.data.tracking import count_tracks, remote_state
    from edm_core.data.version import data_state
    from edm_core.workspace import find_workspace

    workspace = find_workspace()
    state = data_state(workspace.root, workspace.cache_dir)
    tracks = count_tracks(workspace.data_dir)
    there = remote_state(workspace, say) if remote and state.version is not None else None
    if as_json:
        print_json({**plain(state), "tracks": tracks, "remote": plain(there)})
        return
    click.echo(f"version  {clean(state.version or 'none')}")
    click.echo(f"state    {state.state}: {clean(state.sentence)}")
    click.echo(f"tracks   {tracks}")
    if there is not None:
        click.echo(f"remote   {clean(_remote_line(there))}")
    _hint(state)


def _remote_line(there: "RemoteState") -> str:
    if there.has_all is None:
        return f"unknown: {there.reason}"
    return f"{there.name} has this version" if there.has_all else f"{there.name} lacks it: dvc push data.dvc"


def _hint(state: "DataSetState") -> None:
    hints = {
        "missing": "`edm data pull` gets them from the remote, `edm data make` makes the made set anew",
        "differs": "`dvc add data` tracks what is here",
        "untracked": "`dvc add data` tracks it" if state.files else "`edm data make` makes a data set",
    }
    if state.state in hints:
        say(f"hint: {hints[state.state]}")


@data.command()
@json_option
def pull(as_json: bool) -> None:
    """Get the version that data.dvc names from the default remote.

    \b
    For example:
      edm data pull
    """
    from edm_core.data.tracking import pull_data
    from edm_core.workspace import find_workspace

    state = pull_data(find_workspace(), say)
    if as_json:
        print_json(plain(state))
        return
    click.echo(clean(state.sentence))
