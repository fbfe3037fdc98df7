"""Which names a run may have, and which are a bad idea. A run's name becomes its folder's."""

import re
import unicodedata

from edm_core.errors import RunNameError

MAX_LENGTH = 100
_VAGUE = {
    "test",
    "run",
    "new",
    "tmp",
    "temp",
    "foo",
    "asdf",
    "model",
    "experiment",
    "baseline",
    "final",
    "untitled",
}


def check_run_name(name: str) -> None:
    """Raise RunNameError when `name` cannot be the name of a run folder."""
    reason = _fault(name)
    if reason:
        shown = "".join(c if c.isprintable() else "?" for c in name[:40])
        raise RunNameError(
            f"run name {shown!r} {reason}", "Use letters, digits, '_', '-' and '.', at most 100 characters."
        )


def _fault(name: str) -> str:
    if not name.strip():
        return "is empty"
    if len(name) > MAX_LENGTH or len(name.encode("utf-8", "surrogatepass")) > 2 * MAX_LENGTH:
        return f"is longer than {MAX_LENGTH} characters"
    if any(unicodedata.category(c) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp") for c in name):
        return "holds a control character"
    if "/" in name or "\\" in name:
        return "holds a path separator"
    if name[0] in "-.":
        return f"begins with {name[0]!r}"
    if ".." in name:
        return "holds '..'"
    if name != name.strip():
        return "begins or ends with a space"
    if name.endswith(".dvc"):
        return "ends with '.dvc', which is the name of a DVC pointer"
    return ""


def naming_warnings(name: str) -> list[str]:
    """What a colleague would say about this name, one sentence each; empty for a good one."""
    warnings = []
    lowered = name.lower()
    if lowered in _VAGUE or re.fullmatch(r"(test|run|new|tmp|foo|model|exp)[_-]?\d*", lowered):
        warnings.append(f"'{name}' says nothing about the run: name what differs, such as mert95m_dropout03")
    elif re.fullmatch(r"run[_-]?\d{6,8}([_-]\d+)?", lowered):
        warnings.append("a date alone says nothing about the run: the table shows when it started anyway")
    if re.search(r"final|latest|newest", lowered) or re.search(r"(^|[_-])v\d+$", lowered):
        warnings.append("'final' and version numbers age badly: name what changed, versions are kept for you")
    if " " in name:
        warnings.append("spaces must be quoted on every command line: use '_'")
    return warnings
