"""What a promotion means: `edm models promote --dry-run` says how the candidate compares and what the gates find."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from edm_core.errors import EdmError
from edm_core.snapshots.models import ModelVersion
from edm_tui.dialogs.promote import HOLDERS, Gate, MetricRow
from edm_tui.services import Services

RUN_NAME_TAG = "edm.run_name"


@dataclass(frozen=True, slots=True)
class Findings:
    """What there is to know before the decision; `notice` is why it could not be found out."""

    metrics: Sequence[MetricRow] = ()
    gates: Sequence[Gate] = ()
    differences: Mapping[str, tuple[str, str]] | None = None
    notice: str = ""


def run_name_of(version: ModelVersion) -> str:
    """The name of the version's run as it was registered, else the beginning of the run's id."""
    return version.tags.get(RUN_NAME_TAG) or version.run_id[:8]


def incumbent_of(versions: Sequence[ModelVersion], version: ModelVersion, stage: str) -> str:
    """Who is in this stage now, in words; "" for nobody, or where any number may be."""
    from edm_core.actions.stages import holder

    if stage not in HOLDERS:
        return ""
    others = [one for one in versions if one.name == version.name and one.version != version.version]
    found = holder(others, stage)
    return f"v{found.version} {run_name_of(found)}" if found else ""


async def find_out(services: Services, version: ModelVersion, stage: str) -> Findings:
    """Ask `edm models promote --dry-run`, in a process of its own because gates may load the model."""
    if stage not in HOLDERS:
        return Findings()
    target = f"{version.name}/{version.version}"
    argv = ("models", "promote", target, stage, "--dry-run")
    try:
        return findings_of(await services.query(*argv, lane="registry", title=f"Compare {target}"))
    except EdmError as error:
        hint = f" ({error.hint})" if error.hint else ""
        return Findings(notice=f"could not be compared: {error.message}{hint}")


def findings_of(document: Mapping[str, Any]) -> Findings:
    """The Findings in what `edm models promote --dry-run --json` printed."""
    differences = document.get("differences")
    return Findings(
        metrics=[
            MetricRow(str(one.get("metric", "")), _number(one.get("candidate")), _number(one.get("incumbent")),
                      str(one.get("verdict", "")))
            for one in _records(document.get("metrics"))
        ],
        gates=[
            Gate(str(one.get("gate", "")), one.get("passed") is True, str(one.get("detail", "")))
            for one in _records(document.get("gates"))
        ],
        differences={
            str(key): (str(pair[0]), str(pair[1]))
            for key, pair in (differences.items() if isinstance(differences, dict) else ())
            if isinstance(pair, list) and len(pair) == 2
        },
    )  # fmt: skip


def _records(value: object) -> list[Mapping[str, Any]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _number(value: object) -> float | None:
    """A number of a JSON document, in which NaN and infinities are words."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    return float(value) if value in ("nan", "inf", "-inf") else None
