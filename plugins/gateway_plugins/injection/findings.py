"""What was found in one exchange, and how it is told: names and numbers, never text."""

from __future__ import annotations

from typing import Final

from gateway_plugins.injection.memory import Found
from gateway_plugins.injection.parts import Part

HEADER: Final = "x-sealgate-injection"
_BANDS: Final = ((0.1, "clear"), (0.3, "low"))


class Findings:
    """The findings of a whole exchange so far, by part. `bands` is what receipts are given."""

    __slots__ = ("annotated", "bands", "scores")

    def __init__(self) -> None:
        self.bands: dict[str, str] = {}
        self.scores: dict[str, float] = {}
        self.annotated: dict[str, float] = {}

    def note(self, part: Part, found: Found) -> None:
        """One more text that was judged."""
        name, score = part.name, found.score
        if found.is_attack:
            self.bands[name] = "over"
            if part.action == "annotate":
                self.annotated[name] = max(score, self.annotated.get(name, 0.0))
        elif score >= self.scores.get(name, 0.0) and self.bands.get(name) != "over":
            self.scores[name] = score
            self.bands[name] = _band(score)

    def header(self) -> str:
        """What the client is told, where the policy annotates."""
        return ", ".join(f"{name};score={score:.2f}" for name, score in self.annotated.items())


def _band(score: float) -> str:
    for limit, said in _BANDS:
        if score < limit:
            return said
    return "near"
