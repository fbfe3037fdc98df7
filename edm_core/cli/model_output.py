"""How model versions and their history are written by `edm models`, and how a version is named there."""

import shutil
import time
from collections.abc import Sequence
from typing import Any

import click

from edm_core.cli.output import print_table
from edm_core.errors import NotFoundError
from edm_core.snapshots.models import ModelVersion
from edm_core.snapshots.promotion import StageMove, Tenure
from edm_core.timeline import timeline
from edm_core.workspace import Workspace

MODEL_OPTION = click.option("--model", "-m", default=None, help="Registered model; default: [registry] model.")


def as_dict(version: ModelVersion) -> dict[str, Any]:
    """A version for --json; its history has a command of its own."""
    from edm_core.actions.model_history import PREFIX

    tags = {key: value for key, value in version.tags.items() if not key.startswith(PREFIX)}
    return {
        "name": version.name, "version": version.version, "stage": version.stage, "aliases": list(version.aliases),
        "run_id": version.run_id, "run_name": tags.get("edm.run_name", ""), "source": version.source,
        "created_ms": version.created_ms, "description": version.description, "metrics": version.metrics,
        "tags": tags,
    }  # fmt: skip


def shown(value: float | None) -> str:
    """Four digits of a metric, – where it is not known."""
    return "–" if value is None else f"{value:.4g}"


def parse_version(workspace: Workspace, text: str) -> tuple[str, int]:
    """`3`, `v3` or `NAME/3` → (model, version). Raises NotFoundError when it is neither."""
    name, _, number = text.rpartition("/")
    number = number.removeprefix("v")
    if not number.isdigit() or not 0 < int(number) < 2**31:
        raise NotFoundError(
            f"{text!r} is no version", "Give a number such as 3, or NAME/3; `edm models list` shows all."
        )
    return name or workspace.settings.registry.model, int(number)


def print_timeline(stage: str, tenures: Sequence[Tenure]) -> None:
    """Who stood in `stage`, drawn to scale; nothing where nobody ever did."""
    bar, ages = timeline(tenures, int(time.time() * 1000), max(40, shutil.get_terminal_size().columns - len(stage) - 2))
    if bar:
        click.echo(f"{stage}  {bar}\n{'':{len(stage)}}  {ages}\n")


def print_moves(moves: Sequence[StageMove]) -> None:
    rows = [
        [time.strftime("%Y-%m-%d %H:%M", time.localtime(m.at_ms / 1000)), f"v{m.version}", m.kind, m.from_stage,
         m.to_stage, m.who, ("overrode: " + ", ".join(g.gate for g in m.gates if not g.passed) + ". ") * m.overrode
         + m.reason]
        for m in moves
    ]  # fmt: skip
    print_table(["when", "version", "what", "from", "to", "who", "why"], rows)
