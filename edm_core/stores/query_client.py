"""A filter answered by MLflow itself, through its client or its REST API: servers, `file:` folders.

What MLflow's language can say goes to it as it is. With OR, NOT or parentheses each comparison becomes a question of
its own, and the answers are put together here, so that every comparison means what that store says it means.
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet

from edm_core.query.expressions import All, Comparison, Expression, Negation, Query, Some, comparisons
from edm_core.stores.client_tracking import ClientTracking


def ask_client(
    store: ClientTracking, experiment: str, query: Query, keys: Sequence[str], limit: int | None
) -> tuple[list[str], str]:
    """Run ids in order, and a line on how they were found ("" where MLflow answered alone). Raises StoreError."""
    if not query.extended:
        return store.search_ids(experiment, query.text, keys, limit), ""
    first, rest = _split(query.expression)
    found = store.search_ids(experiment, " AND ".join(part.text for part in first), keys, None)
    texts = dict.fromkeys(part.text for part in comparisons(rest))
    answers = {text: frozenset(store.search_ids(experiment, text, (), None)) for text in texts}
    fitting = [run_id for run_id in found if _holds(rest, run_id, answers)]
    count = len(answers) + 1
    return fitting[:limit], f"MLflow knows no OR, NOT or parentheses: {count} questions to it were put together here"


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
