"""Renders a track to samples, in integers only."""

import numpy as np
import numpy.typing as npt

from edm_core.data import voices
from edm_core.data.intmath import FULL, RATE, TABLE, TABLE_BITS, Ints, noise, note_increment
from edm_core.data.score import STEPS, Section, Style, Track

CHORD = {"r": 0, "t": 3, "f": 7, "o": 12}


def render(track: Track) -> npt.NDArray[np.int16]:
    """The track as PCM16 mono at RATE."""
    style = track.style
    hits = _Hits(track)
    mix = np.zeros(track.length, dtype=np.int64)
    for section, first_bar in zip(track.sections, track.first_bars, strict=True):
        _SectionRenderer(track, section, first_bar, hits, mix).render()
    mix += hits.bus
    mix += noise(style.noise_seed ^ 0xABCDEF, track.length) * style.hiss >> 15
    return _limit(mix)


def _limit(mix: Ints) -> npt.NDArray[np.int16]:
    # x - 4x^3/27 reaches full scale, level, at one and a half times full scale: a soft limit in integers.
    edge = (FULL * 3) // 2
    x = np.clip(mix, -edge, edge)
    y = x - x * x * x * 4 // (27 * FULL * FULL)
    return np.clip(y, -FULL, FULL).astype(np.int16)


class _Hits:
    """The one-shot sounds of a track, and the bus that they are struck on."""

    def __init__(self, track: Track) -> None:
        style = track.style
        self.bus = np.zeros(track.length, dtype=np.int64)
        self.sounds = {
            "kick": voices.kick(*style.kick),
            "clap": voices.clap(*style.clap),
            "hat": voices.hat(style.noise_seed + 1, style.hat_half_life),
            "open_hat": voices.hat(style.noise_seed + 2, style.hat_half_life * 5),
            "crash": voices.crash(style.noise_seed + 3),
            "boom": voices.boom(style.kick[0]),
        }

    def strike(self, name: str, at: int, gain: int) -> None:
        """Add a sound at a sample; `gain` 256 is its full level."""
        sound = self.sounds[name]
        end = min(at + len(sound), len(self.bus))
        if 0 <= at < end:
            self.bus[at:end] += sound[: end - at] * gain >> 8


DRUM_GAINS = {"kick": 170, "clap": 90, "hat": 60, "open_hat": 45}


class _SectionRenderer:
    """Renders one section into the mix."""

    def __init__(self, track: Track, section: Section, first_bar: int, hits: _Hits, mix: Ints) -> None:
        self.style: Style = track.style
        self.section, self.layers, self.hits = section, section.layers, hits
        first = first_bar * STEPS
        self.steps = section.bars * STEPS
        self.starts = [track.step_sample(first + n) for n in range(self.steps + 1)]
        self.out = mix[self.starts[0] : self.starts[-1]]
        self.silent = self._silent_steps()

    def render(self) -> None:
        kicks = self._drums()
        self._roll()
        tonal = np.zeros(len(self.out), dtype=np.int64)
        self._voice(tonal, "bass")
        self._voice(tonal, "lead")
        self._voice(tonal, "pad")
        tonal = tonal * self._duck(kicks) >> 8
        self._riser(tonal)
        self.out += tonal * self.layers.level >> 8
        self._events()

    def _silent_steps(self) -> set[int]:
        return {
            step
            for event in self.section.events
            if event.kind == "dropout"
            for step in range(event.bar * STEPS - event.size, event.bar * STEPS)
        }

    def _plays(self, layer: str) -> tuple[int, int]:
        first, last = 0, self.steps
        for event in self.section.events:
            if event.layer == layer and event.kind == "enter":
                first = event.bar * STEPS
            if event.layer == layer and event.kind == "leave":
                last = event.bar * STEPS
        return first, last

    def _drums(self) -> list[int]:
        kicks = []
        for name, full in DRUM_GAINS.items():
            pattern = getattr(self.layers, name)
            if not pattern:
                continue
            for step in range(*self._plays(name)):
                mark = pattern[step % STEPS]
                if mark == "." or step in self.silent:
                    continue
                gain = full * int(mark) * self.layers.level // (9 * 256)
                self.hits.strike(name, self.starts[step], gain)
                if name == "kick":
                    kicks.append(self.starts[step] - self.starts[0])
        return kicks

    def _duck(self, kicks: list[int]) -> Ints:
        # Side-chain: the voices give way to each kick and come back over a quarter of a second.
        gain = np.full(len(self.out), 256, dtype=np.int64)
        back = 256 - (voices.decay(RATE // 4, 1100) * self.style.duck >> 15)
        for at in kicks:
            part = gain[at : at + len(back)]
            part[:] = back[: len(part)]
        return gain

    def _roll(self) -> None:
        if not self.layers.roll:
            return
        for step in range(self.steps):
            every = 4 if step * 2 < self.steps else 2 if step * 4 < self.steps * 3 else 1
            if step % every == 0 and step not in self.silent:
                gain = self.layers.roll * (step * 3 // 4 + self.steps // 4) // self.steps
                self.hits.strike("clap", self.starts[step], gain * self.layers.level >> 8)

    def _riser(self, tonal: Ints) -> None:
        if self.layers.riser:
            self._sweep(tonal, 0, self.steps, self.layers.riser)
        for event in self.section.events:
            if event.kind == "sweep":
                self._sweep(tonal, max(0, event.bar * STEPS - event.size), event.bar * STEPS, 110)

    def _sweep(self, tonal: Ints, first: int, last: int, gain: int) -> None:
        begin, end = (self.starts[n] - self.starts[0] for n in (first, last))
        length = end - begin
        bands = voices.noise_bands(self.style.noise_seed + first, length)
        time = np.arange(length, dtype=np.int64)
        place = time * (3 * 256 - 1) // length
        low, part = place >> 8, place & 255
        swept = (bands[low, time] * (256 - part) + bands[low + 1, time] * part) >> 8
        rise = (time << 8) // length
        tonal[begin:end] += swept * (rise * rise >> 8) * gain >> 17

    def _events(self) -> None:
        for event in self.section.events:
            step = event.bar * STEPS
            if event.kind in ("crash", "boom"):
                self.hits.strike(event.kind, self.starts[step], event.size * self.layers.level >> 9)
            elif event.kind == "fill":
                for n in range(max(0, step - event.size), step):
                    if (step - n) % 4 != 3:
                        gain = 50 + 60 * (n - step + event.size) // event.size
                        self.hits.strike("clap", self.starts[n], gain * self.layers.level >> 8)

    def _voice(self, tonal: Ints, name: str) -> None:
        pattern = getattr(self.layers, name)
        if not pattern:
            return
        first, last = self._plays(name)
        step = first
        while step < last:
            mark = pattern[step % STEPS]
            end = step + 1
            if mark not in CHORD:
                step = end
                continue
            while end < last and end % STEPS and pattern[end % STEPS] == "-":
                end += 1
            self._note(tonal, name, mark, step, end)
            step = end

    def _note(self, tonal: Ints, name: str, mark: str, step: int, end: int) -> None:
        layers, style = self.layers, self.style
        roots = style.progressions[layers.progression]
        root = style.root + roots[step // (STEPS * style.chord_bars) % len(roots)]
        begin, stop = self.starts[step] - self.starts[0], self.starts[end] - self.starts[0]
        out = tonal[begin:stop]
        if name == "bass":
            note = root + (0 if mark == "r" else CHORD[mark])
            self._tone(out, note, step, end, "bass", layers.bass_gain, 12_000)
        elif name == "lead":
            note = root + layers.lead_octave + CHORD[mark]
            self._tone(out, note, step, end, "lead", layers.lead_gain, style.lead_half_life)
        else:
            for interval in (0, 3, 7):
                self._tone(out, root + 24 + interval, step, end, "pad", layers.pad_gain // 2, 40_000)

    def _tone(self, out: Ints, note: int, step: int, end: int, name: str, gain: int, half_life: int) -> None:
        length = len(out)
        time = np.arange(length, dtype=np.int64)
        tables = voices.wavetables(getattr(self.style, f"{name}_timbre"))
        at = ((time * note_increment(note)) & 0xFFFFFFFF) >> (32 - TABLE_BITS)
        level = self._cutoff(name, note, step, end, time)
        low, part = level >> 8, level & 255
        base = low * TABLE + at
        wave = (tables[base] * (256 - part) + tables[base + TABLE] * part) >> 8
        edge = np.minimum(np.minimum(time, length - 1 - time), 128)
        out += (wave * voices.decay(48_000, half_life)[:length] >> 15) * edge * gain >> 16

    def _cutoff(self, name: str, note: int, step: int, end: int, time: Ints) -> Ints:
        """The filter level at each sample in 256ths, kept below the level whose harmonics would alias."""
        low, high = self.layers.bass_cutoff if name == "bass" else self.layers.cutoff
        a, b = (16 * (low * self.steps + (high - low) * n) // self.steps for n in (step, end))
        line = a + (b - a) * time // max(1, len(time))
        highest = max(
            (n for n, h in enumerate(voices.LEVEL_HARMONICS) if h * note_increment(note) < 1 << 31), default=0
        )
        ceiling = min(highest, len(voices.LEVEL_HARMONICS) - 2) * 256
        return np.clip(line, 0, max(0, ceiling))
