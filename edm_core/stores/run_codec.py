"""Columns of runs as bytes, for another process and for the disk: plain numbers and JSON, so that reading can run no
code, and part by part, so that no reader's thread is held for long."""

import json
import sys
import zlib
from array import array
from collections.abc import Iterable, Iterator
from typing import Any

from edm_core.snapshots.run_columns import MetricColumn, RunColumns, Texts

VERSION = 1
_METRIC = (("last", "d"), ("last_step", "q"), ("best", "d"), ("best_step", "q"))


class DamagedError(ValueError):
    """These bytes are no columns of this version."""


def encode(columns: RunColumns, more: Any = None) -> Iterator[bytes]:
    """Parts, each whole for itself: [header in JSON, length first][its bytes, with a checksum]. `more` is anything that
    JSON can say. What lies here (folders, jobs) is not in it: that is read anew each time."""
    head = {
        "version": VERSION, "order": sys.byteorder, "runs": len(columns), "deleted": sorted(columns.deleted),
        "more": more,
    }  # fmt: skip
    yield _part({"kind": "head", **head})
    yield _part({"kind": "runs"}, _text([columns.run_ids, columns.names]), columns.start_ms, columns.end_ms)
    for key in ("status", "user", "experiment"):
        yield _texts("fact", key, getattr(columns, key))
    for kind, group in (("param", columns.params), ("tag", columns.tags)):
        for key, texts in group.items():
            yield _texts(kind, key, texts)
    for key, metric in columns.metrics.items():
        sparks = _text(sorted(metric.sparks.items()))
        yield _part({"kind": "metric", "key": key}, sparks, *(getattr(metric, name) for name, _ in _METRIC))
    yield _part({"kind": "end"})


def decode(parts: Iterable[bytes]) -> tuple[RunColumns, Any]:
    """Columns and what was sent with them. Raises DamagedError."""
    columns, head, ended = RunColumns(), None, False
    try:
        for part in parts:
            header, payloads = _taken(part)
            if header["kind"] == "head":
                head = header
                if header["version"] != VERSION or header["order"] != sys.byteorder:
                    raise DamagedError("another version")
            ended = header["kind"] == "end"
            _fill(columns, header, payloads)
    except DamagedError:
        raise
    except (ValueError, KeyError, TypeError, IndexError, EOFError) as error:
        raise DamagedError(str(error)) from error
    if head is None or not ended or not _fits(columns, head["runs"]):
        raise DamagedError("not whole")
    columns.deleted = set(head["deleted"])
    columns.places = {run_id: at for at, run_id in enumerate(columns.run_ids) if run_id}
    return columns, head["more"]


def _fill(columns: RunColumns, header: dict[str, Any], payloads: list[bytes]) -> None:
    kind, key = header["kind"], header.get("key", "")
    if kind == "runs":
        columns.run_ids, columns.names = json.loads(payloads[0])
        columns.start_ms, columns.end_ms = _array("q", payloads[1]), _array("q", payloads[2])
    elif kind in ("fact", "param", "tag"):
        texts = Texts(_array("i", payloads[1]), json.loads(payloads[0]))
        if kind == "fact":
            setattr(columns, key, texts)
        else:
            (columns.params if kind == "param" else columns.tags)[key] = texts
    elif kind == "metric":
        metric = columns.metrics[key] = MetricColumn()
        metric.sparks = {at: tuple(values) for at, values in json.loads(payloads[0])}
        for (name, code), payload in zip(_METRIC, payloads[1:], strict=True):
            setattr(metric, name, _array(code, payload))


def _fits(columns: RunColumns, length: int) -> bool:
    """Whether every column is as long as it must be, and every code names a word."""
    texts = (columns.status, columns.user, columns.experiment, *columns.params.values(), *columns.tags.values())
    metrics = columns.metrics.values()
    lengths = {len(columns.run_ids), len(columns.names), len(columns.start_ms), len(columns.end_ms)}
    lengths |= {len(one.codes) for one in texts} | {len(getattr(one, name)) for one in metrics for name, _ in _METRIC}
    return lengths == {length} and all(max(one.codes, default=-1) < len(one.words) for one in texts)


def _texts(kind: str, key: str, texts: Texts) -> bytes:
    return _part({"kind": kind, "key": key}, _text(texts.words), texts.codes)


def _text(value: Any) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _array(code: str, payload: bytes) -> "array[Any]":
    found: array[Any] = array(code)
    found.frombytes(payload)
    return found


def _part(header: dict[str, Any], *payloads: "bytes | array[Any]") -> bytes:
    raw = [payload if isinstance(payload, bytes) else payload.tobytes() for payload in payloads]
    body = b"".join(raw)
    line = _text({**header, "sizes": [len(one) for one in raw], "crc": zlib.crc32(body)})
    return b"".join((len(line).to_bytes(4, "big"), zlib.crc32(line).to_bytes(4, "big"), line, body))


def _taken(part: bytes) -> tuple[dict[str, Any], list[bytes]]:
    size = int.from_bytes(part[:4], "big")
    line, body = part[8 : 8 + size], part[8 + size :]
    if zlib.crc32(line) != int.from_bytes(part[4:8], "big"):
        raise DamagedError("checksum")
    header = json.loads(line)
    if zlib.crc32(body) != header["crc"] or sum(header["sizes"]) != len(body):
        raise DamagedError("checksum")
    payloads, start = [], 0
    for length in header["sizes"]:
        payloads.append(body[start : start + length])
        start += length
    return header, payloads
