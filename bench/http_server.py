"""A real `mlflow server` with 10,000 runs: first rows after the first frame, and all of them against the time that the
server itself takes to answer `search_runs` for the same pages."""

import sys
import time
from dataclasses import replace
from typing import Any

import requests

from bench.first_frame import ROOT, forget
from bench.stores import shared_runs
from bench.terminal import Terminal
from edm_core.settings import TrackingSettings
from edm_core.stores.http_tracking import FIRST_PAGE, PAGE
from edm_core.stores.run_reader import RunReader
from edm_core.workspace import Workspace
from tests.support.servers import served

RUNS = 10_000


def main(runs: int = RUNS) -> None:
    local = shared_runs(runs)
    with served(local.tracking_uri, local.root, workers=4) as address:
        settings = replace(local.settings, tracking=TrackingSettings(uri=address))
        forget(local)
        env = {"LC_ALL": "C.UTF-8", "PYTHONPATH": str(ROOT), "MLFLOW_TRACKING_URI": address}
        _answers(address)
        theirs = _answers(address)
        began = time.perf_counter()
        rows = RunReader(Workspace(local.root, settings)).read().rows
        ours = time.perf_counter() - began
        print(
            f"all {len(rows):,} runs: {ours:.2f} s, the server's own answers to the same pages {theirs:.2f} s;"
            f" ratio {ours / theirs:.2f} (goal <= 1.0)"
        )
        forget(local)
        for when in ("for the first time", "when it was there before"):
            terminal = Terminal([sys.executable, "-m", "edm_tui"], local.root, env)
            try:
                frame = terminal.seconds_until_shown("keys")
                rows_at = terminal.seconds_until_shown("run_9 ")
                whole = terminal.seconds_until_shown(f"{runs:,} runs ", 120)
            finally:
                terminal.close()
            print(
                f"the screen {when}: first frame {frame:.2f} s, first rows {rows_at - frame:.2f} s after it"
                f" (goal <= 1), all runs {whole:.2f} s after the start"
            )


def _answers(address: str) -> float:
    """Seconds that the server takes to send the same pages to a client that does nothing with them."""
    session = requests.Session()
    began, token, size = time.perf_counter(), None, FIRST_PAGE
    while True:
        asked: dict[str, Any] = {
            "experiment_ids": ["1"],
            "max_results": size,
            **({"page_token": token} if token else {}),
        }
        answer = session.post(f"{address}/api/2.0/mlflow/runs/search", json=asked, timeout=60)
        token, size = answer.json().get("next_page_token"), PAGE
        if not token:
            return time.perf_counter() - began


if __name__ == "__main__":
    main()
