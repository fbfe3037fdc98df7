"""What differs in the data that runs were trained on: the version, and which files of it, by DVC's own lists."""

from collections.abc import Sequence

from edm_core.snapshots.diff import DiffEntry
from edm_core.snapshots.runs import RunRow
from edm_core.stores.dvc_pointer import cached_files
from edm_core.workspace import Workspace

MAX_FILES = 500


def data_section(workspace: Workspace, rows: Sequence[RunRow]) -> tuple[tuple[DiffEntry, ...], str]:
    """The hash in data.dvc that each run was trained on; where they differ, the files that were added, removed or
    changed since the baseline's, from the directory objects in DVC's cache."""
    versions = [row.tags.get("edm.data_version") for row in rows]
    if not any(versions):
        return (), "no run says which version of the data it was trained on"
    version = DiffEntry("version", tuple(versions), same=len(set(versions)) == 1)
    if version.same:
        return (version,), ""
    listings = [cached_files(workspace.root, one) if one else None for one in versions]
    unknown = sorted({one or "unknown" for one, listing in zip(versions, listings, strict=True) if listing is None})
    if unknown:
        why = f"which files differ cannot be told: the cache here has no list for {', '.join(unknown)}"
        return (version,), f"{why} (`edm data pull` at a commit of it brings it)"
    known = [listing for listing in listings if listing is not None]
    names = sorted({name for listing in known for name in listing})
    differing = [name for name in names if len({listing.get(name) for listing in known}) > 1]
    entries = [_entry(name, [listing.get(name) for listing in known]) for name in differing[:MAX_FILES]]
    more = len(differing) - MAX_FILES
    return (version, *entries), f"{more} more files differ" if more > 0 else ""


def _entry(name: str, hashes: Sequence[str | None]) -> DiffEntry:
    base = hashes[0]
    words = ["", *(_word(base, one) for one in hashes[1:])]
    return DiffEntry(name, tuple(one and one[:8] for one in hashes), verdicts=tuple(words))


def _word(base: str | None, other: str | None) -> str:
    if base == other:
        return ""
    return "added" if base is None else "removed" if other is None else "changed"
