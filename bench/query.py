"""Filter and order on SQLite: `edm runs list --filter --order-by` (ids, then the rows of the page) against
MlflowClient.search_runs, which answers the same question first, so that the answers can be compared.

`python -m bench.query 100000` takes minutes: most of them are MLflow's. The order without a filter is asked of MLflow
only up to 10,000 runs (facts: 531 s for one answer at 100,000). Target: 30 times faster at 100,000 runs.
"""

import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.stores import METRICS, PARAMS, TAGS, many_runs, reads_back
from edm_core.stores.mlflow_client import mlflow_client
from edm_core.stores.query import matching_runs
from edm_core.stores.runs import load_rows
from edm_core.workspace import Workspace

DEFAULT_RUNS = 10_000
PAGE = 100
OURS_TIMES = 5
SLOW = 10_000
"""Runs up to which MLflow is asked for an order without a filter."""
QUERIES = (
    ("metrics.val_loss < 0.5", "metrics.boundary_f1 DESC"),
    ("metrics.val_loss < 0.01 AND params.backbone = 'cnn'", "metrics.val_loss ASC"),
    ("params.learning_rate = '0.001' AND tags.tag_0 = 'x'", "params.param_0 DESC"),
    ("attributes.status = 'FINISHED' AND run_name LIKE 'run_9%'", ""),
    ("", "metrics.val_loss ASC"),
)
EXTENDED = ("NOT (metrics.val_loss > 0.5 OR params.backbone = 'cnn')", "metrics.boundary_f1 DESC")


def main(runs: int = DEFAULT_RUNS) -> None:
    with tempfile.TemporaryDirectory() as name:
        began = time.perf_counter()
        workspace = many_runs(Path(name).resolve() / "ws", runs, points=1)
        took = time.perf_counter() - began
        print(f"{runs:,} runs of {PARAMS} params, {len(METRICS)} metrics, {TAGS} tags, made in {took:.0f} s")
        reads_back(workspace, runs)
        print(f"first {PAGE} runs: MLflow, ours (median of {OURS_TIMES}), ratio")
        for query, order in QUERIES:
            if query or runs <= SLOW:
                _compare(workspace, query, order)
            else:
                print(f"  MLflow not asked   {_ours(workspace, query, order)[0]:8.1f} ms            {order}")
        print(f"  MLflow cannot      {_ours(workspace, *EXTENDED)[0]:8.1f} ms            {' · '.join(EXTENDED)}")


def _compare(workspace: Workspace, query: str, order: str) -> None:
    client = mlflow_client(workspace)
    experiment = client.get_experiment_by_name(workspace.settings.tracking.experiment).experiment_id
    theirs, page = _timed(
        lambda: client.search_runs([experiment], query, max_results=PAGE, order_by=[order] if order else None)
    )
    ours, ids = _ours(workspace, query, order)
    if ids != [run.info.run_id for run in page]:
        sys.exit(f"the answers differ: {query} {order}")
    print(f"  {theirs:8.0f} ms {ours:8.1f} ms {theirs / ours:6.0f} ×   {query or '(all)'} · {order or '(newest)'}")


def _ours(workspace: Workspace, query: str, order: str) -> tuple[float, list[str]]:
    def ask() -> list[str]:
        found = matching_runs(workspace, query, order, PAGE).run_ids
        return [row.run_id for row in load_rows(workspace, found)]

    timed = [_timed(ask) for _ in range(OURS_TIMES)]
    return statistics.median(took for took, _ in timed), timed[0][1]


def _timed(ask: Callable[[], Any]) -> tuple[float, Any]:
    began = time.perf_counter()
    found = ask()
    return (time.perf_counter() - began) * 1000, found


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else DEFAULT_RUNS)
