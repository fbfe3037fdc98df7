"""YAML and JSON files read as plain values that remember their lines."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import yaml

from edm_core.data.faults import Keys, shown

MAX_BYTES = 16 * 2**20
"""An annotation is a few kilobytes; anything near this is not one, and composing it would take minutes."""

MAX_DEPTH = 40


class BadDocumentError(Exception):
    """A file that cannot be read as a document at all, with the line where that shows."""

    def __init__(self, reason: str, line: int | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.line = line


@dataclass(frozen=True)
class Document:
    """Plain values, and a function from their place to their line."""

    data: object
    locate: Callable[[Keys], int | None]


def read_yaml(path: Path) -> Document:
    """Read one YAML document safely; raises `BadDocumentError`."""
    text = _read_text(path)
    try:
        node = _compose(text)
        if node is None:
            raise BadDocumentError("the file is empty", 1)
        _refuse_duplicate_keys(node)
        data = yaml.load(text, Loader=_LOADER)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        raise BadDocumentError(f"bad YAML: {error.problem}", mark.line + 1 if mark else None) from error
    except (yaml.YAMLError, ValueError, OverflowError, RecursionError) as error:
        raise BadDocumentError(f"bad YAML: {shown(str(error))}") from error
    return Document(data, lambda keys: _line_of(node, keys))


def read_json(path: Path) -> Document:
    """Read one JSON document; raises `BadDocumentError`. Lines are looked up only when a fault asks for one."""
    text = _read_text(path)
    try:
        data = json.loads(text)
    except json.JSONDecodeError as error:
        raise BadDocumentError(f"bad JSON: {error.msg}", error.lineno) from error
    except (ValueError, RecursionError) as error:
        raise BadDocumentError(f"bad JSON: {shown(str(error))}") from error
    return Document(data, lambda keys: _line_in_json(text, keys))


_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def _read_text(path: Path) -> str:
    try:
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise BadDocumentError(f"{size} bytes are too many for an annotation")
        raw = path.read_bytes()
    except OSError as error:
        raise BadDocumentError(f"cannot be read: {error.strerror or error}") from error
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise BadDocumentError(f"not UTF-8 text (byte 0x{raw[error.start]:02x})", line) from error


def _compose(text: str) -> yaml.Node | None:
    # libyaml composes recursively in C: a few ten thousand brackets would end the process, so depth is looked at first.
    depth = 0
    for event in yaml.parse(text, Loader=_LOADER):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > MAX_DEPTH:
                line = event.start_mark.line + 1 if event.start_mark else None
                raise BadDocumentError("nested too deeply for an annotation", line)
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
    node: yaml.Node | None = yaml.compose(text, Loader=_LOADER)
    return node


def _refuse_duplicate_keys(root: yaml.Node) -> None:
    # YAML lets the last of two equal keys win in silence, which hides an edit that went to the wrong one.
    seen: set[int] = set()
    todo = [root]
    while todo:
        node = todo.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            todo.extend(node.value)
        elif isinstance(node, yaml.MappingNode):
            names: set[str] = set()
            for key, value in node.value:
                if isinstance(key, yaml.ScalarNode):
                    if key.value in names:
                        line = key.start_mark.line + 1
                        raise BadDocumentError(f"the key {shown(key.value)} stands here twice", line)
                    names.add(key.value)
                todo.append(value)


def _line_of(root: yaml.Node, keys: Keys) -> int | None:
    node, line = root, root.start_mark.line + 1
    for key in keys:
        child = _child(node, key)
        if child is None:
            break
        node, line = child
    return line


def _child(node: yaml.Node, key: str | int) -> tuple[yaml.Node, int] | None:
    if isinstance(node, yaml.SequenceNode) and isinstance(key, int) and key < len(node.value):
        return node.value[key], node.value[key].start_mark.line + 1
    if isinstance(node, yaml.MappingNode):
        for name, value in node.value:
            if isinstance(name, yaml.ScalarNode) and name.value == key:
                return value, name.start_mark.line + 1
    return None


@lru_cache(maxsize=1)
def _json_tree(text: str) -> yaml.Node | None:
    # JSON is YAML but for a few corner cases; where it is not, its faults go without a line.
    try:
        return _compose(text)
    except (yaml.YAMLError, BadDocumentError, ValueError, RecursionError):
        return None


def _line_in_json(text: str, keys: Keys) -> int | None:
    node = _json_tree(text)
    return None if node is None else _line_of(node, keys)
