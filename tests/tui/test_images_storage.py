"""The Storage screen as pictures, wide and narrow."""

from pathlib import Path

import pytest

from edm_core.actions.trash import Slot
from edm_core.snapshots.storage import LocalCommit, OnlyHere, Safety, Shared, Size
from edm_tui.screens.storage import StorageScreen
from edm_tui.screens.storage_lines import StorageFacts
from tests.support.pictures import NOW, pictured, sample_workspace, settled

FACTS = StorageFacts(
    Safety(
        (
            OnlyHere("mert95m_baseline", 1_800_000_000, "not seen on the remote"),
            OnlyHere("aug_heavy_dropout0.3", 1_300_000_000, "changed since it was kept: keep it again"),
        ),
        (LocalCommit("3f2a91c07" + "0" * 31, "Keep run mert95m_baseline: val_loss 0.0287", NOW - 7200, "main"),),
        1, (), ("cnn_lr3e-3", "cnn_fast_iteration_v2"), "nas", True, 13e6,
    ),
    {"run folders": Size(41_000_000_000, 900), "cache": Size(38_000_000_000, 700), "trash": Size(6_200_000_000, 60),
     "MLflow artifacts": Size(1_100_000_000, 80)},
    (Shared(("aug_heavy_dropout0.3", "mert95m_baseline"), 29_000_000_000, 12),),
    (
        Slot(Path("trash/20251116T101500-lr_too_high"), "folder", "lr_too_high", "", "outputs/training/lr_too_high",
             NOW - 8 * 86400, 4_100_000_000, 9),
        Slot(Path("trash/20251123T101500-mert95m"), "files", "mert95m_baseline", "", "outputs/training/mert95m",
             NOW - 86400, 2_100_000_000, 12),
    ),
    112_000_000_000,
)  # fmt: skip


@pytest.mark.parametrize(("name", "size"), [("storage_wide", (200, 50)), ("storage_narrow", (80, 24))])
async def test_the_storage_screen(
    name: str, size: tuple[int, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with pictured(name, size, sample_workspace(tmp_path), monkeypatch) as (app, pilot):
        await pilot.press("6")
        await settled(pilot)
        assert isinstance(app.screen, StorageScreen)
        app.screen.facts = FACTS
        app.screen.show_facts()
