"""What a made track is: its style, its sections and what happens in them. Plain data, no sound yet."""

from dataclasses import dataclass

from edm_core.data.voices import Timbre

STEPS = 16
"""Sixteenth notes in a bar."""


@dataclass(frozen=True)
class Style:
    """What stays the same through a track. Pitches are MIDI notes; a progression lists chord roots over `root`."""

    bpm: int
    offset: int
    """Samples before the first downbeat."""
    root: int
    progressions: tuple[tuple[int, ...], ...]
    chord_bars: int
    kick: tuple[int, int, int, int]
    clap: tuple[int, int, int]
    hat_half_life: int
    noise_seed: int
    hiss: int
    bass_timbre: Timbre
    lead_timbre: Timbre
    pad_timbre: Timbre
    duck: int
    lead_half_life: int
    tail: int
    """Samples after the last bar."""


@dataclass(frozen=True)
class Layers:
    """What plays in a section. Patterns have 16 characters: drums a velocity 1-9 or a dot; voices r, t, f, o (root,
    third, fifth, octave), a dash to hold, a dot to rest. Gains are 0-256, cutoffs sixteenths of a filter level."""

    kick: str = ""
    clap: str = ""
    hat: str = ""
    open_hat: str = ""
    bass: str = ""
    lead: str = ""
    pad: str = ""
    bass_gain: int = 0
    lead_gain: int = 0
    pad_gain: int = 0
    lead_octave: int = 24
    progression: int = 0
    cutoff: tuple[int, int] = (64, 64)
    bass_cutoff: tuple[int, int] = (80, 80)
    riser: int = 0
    roll: int = 0
    level: int = 256


@dataclass(frozen=True)
class Event:
    """Something inside a section, at a bar counted from its start: fill and sweep lead up to the bar, dropout
    silences the drums before it, crash sounds on it, enter and leave switch `layer` there."""

    bar: int
    kind: str
    layer: str = ""
    size: int = 8


@dataclass(frozen=True)
class Section:
    """A labelled stretch of 4, 8 or 16 bars; `subtle` says that only a subtle change marks its start."""

    label: str
    bars: int
    layers: Layers
    subtle: bool = False
    events: tuple[Event, ...] = ()


@dataclass(frozen=True)
class Track:
    """A whole track, with the arithmetic that places its bars in samples."""

    name: str
    style: Style
    sections: tuple[Section, ...]

    @property
    def bars(self) -> int:
        return sum(section.bars for section in self.sections)

    @property
    def first_bars(self) -> tuple[int, ...]:
        """The bar, from 0, at which each section starts."""
        starts = [0]
        for section in self.sections:
            starts.append(starts[-1] + section.bars)
        return tuple(starts[:-1])

    def step_sample(self, step: int) -> int:
        """The sample at which a sixteenth note starts: 16000 * 60 / bpm / 4 samples each, rounded down."""
        return self.style.offset + step * 240_000 // self.style.bpm

    @property
    def length(self) -> int:
        """Samples in all."""
        return self.step_sample(self.bars * STEPS) + self.style.tail
