"""The diff of model versions: what was recorded with each, then the runs that they were made from."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from edm_core.snapshots.diff import RunDiff
from edm_core.snapshots.models import ModelVersion
from edm_core.snapshots.runs import RunRow
from edm_tui.screens.diff import DiffScreen


class VersionDiffScreen(DiffScreen):
    """`versions` are compared with the first one; `runs` are their runs by id, as far as they are there."""

    def __init__(self, versions: Sequence[ModelVersion], runs: Mapping[str, RunRow | None]) -> None:
        self._runs = runs
        self.versions = self._first = tuple(versions)
        super().__init__(self._rows_of(self.versions))

    def _rows_of(self, versions: Sequence[ModelVersion]) -> tuple[RunRow, ...]:
        return tuple(
            self._runs.get(one.run_id) or RunRow("", one.tags.get("edm.run_name", ""), tags=one.tags)
            for one in versions
        )

    async def read_diff(self, fetch: bool) -> RunDiff:
        """First what the registry and this machine tell; then, by a process with MLflow, what the stored models do."""
        from edm_core.diff.document import from_document
        from edm_core.diff.versions import diff_versions

        services = self.services
        if not fetch:
            diff = await services.in_thread(diff_versions, services.workspace, self.versions, False)
            return replace(diff, away=True)
        named = [f"{one.name}/{one.version}" for one in self.versions]
        told = await services.query("models", "diff", *named, "--all", lane=None, title="reading the stored models")
        return from_document(told)

    def do_baseline(self) -> None:
        """The next version in the order in which they were given becomes the first column."""
        base = self._first[(self._first.index(self.versions[0]) + 1) % len(self._first)]
        self.versions = (base, *(one for one in self._first if one is not base))
        self.rows = self._rows_of(self.versions)
        self.look = replace(self.look, read={})
        self._load()
