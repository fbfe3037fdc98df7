"""What doctor found at one moment."""

from dataclasses import dataclass
from hashlib import sha256
from typing import Literal

Severity = Literal["error", "warning", "info"]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something that is not as it should be; `mend` says what would be done, or what to do by hand."""

    check: str
    severity: Severity
    message: str
    evidence: str = ""
    mend: str = ""
    mendable: bool = False
    mended: str = ""
    """What was done about it; "" when nothing was."""
    by_choice: bool = False
    """Whether the mend is one of several ways, so that it is done only when this finding is named."""

    @property
    def id(self) -> str:
        """Names the fault through a second look: the check, and a digest of what is wrong."""
        return f"{self.check}-{sha256(self.message.encode()).hexdigest()[:8]}"
