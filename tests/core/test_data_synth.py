"""The made data set is the same to the bit everywhere, and is what the issue asks of it."""

import hashlib
import itertools
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from edm_core.data.annotations import load_annotations
from edm_core.data.arrange import tracks
from edm_core.data.files import jams_text, seconds, wav_bytes, yaml_text
from edm_core.data.hashes import directory_md5, folder_hashes
from edm_core.data.intmath import RATE, TABLE, Rng, integer_root, noise, note_increment, pi_60, sine_table
from edm_core.data.make import make_dataset, write_tracks
from edm_core.data.render import render
from edm_core.data.version import data_version
from edm_core.errors import DataError

REPOSITORY = Path(__file__).parents[2]

SHA256 = {
    0: (
        "9414f5f55fafe53a2b5d80eace5415eb327de3d850fe7fd29eb8ee6625657960",
        "84f29ffb52c20f9b114671eccbff905cb94fad38122ce2df4839ba18ff8cf1c5",
        "088b336a374bd19ed98bfd8b8fdd962b167f5d861c3094d08b7d893e11b6e1e8",
    ),
    13: (
        "7be9cbaed0a3080ea61f800b21a6ac55b7bc771c63691e7103c3c121f5ade68b",
        "5b8c27d4486c111737106751824ba3671f34c4bec373969052f6f77212dd3d16",
        "027135fadb49a3cd3df376a69ad3341f1d751b71cbf84089c45f03893e5e13a0",
    ),
}
"""WAV, YAML and JAMS of two tracks, made under numpy 1.26.4 and 2.4.6 alike."""


@pytest.mark.parametrize("number", SHA256)
def test_tracks_are_the_same_to_the_bit(number: int) -> None:
    track = tracks()[number]
    made = (wav_bytes(render(track)), yaml_text(track).encode(), jams_text(track).encode())
    assert tuple(hashlib.sha256(content).hexdigest() for content in made) == SHA256[number]


def test_whole_set_is_what_data_dvc_names(tmp_path: Path) -> None:
    write_tracks(tmp_path, tracks())
    hashes = folder_hashes(tmp_path)
    assert directory_md5(hashes) == data_version(REPOSITORY)
    assert sum(path.stat().st_size for path in tmp_path.rglob("*.*")) <= 80_000_000
    audio = [digest for name, digest in hashes.items() if name.startswith("audio/")]
    assert len(set(audio)) == len(audio) == len(tracks())


def test_set_is_what_the_issue_asks() -> None:
    all_tracks = tracks()
    assert len(all_tracks) >= 24
    assert all(60 <= track.length / RATE <= 120 for track in all_tracks)
    assert all(120 <= track.style.bpm <= 150 for track in all_tracks)
    assert {section.bars for track in all_tracks for section in track.sections} == {4, 8, 16}
    boundaries = [section for track in all_tracks for section in track.sections[1:]]
    share = sum(section.subtle for section in boundaries) / len(boundaries)
    assert 0.15 <= share <= 0.17
    assert not any(track.sections[0].subtle for track in all_tracks)
    assert len({track.style for track in all_tracks}) == len(all_tracks)
    inside = {e.kind for t in all_tracks for s in t.sections for e in s.events if 0 < e.bar < s.bars}
    assert {"fill", "crash", "dropout", "enter"} <= inside


def test_nothing_announces_a_subtle_boundary() -> None:
    for track in tracks():
        for before, section in itertools.pairwise(track.sections):
            if section.subtle:
                assert not [e for e in before.events if e.bar == before.bars and e.kind in ("fill", "sweep")]
                assert not [e for e in section.events if e.bar == 0]


def test_integer_sine_and_pitches_agree_with_floating_point() -> None:
    assert abs(pi_60() / 2**60 - np.pi) < 1e-15
    exact = 32767 * np.sin(2 * np.pi * np.arange(TABLE) / TABLE)
    assert np.abs(sine_table() - exact).max() <= 0.51
    for note in (21, 69, 108):
        assert abs(note_increment(note) * RATE / 2**32 / (440 * 2 ** ((note - 69) / 12)) - 1) < 1e-6


@pytest.mark.parametrize(("value", "degree"), [(0, 2), (1, 12), (4095, 12), (4096, 12), (10**60, 3), (10**60 - 1, 3)])
def test_integer_root_is_exact(value: int, degree: int) -> None:
    root = integer_root(value, degree)
    assert root**degree <= value < (root + 1) ** degree


def test_noise_and_draws_are_splitmix64() -> None:
    # The first outputs of splitmix64 for seed 0, as published with the generator.
    published = [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]
    assert noise(0, 3).tolist() == [(value >> 48) - 32768 for value in published]
    again = Rng(7)
    assert [Rng(7).bits(), again.bits()][0] == Rng(7).bits()
    assert again.bits() != Rng(7).bits()


@pytest.mark.parametrize(("sample", "text"), [(0, "0.0000"), (1, "0.0001"), (16_000, "1.0000"), (24_008, "1.5005")])
def test_seconds_round_half_up_in_integers(sample: int, text: str) -> None:
    assert seconds(sample) == text


def test_both_formats_say_the_same(tmp_path: Path) -> None:
    write_tracks(tmp_path, tracks()[:1])
    (from_yaml,), (from_jams,) = (load_annotations(tmp_path / name) for name in ("annotations", "jams"))
    assert from_yaml.boundaries == from_jams.boundaries
    assert from_yaml.subtle == from_jams.subtle
    assert (from_yaml.bpm, from_yaml.downbeat) == (from_jams.bpm, from_jams.downbeat)
    assert from_yaml.audio_path == from_jams.audio_path == tmp_path / "audio" / "track_01.wav"
    assert [s.label for s in from_yaml.segments] == [s.label for s in from_jams.segments]


def test_jams_are_valid_for_the_jams_library(tmp_path: Path) -> None:
    write_tracks(tmp_path, tracks()[:1])
    code = "import jams, sys; j = jams.load(sys.argv[1], strict=True); print([a.namespace for a in j.annotations])"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, str(tmp_path / "jams" / "track_01.jams")],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.strip() == "['segment_open', 'beat', 'tempo']"


@pytest.fixture
def two_tracks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("edm_core.data.make.tracks", lambda: tracks()[:2])


@pytest.mark.usefixtures("two_tracks")
class TestMake:
    def test_makes_once_and_then_says_it_is_there(self, tmp_path: Path) -> None:
        folder = tmp_path / "data"
        first, second = make_dataset(folder), make_dataset(folder)
        assert (first.written, second.written) == (True, False)
        assert first.version == second.version
        assert [path.name for path in tmp_path.iterdir()] == ["data"]
        assert not (folder / ".gitignore").exists()

    def test_other_data_are_refused_and_left_as_they_are(self, tmp_path: Path) -> None:
        folder = tmp_path / "data"
        make_dataset(folder)
        (folder / "annotations" / "track_01.yaml").write_text("mine")
        with pytest.raises(DataError, match="1 files differ") as caught:
            make_dataset(folder)
        assert "--force" in caught.value.hint
        assert (folder / "annotations" / "track_01.yaml").read_text() == "mine"
        assert [path.name for path in tmp_path.iterdir()] == ["data"]

    def test_force_moves_the_other_data_aside(self, tmp_path: Path) -> None:
        folder = tmp_path / "data"
        folder.mkdir()
        (folder / "mine.txt").write_text("mine")
        made = make_dataset(folder, force=True, aside=tmp_path / "replaced")
        assert made.replaced is not None
        assert (made.replaced / "mine.txt").read_text() == "mine"
        assert not (folder / "mine.txt").exists()

    def test_a_file_in_the_way_is_refused(self, tmp_path: Path) -> None:
        (tmp_path / "data").write_text("mine")
        with pytest.raises(DataError, match="is a file"):
            make_dataset(tmp_path / "data", force=True)
        assert (tmp_path / "data").read_text() == "mine"

    def test_what_a_killed_process_left_is_cleared_and_never_offered_to_git(self, git_repo: Path) -> None:
        dead = subprocess.Popen([sys.executable, "-c", "pass"])
        dead.wait()
        code = (
            "import os, signal, sys; from pathlib import Path; from edm_core.data.make import make_dataset;"
            "make_dataset(Path(sys.argv[1]), progress=lambda *_: os.kill(os.getpid(), signal.SIGKILL))"
        )
        subprocess.run([sys.executable, "-c", code, str(git_repo / "data")], check=False)
        assert [path.name[:13] for path in git_repo.iterdir() if "making" in path.name] == [".data.making-"]
        status = subprocess.run(
            ["git", "status", "--porcelain"], cwd=git_repo, capture_output=True, text=True, check=True
        )
        assert status.stdout == ""
        make_dataset(git_repo / "data")
        assert not [path for path in git_repo.iterdir() if "making" in path.name]
