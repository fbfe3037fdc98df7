"""Batches, network and losses."""

import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from edm_core.actions.keep_plan import check_loads
from edm_core.errors import ActionError, NotFoundError, TrainingError
from edm_core.training.audio import FRAME_RATE, MELS, FeatureCache
from edm_core.training.augment import augment
from edm_core.training.checkpoint import load_checkpoint, model_from_checkpoint, save_checkpoint
from edm_core.training.config import HEADS, TrainingConfig
from edm_core.training.dataset import Batch, Track, load_tracks, make_loaders, split_tracks
from edm_core.training.losses import focal_bce, label_cross_entropy, masked_mean, total_loss
from edm_core.training.model import PLANES, build_model, novelty, novelty_planes, running_sums
from tests.support.tracks import make_workspace

CONFIG = TrainingConfig(duration=8, batch_size=3, label=True)


@pytest.fixture(scope="module")
def tracks(tmp_path_factory: pytest.TempPathFactory) -> list[Track]:
    root = make_workspace(tmp_path_factory.mktemp("model") / "ws", tracks=5)
    return load_tracks(CONFIG, FeatureCache(root / ".edm"), root)


def batches(tracks: list[Track], config: TrainingConfig, epoch: int) -> list[Batch]:
    loader = make_loaders(tracks[:4], tracks[4:], config)[0]
    loader.sampler.set_epoch(epoch)  # type: ignore[attr-defined]
    return list(loader)


def test_the_split_is_that_of_the_seed_and_leaves_one_on_each_side(tracks: list[Track]) -> None:
    train, val = split_tracks(tracks, CONFIG)
    assert (len(train), len(val)) == (4, 1)
    assert sorted(t.name for t in train + val) == sorted(t.name for t in tracks)
    assert [t.name for t in split_tracks(tracks[::-1], CONFIG)[1]] == [t.name for t in val]
    assert len(split_tracks(tracks, replace(CONFIG, train_split=0.999))[1]) == 1
    assert len(split_tracks(tracks, replace(CONFIG, train_split=0.001))[0]) == 1
    with pytest.raises(TrainingError, match="1 track"):
        split_tracks(tracks[:1], CONFIG)


def test_batches_hang_on_seed_and_epoch_alone(tracks: list[Track]) -> None:
    first = batches(tracks, CONFIG, 3)
    torch.manual_seed(99)
    np.random.seed(99)
    again = batches(tracks, replace(CONFIG, workers=1), 3)
    other = batches(tracks, CONFIG, 4)
    assert len(first) == len(again) == 3
    assert all(torch.equal(a[key], b[key]) for a, b in zip(first, again, strict=True) for key in a)
    assert not all(torch.equal(a["frames"], b["frames"]) for a, b in zip(first, other, strict=True))
    assert first[0]["frames"].shape == (3, 8 * FRAME_RATE, PLANES * MELS)


def test_short_tracks_are_padded_and_the_padding_does_not_count(tracks: list[Track]) -> None:
    (batch, *_) = batches(tracks, replace(CONFIG, duration=30), 1)
    length = len(tracks[0].frames)
    assert batch["mask"][0].sum() == length
    loss = total_loss(CONFIG, build_model(CONFIG).eval()(batch["frames"]), batch)
    model = build_model(CONFIG).eval()
    output = model(batch["frames"])
    spoilt = {head: value.clone() for head, value in output.items()}
    for value in spoilt.values():
        value[:, length:] = 50.0
    assert torch.isfinite(loss)
    assert total_loss(CONFIG, spoilt, batch) == total_loss(CONFIG, output, batch)


def test_novelty_is_large_where_the_mean_changes() -> None:
    frames = torch.zeros(1, 1000, MELS)
    frames[:, 400:] = 1.0
    planes = novelty_planes(frames).reshape(1, 1000, PLANES, MELS)[0, :, :, 0]
    assert planes.shape == (1000, PLANES)
    assert torch.equal(planes[:, 1:].argmax(dim=0), torch.full((4,), 400))
    assert torch.allclose(planes[400, 1:], torch.ones(4))
    assert torch.equal(planes[0, 1:], torch.zeros(4))


def test_an_excerpt_has_the_novelty_of_its_track() -> None:
    frames = torch.randn(1, 700, MELS, generator=torch.Generator().manual_seed(0))
    whole = novelty_planes(frames)[:, 300:400, MELS:]
    assert torch.equal(novelty(running_sums(frames), torch.arange(300, 400)), whole)


@pytest.mark.parametrize("frames", [1, 7, 900])
def test_every_head_answers_at_every_frame(frames: int) -> None:
    model = build_model(TrainingConfig(label=True))
    output = model(torch.randn(2, frames, MELS))
    shapes = {head: tuple(value.shape) for head, value in output.items()}
    assert shapes == {"boundary": (2, frames), "energy": (2, frames, 3), "beat": (2, frames), "label": (2, frames, 5)}


@pytest.mark.parametrize("head", HEADS)
def test_each_head_learns_alone(tracks: list[Track], head: str) -> None:
    config = replace(CONFIG, **{name: name == head for name in HEADS})  # type: ignore[arg-type]
    torch.manual_seed(0)
    model = build_model(config)
    assert list(model.heads) == [head]
    batch = batches(tracks, config, 1)[0]
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.003)
    losses = []
    for _ in range(12):
        loss = total_loss(config, model(batch["frames"]), batch)
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.7 * losses[0]


def test_losses_count_only_what_is_known() -> None:
    logits, mask = torch.tensor([[5.0, -5.0, 5.0]]), torch.tensor([[1.0, 1.0, 0.0]])
    good = focal_bce(logits, torch.tensor([[1.0, 0.0, 0.0]]), mask)
    bad = focal_bce(logits, torch.tensor([[0.0, 0.0, 0.0]]), mask)
    assert good < 1e-5 < bad
    assert masked_mean(torch.ones(3), torch.zeros(3)) == 0
    classes = torch.randn(1, 4, 5)
    target = torch.tensor([[-1, 2, -1, -1]])
    alone = label_cross_entropy(classes[:, 1:2], target[:, 1:2], torch.ones(1, 1))
    assert label_cross_entropy(classes, target, torch.ones(1, 4)) == pytest.approx(float(alone))


def test_augmenting_leaves_the_original_alone() -> None:
    planes = np.random.default_rng(0).standard_normal((50, PLANES * MELS)).astype(np.float32)
    energy = np.zeros((50, 3), np.float32)
    before = planes.copy()
    changed, target = augment(planes, energy, np.random.default_rng(1))
    assert np.array_equal(planes, before)
    assert changed.shape == planes.shape
    assert changed.dtype == target.dtype == np.float32
    assert not np.array_equal(changed, planes)
    again, _ = augment(planes, energy, np.random.default_rng(1))
    assert np.array_equal(changed, again)


def test_a_checkpoint_gives_the_network_back(tmp_path: Path) -> None:
    model = build_model(CONFIG).eval()
    path = tmp_path / "best.pt"
    save_checkpoint(path, {"config": CONFIG.to_dict(), "state_dict": model.state_dict()})
    loaded = model_from_checkpoint(load_checkpoint(path))
    frames = torch.randn(1, 300, MELS)
    assert torch.equal(loaded(frames)["boundary"], model(frames)["boundary"])
    assert not loaded.training


def test_a_checkpoint_that_is_none_is_named(tmp_path: Path) -> None:
    path = tmp_path / "best.pt"
    with pytest.raises(NotFoundError, match=r"best\.pt"):
        load_checkpoint(path)
    save_checkpoint(path, {"config": CONFIG.to_dict(), "state_dict": build_model(CONFIG).state_dict()})
    whole = path.read_bytes()
    for damage in (b"", b"nothing", whole[: len(whole) // 2]):
        path.write_bytes(damage)
        with pytest.raises(TrainingError, match=r"best\.pt"):
            load_checkpoint(path)
    torch.save({"weights": 1}, path)
    with pytest.raises(TrainingError, match="no checkpoint"):
        load_checkpoint(path)
    torch.save({"config": Path("x"), "state_dict": {}}, path)
    with pytest.raises(TrainingError, match=r"best\.pt"):
        load_checkpoint(path)
    with pytest.raises(TrainingError, match="does not fit"):
        model_from_checkpoint({"config": CONFIG.to_dict(), "state_dict": {}})


@pytest.mark.parametrize("content", [b"garbage" * 100, pickle.dumps(print, protocol=2), None])
def test_a_checkpoint_with_code_in_it_is_refused_without_advice_to_run_it(
    tmp_path: Path, content: bytes | None
) -> None:
    path = tmp_path / "best.pt"
    if content is None:
        torch.save({"state_dict": print}, path)
    else:
        path.write_bytes(content)
    with pytest.raises(TrainingError, match="damaged, or holds more than weights") as unread:
        load_checkpoint(path)
    with pytest.raises(ActionError, match="does not load") as unkept:
        check_loads(path)
    for told in (unread.value, unkept.value):
        assert "weights_only" not in told.message + told.hint
