"""A process of its own: see DVC objects on a remote one by one, and send by hash those that it lacks.

`python -m edm_core.actions.push_objects send|check|single REMOTE` reads hashes from stdin and prints
{"seen": [...], "lacking": [...], "sent": n}; `single` takes each for one object, not for a version with its files.

DVC's own push and `status -c` take a folder's list of files on the remote as proof that the files are there too. Where
they are not (a remote that lost some, a list that was sent alone), both say that all is well; this does not.
"""

import json
import sys
from collections.abc import Iterable
from typing import Any


def main(mode: str, remote: str, hashes: list[str]) -> int:
    from dvc.exceptions import DvcException
    from dvc.repo import Repo
    from dvc_objects.errors import ObjectDBError

    try:
        with Repo() as repo:
            report = examine(repo, remote, hashes, send=mode == "send", whole=mode != "single")
    except (DvcException, ObjectDBError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(json.dumps(report) + "\n")
    return 0


def examine(repo: Any, remote: str, hashes: Iterable[str], *, send: bool, whole: bool) -> dict[str, Any]:
    """Which of these versions the remote holds whole; with `send`, after sending what it lacked."""
    cache, odb = repo.cache.local, repo.cloud.get_remote_odb(remote, "push" if send else "fetch")
    members = {value: _members(cache, odb, value) if whole else {value} for value in hashes}
    wanted = {oid for group in members.values() for oid in group}
    there = set(odb.oids_exist(sorted(wanted)))
    lacking = wanted - there
    if lacking and send:
        with repo.lock:
            _send(cache, odb, lacking)
        there |= set(odb.oids_exist(sorted(lacking)))
    seen = [value for value, group in members.items() if group and group <= there]
    gone = sorted(wanted - there) + [value for value, group in members.items() if not group]
    return {"seen": seen, "lacking": gone, "sent": len(lacking & there) if send else 0}


def _members(cache: Any, odb: Any, value: str) -> set[str]:
    """A version's objects, its list of files among them; empty when the list itself is nowhere to be read."""
    from dvc_data.hashfile.hash_info import HashInfo
    from dvc_data.hashfile.tree import Tree
    from dvc_objects.errors import ObjectFormatError

    if not value.endswith(".dir"):
        return {value}
    for place in (cache, odb):
        try:
            return {value, *(info.value for _, _, info in Tree.load(place, HashInfo("md5", value)))}
        except (FileNotFoundError, ObjectFormatError):
            continue
    return set()


def _send(cache: Any, odb: Any, lacking: set[str]) -> None:
    """Files first, their lists after them: a list on the remote is taken as proof of its files."""
    from dvc_data.hashfile.hash_info import HashInfo
    from dvc_data.hashfile.transfer import transfer

    for lists in (False, True):
        chosen = {HashInfo("md5", oid) for oid in lacking if oid.endswith(".dir") is lists}
        if chosen and transfer(cache, odb, chosen, cache_odb=cache).failed:
            return


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], sys.stdin.read().split()))
