"""One track as the compared runs saw it: their boundaries beside the reference, under a cursor that reads time and
bar."""

from collections.abc import Sequence
from dataclasses import replace

from textual import work
from textual.app import ComposeResult

from edm_core.errors import EdmError
from edm_core.snapshots.runs import RunRow
from edm_core.snapshots.tracks import TrackStrip
from edm_tui import themes
from edm_tui.messages import StoreChanged
from edm_tui.screens.base import EdmScreen
from edm_tui.widgets.key_bar import KeyBar
from edm_tui.widgets.line_list import Line, LineList
from edm_tui.widgets.status_line import StatusLine
from edm_tui.widgets.track_lines import LABEL, StripLook, strip_lines

ZOOM = 1.6
LEAST_SECONDS = 4.0


class TrackScreen(EdmScreen):
    """`tracks` are those that up and down lead to, in the order of the list that this was opened from."""

    context = "track"

    def __init__(self, rows: Sequence[RunRow], track: str, tracks: Sequence[str] = ()) -> None:
        super().__init__()
        self.rows = tuple(rows)
        self.track = track
        self.tracks = tuple(tracks) or (track,)
        self.strip: TrackStrip | None = None
        self.look = StripLook(0.0, 0.0, 0.0)
        self._fault = ""

    def compose(self) -> ComposeResult:
        yield StatusLine(id="status")
        lines = LineList(id="strip", empty="reading …")
        # It has no cursor of its own: keys are for the screen's.
        lines.can_focus = False
        yield lines
        yield KeyBar(self.context, id="keys")

    def on_mount(self) -> None:
        self.say()

    def targets(self) -> tuple[RunRow, ...]:
        return self.rows

    def stores_changed(self, message: StoreChanged) -> None:
        self._load(self.track)

    @work(exclusive=True, group="load")
    async def _load(self, track: str) -> None:
        from edm_core.diff.tracks import load_strip

        services = self.services
        try:
            strip = await services.in_thread(load_strip, services.workspace, self.rows, track)
        except EdmError as error:
            self._fault = error.message + (f" ({error.hint})" if error.hint else "")
            self.strip = None
            self._list.set_lines(())
            self._list.set_empty(self._fault)
        else:
            if self.strip is None or self.strip.name != strip.name:
                ascii_only = bool(getattr(self.app, "ascii_only", False))
                marks = [(themes.run_mark(row.row_id), themes.run_colour(row.row_id)) for row in self.rows]
                if ascii_only:
                    marks = [(themes.ascii_mark(mark), colour) for mark, colour in marks]
                self.look = StripLook(0.0, strip.duration, 0.0, tuple(marks), ascii_only)
            self._fault, self.strip = "", strip
            self._show()
        self.say()

    @property
    def _list(self) -> LineList:
        return self.query_one("#strip", LineList)

    @property
    def _cells(self) -> int:
        return max(10, self.size.width - LABEL - 1)

    def _show(self) -> None:
        if self.strip is not None:
            self._list.set_lines(Line(text) for text in strip_lines(self.strip, self.look, self.size.width))

    def say(self) -> None:
        """Bring status line and key bar up to date."""
        place = f"{self.tracks.index(self.track) + 1} of {len(self.tracks)}" if self.track in self.tracks else ""
        note = self.strip.note if self.strip is not None else self._fault
        legend = "| hit, x too many, o missed" if self.look.ascii_only else "┃ hit, ╳ too many, ○ missed"
        text = " · ".join(filter(None, (self.track, place, legend, "up and down: other tracks", note)))
        self.query_one("#status", StatusLine).say(text, " · ".join(self.services.running))
        self.query_one("#keys", KeyBar).update_keys(self.reason)

    def on_resize(self) -> None:
        self._show()

    # Verbs --------------------------------------------------------------------

    def do_step_on(self) -> None:
        self._move(1)

    def do_step_back(self) -> None:
        self._move(-1)

    def _move(self, cells: int) -> None:
        """Move the cursor by cells; at the edge of what is in view, the view moves along."""
        if self.strip is None:
            return
        look = self.look
        step = (look.end - look.start) / self._cells
        cursor = min(max(0.0, look.cursor + cells * step), self.strip.duration)
        shift = min(0.0, cursor - look.start) + max(0.0, cursor + step - look.end)
        start = min(max(0.0, look.start + shift), max(0.0, self.strip.duration - (look.end - look.start)))
        self.look = replace(look, cursor=cursor, start=start, end=start + look.end - look.start)
        self._show()

    def do_zoom_in_x(self) -> None:
        self._zoom(1 / ZOOM)

    def do_zoom_out_x(self) -> None:
        self._zoom(ZOOM)

    def _zoom(self, factor: float) -> None:
        if self.strip is None:
            return
        look, whole = self.look, self.strip.duration
        length = min(whole, max(LEAST_SECONDS, (look.end - look.start) * factor))
        share = (look.cursor - look.start) / (look.end - look.start) if look.end > look.start else 0.0
        start = min(max(0.0, look.cursor - share * length), whole - length)
        self.look = replace(look, start=start, end=start + length)
        self._show()

    def do_reset_view(self) -> None:
        if self.strip is not None:
            self.look = replace(self.look, start=0.0, end=self.strip.duration)
            self._show()

    def do_down(self) -> None:
        self._go(1)

    def do_up(self) -> None:
        self._go(-1)

    def do_top(self) -> None:
        self._go(-len(self.tracks))

    def do_bottom(self) -> None:
        self._go(len(self.tracks))

    def do_page_down(self) -> None:
        self._boundary(1)

    def do_page_up(self) -> None:
        self._boundary(-1)

    def _boundary(self, side: int) -> None:
        """To the next boundary of the reference or of a run, on that side of the cursor."""
        if self.strip is None:
            return
        all_times = {t for one in (self.strip.reference, *(r.segmentation for r in self.strip.runs)) for t in one.times}
        step = (self.look.end - self.look.start) / self._cells
        ahead = [t for t in all_times if (t - self.look.cursor) * side > step / 2]
        if ahead:
            target = min(ahead) if side > 0 else max(ahead)
            # Into the middle of the cell that the boundary is drawn in.
            self._move(0)
            self.look = replace(self.look, cursor=target)
            self._move(0)

    def _go(self, by: int) -> None:
        index = min(max(0, self.tracks.index(self.track) + by), len(self.tracks) - 1)
        if self.tracks[index] != self.track:
            self.track = self.tracks[index]
            self._load(self.track)

    def do_open(self) -> None:
        self._boundary(1)
