"""Draws the style of a track and the layers of its sections."""

from dataclasses import dataclass

from edm_core.data.intmath import Rng
from edm_core.data.score import Layers, Style
from edm_core.data.voices import Timbre

PROGRESSIONS = (
    (0, 8, 3, 10), (0, 5, 8, 7), (0, 3, 10, 8), (0, 10, 8, 10), (0, 0, 8, 10), (0, 8, 10, 5), (0, 3, 5, 8),
)  # fmt: skip
KICKS = ("9...9...9...9...", "9...9...9...9..6", "9...9...9...9.5.", "9..6..9...9.....", "9.....9...9..6..")
CLAPS = ("....9.......9...", "....9.......9..5", "....9..4....9...", "............9...")
HATS = ("..8...8...8...8.", "7.5.7.5.7.5.7.5.", "7354735473547354", "7.577.577.577.57", "..84..84..84..84")
OPEN_HATS = ("..6...6...6...6.", "......6.......6.", "..............7.")
BASSES = (
    "..r-..r-..r-..r-", ".rrr.rrr.rrr.rrr", "r--r--r-..r--r--", "r-..r-.ro-..r-..", "rr.r..ro.rr.r.of",
    "r-----r-----r-f-", "r.r.o.r.r.r.o.f.", "..rr..rr..ro..rf",
)  # fmt: skip
LONG_BASS = "r---------------"
LEADS = (
    "r.t.f.t.o.t.f.t.", "r..t..f.r..t..f.", "o-f-t-r-o-f-t-r-", "r-.r-.t-.t-.f-.f", "o.o.f.o..o.f.t.r",
    "f---t---r-----t-", "rtfortfortfortfo", "o-----f-----t---",
)  # fmt: skip
PADS = ("r---------------", "r---------------", "r-------r-------", "r-r---r-r-r---r-", "..r-..r-..r-..r-")


@dataclass(frozen=True)
class Palette:
    """The patterns that a track draws on: two drops' worth, so that the second need not repeat the first."""

    kick: tuple[str, str]
    clap: tuple[str, str]
    hat: tuple[str, str]
    bass: tuple[str, str]
    lead: tuple[str, str]
    pad: tuple[str, str]
    drop_lead_gain: int


def two(rng: Rng, items: tuple[str, ...]) -> tuple[str, str]:
    """Two different ones of `items`."""
    first = rng.below(len(items))
    second = (first + 1 + rng.below(len(items) - 1)) % len(items)
    return items[first], items[second]


def draw_style(rng: Rng) -> Style:
    """The tempo, key, instruments and room of a track."""
    first = rng.below(len(PROGRESSIONS))
    second = (first + 1 + rng.below(len(PROGRESSIONS) - 1)) % len(PROGRESSIONS)
    return Style(
        bpm=rng.between(122, 150),
        offset=rng.between(800, 9_000),
        root=rng.between(31, 42),
        progressions=(PROGRESSIONS[first], PROGRESSIONS[second]),
        chord_bars=rng.pick((1, 1, 2)),
        kick=(rng.between(44, 62), rng.between(140, 320), rng.between(600, 1400), rng.between(20, 160)),
        clap=(rng.bits() >> 32, rng.between(350, 1100), rng.between(0, 200)),
        hat_half_life=rng.between(160, 520),
        noise_seed=rng.bits() >> 32,
        hiss=rng.between(10, 70),
        bass_timbre=Timbre(odd=rng.chance(40), steep=rng.chance(30)),
        lead_timbre=Timbre(odd=rng.chance(40), steep=False),
        pad_timbre=Timbre(odd=rng.chance(25), steep=rng.chance(40)),
        duck=rng.between(60, 190),
        lead_half_life=rng.between(1500, 9000),
        tail=rng.between(3_000, 12_000),
    )


def draw_palette(rng: Rng) -> Palette:
    """The patterns of a track."""
    return Palette(
        kick=two(rng, KICKS[:3] if rng.chance(75) else KICKS[3:]),
        clap=two(rng, CLAPS),
        hat=two(rng, HATS),
        bass=two(rng, BASSES),
        lead=two(rng, LEADS),
        pad=two(rng, PADS[1:]),
        drop_lead_gain=rng.between(60, 130),
    )


def draw_layers(rng: Rng, palette: Palette, label: str, turn: int) -> Layers:
    """The layers of a section; `turn` 0 or 1 says which half of the palette it takes."""
    draw = {"intro": _intro, "buildup": _buildup, "drop": _drop, "breakdown": _breakdown, "outro": _outro}
    return draw[label](rng, palette, turn)


def _intro(rng: Rng, p: Palette, turn: int) -> Layers:
    beat = rng.chance(75)
    return Layers(
        kick=p.kick[0] if beat else "",
        clap=p.clap[0] if beat and rng.chance(35) else "",
        hat=p.hat[0] if rng.chance(60) else "",
        bass=p.bass[0] if beat and rng.chance(25) else "",
        bass_gain=rng.between(80, 130),
        pad=p.pad[0] if not beat or rng.chance(35) else "",
        pad_gain=rng.between(30, 70),
        cutoff=(rng.between(8, 40), rng.between(40, 90)),
        bass_cutoff=(rng.between(10, 30), rng.between(20, 50)),
        level=rng.between(150, 235),
    )


def _buildup(rng: Rng, p: Palette, turn: int) -> Layers:
    return Layers(
        kick=p.kick[turn] if rng.chance(65) else "",
        clap=p.clap[turn] if rng.chance(30) else "",
        hat=p.hat[turn] if rng.chance(50) else "",
        bass=p.bass[turn] if rng.chance(25) else "",
        bass_gain=rng.between(60, 110),
        lead=p.lead[turn] if rng.chance(55) else "",
        lead_gain=rng.between(40, 90),
        pad=p.pad[0] if rng.chance(70) else "",
        pad_gain=rng.between(40, 90),
        progression=turn if rng.chance(50) else 0,
        cutoff=(rng.between(16, 48), rng.between(110, 170)),
        bass_cutoff=(rng.between(10, 40), rng.between(50, 120)),
        riser=rng.between(70, 170),
        roll=rng.between(60, 170) if rng.chance(80) else 0,
        level=rng.between(150, 240),
    )


def _drop(rng: Rng, p: Palette, turn: int) -> Layers:
    bass_cut = rng.between(60, 150)
    return Layers(
        kick=p.kick[turn],
        clap=p.clap[turn],
        hat=p.hat[turn],
        open_hat=rng.pick(OPEN_HATS) if rng.chance(55) else "",
        bass=p.bass[turn],
        bass_gain=rng.between(150, 230),
        lead=p.lead[turn] if rng.chance(75) else "",
        lead_gain=p.drop_lead_gain,
        pad=p.pad[turn] if rng.chance(35) else "",
        pad_gain=rng.between(25, 60),
        lead_octave=rng.pick((24, 24, 36)),
        progression=turn,
        cutoff=(rng.between(80, 130), rng.between(90, 160)),
        bass_cutoff=(bass_cut, bass_cut + rng.between(0, 25)),
        level=rng.between(220, 256),
    )


def _breakdown(rng: Rng, p: Palette, turn: int) -> Layers:
    return Layers(
        kick="",
        clap=p.clap[turn] if rng.chance(15) else "",
        hat=p.hat[turn] if rng.chance(35) else "",
        bass=LONG_BASS if rng.chance(40) else "",
        bass_gain=rng.between(60, 130),
        lead=p.lead[1 - turn] if rng.chance(60) else "",
        lead_gain=rng.between(50, 110),
        pad=p.pad[0],
        pad_gain=rng.between(70, 130),
        progression=turn,
        cutoff=(rng.between(24, 80), rng.between(24, 110)),
        bass_cutoff=(rng.between(10, 40), rng.between(20, 60)),
        level=rng.between(140, 240),
    )


def _outro(rng: Rng, p: Palette, turn: int) -> Layers:
    return Layers(
        kick=p.kick[0],
        clap=p.clap[0] if rng.chance(50) else "",
        hat=p.hat[turn] if rng.chance(75) else "",
        bass=p.bass[turn] if rng.chance(35) else "",
        bass_gain=rng.between(70, 140),
        pad=p.pad[0] if rng.chance(30) else "",
        pad_gain=rng.between(20, 60),
        cutoff=(rng.between(60, 100), rng.between(8, 40)),
        bass_cutoff=(rng.between(50, 90), rng.between(10, 40)),
        level=rng.between(160, 235),
    )
