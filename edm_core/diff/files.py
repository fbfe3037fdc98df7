"""The documents that runs saved, flattened side by side; one that is missing or broken becomes a sentence."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import yaml

from edm_core.errors import StoreError
from edm_core.snapshots.runs import RunRow
from edm_core.stores.run_files import RunFiles

_ABSENT = object()
_PLAIN = (str, int, float, bool, type(None))


def documents_of(files: RunFiles, rows: Sequence[RunRow], name: str) -> tuple[list[Any], str]:
    """The file `name` of each run, parsed (None where there is none), and what is missing, in words."""
    found: list[Any] = []
    problems = []
    for row in rows:
        try:
            found.append(parsed(name, files.read(row, name)))
        except StoreError as error:
            found.append(None)
            problems.append(f"{row.name}: {error.message}")
    return found, "; ".join(problems)


def parsed(name: str, data: bytes) -> Any:
    """A YAML or JSON document. Raises StoreError that names the file and what is wrong with it."""
    text = data.decode("utf-8", "replace")
    try:
        if name.endswith(".json"):
            return json.loads(text)
        return yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except ValueError as error:
        raise StoreError(f"{name} is not JSON: {error}") from error
    except yaml.YAMLError as error:
        raise StoreError(f"{name} is not YAML: {' '.join(str(error).split())[:120]}") from error


def flattened(documents: Sequence[Any]) -> list[dict[str, Any]]:
    """One table for each document: nested keys dotted, list items numbered (`a.b[0]`).

    Lists of plain values that differ in length are compared by item (`a.b: x`), so that one item more does not move
    all that follow. What is no mapping gives an empty table.
    """
    tables: list[dict[str, Any]] = [{} for _ in documents]
    _walk("", [document if isinstance(document, dict) else _ABSENT for document in documents], tables)
    return tables


def _walk(prefix: str, values: Sequence[Any], tables: list[dict[str, Any]]) -> None:
    there = [value for value in values if value is not _ABSENT]
    if there and all(isinstance(value, dict) and (value or not prefix) for value in there):
        for key in dict.fromkeys(key for value in there for key in value):
            inner = [value.get(key, _ABSENT) if value is not _ABSENT else _ABSENT for value in values]
            _walk(f"{prefix}.{key}" if prefix else str(key), inner, tables)
    elif there and all(isinstance(value, list) and value for value in there):
        _walk_lists(prefix, values, tables)
    else:
        for value, table in zip(values, tables, strict=True):
            if value is not _ABSENT:
                table[prefix] = value


def _walk_lists(prefix: str, values: Sequence[Any], tables: list[dict[str, Any]]) -> None:
    lists = [value for value in values if value is not _ABSENT]
    by_item = len(set(map(len, lists))) > 1 and all(isinstance(item, _PLAIN) for one in lists for item in one)
    if not by_item:
        for index in range(max(map(len, lists))):
            inner = [one[index] if one is not _ABSENT and index < len(one) else _ABSENT for one in values]
            _walk(f"{prefix}[{index}]", inner, tables)
        return
    for one, table in zip(values, tables, strict=True):
        seen: Counter[str] = Counter()
        for item in [] if one is _ABSENT else one:
            seen[str(item)] += 1
            again = f" ({seen[str(item)]})" if seen[str(item)] > 1 else ""
            table[f"{prefix}: {item}{again}"] = item


def without(table: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """The table less these keys."""
    return {key: value for key, value in table.items() if key not in names}
