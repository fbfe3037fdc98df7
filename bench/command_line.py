"""Whole processes of `edm`, against the `--help` of a bare Typer application with two commands."""

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bench.stores import shared_runs
from bench.terminal import as_installed

TIMES = 15
RUNS = 100_000
TYPER = '''
import typer

app = typer.Typer()


@app.command()
def keep(name: str, push: bool = False) -> None:
    """Keep a run."""


@app.command()
def show(name: str, limit: int = 10) -> None:
    """Show a run."""


app()
'''


def main(runs: int = RUNS) -> None:
    workspace = shared_runs(runs)
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "bare.py"
        script.write_text(TYPER)
        edm = [sys.executable, "-m", "edm_core.cli.main"]
        commands = {
            "bare Typer --help": [sys.executable, str(script), "--help"],
            "edm --help": [*edm, "--help"],
            f"edm runs list --limit 100 on {runs:,} runs": [*edm, "runs", "list", "--limit", "100"],
        }
        found: dict[str, list[float]] = {name: [] for name in commands}
        for _ in range(TIMES):
            for name, argv in commands.items():
                found[name].append(_seconds(argv, workspace.root))
    bare = found["bare Typer --help"]
    for (name, times), goal in zip(found.items(), (1.0, 1.3, 3.0), strict=True):
        ratio = statistics.median(a / b for a, b in zip(times, bare, strict=True))
        print(f"{name}: {statistics.median(times):.3f} s, {ratio:.2f} × the bare one (goal <= {goal})")


def _seconds(argv: list[str], cwd: Path) -> float:
    env = {**as_installed(), "PYTHONPATH": str(Path(__file__).parent.parent)}
    began = time.perf_counter()
    subprocess.run(argv, cwd=cwd, env=env, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
