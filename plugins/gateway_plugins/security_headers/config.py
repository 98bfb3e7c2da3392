"""What a policy writes below `security_headers`."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from gateway.plugin import PluginConfig

_NAME = re.compile(r"[a-z0-9!#$%&'*+.^_`|~-]+")
_VALUE = re.compile(r"[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?")
_METHOD = re.compile(r"[A-Z][A-Z-]*")
_ORIGIN = re.compile(r"[a-z][a-z0-9+.-]*://(?:\*\.)?[a-z0-9.\[\]:_-]+")
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}

# What frames a message is the connection's affair; a policy that removed it would break answers.
_FRAMING = frozenset({"connection", "content-encoding", "content-length", "transfer-encoding"})


def _name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise ValueError(f'"{text}" is no header name; write it in small letters')
    if text in _FRAMING:
        raise ValueError(f'"{text}" frames the message and cannot be changed here')
    return text


def _value(text: str | None) -> str | None:
    if text is not None and not _VALUE.fullmatch(text):
        raise ValueError("a header value is printable ASCII and not empty; null leaves it out")
    return text


def _method(text: str) -> str:
    if not _METHOD.fullmatch(text):
        raise ValueError(f'"{text}" is no method; write it in capitals, such as POST')
    return text


def _origin(text: str) -> str:
    if text == "*":
        return text
    scheme, _, rest = text.partition("://")
    bare = f"{scheme}://{rest.partition('/')[0]}".lower()
    port = _DEFAULT_PORTS.get(scheme.lower(), "")
    if port and bare.endswith(port):
        bare = bare.removesuffix(port)
    if not rest or not _ORIGIN.fullmatch(bare):
        raise ValueError(
            f'"{text}" is no origin; write one as https://app.example.com, '
            "https://*.example.com or *"
        )
    if bare != text:
        raise ValueError(f'"{text}" is not how browsers write an origin; write {bare}')
    return text


HeaderName = Annotated[str, AfterValidator(_name)]
HeaderValue = Annotated[str | None, AfterValidator(_value)]
Method = Annotated[str, AfterValidator(_method)]
Origin = Annotated[str, AfterValidator(_origin)]
RequestHeader = Annotated[str, AfterValidator(lambda text: text if text == "*" else _name(text))]


class CorsConfig(PluginConfig):
    """Which web pages may call the gateway from a browser (the Fetch standard's CORS protocol)."""

    origins: tuple[Origin, ...] = Field(
        min_length=1,
        description="Exact (`https://app.example.com`), below a domain (`https://*.example.com`) "
        "or `*` for all.",
    )
    methods: tuple[Method, ...] = Field(
        ("GET", "POST", "DELETE"), min_length=1, description="What a preflight allows."
    )
    headers: tuple[RequestHeader, ...] = Field(
        ("*",),
        description="Request headers that a preflight allows; `*` allows those that it asks for.",
    )
    expose_headers: tuple[HeaderName, ...] = Field(
        ("x-request-id", "retry-after"), description="Response headers that scripts may read."
    )
    credentials: bool = Field(False, description="Lets browsers send cookies along.")
    max_age_s: int = Field(
        600, ge=0, le=86_400, description="How long a browser may remember a preflight."
    )

    @model_validator(mode="after")
    def _names_who_gets_credentials(self) -> Self:
        if self.credentials and "*" in self.origins:
            raise ValueError(
                "`credentials` with the origin `*` would let every web page act for the user; "
                "list the origins"
            )
        return self


class SecurityHeadersConfig(PluginConfig):
    """With nothing given: the default headers on the gateway's own answers."""

    headers: dict[HeaderName, HeaderValue] = Field(
        default_factory=dict,
        description="More headers, or other values for the defaults; null leaves a default out.",
    )
    strict_transport_security: HeaderValue = Field(
        "max-age=31536000", description="Sent over TLS only; null leaves it out."
    )
    apply_to: Literal["local", "all"] = Field(
        "local",
        description="`local`: the gateway's own answers. `all`: those of upstreams too, where they "
        "do not have the header already.",
    )
    remove: tuple[HeaderName, ...] = Field(
        (), description="Headers taken off upstream answers, such as `server`."
    )
    cors: CorsConfig | None = Field(None, description="Rules for browsers; the table below.")
