"""What differs between runs: params, metrics, files, code, data, environment, tracks; each section works without the
others."""

from edm_core.diff.runs import diff_runs, direction, entries, verdict

__all__ = ["diff_runs", "direction", "entries", "verdict"]
