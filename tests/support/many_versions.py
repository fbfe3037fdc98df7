"""A registry of many versions: MLflow makes the schema, plain SQL fills it in bulk."""

import json
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

NAME = "EDMModel"


def many_versions(database: Path, count: int, name: str = NAME, tags: int = 8) -> None:
    """Fill an MLflow database with versions 1 to `count` of `name`, the newest one in Production, each with the tags
    that `edm models register` sets; every fifth has been promoted and says so. Nothing of them can be loaded."""
    now = int(time.time() * 1000)
    with closing(sqlite3.connect(database)) as store, store:
        store.execute("INSERT OR IGNORE INTO registered_models (name, creation_time) VALUES (?, ?)", (name, now))
        store.executemany(
            "INSERT INTO model_versions (name, version, creation_time, last_updated_time, current_stage, source,"
            " run_id, status) VALUES (?, ?, ?, ?, ?, ?, ?, 'READY')",
            [
                (name, number, at := now - (count - number) * 60_000, at,
                 "Production" if number == count else "None", f"models:/m-{number:032x}", f"{number:032x}")
                for number in range(1, count + 1)
            ],
        )  # fmt: skip
        store.executemany(
            "INSERT INTO model_version_tags (name, version, key, value) VALUES (?, ?, ?, ?)",
            [(name, number, key, value) for number in range(1, count + 1) for key, value in _tags(number, now, tags)],
        )
        store.execute(
            "INSERT INTO registered_model_aliases (name, alias, version) VALUES (?, 'production', ?)", (name, count)
        )


def _tags(number: int, now: int, tags: int) -> Iterator[tuple[str, str]]:
    yield "edm.run_name", f"run_{number}"
    yield "edm.run_dir", f"outputs/training/run_{number}"
    yield "edm.metrics", json.dumps({"val_loss": number / 10_000, "boundary_f1": 0.8})
    yield "edm.registered_by", "ana@gpu1"
    for at in range(tags - 4):
        yield f"tag_{at}", "x" * 40
    if number % 5 == 0:
        move = {
            "id": f"{number}", "at_ms": now - number, "who": "ana@gpu1", "kind": "promote", "from_stage": "None",
            "to_stage": "Production", "reason": "better", "gates": [], "replaced": [],
        }  # fmt: skip
        yield f"edm.history.{number}", json.dumps(move)
