"""How long the event loop is away at the worst while a training, a push of 60 MB and refreshes go on."""

import asyncio
import subprocess
import tempfile
from pathlib import Path

from tests.support.busy import busy_while, make_workspace

GOAL = 0.1


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "repo"
        root.mkdir()
        for words in (
            ("init", "-q", "-b", "main"),
            ("config", "user.name", "Bench"),
            ("config", "user.email", "bench@example.invalid"),
            ("commit", "-q", "--allow-empty", "-m", "Begin"),
        ):
            subprocess.run(["git", *words], cwd=root, check=True)
        make_workspace(root, Path(folder) / "remote")
        found = asyncio.run(busy_while(root))
    late = sorted(gap for gap, _ in found.gaps)
    print(f"timers watched            {len(late):8,}")
    print(f"late, 99th percentile     {late[int(len(late) * 0.99)] * 1e3:8.1f} ms")
    print(f"late, worst               {found.worst * 1e3:8.1f} ms (goal: at most {GOAL * 1e3:.0f} ms)")
    print(
        f"worst of our own work     {found.worst_busy * 1e3:8.1f} ms (processor time of the loop's thread in one gap)"
    )


if __name__ == "__main__":
    main()
