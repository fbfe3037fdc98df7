"""What a run has to say to MLflow, written down in the run folder before it is said.

`logs/run.json` holds what is said once (name, params, tags, status), `logs/metrics.jsonl` one line an epoch. From the
two, `replay` makes MLflow whole when it was away, or when the process was killed between writing and telling.
"""

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from edm_core.errors import TrainingError
from edm_core.files import append_json_line, read_json_lines, write_json

RUNNING, FINISHED, FAILED, KILLED = "RUNNING", "FINISHED", "FAILED", "KILLED"

Point = tuple[int, int, dict[str, float]]
"""Step, time (milliseconds since 1970), metrics."""


class RunJournal:
    """The journal of one run folder."""

    def __init__(self, logs: Path) -> None:
        self._record_path = logs / "run.json"
        self._points_path = logs / "metrics.jsonl"

    def read(self) -> dict[str, Any]:
        """What is said once; {} before the run has begun. Raises TrainingError where the file is damaged."""
        try:
            record = json.loads(self._record_path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return {}
        except (ValueError, OSError) as error:
            raise TrainingError(
                f"{self._record_path} cannot be read: {error}", "Take it from the pushed run, or remove it."
            ) from error
        return record if isinstance(record, dict) else {}

    def update(self, **values: Any) -> dict[str, Any]:
        """Change these keys, on disk before this returns."""
        record = {**self.read(), **values}
        write_json(self._record_path, record)
        return record

    def points(self) -> list[Point]:
        """All epochs written so far, ascending; the first record of an epoch counts, a torn last line does not."""
        found: dict[int, Point] = {}
        for line in read_json_lines(self._points_path):
            step = int(line["epoch"])
            metrics = {str(key): float(value) for key, value in line["metrics"].items()}
            found.setdefault(step, (step, int(line["time"]), metrics))
        return [found[step] for step in sorted(found)]

    def add(self, step: int, time: int, metrics: Mapping[str, float]) -> None:
        """Write an epoch down, unless a run that was killed just after had written it already."""
        if any(known == step for known, _, _ in self.points()):
            return
        self._drop_torn_line()
        append_json_line(self._points_path, {"epoch": step, "time": time, "metrics": dict(metrics)})

    def _drop_torn_line(self) -> None:
        """A kill in the middle of a write leaves half a line; the next record must not be glued to it."""
        if not self._points_path.exists():
            return
        data = self._points_path.read_bytes()
        if data and not data.endswith(b"\n"):
            os.truncate(self._points_path, data.rfind(b"\n") + 1)
