"""What all screens have in common: bindings from the key table, one way to run a verb, and its reasons why not."""

from collections.abc import Callable
from typing import Any, ClassVar, cast

from textual import events, work
from textual.binding import BindingType
from textual.screen import Screen

from edm_core.snapshots.runs import RunRow
from edm_tui import verbs
from edm_tui.keys import BY_VERB, bindings_for
from edm_tui.messages import ActionFinished, ActionRequested, StoreChanged
from edm_tui.services import Host, Services

EVERYTHING = StoreChanged(("runs", "models", "data", "jobs"))


class EdmScreen(Screen[None]):
    """A full screen. A subclass sets `context` (a word of `keys.SCREENS`), writes `do_<verb>` methods for its own
    verbs, and says in `targets` which runs a verb means."""

    context: ClassVar[str] = ""
    _missed = True

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Take the screen's bindings from the key table."""
        if cls.context:
            own: list[BindingType] = list(cls.__dict__.get("BINDINGS", []))
            cls.BINDINGS = [*bindings_for(cls.context), *own]
        super().__init_subclass__(**kwargs)

    def _compositor_refresh(self) -> None:
        """Textual lets a screen below a dialog paint itself again and again, as long as any message comes in."""
        super()._compositor_refresh()
        if self is not self.app.screen:
            self._repaint_required = False

    async def _message_loop_exit(self) -> None:
        """Textual ends a screen's workers after its widgets are gone, so that one which has just read would look for
        them in vain."""
        self.workers.cancel_node(self)
        await super()._message_loop_exit()

    @property
    def host(self) -> Host:
        return cast(Host, self.app)

    @property
    def services(self) -> Services:
        return self.host.services

    def targets(self) -> tuple[RunRow, ...]:
        """The runs that a verb means now: the marked ones, else the one under the cursor."""
        return ()

    def reason(self, verb: str) -> str:
        """Why this verb cannot run now, in a few words; "" when it can."""
        if self._method(verb) is not None or verb in verbs.ALWAYS_OPEN:
            return ""
        return verbs.reason(verb, self.targets())

    def action_verb(self, verb: str) -> None:
        """Run a verb: our `do_<verb>`, the app's, or the action of the verb table on the targets."""
        reason = self.reason(verb)
        if reason and verb == "stop" and self.services.going_on.transfer is not None:
            self._stop_transfer()
        elif reason:
            self.notify(f"{BY_VERB[verb].shown} {BY_VERB[verb].label}: {reason}", severity="warning", markup=False)
        elif (method := self._method(verb)) is not None:
            method()
        else:
            self.run_verb(verb)

    @work(group="ask")
    async def _stop_transfer(self) -> None:
        """Where there is no job under the cursor to stop: the push or pull that goes on, after asking."""
        from edm_tui.screens.asking import ask_stop

        await ask_stop(self.app)

    def _method(self, verb: str) -> Callable[[], None] | None:
        method = getattr(self, f"do_{verb}", None) or getattr(self.app, f"do_{verb}", None)
        return cast("Callable[[], None] | None", method)

    def run_verb(self, verb: str) -> None:
        """Run a verb of the verb table on the targets, asking first where it is hard to reverse."""
        rows = self.targets()
        if verb not in verbs.VERBS:
            self.host.open_view(verb, rows)
            return
        request = verbs.request(verb, rows)
        question = verbs.question(verb, rows)
        if question is None:
            self.app.post_message(request)
            return
        self._ask(question, request, verbs.fitting(verb, rows) if verb == "discard" else ())

    @work(group="ask")
    async def _ask(self, question: verbs.Question, request: ActionRequested, rows: tuple[RunRow, ...]) -> None:
        """Ask, and where runs are named ask a second time; what a discard frees is read while the question stands."""
        from edm_tui.screens.asking import ask

        await ask(self.app, question, rows, lambda: self.app.post_message(request))

    def do_back(self) -> None:
        """Leave this screen, unless it is the last one."""
        if len(self.app.screen_stack) > 1:
            self.app.pop_screen()

    def do_refresh(self) -> None:
        """Read again, and draw everything again."""
        self.host.redraw()
        self.stores_changed(EVERYTHING)

    def say(self) -> None:
        """Bring what the screen says about actions up to date."""

    # What changed -------------------------------------------------------------

    def finished(self, message: ActionFinished) -> None:
        """An action ended well."""

    def tell(self, message: StoreChanged) -> None:
        """Something changed: read it now, or when this screen is in front again."""
        if self.is_current:
            self.stores_changed(message)
        else:
            self._missed = True

    def stores_changed(self, message: StoreChanged) -> None:
        """Something changed, here or by another process; a screen that shows it loads again."""

    def on_screen_resume(self, event: events.ScreenResume) -> None:
        """What changed while another screen was in front is read now; the first time everything is."""
        if self._missed:
            self._missed = False
            self.stores_changed(EVERYTHING)
