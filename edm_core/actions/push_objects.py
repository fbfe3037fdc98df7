"""A process of its own: push DVC objects by hash, which DVC's command line cannot.

`python -m edm_core.actions.push_objects REMOTE HASH...` prints the hashes seen on the remote as a JSON list.
"""

import json
import sys
from typing import Any


def main(remote: str, hashes: list[str]) -> int:
    from dvc.repo import Repo
    from dvc_data.hashfile.hash_info import HashInfo

    with Repo() as repo:
        wanted = {HashInfo("md5", value) for value in hashes}
        with repo.lock:
            result: Any = repo.cloud.push(wanted, remote=remote)
        if result.failed:
            sys.stderr.write(f"{len(result.failed)} objects failed\n")
            return 1
        status: Any = repo.cloud.status(wanted, remote=remote)
        lacking = {info.value for info in (*status.new, *status.missing, *status.deleted)}
        if lacking:
            sys.stderr.write(f"not on {remote}: {', '.join(sorted(lacking))[:300]}\n")
            return 1
    sys.stdout.write(json.dumps(sorted(hashes)) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2:]))
