"""What there is to decide before a promotion or a rollback, as `--dry-run` writes it."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import click

from edm_core.cli.model_output import as_dict, shown
from edm_core.cli.output import clean, print_table
from edm_core.snapshots.promotion import Decision, MetricComparison

_MOST = 5
"""How many tracks and files are named."""


def decision_document(decision: Decision) -> dict[str, Any]:
    """A decision for --json."""
    candidate, incumbent = decision.candidate, decision.incumbent
    return {
        "candidate": as_dict(candidate), "incumbent": as_dict(incumbent) if incumbent else None,
        "since_ms": decision.since_ms, "from_stage": candidate.stage, "stage": decision.stage,
        "blocked": bool(decision.failing), "metrics": decision.metrics, "gates": decision.gates,
        "differences": decision.differences,
    }  # fmt: skip


def print_decision(decision: Decision) -> None:
    """Candidate against incumbent: metrics, tracks, code and data, and the gates."""
    candidate, incumbent = decision.candidate, decision.incumbent
    against = f"incumbent v{incumbent.version}" if incumbent else "nobody stands there"
    if decision.since_ms is not None:
        against += f", since {datetime.fromtimestamp(decision.since_ms / 1000):%Y-%m-%d %H:%M}"
    click.echo(f"{clean(candidate.name)} v{candidate.version}   {candidate.stage} → {decision.stage}   {against}")
    rows = [
        [_named(m), shown(m.candidate), shown(m.incumbent), "" if m.delta is None else f"{m.delta:+.4g}", m.verdict]
        for m in decision.metrics
    ]
    print_table(["metric", "candidate", "incumbent", "delta", ""], rows, right=(1, 2, 3))
    for line in _differences(decision.differences):
        click.echo(clean(line))
    if decision.gates:
        print_table(["gate", "", "why"], [[g.gate, "ok" if g.passed else "FAILS", g.detail] for g in decision.gates])


def _named(metric: MetricComparison) -> str:
    return metric.metric + {True: " ↓", False: " ↑", None: ""}[metric.minimised]


def _differences(found: Mapping[str, Any]) -> list[str]:
    lines = []
    tracks = found.get("tracks")
    if tracks:
        better, worse = len(tracks["better"]), len(tracks["worse"])
        named = [f"{name} {old:.2f} → {new:.2f}" for name, (new, old) in tracks["scores"].items() if new != old]
        lines.append(f"tracks: {better} better · {worse} worse · {tracks['same']} same" + _few(named))
    for name in ("code", "data", "checkpoint"):
        if name in found:
            own, theirs = found[name]
            lines.append(f"{name}: {theirs[:12] or 'unknown'} → {own[:12] or 'unknown'}")
    if "files" in found:
        files = found["files"]
        lines.append(f"files: {len(files)} differ" + _few([f"{path} {lines_}" for path, lines_ in files.items()]))
    if "files_note" in found:
        lines.append(f"files: {found['files_note']}")
    return lines


def _few(named: list[str]) -> str:
    more = f" and {len(named) - _MOST} more" if len(named) > _MOST else ""
    return f"   {', '.join(named[:_MOST])}{more}" if named else ""
