"""What a policy says of each class of threats, and in which place."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Final, Literal, TypeAlias

from pydantic import Field

from gateway.plugin import OnUninspectable, PluginConfig
from gateway.scan.threats.judge import BITES
from gateway.scan.threats.rule import Threat
from gateway_plugins.threat.place import Place

Action: TypeAlias = Literal["block", "flag", "off"]


PLACES: Final[Mapping[Place, str]] = {
    Place.ARGUMENTS: "Arguments of tool calls, in answers and in requests (MCP above all).",
    Place.RESULTS: "Results of tools, documents, names of files.",
    Place.ANSWERS: "What the model says, and a client shows.",
    Place.PROSE: "Everything else: what users and operators write.",
}
"""Every place with what it is; for the documentation."""

_SHOWN: Final = frozenset({Threat.MARKUP, Threat.EXFILTRATION})

DEFAULTS: Final[Mapping[Place, Mapping[Threat, Action]]] = {
    Place.ARGUMENTS: dict.fromkeys(Threat, "block"),
    Place.RESULTS: dict.fromkeys(Threat, "flag"),
    Place.ANSWERS: {threat: "block" if threat in _SHOWN else "off" for threat in Threat},
    Place.PROSE: dict.fromkeys(Threat, "flag"),
}

ClassAction: TypeAlias = Action | dict[Place, Action]


class ThreatConfig(PluginConfig):
    """Classes that are not named keep their defaults."""

    classes: dict[Threat, ClassAction] = Field(
        default_factory=dict,
        description="By class: `block`, `flag` or `off`, for all places or for some of them.",
    )
    hosts: tuple[Annotated[str, Field(min_length=1, max_length=253)], ...] = Field(
        (),
        description="Hosts that links may lead to and tools may ask, though they would be refused; "
        "`*.example.com` is all below it.",
    )
    threshold: float = Field(
        BITES, ge=0.5, le=1.0, description="The score from which `block` blocks."
    )
    flag_threshold: float = Field(
        0.5, ge=0.0, le=1.0, description="The score from which something is flagged."
    )
    on_uninspectable: OnUninspectable | None = Field(
        None, description="What becomes of [what cannot be read](../concepts/text.md#coverage)."
    )

    def actions(self) -> dict[Place, dict[Threat, Action]]:
        """What becomes of each class in each place."""
        return {
            place: {threat: self._action(place, threat) for threat in Threat} for place in Place
        }

    def _action(self, place: Place, threat: Threat) -> Action:
        said = self.classes.get(threat)
        if isinstance(said, str):
            return said
        return (said or {}).get(place, DEFAULTS[place][threat])
