"""`make bench`: every measure in turn, each beside its peer or floor in the same run.

`python -m bench NAME...` runs only those. Each module here with a `main()` is a measure.
"""

import importlib
import platform
import sys
import time
from pathlib import Path

MEASURES = (
    "first_frame", "run_table", "polling", "command_line", "http_server", "event_loop", "keep", "query",
    "charts", "diff", "models", "supervisor", "tail",
)  # fmt: skip


def main(names: list[str]) -> None:
    machine = platform.processor() or platform.machine()
    print(f"# {time.strftime('%Y-%m-%d')} · {machine} · Python {platform.python_version()}")
    for name in names or MEASURES:
        if not Path(__file__).with_name(f"{name}.py").exists():
            sys.exit(f"no measure named {name}; there are: {', '.join(MEASURES)}")
        print(f"\n## {name}", flush=True)
        importlib.import_module(f"bench.{name}").main()


if __name__ == "__main__":
    main(sys.argv[1:])
