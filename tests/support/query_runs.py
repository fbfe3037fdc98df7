"""A store of runs that make queries go wrong, and queries about them."""

import math
import random
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from edm_core.stores.mlflow_client import ensure_experiment, mlflow_client
from edm_core.workspace import Workspace

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

METRICS = ("val_loss", "group/loss value", "a.b", "größe", "order", "start_time", "1st", "a::b", "-1")
PARAMS = ("lr", "Opt:im", "select", "note", "end time", "雪", "null")
TAGS = ("kind", "team/a-b", "from", "mlflow.user", "mlflow.note.content", "in")
TEXTS = (
    "", "cnn", "CNN", "it's", 'say "hi"', "100%", "a_b", "axb", "ÄRGER", "ärger", "雪", "x y", "NULL", "0.01", "`",
    "-- no", "a\nb", "tab\t", "\\", "back\\'", "\N{KELVIN SIGN}", "İ", "a\0b", "abcab",
)  # fmt: skip
NUMBERS = (0.0, 1.0, -1.0, 0.5, 0.1 + 0.2, 1e-300, 1e300, math.inf, -math.inf, math.nan)
RUN_NAMES = ("twin", "twin", "Twin", "it's", 'say "hi"', "雪だるま", "a%b_c", "x" * 90)
RUNS = 48


def awkward_runs(workspace: Workspace, other: str = "it's another", nul: bool = True) -> "MlflowClient":
    """RUNS runs over the workspace's experiment and two more: values equal, missing, NaN, infinite, oddly named; runs
    deleted, running, of one start time; data sets; a deleted experiment. PostgreSQL holds no text with `nul`."""
    client = mlflow_client(workspace)
    chance = random.Random(7)
    experiments = [ensure_experiment(client, workspace, name) for name in (None, other, "gone")]
    for number in range(RUNS):
        experiment = experiments[0] if number % 6 else experiments[1 + number % 12 // 6]
        _log(client, experiment, number, chance, TEXTS if nul else tuple(text.replace("\0", "") for text in TEXTS))
    client.delete_experiment(experiments[2])
    return client


def _log(
    client: "MlflowClient", experiment: str, number: int, chance: random.Random, texts: tuple[str, ...]
) -> None:  # fmt: skip
    from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunTag

    start = 1_700_000_000_000 + 1000 * (number // 4)
    run = client.create_run(experiment, start_time=start, run_name=RUN_NAMES[number % len(RUN_NAMES)])
    run_id = run.info.run_id
    metrics = [Metric(key, chance.choice(NUMBERS), start, 0) for key in METRICS if chance.random() < 0.6]
    params = [Param(key, chance.choice(texts)) for key in PARAMS if chance.random() < 0.6]
    tags = [RunTag(key, chance.choice(texts)) for key in TAGS if chance.random() < 0.6]
    client.log_batch(run_id, metrics, params, tags)
    if number % 5 == 0:
        inputs = [
            DatasetInput(Dataset(name, digest, "local", "{}"), [InputTag("mlflow.data.context", context)])
            for name, digest, context in (("edm", f"d{number % 3}", "train"), ("other", "d9", "eval"))[: 1 + number % 2]
        ]
        client.log_inputs(run_id, inputs)
    if number % 3:
        client.set_terminated(run_id, ("FINISHED", "FAILED", "KILLED")[number % 3], end_time=start + 500 * number)
    if number % 9 == 4:
        client.delete_run(run_id)


def _mixed(word: str) -> st.SearchStrategy[str]:
    return st.sampled_from((word, word.lower(), word.capitalize()))


def _name(prefixes: tuple[str, ...], keys: tuple[str, ...]) -> st.SearchStrategy[str]:
    quotes = st.sampled_from(("{}", "`{}`", "`{}`", "`{}`", '"{}"', "'{}'", "{}[0]", " {}", "`{}"))
    return st.builds(lambda prefix, quote, key: f"{prefix}.{quote.format(key)}", st.sampled_from(prefixes), quotes,
                     st.sampled_from((*keys, "missing")))  # fmt: skip


metric_names = _name(("metrics", "metric", "`metrics`", "Metrics"), METRICS)
param_names = _name(("params", "param", "parameter", "parameters"), PARAMS)
tag_names = _name(("tags", "tag"), TAGS)
text_attributes = st.sampled_from(
    ("status", "run_name", "run_id", "user_id", "artifact_uri", "attributes.status", "attr.run_name", "run.run_id",
     "attribute.`Run name`", "`run name`", '"status"', "name", "attributes.experiment_id")
)  # fmt: skip
time_attributes = st.sampled_from(("start_time", "end_time", "attributes.created", "Created", "attr.`end_time`"))
dataset_names = st.sampled_from(("dataset.name", "datasets.digest", "dataset.context", "dataset.`name`", "dataset.x"))

numbers = st.sampled_from(
    ("0", "1", "-1", "0.5", ".5", "1.", "0.30000000000000004", "1e300", "1e999", "-1e999", "1E-300", "1e+5", "0x10",
     "'1'", "inf", "NaN", "NULL", "- 1", "1700000004000", "99999999999999999999", "1_000")
)  # fmt: skip
_PATTERNS = (
    *TEXTS,
    "%",
    "_",
    "%n%",
    "%a%b%",
    "a%b",
    "%_b",
    "a_c%_",
    "k",
    "%\\%",
    "c%",
    "A_B",
    "%Ä%",
    "twin",
    "T%",
    "FINISHED",
    "RUNNING",
    "edm",
    "d0",
    "train",
    "d%",
)
texts = st.builds(
    lambda quote, text: f"{quote}{text}{quote}", st.sampled_from(("'", "'", '"', "", "`")), st.sampled_from(_PATTERNS)
)
lists = st.builds(
    lambda parts, end: "(" + ", ".join(parts) + end, st.lists(texts, max_size=3), st.sampled_from((")", ")", ",)", ""))
)


def _comparison(name: st.SearchStrategy[str], operators: tuple[str, ...], value: Any) -> st.SearchStrategy[str]:
    spaces = st.sampled_from((" ", " ", " ", "\n", "\t", "  "))
    operator = st.sampled_from(operators).flatmap(_mixed)
    return st.builds(lambda a, s, b, c: f"{a}{s}{b}{s}{c}".rstrip(), name, spaces, operator, value)


_ORDERED = ("<", "<=", ">", ">=", "=", "!=", "<>", "==")
_TEXT = ("=", "!=", "LIKE", "ILIKE", "LIKE", "ILIKE", "NOT LIKE", "<")
comparisons = st.one_of(
    _comparison(metric_names, _ORDERED, numbers),
    _comparison(time_attributes, _ORDERED, numbers),
    _comparison(st.one_of(param_names, tag_names, text_attributes, dataset_names), _TEXT, texts),
    _comparison(
        st.one_of(param_names, tag_names, metric_names, text_attributes), ("IS NULL", "IS NOT NULL"), st.just("")
    ),
    _comparison(st.one_of(text_attributes, dataset_names, param_names), ("IN", "NOT IN", "="), lists),
)
_quoted = st.sampled_from(
    [f"metrics.`{key}`" for key in METRICS] + [f'params."{key}"' for key in PARAMS] + [f"tags.'{key}'" for key in TAGS]
)
_values = st.sampled_from([f'"{text}"' for text in _PATTERNS if '"' not in text] + ["'say \"hi\"'", "'%\"%'"])
plausible = st.one_of(
    _comparison(
        _quoted.filter(lambda name: name.startswith("m")), _ORDERED[:6], st.sampled_from(("0", "0.5", "-1", "1"))
    ),
    _comparison(_quoted.filter(lambda name: not name.startswith("m")), _TEXT[:6], _values),
    _comparison(_quoted.filter(lambda name: not name.startswith("m")), ("IS NULL", "IS NOT NULL"), st.just("")),
    _comparison(time_attributes, _ORDERED[:6], st.sampled_from(("1700000004000", "1700000009000.5", "0"))),
    _comparison(st.sampled_from(("status", "run_name", "attr.user_id", "dataset.digest")), _TEXT[:6], _values),
)
"""Comparisons nearly all of which MLflow accepts."""
conjunctions = st.builds(
    lambda parts, joint: joint.join(parts),
    st.one_of(
        st.lists(plausible, min_size=1, max_size=3),
        st.lists(st.one_of(plausible, comparisons), min_size=1, max_size=2),
    ),
    st.sampled_from((" AND ", " AND ", " and ", "\nAND\n", " ", " AND AND ", " , ", "; ")),
)
_PIECES = (
    "metrics.val_loss", "params.lr", "tags.kind", "start_time", "run_id", "<", "=", "!=", "LIKE", "IN", "NOT", "NOT IN",
    "IS", "NULL", "AND", "and", "OR", "or(", "NOT(", "(", ")", "('cnn')", "[", "]", "0.5", "1", "'cnn'", '"CNN"', "`x`",
    ".", ",", ";", "-- no", "/* no */", "CASE", "END", "%s", "::", ":=", "AS", "a", "*", "-", "'",
)  # fmt: skip
soups = st.builds(
    lambda parts, gap: gap.join(parts), st.lists(st.sampled_from(_PIECES), max_size=9), st.sampled_from((" ", " ", ""))
)
_attributes = st.one_of(time_attributes, text_attributes)
order_keys = st.builds(
    lambda name, direction: name + direction,
    st.one_of(metric_names, metric_names, param_names, tag_names, _attributes, dataset_names),
    st.sampled_from(("", " ASC", " DESC", " desc", " asc", " down", " DESC NULLS LAST", "  DESC", " ")),
)
good_order_keys = st.builds(
    lambda prefix_key, direction: f"{prefix_key[0]}.`{prefix_key[1]}`{direction}",
    st.sampled_from(
        [("metrics", key) for key in (*METRICS, "missing")] + [("params", key) for key in PARAMS]
        + [("tags", key) for key in TAGS]
        + [("attributes", key) for key in ("status", "end_time", "run_name", "run_id")]
    ),
    st.sampled_from(("", " ASC", " DESC")),
)  # fmt: skip
