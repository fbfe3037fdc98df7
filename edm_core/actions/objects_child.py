"""A process of its own: see DVC objects on a remote one by one, and send or fetch by hash those that are lacking.

`python -m edm_core.actions.objects_child send|fetch|check|single REMOTE` reads hashes from stdin; `single` takes each
for one object, not for a version with its files. It prints `{"progress": [phase, bytes, of, files, of]}` as it goes,
and last of all the report of `Report`.

DVC's own push and `status -c` take a folder's list of files on the remote as proof that the files are there too. Where
they are not (a remote that lost some, a list that was sent alone), both say that all is well; this does not.
"""

import json
import sys
import time
from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from dataclasses import asdict, dataclass, field
from threading import Lock
from typing import Any

_EVERY_SECONDS = 0.25
_WHOLE_COPY = 8 << 20
"""Local files larger than this are copied in pieces, so that progress is seen (DVC's own bound is 1 GB)."""


@dataclass
class Report:
    """Versions seen whole on the remote (with `fetch`: here), what is nowhere, and why objects did not arrive."""

    seen: list[str] = field(default_factory=list)
    lacking: list[str] = field(default_factory=list)
    moved: int = 0
    reasons: list[str] = field(default_factory=list)


class Meter:
    """Counts bytes and files, and tells now and then; callbacks come from several threads."""

    def __init__(self, sizes: Mapping[str, int], phase: str = "data") -> None:
        self.phase, self.total, self.files_total = phase, sum(sizes.values()), len(sizes)
        self.bytes = self.files = 0
        self._lock, self._told = Lock(), 0.0

    def add(self, count: int) -> None:
        with self._lock:
            self.bytes += count
            self._tell()

    def arrived(self) -> None:
        with self._lock:
            self.files += 1
            self._tell()

    def tell(self, phase: str = "data") -> None:
        with self._lock:
            self.phase, self._told = phase, 0.0
            self._tell()

    def _tell(self) -> None:
        if time.monotonic() - self._told >= _EVERY_SECONDS:
            self._told = time.monotonic()
            counts = [self.phase, min(self.bytes, self.total), self.total, self.files, self.files_total]
            print(json.dumps({"progress": counts}), flush=True)  # noqa: T201 - the parent reads it


def main(mode: str, remote: str, hashes: list[str]) -> int:
    from dvc.exceptions import DvcException
    from dvc.repo import Repo
    from dvc_objects.errors import ObjectDBError
    from dvc_objects.fs import utils

    utils.COPY_PBAR_MIN_SIZE = _WHOLE_COPY
    try:
        with Repo(_wait_for_lock=True) as repo:
            report = examine(repo, remote, hashes, mode)
    except (DvcException, ObjectDBError, OSError) as error:
        sys.stderr.write("\n".join(reasons_of(error)) + "\n")
        return 1
    print(json.dumps(asdict(report)), flush=True)  # noqa: T201 - the parent reads it
    return 0


def examine(repo: Any, remote: str, hashes: Iterable[str], mode: str) -> Report:
    """Look, and with `send` or `fetch` move what is lacking."""
    cache, odb = repo.cache.local, repo.cloud.get_remote_odb(remote, "fetch" if mode == "fetch" else "push")
    if mode == "single":
        return Report(seen=sorted(odb.oids_exist(list(hashes))))
    report = Report()
    # As DVC does: what is put into the cache is safe from a `dvc gc` at the same time.
    with repo.lock if mode == "fetch" else nullcontext():
        if mode == "fetch":
            _fetch_lists(cache, odb, hashes, report)
        members = {value: _members(cache, odb, value) for value in hashes}
        wanted = sorted({oid for group in members.values() for oid in group})
        there = set((cache if mode == "fetch" else odb).oids_exist(wanted))
        lacking = [oid for oid in wanted if oid not in there]
        if lacking and mode == "send":
            _send(cache, odb, lacking, members, there, report)
        elif lacking and mode == "fetch":
            _fetch(cache, odb, lacking, report)
            there |= set(cache.oids_exist(lacking))
    report.seen = [value for value, group in members.items() if group and group <= there]
    report.lacking = sorted(set(wanted) - there) + [value for value, group in members.items() if not group]
    report.moved = len(set(lacking) & there)
    return report


def _members(cache: Any, odb: Any, value: str) -> set[str]:
    """A version's objects, its list of files among them; empty when the list itself is nowhere to be read."""
    from dvc_data.hashfile.hash_info import HashInfo
    from dvc_data.hashfile.tree import Tree
    from dvc_objects.errors import ObjectFormatError

    if not value.endswith(".dir"):
        return {value}
    for place in (cache, odb):
        try:
            return {value, *(info.value for _, _, info in Tree.load(place, HashInfo("md5", value)))}
        except (FileNotFoundError, ObjectFormatError):
            continue
    return set()


def _send(
    cache: Any, odb: Any, lacking: list[str], members: Mapping[str, set[str]], there: set[str], report: Report
) -> None:
    """Files first; a list only where all of its files are there, for on the remote it is taken as proof of them.

    `there` gains what was seen on the remote afterwards.
    """
    sizes = {oid: size for oid in lacking if (size := _size(cache, oid)) is not None}
    meter = Meter(sizes)
    meter.tell()
    _move(cache, odb, [oid for oid in sizes if not oid.endswith(".dir")], sizes, meter, report)
    if report.reasons:
        # The line is down, or the remote full: asking it for each object would only take its time to fail too.
        return
    meter.tell("verify")
    there |= _verified(odb, [oid for oid in sizes if not oid.endswith(".dir")], sizes, report)
    lists = [value for value, group in members.items() if value.endswith(".dir") and group - {value} <= there]
    unsent = [value for value in lists if value in sizes]
    _move(cache, odb, unsent, sizes, meter, report)
    there |= _verified(odb, unsent, sizes, report)
    meter.tell("verify")


def _verified(odb: Any, oids: list[str], sizes: Mapping[str, int], report: Report) -> set[str]:
    """Those of these objects, just sent, that are there in their full size; one cut short is removed again."""
    there = sorted(odb.oids_exist(oids)) if oids else []
    found = odb.fs.sizes([odb.oid_to_path(oid) for oid in there]) if there else []
    short = [oid for oid, size in zip(there, found, strict=True) if size is not None and size != sizes[oid]]
    for oid in short:
        odb.delete(oid)
        report.reasons.append(f"OSError: {oid} arrived cut short")
    return set(there) - set(short)


def _fetch_lists(cache: Any, odb: Any, hashes: Iterable[str], report: Report) -> None:
    lists = [value for value in hashes if value.endswith(".dir")]
    absent = sorted(set(lists) - set(cache.oids_exist(lists)))
    if absent:
        there = set(odb.oids_exist(absent))
        _move(odb, cache, sorted(there), dict.fromkeys(there, 0), Meter({}, "look"), report)


def _fetch(cache: Any, odb: Any, lacking: list[str], report: Report) -> None:
    there = set(odb.oids_exist(lacking))
    found = sorted(there)
    sizes = dict(zip(found, (size or 0 for size in odb.fs.sizes([odb.oid_to_path(oid) for oid in found])), strict=True))
    meter = Meter(sizes)
    meter.tell()
    _move(odb, cache, found, sizes, meter, report)
    meter.tell()


def _move(source: Any, target: Any, oids: list[str], sizes: Mapping[str, int], meter: Meter, report: Report) -> None:
    """Copy these objects; each arrives whole or not at all. Those that fail leave their reason in the report."""
    if not oids:
        return
    paths = [source.oid_to_path(oid) for oid in oids]
    known = {path: sizes.get(oid, 0) for path, oid in zip(paths, oids, strict=True)}

    def failed(_: str, error: BaseException) -> None:
        report.reasons += [line for line in reasons_of(error) if line not in report.reasons]

    target.add(
        paths, source.fs, oids, callback=_counting(meter, known), check_exists=False, on_error=failed,
        batch_size=(target if source.fs.protocol == "local" else source).fs.jobs,
        # A download that breaks off is put in its place half all the same; its hash tells.
        verify=target.fs.protocol == "local" and source.fs.protocol != "local",
    )  # fmt: skip


def _counting(meter: Meter, sizes: Mapping[str, int]) -> Any:
    """fsspec's callback for a batch of files, which branches into one a file."""
    from fsspec.callbacks import Callback

    class OneFile(Callback):  # type: ignore[misc]
        """The bytes of one file; what its library did not tell is made up at the end."""

        def __init__(self, size: int) -> None:
            super().__init__(size=size)
            self.expected, self.counted = size, 0

        def call(self, *_: Any, **__: Any) -> None:
            self._count(min(self.value, self.expected))

        def _count(self, value: int) -> None:
            meter.add(value - self.counted)
            self.counted = value

        def __exit__(self, kind: Any, *_: Any) -> None:
            # What failed has not arrived, however much of it was sent.
            self._count(self.expected if kind is None else 0)
            if kind is None:
                meter.arrived()

    class AllFiles(Callback):  # type: ignore[misc]
        def branched(self, path_1: Any, path_2: Any, **_: Any) -> OneFile:
            return OneFile(sizes.get(path_1, 0))

    return AllFiles()


def reasons_of(error: BaseException) -> list[str]:
    """The error and what caused it, a line each, as a traceback ends: `botocore.exceptions.NoCredentialsError: …`."""
    lines: list[str] = []
    at: BaseException | None = error
    while at is not None and len(lines) < 5:
        kind = type(at)
        name = kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"
        lines.append(f"{name}: {' '.join(str(at).split())}" if str(at) else name)
        at = at.__cause__ or at.__context__
    return lines[::-1]


def _size(cache: Any, oid: str) -> int | None:
    """Bytes of an object in the cache; None where the cache has lost it."""
    try:
        return int(cache.fs.size(cache.oid_to_path(oid)))
    except FileNotFoundError:
        return None


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2], sys.stdin.read().split()))
