"""Reading what `dvc add` writes, without DVC: the pointer RUN.dvc, and the cache's list of a folder's files."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from edm_core.errors import StoreError
from edm_core.stores.dvc_config import dvc_config

_FIELD = re.compile(r"(md5|size|nfiles|hash|path): (.*)")


@dataclass(frozen=True, slots=True)
class Pointer:
    """A .dvc file with one output: `hash` is DVC's md5 (ending in `.dir` for a folder), sizes in bytes."""

    hash: str
    size: int
    nfiles: int
    path: str
    meta_text: str = ""
    """The user's `meta:` section as it is written, which DVC keeps; read only when asked for, because YAML is slow."""

    @property
    def meta(self) -> Mapping[str, Any]:
        """The `meta:` section; empty where there is none or it is no mapping."""
        return _mapping(self.meta_text)


def read_pointer(path: Path) -> Pointer:
    """The pointer at `path`. Raises StoreError when it is not one; FileNotFoundError when it is not there."""
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as error:
        raise _not_a_pointer(path, "it is not text") from error
    return _exactly(text) or _as_yaml(path, text)


def _exactly(text: str) -> Pointer | None:
    """What `dvc add` writes, to the letter; None for anything else (a hundred times quicker than YAML)."""
    outs, sign, meta = text.partition("\nmeta:\n")
    lines = (outs + "\n" if sign else outs).split("\n")
    if any(line and line[0] not in " \n" for line in meta.split("\n")):
        return None
    if len(lines) < 3 or lines[0] != "outs:" or not lines[1].startswith("- ") or lines[-1] != "":
        return None
    found = {}
    for line in (lines[1][2:], *(line[2:] for line in lines[2:-1])):
        match = _FIELD.fullmatch(line)
        if match is None or match[2][:1] in "'\"|>&*!{[ " or " #" in match[2]:
            return None
        found[match[1]] = match[2]
    if not all(line.startswith("  ") for line in lines[2:-1]):
        return None
    if "md5" not in found or not all(found.get(key, "0").isdigit() for key in ("size", "nfiles")):
        return None
    return Pointer(found["md5"], int(found.get("size", 0)), int(found.get("nfiles", 1)), found.get("path", ""), meta)


def _as_yaml(path: Path, text: str) -> Pointer:
    import yaml

    try:
        document = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.YAMLError as error:
        raise _not_a_pointer(path, " ".join(str(error).split())) from error
    outs = document.get("outs") if isinstance(document, dict) else None
    out = outs[0] if isinstance(outs, list) and len(outs) == 1 else None
    if not isinstance(out, dict) or not isinstance(out.get("md5"), str):
        raise _not_a_pointer(path, "it names no single output with its md5")
    meta = document.get("meta")
    return Pointer(
        out["md5"], _whole(out.get("size"), 0), _whole(out.get("nfiles"), 1), str(out.get("path", "")),
        yaml.safe_dump(meta) if isinstance(meta, dict) else "",
    )  # fmt: skip


@lru_cache(maxsize=4096)
def _mapping(text: str) -> Mapping[str, Any]:
    if not text:
        return {}
    import yaml

    try:
        document = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except yaml.YAMLError:
        # What a person wrote beside DVC's part is no reason to call the pointer unreadable.
        return {}
    return document if isinstance(document, dict) else {}


def _whole(value: object, otherwise: int) -> int:
    return value if isinstance(value, int) else otherwise


def _not_a_pointer(path: Path, reason: str) -> StoreError:
    return StoreError(
        f"{path} is not a pointer that `dvc add` wrote: {reason}", "`git log` on it shows who changed it."
    )


def cache_root(root: Path) -> Path:
    """DVC's cache folder, wherever its configuration puts it."""
    config = dvc_config(root)
    return (config.folder or root / ".dvc") / (config.get("cache", "dir") or "cache")


def cached_files(root: Path, pointer_hash: str) -> dict[str, str] | None:
    """Relative path → md5 of a folder's files, from the cache's `.dir` object; None where the cache has none."""
    path = cache_root(root) / "files" / "md5" / pointer_hash[:2] / pointer_hash[2:]
    try:
        listed = json.loads(path.read_bytes())
        return {str(item["relpath"]): str(item["md5"]) for item in listed}
    except (OSError, ValueError, TypeError, KeyError):
        # A cache that is empty or damaged is for doctor to report; here it only means that nobody knows.
        return None
