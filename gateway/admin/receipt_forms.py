"""What the endpoints of receipts take and give, apart from what reads the ledger."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, Literal, NamedTuple, TypeAlias

from pydantic import BaseModel, ConfigDict, Field

Form: TypeAlias = Literal["json", "v1", "vc", "proof"]
FORMS: Final[tuple[Form, ...]] = ("json", "v1", "vc", "proof")
QUERIES: Final = ("format", "from", "to", "cursor", "severity", "action", "session", "tenant",
                  "manifest", "size")  # fmt: skip


class ReceiptSummary(BaseModel):
    """One receipt in a list; `receipt_id` is its hash, `id` the reference that clients are told."""

    model_config = ConfigDict(frozen=True)

    id: str
    receipt_id: str
    tenant: str
    kind: str
    index: int
    seq: int
    timestamp: str
    status: int
    severity: int
    erased: bool


class ReceiptList(BaseModel):
    """Some receipts, newest first; `next` is the `after` of the next page, null at the end."""

    items: tuple[ReceiptSummary, ...]
    next: str | None


class VerifyForm(BaseModel):
    """What is to be verified, with the keys of this gateway."""

    model_config = ConfigDict(extra="forbid")

    document: dict[str, Any] = Field(description="A receipt or control record.")
    proof: str | None = Field(None, description="Its tlog-proof, as text.")


class Verdict(BaseModel):
    """What came of it: `states` by aspect, and the reasons."""

    ok: bool
    states: dict[str, str]
    findings: tuple[str, ...]


class Document(NamedTuple):
    """An answer that is no record of this API: its bytes and type."""

    body: bytes
    content_type: str


class Stream(NamedTuple):
    """An answer that comes in pieces; each piece is made in the thread of the ledger."""

    chunks: Iterator[bytes]
    content_type: str
    headers: dict[str, str]
