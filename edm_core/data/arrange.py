"""Arranges the tracks of the data set: which sections, how long, how they are marked, and what distracts inside."""

from dataclasses import replace
from functools import cache

from edm_core.data.intmath import RATE, Rng
from edm_core.data.score import Event, Layers, Section, Style, Track
from edm_core.data.style import HATS, LEADS, Palette, draw_layers, draw_palette, draw_style

SEED = 20_261_123
TRACKS = 26
LONGEST = 100
SHORTEST = 66

FORMS = (
    "intro buildup drop breakdown buildup drop outro",
    "intro breakdown buildup drop drop outro",
    "intro buildup drop drop breakdown buildup drop outro",
    "intro drop breakdown buildup drop outro",
    "breakdown buildup drop breakdown buildup drop outro",
    "intro breakdown buildup drop breakdown drop outro",
    "intro buildup drop outro",
    "intro buildup drop breakdown buildup drop drop outro",
)
LENGTHS = {
    "intro": (4, 8, 8, 8, 16),
    "buildup": (4, 8, 8, 8),
    "drop": (8, 8, 8, 16, 16),
    "breakdown": (4, 8, 8, 8, 16),
    "outro": (8, 8, 8, 16),
}
SUBTLE_PAIRS = (("drop", "drop"), ("breakdown", "buildup"), ("intro", "buildup"), ("drop", "outro"))
CONTRAST = {"kick": 8, "bass": 7, "pad": 4, "lead": 4, "hat": 3, "clap": 3, "open_hat": 1}
DRAWS = 24
CLEAR = 20
CLEAR_LAYERS = 11
LAYER_NAMES = ("hat", "clap", "open_hat", "lead")


@cache
def tracks() -> tuple[Track, ...]:
    """All tracks of the data set, the same on every machine."""
    return tuple(_track(number) for number in range(TRACKS))


def _track(number: int) -> Track:
    rng = Rng(SEED * 1000 + number)
    style, palette = draw_style(rng), draw_palette(rng)
    labels = FORMS[(number * 5 + number // len(FORMS)) % len(FORMS)].split()
    lengths = _lengths(rng, labels, style)
    subtle = _subtle_starts(rng, labels, number)
    sections: list[Section] = []
    seen: dict[str, int] = {}
    for at, (label, bars) in enumerate(zip(labels, lengths, strict=True)):
        turn = seen.get(label, 0) % 2
        seen[label] = seen.get(label, 0) + 1
        if at in subtle:
            sections.append(_subtle_section(rng, palette, label, bars, sections[-1]))
            continue
        layers = _draw_clear(rng, palette, label, turn, sections)
        if sections:
            sections[-1] = _announce(rng, sections[-1], always=label == sections[-1].label)
        sections.append(_section(rng, label, bars, layers, at))
    return Track(f"track_{number + 1:02d}", style, tuple(sections))


def _draw_clear(rng: Rng, palette: Palette, label: str, turn: int, before: list[Section]) -> Layers:
    """Layers that differ plainly from those before: the first of a few draws that do, else the plainest."""
    draws: list[tuple[int, int, Layers]] = []
    for _ in range(DRAWS):
        layers = draw_layers(rng, palette, label, turn)
        if not before:
            return layers
        presence, detail = _contrast(before[-1].layers, layers)
        # Two drops in a row share their layers, so only what these play can differ.
        if presence + detail >= CLEAR and (presence >= CLEAR_LAYERS or label == before[-1].label):
            return layers
        draws.append((presence * 2 + detail, len(draws), layers))
    return max(draws)[2]


def _contrast(old: Layers, new: Layers) -> tuple[int, int]:
    """How plainly one section's sound differs from the next: layers that come or go, and jumps of filter and level."""
    changed = sum(weight for name, weight in CONTRAST.items() if bool(getattr(old, name)) != bool(getattr(new, name)))
    other = sum(
        weight // 2 for name, weight in CONTRAST.items() if getattr(old, name) and getattr(new, name)
        and getattr(old, name) != getattr(new, name)
    )  # fmt: skip
    jump = abs(old.cutoff[1] - new.cutoff[0]) // 12 + abs(old.level - new.level) // 12
    return changed, other + jump


def _lengths(rng: Rng, labels: list[str], style: Style) -> list[int]:
    # Drawn again until the track has a length that the data set wants; bar = 240/bpm seconds.
    while True:
        lengths = [rng.pick(LENGTHS[label]) for label in labels]
        seconds = sum(lengths) * 240 // style.bpm
        if SHORTEST <= seconds <= LONGEST:
            return lengths


def _subtle_starts(rng: Rng, labels: list[str], number: int) -> set[int]:
    fit = [n for n in range(1, len(labels)) if (labels[n - 1], labels[n]) in SUBTLE_PAIRS]
    wanted = 1 if number % 9 else 0
    chosen: set[int] = set()
    while fit and len(chosen) < wanted:
        chosen.add(fit.pop(rng.below(len(fit))))
    return chosen


def _section(rng: Rng, label: str, bars: int, layers: Layers, at: int) -> Section:
    events = list(_distractors(rng, layers, bars))
    if at and rng.chance(92):
        events.append(Event(0, "crash", size=rng.between(110, 210)))
    if label == "drop" and rng.chance(60):
        events.append(Event(0, "boom", size=rng.between(120, 220)))
    if label == "buildup" and rng.chance(60):
        events.append(Event(bars, "dropout", size=rng.pick((2, 4, 4, 8))))
    return Section(label, bars, layers, events=tuple(events))


def _announce(rng: Rng, section: Section, *, always: bool) -> Section:
    # How the end of a section says that something new comes.
    events = list(section.events)
    if rng.chance(70) or always:
        events.append(Event(section.bars, "fill", size=rng.pick((4, 8, 8, 16))))
    if rng.chance(35):
        events.append(Event(section.bars, "sweep", size=rng.pick((16, 32))))
    return replace(section, events=tuple(events))


def _distractors(rng: Rng, layers: Layers, bars: int) -> tuple[Event, ...]:
    events = []
    for bar in range(4, bars, 4):
        if rng.chance(18):
            events.append(Event(bar, "fill", size=rng.pick((4, 8, 8))))
        if rng.chance(30):
            events.append(Event(bar, "crash", size=rng.between(50, 130)))
        if rng.chance(10):
            events.append(Event(bar, "dropout", size=rng.pick((4, 8))))
        if rng.chance(10):
            events.append(Event(bar, "sweep", size=16))
    if rng.chance(25):
        events.append(Event(rng.between(1, bars - 1), "fill", size=4))
    present = [name for name in LAYER_NAMES if getattr(layers, name)]
    if bars >= 8 and present and rng.chance(35):
        events.append(Event(rng.pick(range(2, bars - 1, 2)), "enter", rng.pick(present)))
    return tuple(events)


def _subtle_section(rng: Rng, palette: Palette, label: str, bars: int, before: Section) -> Section:
    """The music of `before` goes on, and one thing changes: nothing announces it."""
    old = before.layers
    flat = replace(old, cutoff=(old.cutoff[1],) * 2, bass_cutoff=(old.bass_cutoff[1],) * 2, riser=0, roll=0)
    if label == "buildup":
        layers = replace(
            flat,
            cutoff=(old.cutoff[1], min(170, old.cutoff[1] + 80)),
            riser=rng.between(90, 170),
            roll=rng.between(70, 150),
        )
    elif label == "outro":
        gone = replace(flat, lead="") if old.lead else replace(flat, hat="", open_hat="")
        layers = replace(gone, bass_cutoff=(max(8, old.bass_cutoff[1] - 40),) * 2)
    else:
        layers = _variation(rng, palette, flat)
    events = _distractors(rng, layers, bars)
    return Section(label, bars, layers, subtle=True, events=tuple(e for e in events if e.kind != "enter"))


def _variation(rng: Rng, palette: Palette, layers: Layers) -> Layers:
    kind = rng.below(3)
    if kind == 0:
        other = palette.bass[0] if layers.bass == palette.bass[1] else palette.bass[1]
        return replace(layers, bass=other)
    if kind == 1:
        return replace(layers, hat=rng.pick([hat for hat in HATS if hat != layers.hat]))
    return replace(layers, lead=rng.pick([lead for lead in LEADS if lead != layers.lead]), lead_gain=90)


def total_seconds() -> int:
    """How long all tracks play, in seconds."""
    return sum(track.length for track in tracks()) // RATE
