"""`edm storage status`: what the disk holds, and whether this machine may be lost."""

from typing import TYPE_CHECKING, Any

import click

from edm_core.cli.output import age, clean, human, json_option, plain, print_json

if TYPE_CHECKING:
    from edm_core.actions.storage import StorageStatus
    from edm_core.snapshots.storage import Safety


@click.command()
@json_option
def status(as_json: bool) -> None:
    """Sizes of run folders, cache, trash and artifacts; and: is it safe to lose this machine?

    \b
    For example:
      edm storage status
    """
    from edm_core.actions.storage import storage_status
    from edm_core.workspace import find_workspace

    found = storage_status(find_workspace())
    if as_json:
        print_json(_document(found))
        return
    for line in (*_safety(found.safety), *_sizes(found)):
        click.echo(clean(line))


def _document(found: "StorageStatus") -> dict[str, Any]:
    from edm_core.actions.storage import ARTIFACTS, CACHE, RUNS, TRASH

    sizes, safe = found.sizes, found.safety
    return {
        "safe": safe.safe,
        **plain(safe),
        "commits": safe.commit_count,
        "unpushed": plain(safe.commits),
        "bytes_only_here": safe.bytes,
        "seconds": safe.seconds,
        "run_folders": sizes[RUNS].bytes,
        "cache": sizes[CACHE].bytes,
        "cache_shared": sum(item.bytes for item in found.shared),
        "shared": plain(found.shared),
        "trash": sizes[TRASH].bytes,
        "trash_entries": len(found.trash),
        "trash_oldest": min((slot.discarded_at for slot in found.trash), default=None),
        "artifacts": sizes[ARTIFACTS].bytes,
        "disk_free": found.disk_free,
    }


def _safety(found: "Safety") -> list[str]:
    if found.safe:
        lines = ["Safe to lose this machine?   YES: all that is kept was seen on the remote, every commit is pushed"]
    else:
        count = found.commit_count
        lines = [
            f"Safe to lose this machine?   NO: {len(found.only_here)} kept ({human(found.bytes)}) and "
            f"{count} commit{'s' if count != 1 else ''} are only here      edm push --all"
        ]
    lines += [f"  {item.run}  {human(item.bytes)}  {item.reason}" for item in found.only_here]
    lines += [f"  {name}.dvc is not committed as it is: edm keep {name}" for name in found.uncommitted]
    for commit in found.commits[:10]:
        apart = f"on {commit.branch}: edm push --branches" if commit.branch else "HEAD is detached: git switch -c NAME"
        other = "" if commit.current else f"  {apart}"
        lines.append(f"  commit {commit.id[:9]}  {age(commit.at)}  {commit.subject}{other}")
    if found.commit_count > 10:
        lines.append(f"  and {found.commit_count - 10} commits more")
    if not found.remote:
        lines.append("  DVC has no default remote: dvc remote add -d NAME ADDRESS")
    if not found.git_remote:
        lines.append("  git has no remote: git remote add origin ADDRESS")
    if found.not_kept:
        lines.append(f"  {len(found.not_kept)} run folders are not kept, so they are only here too")
    return lines


def _sizes(found: "StorageStatus") -> list[str]:
    from edm_core.actions.storage import ARTIFACTS, CACHE, RUNS, TRASH

    sizes = found.sizes
    oldest = min((slot.discarded_at for slot in found.trash), default=None)
    told = f"{len(found.trash)} entries" + (f", oldest {age(oldest)}" if oldest else "")
    shared = sum(item.bytes for item in found.shared)
    lines = [
        f"run folders {human(sizes[RUNS].bytes)} · cache {human(sizes[CACHE].bytes)} ({human(shared)} shared) · "
        f"trash {human(sizes[TRASH].bytes)} ({told}) · "
        f"MLflow artifacts {human(sizes[ARTIFACTS].bytes)} · disk {human(found.disk_free)} free"
    ]
    return lines + [
        f"  shared by {', '.join(item.runs)}: {human(item.bytes)} in {item.files} files" for item in found.shared[:10]
    ]
