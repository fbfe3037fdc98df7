"""What the run table is narrowed by: a part of the name, a query in MLflow's language, or both."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from edm_core.snapshots.runs import RunRow
from edm_tui.columns import matching


@dataclass(frozen=True, slots=True)
class RunFilter:
    """`name` narrows as one types; `ids` is what the store answered to `query`, None where nothing was asked."""

    name: str = ""
    query: str = ""
    ids: frozenset[str] | None = None

    def __bool__(self) -> bool:
        return bool(self.name or self.query)

    @property
    def words(self) -> str:
        """As the status line says it."""
        return " · ".join(filter(None, (self.query, self.name)))

    def apply(self, rows: Sequence[RunRow]) -> Sequence[RunRow]:
        """The rows that fit, in their order."""
        ids = self.ids
        found = rows if ids is None else [row for row in rows if row.run_id in ids]
        return matching(found, self.name) if self.name else found

    def narrower(self, name: str) -> "RunFilter":
        """The same query with this part of the name."""
        return replace(self, name=name.strip())

    def without_last(self) -> "RunFilter":
        """One layer less: first the name, then the query."""
        return replace(self, name="") if self.name else RunFilter()
