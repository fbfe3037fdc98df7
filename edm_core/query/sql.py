"""A filter and an order as one SELECT on MLflow's tables, in words that SQLite and PostgreSQL both know.

Each comparison becomes a condition that is true or false, never NULL, so that OR and NOT mean what they say. It finds
its row by the table's key (key, run), which stays quick on 100,000 runs where MLflow's joins of subqueries, DISTINCT
over all columns, do not.
"""

from collections.abc import Sequence
from typing import TypeAlias

from edm_core.query.expressions import All, Comparison, Expression, Negation, OrderKey, Some

Bound: TypeAlias = tuple[str, list[str | int | float]]
"""SQL and the values of its question marks, in their order."""

SETTING = "PRAGMA case_sensitive_like=1"
"""What the connection needs for LIKE to mean what it means in MLflow."""

_TABLES = {"metric": "latest_metrics", "parameter": "params", "tag": "tags"}
_COLUMNS = {
    "run_id": "run_uuid", "run_name": "name", "status": "status", "start_time": "start_time", "end_time": "end_time",
    "user_id": "user_id", "artifact_uri": "artifact_uri",
}  # fmt: skip


def select_runs(expression: Expression, order: Sequence[OrderKey], experiment: str | None, limit: int | None) -> Bound:
    """The ids of the active runs of one experiment (None: of every active one) that fit, in order."""
    joins, terms, values = _ordering(order)
    active, name = _active(experiment)
    where, where_values = _driven(expression)
    sql = (
        f"SELECT r.run_uuid FROM runs r{joins} WHERE {active} AND {where}"
        f" ORDER BY {', '.join(terms)}{'' if limit is None else f' LIMIT {limit:d}'}"
    )
    return sql, [*values, *name, *where_values]


def select_among_newest(expression: Expression, experiment: str | None, limit: int, newest: int) -> Bound:
    """As `select_runs` in no other order than newest first, but looking at the `newest` runs alone."""
    active, name = _active(experiment)
    where, values = condition(expression)
    _, terms, _ = _ordering(())
    by = ", ".join(terms)
    sql = (
        f"SELECT r.run_uuid FROM (SELECT r.* FROM runs r WHERE {active} ORDER BY {by} LIMIT {newest:d}) r"
        f" WHERE {where} ORDER BY {by} LIMIT {limit:d}"
    )
    return sql, [*name, *values]


def _active(experiment: str | None) -> tuple[str, list[str]]:
    named, values = (" AND name = ?", [experiment]) if experiment is not None else ("", [])
    where = f"SELECT experiment_id FROM experiments WHERE lifecycle_stage = 'active'{named}"
    return f"r.lifecycle_stage = 'active' AND r.experiment_id IN ({where})", values


def _driven(expression: Expression) -> Bound:
    """`condition`, but the first comparison that must hold and has a row of its own gives SQLite the runs to look at:
    where few fit, most runs need not be read at all."""
    parts = expression.parts if isinstance(expression, All) else (expression,)
    for index, part in enumerate(parts):
        if isinstance(part, Comparison) and _has_row(part):
            table, sql, values = _row(part)
            rest, rest_values = condition(All((*parts[:index], *parts[index + 1 :])))
            driver = f"r.run_uuid IN (SELECT run_uuid FROM {table} WHERE {sql})"
            return f"{driver} AND {rest}", [*values, *rest_values]
    return condition(expression)


def condition(expression: Expression) -> Bound:
    """A condition on the row `r` of runs."""
    match expression:
        case Comparison():
            return _comparison(expression)
        case Negation(part):
            sql, values = condition(part)
            return f"NOT {sql}", values
        case All(parts):
            return _joined(" AND ", parts) if parts else ("true", [])
        case Some(parts):
            return _joined(" OR ", parts)


def _joined(word: str, parts: Sequence[Expression]) -> Bound:
    bound = [condition(part) for part in parts]
    return f"({word.join(sql for sql, _ in bound)})", [value for _, values in bound for value in values]


def _comparison(asked: Comparison) -> Bound:
    if asked.kind == "dataset":
        return _dataset(asked)
    if asked.kind == "attribute" and asked.key != "run_name":
        sql, values = _compared(f"r.{_COLUMNS[asked.key]}", asked)
        return f"coalesce({sql}, false)", values
    table, sql, values = _row(asked)
    found = f"EXISTS (SELECT 1 FROM {table} WHERE run_uuid = r.run_uuid AND {sql})"
    return (f"NOT {found}" if asked.operator == "IS NULL" else found), values


def _has_row(asked: Comparison) -> bool:
    """Whether it holds for exactly the runs that `_row` finds."""
    of_table = asked.kind in _TABLES or (asked.kind == "attribute" and asked.key == "run_name")
    return of_table and asked.operator != "IS NULL"


def _row(asked: Comparison) -> tuple[str, str, list[str | int | float]]:
    """Table, condition on its row, and values; for IS NULL, of the row that must not be there."""
    # The name column is empty for runs of MLflow before 1.30, so MLflow asks the tag.
    key = "mlflow.runName" if asked.kind == "attribute" else asked.key
    table = _TABLES.get(asked.kind, "tags")
    if asked.operator in ("IS NULL", "IS NOT NULL"):
        return table, "key = ?", [key]
    sql, values = _compared("value", asked)
    if asked.kind == "metric":
        # NaN is stored as 0 beside a flag; it is unequal to everything and in no order with anything.
        sql = f"({sql} OR is_nan = true)" if asked.operator == "!=" else f"{sql} AND is_nan = false"
    return table, f"key = ? AND {sql}", [key, *values]


def _dataset(asked: Comparison) -> Bound:
    column = "t.value" if asked.key == "context" else f"d.{asked.key}"
    tag = " JOIN input_tags t ON t.input_uuid = i.input_uuid AND t.name = 'mlflow.data.context'"
    sql, values = _compared(column, asked)
    return (
        "EXISTS (SELECT 1 FROM inputs i JOIN datasets d ON d.dataset_uuid = i.source_id"
        f"{tag if asked.key == 'context' else ''} WHERE i.destination_id = r.run_uuid AND {sql})"
    ), values


def _compared(column: str, asked: Comparison) -> Bound:
    if isinstance(asked.value, tuple):
        return f"{column} {asked.operator} ({', '.join('?' * len(asked.value))})", list(asked.value)
    if asked.value is None:
        raise ValueError(f"{asked.operator} compares with nothing")
    if asked.operator == "ILIKE":
        return f"lower({column}) LIKE lower(?)", [asked.value]
    return f"{column} {asked.operator} ?", [asked.value]


def _ordering(order: Sequence[OrderKey]) -> tuple[str, list[str], list[str]]:
    """Joins, ORDER BY terms and the values of the joins, as MLflow orders: what is missing last, then the newest."""
    joins, terms, values = "", [], []
    for number, key in enumerate(order):
        if key.kind == "attribute":
            column = f"r.{_COLUMNS[key.key]}"
            last = f"{column} IS NULL"
        else:
            alias, table = f"o{number}", _TABLES[key.kind]
            joins += f" LEFT JOIN {table} {alias} ON {alias}.run_uuid = r.run_uuid AND {alias}.key = ?"
            values.append(key.key)
            column = f"{alias}.value"
            last = f"{column} IS NULL"
            if key.kind == "metric":
                last = f"CASE WHEN {alias}.is_nan = true THEN 1 WHEN {column} IS NULL THEN 2 ELSE 0 END"
        terms += [last, column if key.ascending else f"{column} DESC"]
    if not any(key.kind == "attribute" and key.key == "start_time" for key in order):
        terms.append("r.start_time DESC")
    return joins, [*terms, "r.run_uuid"], values
