"""The palette: every verb of the screen beneath by name, those that cannot run now with the reason."""

from collections.abc import Iterator
from functools import partial

from rich.markup import escape
from textual.command import DiscoveryHit, Hit, Hits, Provider

from edm_tui.keys import Key, keys_for
from edm_tui.screens.base import EdmScreen


class VerbProvider(Provider):
    """The verbs valid on the screen from which the palette was opened."""

    def _verbs(self) -> Iterator[tuple[Key, str]]:
        screen = self.screen
        if isinstance(screen, EdmScreen):
            for key in keys_for(screen.context):
                if key.group != "move" and key.verb != "palette":
                    yield key, screen.reason(key.verb)

    def _run(self, verb: str) -> None:
        if isinstance(self.screen, EdmScreen):
            self.screen.action_verb(verb)

    async def discover(self) -> Hits:
        for key, reason in self._verbs():
            yield DiscoveryHit(title(key), partial(self._run, key.verb), help=described(key, reason))

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for key, reason in self._verbs():
            score = matcher.match(f"{key.label} {key.help}") + named(key, query)
            if score > 0:
                yield Hit(score, title(key), partial(self._run, key.verb), help=described(key, reason))


def named(key: Key, query: str) -> float:
    """How much more a verb counts whose own name is what was typed: sentences hold other verbs' names, too."""
    wanted, name = query.strip().lower(), key.label.lower()
    return 100.0 if name == wanted else 50.0 if name.startswith(wanted) else 0.0


def title(key: Key) -> str:
    """As the palette lists it: the label and the key that does the same."""
    return f"{key.label}  ({key.shown})"


def described(key: Key, reason: str) -> str:
    """The verb's sentence, or why it cannot run now."""
    # Textual reads markup in a hit's help; what is told here is plain text.
    return escape(f"{key.help} Not now: {reason}." if reason else key.help)
