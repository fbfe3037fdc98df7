"""What is sent: a terminal that gets only the differences shows what a terminal that gets everything shows."""

from pathlib import Path

import pyte
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console
from rich.segment import Segment
from rich.style import Style
from textual._compositor import ChopsUpdate, LayoutUpdate
from textual.geometry import Region
from textual.screen import Screen
from textual.strip import Strip

from edm_core.settings import MetricsSettings
from edm_core.table.frame import Frame
from edm_core.table.groups import arrange
from edm_core.table.view import View
from edm_tui.canvas import PLAIN, Canvas, LeanUpdate, change, look_of
from edm_tui.run_cells import Look
from edm_tui.screens.runs import RunsScreen
from tests.support.rows import a_row, an_app
from tests.tui.test_app_runs import settled

WIDTH, HEIGHT = 12, 3
CONSOLE = Console(color_system="truecolor", force_terminal=True)
STYLES = [
    Style(), Style(bold=True), Style(dim=True), Style(bold=True, dim=True), Style(reverse=True, color="#ff0000"),
    Style(color="#00ff00", bgcolor="#101010"), Style(underline=True, bgcolor="#202020", bold=True),
]  # fmt: skip
characters = st.sampled_from("ab ▁é雪")
lines = st.lists(st.tuples(characters, st.sampled_from(STYLES)), min_size=WIDTH, max_size=WIDTH)
screens = st.lists(lines, min_size=HEIGHT, max_size=HEIGHT)


def strip_of(line: list[tuple[str, Style]]) -> Strip:
    return Strip([Segment(text, style) for text, style in line]).adjust_cell_length(WIDTH)


def whole(screen: list[list[tuple[str, Style]]]) -> LayoutUpdate:
    return LayoutUpdate([[strip_of(line)] for line in screen], Region(0, 0, WIDTH, HEIGHT))


def shown(*writes: str) -> list[list[tuple[object, ...]]]:
    """What a terminal shows after these writes: character and look of each cell."""
    terminal = pyte.Screen(WIDTH, HEIGHT)
    stream = pyte.Stream(terminal)
    for write in writes:
        stream.feed(write)
    return [[tuple(terminal.buffer[y][x]) for x in range(WIDTH)] for y in range(HEIGHT)]


@given(st.lists(screens, min_size=1, max_size=4))
def test_differences_draw_the_same_screen(frames: list[list[list[tuple[str, Style]]]]) -> None:
    canvas = Canvas()
    writes = [LeanUpdate(whole(frame), canvas).render_segments(CONSOLE) for frame in frames]
    fresh = LeanUpdate(whole(frames[-1]), Canvas()).render_segments(CONSOLE)
    assert shown(*writes) == shown(fresh)
    assert LeanUpdate(whole(frames[-1]), canvas).render_segments(CONSOLE) == ""


@given(screens, lines, st.integers(0, HEIGHT - 1), st.integers(0, WIDTH - 1), st.integers(1, WIDTH))
def test_a_touched_part_of_a_line_draws_that_part(
    frame: list[list[tuple[str, Style]]], line: list[tuple[str, Style]], y: int, start: int, length: int
) -> None:
    ascii_line = [("x" if not text.isascii() else text, style) for text, style in line]
    narrow = [[("y" if not text.isascii() else text, style) for text, style in one] for one in frame]
    end = min(WIDTH, start + length)
    canvas = Canvas()
    first = LeanUpdate(whole(narrow), canvas).render_segments(CONSOLE)
    chops: list[dict[int, Strip | None]] = [{0: None} for _ in range(HEIGHT)]
    chops[y] = {0: strip_of(ascii_line)}
    second = LeanUpdate(ChopsUpdate(chops, [(y, start, end)], [[WIDTH]] * HEIGHT), canvas).render_segments(CONSOLE)
    wanted = [list(one) for one in narrow]
    wanted[y][start:end] = ascii_line[start:end]
    assert shown(first, second) == shown(LeanUpdate(whole(wanted), Canvas()).render_segments(CONSOLE))


@given(st.sampled_from(STYLES), st.sampled_from(STYLES))
def test_a_change_of_look_ends_in_the_new_look(old: Style, new: Style) -> None:
    before, after = look_of(old, "truecolor"), look_of(new, "truecolor")
    changed = shown(f"\x1b[H{change(PLAIN, before)}a{change(before, after)}b")
    fresh = shown(f"\x1b[Ha{change(PLAIN, after)}b")
    assert changed[0][1] == fresh[0][1]


def test_after_a_resize_everything_is_sent_again() -> None:
    canvas = Canvas()
    frame = [[("a", STYLES[0])] * WIDTH] * HEIGHT
    first = LeanUpdate(whole(frame), canvas).render_segments(CONSOLE)
    canvas.forget()
    assert LeanUpdate(whole(frame), canvas).render_segments(CONSOLE) == first


async def test_a_screen_below_a_dialog_paints_what_changes_and_then_rests(tmp_path: Path) -> None:
    app, _ = an_app(tmp_path, [a_row("one")])
    async with app.run_test(size=(200, 50)) as pilot:
        await pilot.press("s")
        await settled(pilot)
        below = app.screen_stack[0]
        assert isinstance(below, RunsScreen)
        below.table.empty = "changed-below"
        below.table.show(arrange(Frame((), MetricsSettings()), View()), View(), Look())
        painted: list[str] = []
        display = app._display

        def shown(screen: Screen[object], renderable: object) -> None:
            if isinstance(renderable, LayoutUpdate | ChopsUpdate):
                painted.append(LeanUpdate(renderable, Canvas()).render_segments(app.console))
            display(screen, renderable)  # type: ignore[arg-type]

        app._display = shown  # type: ignore[method-assign]
        await pilot.pause()
        await settled(pilot)
        assert any("changed-below" in text for text in painted)
        for _ in range(100):
            if not below._repaint_required:
                break
            await pilot.pause()
        assert not below._repaint_required
        painted.clear()
        for _ in range(5):
            below.call_later(lambda: None)
            await pilot.pause()
        assert painted == []
