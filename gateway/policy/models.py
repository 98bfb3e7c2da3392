"""The written form of a policy: what people write, checked for shape, not yet compiled."""

from __future__ import annotations

import re
from enum import StrEnum
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from gateway.patterns import ANYTHING
from gateway.settings import Milliseconds

_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}")
_HEADER_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_METHOD = re.compile(r"[A-Za-z]+|\*")


class Mode(StrEnum):
    """`enforce` counts; `shadow` computes and records, and changes nothing; `off` is not there."""

    ENFORCE = "enforce"
    SHADOW = "shadow"
    OFF = "off"


def _name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise ValueError(
            "a name has 1 to 63 of a-z, 0-9, - and _, and begins with a letter or digit"
        )
    return text


def _header_name(text: str) -> str:
    if not _HEADER_NAME.fullmatch(text):
        raise ValueError(f'"{text}" cannot be the name of a header')
    return text


def _method(text: str) -> str:
    if not _METHOD.fullmatch(text):
        raise ValueError("a method is a word such as GET, or *")
    return text.upper()


def _path(text: str) -> str:
    if text != ANYTHING and not text.startswith(("/", "*")):
        raise ValueError("a path begins with / (or with *)")
    if "?" in text or "#" in text:
        raise ValueError("a path has no query (?) and no fragment (#)")
    return text


def _host(text: str) -> str:
    if "/" in text or (":" in text and not text.startswith("[")):
        raise ValueError("a host is a name such as llm.example.com, without scheme and port")
    return text.lower()


Name = Annotated[str, AfterValidator(_name)]
HeaderName = Annotated[str, AfterValidator(_header_name)]
Method = Annotated[str, AfterValidator(_method)]
Path = Annotated[str, AfterValidator(_path)]
Host = Annotated[str, AfterValidator(_host)]
Pattern = Annotated[str, Field(min_length=1)]


class _Written(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Match(_Written):
    """Conditions on a request: all must hold; within one, any value may; `*` is any text.

    Nothing written means every request.
    """

    routes: tuple[Pattern, ...] = Field((), description="Names of routes.")
    hosts: tuple[Host, ...] = Field((), description="Host names, without port.")
    paths: tuple[Path, ...] = Field(
        (), description="Paths as they are forwarded: without the prefix of the route."
    )
    methods: tuple[Method, ...] = ()
    headers: dict[HeaderName, Pattern] = Field(
        default_factory=dict, description="Header names and what a value must look like."
    )
    models: tuple[Pattern, ...] = Field((), description="Models, from the path or the body.")
    tenants: tuple[Pattern, ...] = Field(
        (), description="Tenants, as the verified credential says; needs a step such as auth."
    )

    @property
    def asks_tenant(self) -> bool:
        """Whether it is for certain tenants only."""
        return bool(self.tenants) and ANYTHING not in self.tenants


class When(Match):
    """The same for one step, with what else is known of the caller once `auth` has run."""

    roles: tuple[Pattern, ...] = Field((), description="Roles, of which the caller has one.")
    subjects: tuple[Pattern, ...] = Field((), description="Users or services.")
    min_trust: int | None = Field(
        None,
        ge=0,
        le=100,
        description="The caller's rolling score is at least this; not for whoever has none yet. "
        "Needs the step `trust_score` before.",
    )
    max_trust: int | None = Field(
        None,
        ge=0,
        le=100,
        description="The caller's rolling score is at most this, or there is none yet.",
    )

    @property
    def asks_trust(self) -> bool:
        """Whether it asks for the caller's rolling score."""
        return self.min_trust is not None or self.max_trust is not None

    @property
    def asks_caller(self) -> bool:
        """Whether it asks who is calling at all."""
        asked = (self.tenants, self.roles, self.subjects)
        return any(patterns and ANYTHING not in patterns for patterns in asked)


class UseSettings(_Written):
    """What every use of a plugin may say beside the plugin's own keys."""

    mode: Mode = Field(Mode.ENFORCE, description="enforce, shadow (record only) or off.")
    timeout_ms: Milliseconds | None = Field(None, description="Longest time one hook may take.")
    on_error: Literal["reject", "continue"] | None = Field(
        None, description="What a failed or late hook means; default: what the plugin says."
    )
    when: When | None = Field(None, description="Requests that this use is for.")


class PolicyFile(_Written):
    """One file of the policies folder."""

    version: Literal[1] = Field(description="The version of this format.")
    name: Name = Field(description="Unique among all policies; in logs, metrics and receipts.")
    description: str = Field("", description="For people.")
    profile: Name | None = Field(
        None, description="The policy is loaded only by a gateway that runs with this profile."
    )
    match: Match = Field(Match(), description="Which requests; nothing written means every one.")
    mode: Mode = Field(Mode.ENFORCE, description="For the whole policy; off: as if not there.")
    chain: tuple[Any, ...] = Field(description="Plugins in the order in which they see a request.")
