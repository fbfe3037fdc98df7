"""What is said of a run that was killed, and that a person's words stay."""

from pathlib import Path

import pytest
import yaml

from edm_core.training.journal import RunJournal
from edm_core.training.unfinished import fill_actual


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "cnn"
    (folder / "logs").mkdir(parents=True)
    (folder / "metadata.yaml").write_text("run_id: abc\nresults: {expected: good, actual: '', conclusion: mine}\n")
    return folder


def results(folder: Path) -> dict[str, str]:
    found: dict[str, str] = yaml.safe_load((folder / "metadata.yaml").read_text())["results"]
    return found


def test_the_journal_tells_what_was_reached(run: Path) -> None:
    journal = RunJournal(run / "logs")
    for step, loss in ((1, 0.5), (2, 0.2), (3, float("nan"))):
        journal.add(step, step, {"val_loss": loss, "boundary_f1": 0.1 * step})
    assert fill_actual(run, "its process was killed")
    assert results(run) == {
        "expected": "good", "conclusion": "mine",
        "actual": "its process was killed: epoch 3, best val_loss 0.2000 at epoch 2, boundary_f1 0.3",
    }  # fmt: skip
    assert not fill_actual(run, "again")


def test_without_a_journal_the_last_known_metrics_do(run: Path) -> None:
    assert fill_actual(run, "stopped", {"val_loss": 0.25})
    assert results(run)["actual"] == "stopped: val_loss 0.25"


@pytest.mark.parametrize("why", ["words", "kept", "no metadata", "no yaml"])
def test_what_somebody_wrote_or_kept_stays(run: Path, why: str) -> None:
    path = run / "metadata.yaml"
    if why == "words":
        path.write_text("results: {actual: my own words}\n")
    elif why == "kept":
        (run.parent / "cnn.dvc").touch()
    elif why == "no metadata":
        path.unlink()
    else:
        path.write_text("results: [")
    before = path.read_text() if path.exists() else None
    assert not fill_actual(run, "killed", {"val_loss": 1.0})
    assert (path.read_text() if path.exists() else None) == before
