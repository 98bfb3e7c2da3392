"""What a policy writes below `tokenize` of `dlp`."""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from gateway.plugin import DurationText, PluginConfig, duration_us
from gateway_plugins.dlp.tokens import Style

TTL_MAX_DAYS: Final = 30

_FIELD_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}")


def _header(text: str) -> str:
    if not _FIELD_NAME.fullmatch(text):
        raise ValueError(f'"{text}" is no name of a header, such as x-conversation-id')
    return text.lower()


def _ttl(text: str) -> str:
    longest = duration_us(f"{TTL_MAX_DAYS}d")
    if not duration_us("1s") <= duration_us(text) <= longest:
        raise ValueError(f"a value is kept between one second and {TTL_MAX_DAYS} days")
    return text


class ConversationConfig(PluginConfig):
    """Where a client says which conversation a request belongs to."""

    header: Annotated[str, AfterValidator(_header)] | None = Field(
        None, description="A request header that names it."
    )
    metadata: Annotated[str, Field(min_length=1, max_length=128)] | None = Field(
        None, description="A member of the body's `metadata` that names it."
    )

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.header is None and self.metadata is None:
            raise ValueError("give `header` or `metadata`, or leave `conversation` out")
        return self


class TokenizeConfig(PluginConfig):
    """How `action: tokenize` works."""

    style: Style = Field(
        "tagged",
        description="`tagged`: `<EMAIL_7Q2M4K9X>`. `lookalike`: in the form of the value, where "
        "there is one that nothing real has.",
    )
    conversation: ConversationConfig | None = Field(
        None,
        description="Where clients say which conversation a request is part of. Default, and where "
        "a request does not say it: the table below.",
    )
    store: str = Field("default", description="A store of gateway.yaml, for the sealed values.")
    ttl: Annotated[DurationText, AfterValidator(_ttl)] = Field(
        "24h", description="How long a conversation's values are kept after its last request."
    )
    on_outage: Literal["closed", "exchange"] = Field(
        "closed",
        description="Where the store is away when a value must be kept: refuse the request, or go "
        "on and restore only in the answer to it.",
    )
