"""What doctor hashes of the cache without being asked to: a little of it, the small objects first."""

from collections.abc import Iterable

from edm_core.actions import doctor_cache
from edm_core.actions.doctor import Case
from edm_core.workspace import Workspace

BUDGET = 200_000_000
"""Bytes that are hashed in about half a second; `--deep` hashes all."""


def corrupted(workspace: Workspace) -> Iterable[Case]:
    """As `doctor_cache.corrupted`, of so many bytes at most."""
    return doctor_cache.corrupted(workspace, BUDGET)
