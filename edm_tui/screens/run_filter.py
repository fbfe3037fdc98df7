"""What the run table is narrowed by: a part of the name, a query in MLflow's language, or both."""

from dataclasses import dataclass, replace


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

    @property
    def ends(self) -> str:
        """Which key clears what."""
        return "esc clears the name, then the query" if self.name and self.query else "esc clears"

    def narrower(self, name: str) -> "RunFilter":
        """The same query with this part of the name."""
        return replace(self, name=name.strip())

    def asked(self, query: str, ids: frozenset[str]) -> "RunFilter":
        """The same name with this query, as the store answered it."""
        return replace(self, query=query, ids=ids)

    def without_query(self) -> "RunFilter":
        return RunFilter(self.name)

    def without_last(self) -> "RunFilter":
        """One layer less: first the name, then the query."""
        return replace(self, name="") if self.name else RunFilter()
