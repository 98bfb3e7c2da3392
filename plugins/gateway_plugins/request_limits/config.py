"""What a policy writes below `request_limits`."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from gateway.plugin import PluginConfig

_METHOD = re.compile(r"[A-Z][A-Z-]*")
_TYPE = re.compile(r"[a-z0-9!#$&^_.+*-]+/[a-z0-9!#$&^_.+*-]+")


def _method(text: str) -> str:
    if not _METHOD.fullmatch(text):
        raise ValueError(f'"{text}" is no method; write it in capitals, such as POST')
    return text


def _content_type(text: str) -> str:
    if not _TYPE.fullmatch(text):
        raise ValueError(
            f'"{text}" is no content type; write it in small letters and without parameters, such '
            "as application/json or image/*"
        )
    return text


Method = Annotated[str, AfterValidator(_method)]
ContentType = Annotated[str, AfterValidator(_content_type)]


class RequestLimitsConfig(PluginConfig):
    """Only what is given is checked."""

    methods: tuple[Method, ...] = Field((), description="When given, no other method passes.")
    query_bytes_max: int | None = Field(
        None, ge=0, description="Longest query string, without the `?`."
    )
    body_bytes_max: int | None = Field(
        None, ge=0, description="Largest body, also while one of unknown length streams."
    )
    content_types: tuple[ContentType, ...] = Field(
        (), description="For requests with a body; `*` stands for any run of characters."
    )
    models: tuple[str, ...] = Field(
        (), description='When given, no other model passes; `""` admits requests that name none.'
    )
    models_denied: tuple[str, ...] = Field(
        (), description="Models that never pass, in whatever case they are written."
    )
    json_depth_max: int | None = Field(
        None,
        ge=1,
        le=1024,
        description="Objects and arrays within each other. Not given: 128 where `models` or "
        "`models_denied` make this plugin read the body, else not checked.",
    )
    json_containers_max: int | None = Field(
        None,
        ge=1,
        description="Objects and arrays in all. Not given: 100000 where the body is read, else "
        "not checked.",
    )
    uninspectable: Literal["block", "pass"] = Field(
        "block",
        description="A body that must be read and cannot be: compressed, or no JSON.",
    )

    @model_validator(mode="after")
    def _asks_something(self) -> Self:
        if self == type(self).model_construct(uninspectable=self.uninspectable):
            raise ValueError("nothing to check: give at least one limit")
        return self

    @property
    def reads_body(self) -> bool:
        """Whether a limit is given that only the body can tell."""
        limits = (self.models, self.models_denied, self.json_depth_max, self.json_containers_max)
        return any(limits)
