"""What was found in one exchange, and how it is told: names and numbers, never text."""

from __future__ import annotations

from dataclasses import dataclass, field

from gateway_plugins.injection.memory import Found
from gateway_plugins.injection.parts import Part

HEADER = "x-sealgate-injection"
_BANDS = ((0.1, "clear"), (0.3, "low"))


@dataclass(slots=True)
class Findings:
    """The findings of a whole exchange so far, by part. `bands` is what receipts are given."""

    bands: dict[str, str] = field(default_factory=dict)
    scores: dict[str, float] = field(default_factory=dict)
    annotated: dict[str, float] = field(default_factory=dict)

    def note(self, part: Part, found: Found) -> None:
        """One more text that was judged."""
        name, score = part.name, found.score
        if found.is_attack:
            self.bands[name] = "over"
            if part.action == "annotate":
                self.annotated[name] = max(score, self.annotated.get(name, 0.0))
        elif score >= self.scores.get(name, 0.0) and self.bands.get(name) != "over":
            self.scores[name] = score
            self.bands[name] = next((said for limit, said in _BANDS if score < limit), "near")

    def header(self) -> str:
        """What the client is told, where the policy annotates."""
        return ", ".join(f"{name};score={score:.2f}" for name, score in self.annotated.items())
