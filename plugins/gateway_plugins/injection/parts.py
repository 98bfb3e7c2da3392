"""The parts of an exchange, and how the texts of each are judged."""

from __future__ import annotations

from typing import Final

from gateway_plugins.injection.config import InjectionConfig

_BY_KIND: Final = {
    "tool_result": "tool_result",
    "document": "document",
    "tool_description": "tool_description",
    "tool_call_arguments": "tool_call",
    "system": "system",
    "file_name": "other",
    "other": "other",
    "raw": "other",
}
_BY_ROLE: Final = {
    "user": "user",
    "system": "system",
    "assistant": "assistant",
    "tool": "tool_result",
}
_JUDGED_AS: Final = {
    "tool_result": "tool",
    "document": "document",
    "other": "tool",
    "system": "system",
    "tool_description": "tool_description",
}
"""What the scorer takes a text for; all others are judged as what a user writes."""
STANDING: Final = frozenset({"system", "tool_description"})
"""Parts that every request repeats in front: they are never history."""


class Part:
    """One part, never changed: `action` above `threshold`; `role` is what its texts are judged as.

    `stands` says that every request repeats it in front.
    """

    __slots__ = ("action", "name", "role", "stands", "threshold")

    def __init__(self, name: str, role: str, threshold: float, action: str) -> None:
        self.name = name
        self.role = role
        self.threshold = threshold
        self.action = action
        self.stands = name in STANDING


def parts_of(config: InjectionConfig) -> dict[str, Part]:
    """Every part by its name, those that are off included."""
    found = {}
    for name, action in config.actions:
        role = _JUDGED_AS.get(name, "user")
        is_data = role in {"tool", "document", "tool_description"}
        threshold = config.thresholds.tool if is_data else config.thresholds.user
        found[name] = Part(name, role, threshold, action)
    return found


def part_of_request(role: str, kind: str) -> str:
    """The name of the part that a span of a request belongs to."""
    return _BY_KIND.get(kind) or _BY_ROLE.get(role, "other")


def part_of_answer(kind: str) -> str:
    """The name of the part that a text of an answer belongs to."""
    if kind == "tool_call_arguments":
        return "answer_tool_call"
    return "answer_reasoning" if kind == "reasoning" else "answer"
