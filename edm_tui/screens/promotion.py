"""What a move means: `--dry-run` of the verb says how the candidate compares and what the gates find."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from edm_core.errors import EdmError
from edm_core.snapshots.models import ModelVersion
from edm_core.snapshots.promotion import GateResult, MetricComparison
from edm_tui.dialogs.promote import HOLDERS, Findings
from edm_tui.formatting import age
from edm_tui.services import Services
from edm_tui.widgets.version_table import run_name

NAMED = 3
"""How many tracks and files are named."""


def incumbent_of(versions: Sequence[ModelVersion], version: ModelVersion, stage: str) -> str:
    """Who is in this stage now and since when, in words; "" for nobody, or where any number may be."""
    from edm_core.actions.decision import since
    from edm_core.actions.stages import holder

    if stage not in HOLDERS:
        return ""
    found = holder([one for one in versions if one.name == version.name and one.version != version.version], stage)
    if found is None:
        return ""
    came = since(found, stage)
    told = f", since {age(time.time() - came / 1000)}" if came is not None else ""
    return f"v{found.version} {run_name(found)}{told}"


async def find_out(services: Services, argv: tuple[str, ...], title: str) -> Findings:
    """Ask the verb's `--dry-run`, in a process of its own because gates may load the model."""
    try:
        return findings_of(await services.query(*argv, "--dry-run", lane="registry", title=title))
    except EdmError as error:
        hint = f" ({error.hint})" if error.hint else ""
        return Findings(notice=f"could not be compared: {error.message}{hint}")


def findings_of(document: Mapping[str, Any]) -> Findings:
    """The Findings in what `--dry-run --json` printed."""
    return Findings(
        metrics=[
            MetricComparison(
                str(one.get("metric", "")), _number(one.get("candidate")), _number(one.get("incumbent")),
                _number(one.get("delta")), str(one.get("verdict", "")), _truth(one.get("minimised")),
            )
            for one in _records(document.get("metrics"))
        ],
        gates=[
            GateResult(str(one.get("gate", "")), one.get("passed") is True, str(one.get("detail", "")))
            for one in _records(document.get("gates"))
        ],
        lines=differences(_table(document.get("differences"))),
    )  # fmt: skip


def differences(found: Mapping[str, Any]) -> list[str]:
    """Tracks won and lost, and what differs in code and data, in words."""
    lines = []
    tracks = _table(found.get("tracks"))
    if tracks:
        better, worse = len(tracks.get("better", ())), len(tracks.get("worse", ()))
        scores = [(name, pair) for name, pair in _table(tracks.get("scores")).items() if pair[0] != pair[1]]
        named = [f"{name} {old:.2f} → {new:.2f}" for name, (new, old) in scores]
        lines.append(f"tracks  {better} better · {worse} worse · {tracks.get('same', 0)} same{_few(named)}")
    for what in ("code", "data", "checkpoint"):
        pair = found.get(what)
        if isinstance(pair, list) and len(pair) == 2:
            mine, theirs = (str(one)[:12] or "unknown" for one in pair)
            lines.append(f"other {what}: {theirs} → {mine}")
    files = _table(found.get("files"))
    if files:
        lines.append(f"files  {len(files)} differ{_few([f'{path} {count}' for path, count in files.items()])}")
    if found.get("files_note"):
        lines.append(f"files  {found['files_note']}")
    return lines


def _few(named: Sequence[str]) -> str:
    more = " …" if len(named) > NAMED else ""
    return f"   {' · '.join(named[:NAMED])}{more}" if named else ""


def _table(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _records(value: object) -> list[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _truth(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


def _number(value: object) -> float | None:
    """A number of a JSON document, in which NaN and infinities are words."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    return float(value) if value in ("nan", "inf", "-inf") else None
