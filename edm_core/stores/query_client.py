"""A filter answered by MLflow's client: servers, PostgreSQL, `file:` folders.

What MLflow's language can say goes to it as it is. With OR, NOT or parentheses each comparison becomes a question of
its own, and the answers are put together here, so that every comparison means what that store says it means.
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from edm_core.errors import StoreError
from edm_core.query.expressions import All, Comparison, Expression, Negation, Query, Some, comparisons
from edm_core.stores.mlflow_client import mlflow_client
from edm_core.stores.protocols import ALL_EXPERIMENTS, TrackingStore
from edm_core.stores.redact import brief_reason
from edm_core.workspace import Workspace

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

PAGE = 1000


def ask_client(
    workspace: Workspace, store: TrackingStore, experiment: str, query: Query, keys: Sequence[str], limit: int | None
) -> tuple[list[str], str]:
    """Run ids in order, and a line on how they were found ("" where MLflow answered alone). Raises StoreError."""
    client = mlflow_client(workspace)
    ids = [e.id for e in store.experiments() if experiment in (e.name, ALL_EXPERIMENTS)]
    search = _Search(client, ids, query.text)
    if not query.extended:
        return search.ids(query.text, keys, limit), ""
    first, rest = _split(query.expression)
    found = search.ids(" AND ".join(part.text for part in first), keys, None)
    texts = dict.fromkeys(part.text for part in comparisons(rest))
    answers = {text: frozenset(search.ids(text, (), None)) for text in texts}
    fitting = [run_id for run_id in found if _holds(rest, run_id, answers)]
    count = len(answers) + 1
    return fitting[:limit], f"MLflow knows no OR, NOT or parentheses: {count} questions to it were put together here"


@dataclass(frozen=True, slots=True)
class _Search:
    client: "MlflowClient"
    experiment_ids: list[str]
    query: str

    def ids(self, text: str, keys: Sequence[str], limit: int | None) -> list[str]:
        """Ids of the runs that fit `text`, page after page, at most `limit`."""
        from mlflow.exceptions import MlflowException

        found: list[str] = []
        token: Any = None
        try:
            while self.experiment_ids:
                wanted = PAGE if limit is None else min(PAGE, limit - len(found))
                page = self.client.search_runs(
                    self.experiment_ids, text, max_results=wanted, order_by=list(keys), page_token=token
                )
                found += [run.info.run_id for run in page]
                token = page.token
                if not token or (limit is not None and len(found) >= limit):
                    break
        except MlflowException as error:
            raise _explained(self.query or ", ".join(keys), error) from error
        return found


def _split(expression: Expression) -> tuple[tuple[Comparison, ...], Expression]:
    """Comparisons that must hold whatever else does, for one question, and the rest."""
    if isinstance(expression, All):
        first = tuple(part for part in expression.parts if isinstance(part, Comparison))
        return first, All(tuple(part for part in expression.parts if not isinstance(part, Comparison)))
    return (), expression


def _holds(expression: Expression, run_id: str, answers: Mapping[str, AbstractSet[str]]) -> bool:
    match expression:
        case Comparison(text=text):
            return run_id in answers[text]
        case Negation(part):
            return not _holds(part, run_id, answers)
        case All(parts):
            return all(_holds(part, run_id, answers) for part in parts)
        case Some(parts):
            return any(_holds(part, run_id, answers) for part in parts)


def _explained(asked: str, error: Exception) -> StoreError:
    code = getattr(error, "error_code", "")
    reason = brief_reason(error, 400)
    if code in ("INVALID_PARAMETER_VALUE", "BAD_REQUEST"):
        return StoreError(f"MLflow cannot read {asked!r}: {reason}", "Its version may know less of its language.")
    return StoreError(f"MLflow does not answer: {reason}", "Is the store up, and [tracking] uri in edm.toml right?")
