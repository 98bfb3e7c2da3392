"""What a policy writes below `receipt`."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from gateway.plugin import PluginConfig
from gateway.plugin.journal import Durability, OnLedgerFailure

_HEADER = re.compile(r"[a-z0-9!#$%&'*+.^_`|~-]+")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:%/#?=-]{0,255}")
_CLASS = re.compile(r"[a-z0-9][a-z0-9_-]{0,31}")


def is_name(text: str) -> bool:
    """Whether a text can be the name of a session, an agent or a person in a receipt."""
    return _NAME.fullmatch(text) is not None


def _header(text: str | None) -> str | None:
    if text is not None and not _HEADER.fullmatch(text):
        raise ValueError(f'"{text}" is no header name; write it in small letters')
    return text


def _name(text: str) -> str:
    if not is_name(text):
        raise ValueError("a name has 1 to 256 of letters, digits and . _ : % / # ? = -")
    return text


def _class(text: str) -> str:
    if not _CLASS.fullmatch(text):
        raise ValueError("a retention class has 1 to 32 of a-z, 0-9, - and _")
    return text


HeaderName = Annotated[str | None, AfterValidator(_header)]
Name = Annotated[str, AfterValidator(_name)]


class SessionConfig(PluginConfig):
    """Which exchanges belong together: the first of these that the request has."""

    header: HeaderName = Field("x-session-id", description="A request header.")
    metadata: str | None = Field(
        "session_id",
        description="A text member of `metadata` in a JSON request. Without either, an exchange is "
        "a session of its own.",
    )


class AgentConfig(PluginConfig):
    """Which agent acts. A name without `did:` gets the prefix `did:sonate:`."""

    header: HeaderName = Field(None, description="A request header that names it.")
    default: Name = Field("sealgate", description="Its name where the request names none.")


class HumanConfig(PluginConfig):
    """For whom it acts: the first of these that is there."""

    header: HeaderName = Field(None, description="A request header that names the person.")
    claim: str | None = Field(None, description="A verified claim of the caller's token.")
    default: Name = Field(
        "anonymous",
        description="The name where nobody is known; a caller who is known is named by a "
        "pseudonym before that.",
    )


class ReceiptConfig(PluginConfig):
    """With nothing given: one salted receipt per exchange, without content."""

    durability: Durability | None = Field(
        None,
        description="`strict`: on the disk before the request is forwarded. `batched`: a killed "
        "process loses nothing, a power failure some milliseconds. `async`: a killed process may "
        "lose the last ones, which is told in the log. Default: `ledger.durability`.",
    )
    on_ledger_failure: OnLedgerFailure | None = Field(
        None,
        description="What happens to exchanges of which no receipt can be kept. Default: "
        "`ledger.on_ledger_failure`.",
    )
    commitment: Literal["salted", "sha256"] = Field(
        "salted", description="How bodies are committed to; `sha256` can be guessed from."
    )
    retention: Annotated[str, AfterValidator(_class)] = Field(
        "default", description="The class of the ledger that says how long a receipt is kept."
    )
    session: SessionConfig = Field(SessionConfig(), description="The table below.")
    agent: AgentConfig = Field(AgentConfig(), description="The table below.")
    human: HumanConfig = Field(HumanConfig(), description="The table below.")
    receipt_mode: Literal["constitutional", "directive"] = Field(
        "constitutional", description="The member `mode` of the receipt."
    )
    include_content: bool = Field(
        False,
        description="Writes what the user and the model said into the receipt, for ever and in "
        "plain text; at most 32 KiB of each.",
    )
