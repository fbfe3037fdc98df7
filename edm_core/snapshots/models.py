"""What the model registry says at one moment."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """A version of a registered model; `stage` is MLflow's word (None, Staging, Production, Archived)."""

    name: str
    version: int
    stage: str = "None"
    aliases: tuple[str, ...] = ()
    run_id: str = ""
    source: str = ""
    created_ms: int = 0
    description: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)

    @property
    def metrics(self) -> dict[str, float]:
        """The metrics that the version carries; {} for one that another tool registered."""
        return _numbers(self.tags.get("edm.metrics", ""))

    @property
    def tracks(self) -> dict[str, float]:
        """Track → score, as the version carries them."""
        return _numbers(self.tags.get("edm.tracks", ""))

    @property
    def label(self) -> str:
        """As shown in a row: `v3 Production`, `v2 @champion`, `v1`."""
        extra = [] if self.stage == "None" else [self.stage]
        extra += [f"@{alias}" for alias in self.aliases if alias != self.stage.lower()]
        return " ".join([f"v{self.version}", *extra])


def _numbers(text: str) -> dict[str, float]:
    """Numbers by name out of a tag, which may hold anything."""
    try:
        return {str(key): float(value) for key, value in json.loads(text).items()}
    except (ValueError, TypeError, AttributeError):
        return {}
