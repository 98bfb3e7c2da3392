"""What a policy writes below `trust_score`."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from gateway.plugin import DurationText, PluginConfig

_HEADER = re.compile(r"[a-z0-9!#$%&'*+.^_`|~-]+")

Profile = Literal[
    "standard", "healthcare", "finance", "government", "technology", "education", "legal"
]
Table = Literal["spec", "evaluator"]


def _header(text: str | None) -> str | None:
    if text is not None and not _HEADER.fullmatch(text):
        raise ValueError(f'"{text}" is no header name; write it in small letters')
    return text


HeaderName = Annotated[str | None, AfterValidator(_header)]


class ConsentConfig(PluginConfig):
    """Where consent is on record: the first of these that knows anything of the caller."""

    registry: Path | None = Field(
        None, description="A JSON file of records, read again when it changes; see below."
    )
    claim: str | None = Field(None, description="A verified claim of the caller's token.")
    header: HeaderName = Field(
        None, description="A request header; believe it only from callers that you trust."
    )
    scope: str | None = Field(None, description="What the consent has to be for.")
    max_age: DurationText = Field("365d", description="How old a consent may be.")
    on_withdrawal: Literal["refuse", "score"] = Field(
        "refuse", description="What happens to whoever has withdrawn."
    )

    @model_validator(mode="after")
    def _has_a_source(self) -> Self:
        if self.registry is None and self.claim is None and self.header is None:
            raise ValueError("consent needs a source: registry, claim or header")
        return self


class OverrideConfig(PluginConfig):
    """The switch by which people stop the model: a file, and all exchanges while it is there."""

    file: Path = Field(description="While it exists, exchanges are refused with `overridden`.")
    within: DurationText = Field("2s", description="How soon the switch has to work.")
    approval_header: HeaderName = Field(
        None, description="A request header that names who approved the request."
    )


class RollingConfig(PluginConfig):
    """The score of a caller and agent over time."""

    exchanges: int = Field(
        20, ge=1, le=10_000, description="An exchange weighs one part of this many."
    )
    half_life: DurationText = Field(
        "7d", description="After this time without an exchange, half of what is known has faded."
    )
    floor: int = Field(0, ge=0, le=100, description="The score never falls below.")
    store: str = Field(
        "default", description="The store of gateway.yaml that [shares the scores](#rolling-score)."
    )
    on_outage: Literal["closed", "local"] = Field(
        "closed",
        description="With `min_trust` and the store away: refuse, or go by what this worker knows.",
    )


class TrustScoreConfig(PluginConfig):
    """With nothing given: what cannot be observed stays unknown, and earns nothing."""

    profile: Profile = Field("standard", description="The weights of the principles.")
    table: Table = Field(
        "spec", description="Which of the two published tables of weights; see below."
    )
    checks: tuple[str, ...] = Field(
        ("injection", "threat", "dlp"),
        description="Plugins of the policy that count as checks of what is said.",
    )
    consent: ConsentConfig | None = Field(None, description="The table below.")
    override: OverrideConfig | None = Field(None, description="The table below.")
    rolling: RollingConfig = Field(RollingConfig(), description="The table below.")
    agent_header: HeaderName = Field(
        None, description="A request header that names the agent; scores are kept for each."
    )
    min_trust: int = Field(
        0, ge=0, le=100, description="Callers whose rolling score is below are refused."
    )
    on_unknown: Literal["pass", "refuse"] = Field(
        "pass", description="What `min_trust` does with a caller of whom nothing is known yet."
    )
