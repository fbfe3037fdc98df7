"""`/` on the Models screen: narrow by a part of model, version, stage, alias or run, as it is typed."""

from collections.abc import Sequence

from edm_core.snapshots.models import ModelVersion
from edm_tui.messages import FilterChanged
from edm_tui.screens.base import EdmScreen
from edm_tui.widgets.filter_bar import FilterBar
from edm_tui.widgets.line_list import LineList
from edm_tui.widgets.version_table import run_name

HINT = "part of model, version, stage, alias or run; !word leaves out"


class VersionFilter(EdmScreen):
    """A screen with versions, of which `shown` are those that the filter lets through."""

    versions: tuple[ModelVersion, ...]
    filter = ""

    @property
    def shown(self) -> Sequence[ModelVersion]:
        words = self.filter.lower().split()
        return [version for version in self.versions if fits(version, words)] if words else self.versions

    def show_versions(self) -> None:
        """Show those that are `shown`."""
        raise NotImplementedError

    def do_filter(self) -> None:
        """Narrow as it is typed."""
        if not self.query(FilterBar):
            bar = FilterBar(self.filter, hint=HINT, id="filter")
            self.mount(bar, after="#body")
            self.call_after_refresh(self._count)

    def on_filter_changed(self, message: FilterChanged) -> None:
        message.stop()
        self.filter = message.text.strip()
        if message.done:
            self.query(FilterBar).remove()
            self.query_one("#list", LineList).focus()
        self.show_versions()
        self._count()

    def _count(self) -> None:
        for bar in self.query(FilterBar):
            bar.show_count(len(self.shown), len(self.versions))


def fits(version: ModelVersion, words: Sequence[str]) -> bool:
    """Whether all words are in what names the version, and none of those with `!` before them."""
    aliases = " ".join(f"@{alias}" for alias in version.aliases)
    text = f"{version.name} v{version.version} {version.stage} {aliases} {run_name(version)}".lower()
    return all((word[1:] not in text or word == "!") if word[0] == "!" else word in text for word in words)
