"""What the run table knows of each run: MLflow, DVC, the registry and the job, joined in one row."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from edm_core.snapshots.jobs import JobSnapshot


class DataState(Enum):
    """State of a run folder's data: (value, symbol, ASCII symbol)."""

    NONE = ("none", " ", " ")
    UNTRACKED = ("untracked", "·", ".")
    KEPT = ("kept", "●", "o")
    PUSHED = ("pushed", "✓", "v")
    CHANGED = ("changed", "~", "~")
    MISSING = ("missing", "✗", "x")
    TRASHED = ("trashed", "⌫", "d")

    def __init__(self, word: str, symbol: str, ascii_symbol: str) -> None:
        self.word = word
        self.symbol = symbol
        self.ascii_symbol = ascii_symbol


@dataclass(frozen=True, slots=True)
class MetricSummary:
    """One metric of one run. `best` follows the metric's direction and ignores NaN; None where no value is a number.

    In a RunsSnapshot best and spark are there for `[metrics] primary` and `columns`; a RunDetail has them for all.
    """

    last: float
    last_step: int
    best: float | None
    best_step: int | None
    spark: tuple[float, ...] = ()
    """At most 32 values of the history, oldest first, for a sparkline."""


@dataclass(frozen=True, slots=True)
class RunRow:
    """One row. A folder without an MLflow run has `run_id` "" and a run without a folder has `run_dir` ""."""

    run_id: str
    name: str
    status: str = ""
    """MLflow's word: RUNNING, SCHEDULED, FINISHED, FAILED, KILLED; "" for a folder without a run."""
    start_ms: int | None = None
    end_ms: int | None = None
    user: str = ""
    experiment: str = ""
    params: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, MetricSummary] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    run_dir: str = ""
    """Run folder relative to the workspace, with forward slashes."""
    data_state: DataState = DataState.NONE
    model: str = ""
    """Registered version and its stage or aliases, such as `v3 Production`."""
    job: JobSnapshot | None = None
    trash: str = ""
    """Name of the entry in the trash that holds the run's folder; "" where it is not there."""
    deleted: bool = False
    """Deleted in MLflow; such a run is a row only while its folder lies in the trash."""

    @property
    def row_id(self) -> str:
        """What names the row through sort, filter and refresh: the run id, else where the row comes from."""
        if self.run_id:
            return self.run_id
        if self.trash:
            return f"trash:{self.trash}"
        if self.run_dir or self.job is None:
            return f"folder:{self.run_dir}"
        return f"job:{self.job.id}"

    @property
    def note(self) -> str:
        return self.tags.get("mlflow.note.content", "")

    @property
    def git_commit(self) -> str:
        return self.tags.get("mlflow.source.git.commit", "")


@dataclass(frozen=True, slots=True)
class RunsSnapshot:
    """The run table at one moment, newest first."""

    rows: Sequence[RunRow]
    """A RunView (run_columns.py), which makes its rows when they are asked for: there may be 100,000."""
    store: str = ""
    """The store's URI in short, such as `sqlite:mlflow.db`; never a password."""
    experiment: str = ""
    taken: float = 0.0
    """When it was read (Unix seconds)."""
    notice: str = ""
    """One line that the status line must say, such as why a slower way of reading was taken."""
    partial: bool = False
    """There are more runs, which are being read."""
    stopped: bool = False
    """There are more runs, but the user let them be."""
    old: bool = False
    """As they were when the program was last here, at `taken`; the store has not been heard of since."""


@dataclass(frozen=True, slots=True)
class FileEntry:
    """A file of a run folder: path relative to it, size in bytes."""

    path: str
    size: int


@dataclass(frozen=True, slots=True)
class RunDetail:
    """What the detail pane adds to a row: files, metadata.yaml as text, and metric histories."""

    row: RunRow
    files: tuple[FileEntry, ...] = ()
    files_total: int = 0
    bytes_total: int = 0
    metadata: str = ""
    histories: Mapping[str, tuple[tuple[int, float], ...]] = field(default_factory=dict)
    """(step, value) of each metric, by step."""
