"""What the run table is narrowed by: a part of the name, a query in MLflow's language, or both."""

from dataclasses import dataclass, replace

from edm_core.query.expressions import Expression
from edm_core.table.frame import Frame


@dataclass(frozen=True, slots=True)
class RunFilter:
    """`name` narrows as one types. A `query` is answered by the runs at hand where they hold what it is about
    (`expression`), else by the store: `ids` is what it said."""

    name: str = ""
    query: str = ""
    expression: Expression | None = None
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

    def held(self, query: str, expression: Expression) -> "RunFilter":
        """The same name with this query, which the runs at hand answer."""
        return replace(self, query=query, expression=expression, ids=None)

    def asked(self, query: str, ids: frozenset[str]) -> "RunFilter":
        """The same name with this query, as the store answered it."""
        return replace(self, query=query, expression=None, ids=ids)

    def without_query(self) -> "RunFilter":
        return RunFilter(self.name)

    def without_last(self) -> "RunFilter":
        """One layer less: first the name, then the query."""
        return replace(self, name="") if self.name else RunFilter()

    def mask(self, frame: Frame, experiment: str | None) -> bytes | None:
        """Which runs fit the query; None where nothing was asked."""
        if self.expression is not None:
            return frame.fitting(self.expression, experiment)
        return None if self.ids is None else frame.among(self.ids)
