"""Gates: the conditions in `[registry] gates` of edm.toml that a version must meet to become Production.

boundary_f1_05 >= incumbent          a metric against the version in Production (also `incumbent - 0.01`),
val_loss < 0.03                      a number, or another metric of the same version
`my loss` < 0.03                     a name with spaces, in backticks or double quotes as in a filter
pushed                               the run folder is kept, and verified on the DVC remote
committed                            the run's code was committed
same_data                            trained on the data of the version in Production (without one: on data.dvc)
evaluated, evaluated 20              tracks were scored, at least so many
loads                                loads and predicts in a fresh process without this package
"""

import math
import operator
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from edm_core.actions.load_check import loads
from edm_core.diff.tracks import scores_in
from edm_core.errors import SettingsError, StoreError
from edm_core.snapshots.models import ModelVersion
from edm_core.snapshots.promotion import GateResult
from edm_core.snapshots.runs import DataState
from edm_core.stores.data_states import pointer, run_folders
from edm_core.workspace import Workspace

_COMPARE: dict[str, Callable[[float, float], bool]] = {
    ">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt, "==": operator.eq,
}  # fmt: skip
_COMPARISON = re.compile(r"^(?P<metric>`[^`]+`|\"[^\"]+\"|[^\s<>=`\"]+)\s*(?P<sign>>=|<=|>|<|==)\s*(?P<right>.+)$")
_INCUMBENT = re.compile(r"^incumbent\s*(?:(?P<sign>[+-])\s*(?P<margin>\d+(?:\.\d*)?(?:[eE][+-]?\d+)?))?$")


@dataclass(frozen=True, slots=True)
class Case:
    """What the gates judge: candidate, the version in its place (None: nobody), and their metrics."""

    workspace: Workspace
    candidate: ModelVersion
    incumbent: ModelVersion | None
    metrics: Mapping[str, float]
    incumbent_metrics: Mapping[str, float]


Verdict = tuple[bool, str]


def judge(case: Case) -> tuple[GateResult, ...]:
    """The result of every gate in edm.toml, in its order. Raises SettingsError for one that cannot be understood."""
    checks = [(gate, _understand(gate)) for gate in case.workspace.settings.registry.gates]
    return tuple(GateResult(gate, *check(case)) for gate, check in checks)


def judged_metrics(gates: Iterable[str]) -> list[str]:
    """The metrics that gates compare, in their order."""
    return [_unquoted(found["metric"]) for gate in gates if (found := _COMPARISON.match(gate.strip()))]


def _unquoted(name: str) -> str:
    return name[1:-1] if name[0] in '`"' and name[-1] == name[0] and len(name) > 2 else name


def _understand(gate: str) -> Callable[[Case], Verdict]:
    name, _, argument = gate.strip().partition(" ")
    if name == "evaluated" and (not argument or argument.strip().isdigit()):
        return lambda case: _evaluated(case, int(argument or 1))
    if name in _NAMED and not argument:
        return _NAMED[name]
    found = _COMPARISON.match(gate.strip())
    if found is None:
        raise SettingsError(
            f"edm.toml: [registry] gates: {gate!r} is no gate",
            f"A gate is METRIC >= incumbent, METRIC < 0.03, evaluated [N], {', '.join(sorted(_NAMED))}.",
        )
    return lambda case: _compare(case, _unquoted(found["metric"]), found["sign"], found["right"].strip())


def _compare(case: Case, metric: str, sign: str, right: str) -> Verdict:
    own = case.metrics.get(metric)
    if own is None:
        return False, f"{metric} of v{case.candidate.version} is not known"
    if math.isnan(own):
        return False, f"{metric} of v{case.candidate.version} is no number"
    against = _INCUMBENT.match(right)
    if against and case.incumbent is None:
        return True, f"{own:.4g}, and there is no incumbent"
    if against:
        theirs = case.incumbent_metrics.get(metric)
        if theirs is None:
            return False, f"{metric} of the incumbent is not known"
        if math.isnan(theirs):
            return False, f"{metric} of the incumbent is no number"
        margin = float(against["margin"] or 0)
        bound = theirs - margin if against["sign"] == "-" else theirs + margin
    else:
        value = _number(right, case.metrics)
        if value is None:
            return False, f"{right} is neither a number nor a metric of v{case.candidate.version}"
        bound = value
    return _COMPARE[sign](own, bound), f"{own:.4g} against {bound:.4g}"


def _number(text: str, metrics: Mapping[str, float]) -> float | None:
    try:
        return float(text)
    except ValueError:
        return metrics.get(_unquoted(text))


def _pushed(case: Case) -> Verdict:
    run_dir = case.candidate.tags.get("edm.run_dir", "")
    name = run_dir.rpartition("/")[2]
    if not name:
        return False, "it names no run folder"
    found = run_folders(case.workspace, {name}).get(name)
    if found is None:
        return False, f"{run_dir} is not kept"
    return found.state is DataState.PUSHED, f"{run_dir} is {found.state.word}"


def _committed(case: Case) -> Verdict:
    commit = case.candidate.tags.get("mlflow.source.git.commit", "")
    if not commit:
        return False, "its commit is not known"
    if case.candidate.tags.get("edm.git_dirty", "").lower() in ("true", "1", "yes"):
        return False, f"trained with uncommitted changes on {commit[:8]}"
    return True, commit[:8]


def _same_data(case: Case) -> Verdict:
    own = case.candidate.tags.get("edm.data_version", "")
    if not own:
        return False, "its data version is not known"
    if case.incumbent is not None:
        theirs, whose = case.incumbent.tags.get("edm.data_version", ""), f"v{case.incumbent.version}"
    else:
        try:
            theirs, whose = pointer(case.workspace.data_pointer).hash, "data.dvc"
        except StoreError as error:
            return False, error.message
    return own == theirs, f"{own[:8]}" + ("" if own == theirs else f", while {whose} has {theirs[:8] or 'none'}")


def tracks_of(workspace: Workspace, version: ModelVersion) -> dict[str, float]:
    """Track → boundary F1 at 0.5 s, as the version or tracks.json of its run folder says: whichever tells of more."""
    run_dir = version.tags.get("edm.run_dir", "")
    in_folder = scores_in(workspace.root / run_dir) if run_dir else {}
    return in_folder if len(in_folder) > len(version.tracks) else version.tracks


def _evaluated(case: Case, wanted: int) -> Verdict:
    found = len(tracks_of(case.workspace, case.candidate))
    return found >= wanted, f"{found} tracks scored" + ("" if found >= wanted else f", {wanted} wanted")


def _loads(case: Case) -> Verdict:
    return loads(case.workspace, case.candidate)


_NAMED: dict[str, Callable[[Case], Verdict]] = {
    "pushed": _pushed, "committed": _committed, "same_data": _same_data, "loads": _loads,
}  # fmt: skip
