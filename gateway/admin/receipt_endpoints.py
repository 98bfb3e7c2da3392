"""The endpoints of the ledger: receipts, exports, keys that sign, trust."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final, Literal

import orjson
from pydantic import BaseModel, ConfigDict, Field

from gateway.admin.api_error import ApiError
from gateway.admin.endpoint import Call, Endpoint
from gateway.admin.receipt_forms import (
    QUERIES,
    Document,
    ReceiptSummary,
    Stream,
    Verdict,
    VerifyForm,
)
from gateway.identity.store import NotFoundError

if TYPE_CHECKING:
    from gateway.admin.receipt_desk import ReceiptDesk
    from gateway.receipts.keys import PublicKey

RESETS_FILE: Final = "trust-resets.jsonl"
"""Read by the plugin `trust_score` of every worker."""


class SigningKey(BaseModel):
    """A public key of the ledger and the entries of the log for which it counts."""

    id: str
    purpose: str
    public_key: str
    did: str
    created: str
    first_index: int
    last_index: int | None
    revoked_index: int | None


class SigningKeys(BaseModel):
    """All of them, oldest first."""

    items: tuple[SigningKey, ...]


class RotateForm(BaseModel):
    """Which key is to be replaced."""

    model_config = ConfigDict(extra="forbid")

    purpose: Literal["receipts", "log"]
    reason: str = Field("", max_length=500, description="Stands in the log for ever.")


class RevokeForm(BaseModel):
    """Why a key does not count any more."""

    model_config = ConfigDict(extra="forbid")

    reason: str = Field("", max_length=500, description="Stands in the log for ever.")


class Done(BaseModel):
    """What the log says of it: the index of the record, and its detail."""

    index: int
    kind: str
    detail: dict[str, Any]


class ResetForm(BaseModel):
    """Whose rolling trust scores are forgotten."""

    model_config = ConfigDict(extra="forbid")

    subject: str = Field(min_length=1, max_length=512)
    tenant: str | None = Field(None, description="Default: the one of the credential.")
    agent: str | None = Field(None, description="Default: all agents of the subject.")


class Reset(BaseModel):
    """A reset that workers follow within a second."""

    tenant: str
    subject: str
    agent: str | None


def _desk(call: Call) -> ReceiptDesk:
    if call.desk is None:
        raise NotFoundError("this gateway keeps no receipts")
    return call.desk.open()


def _all_tenants(call: Call) -> None:
    """Keys sign for every tenant, so only who administers all of them changes them."""
    if call.actor.tenant is not None:
        raise ApiError(403, "forbidden", "keys are those of all tenants; this credential is of one")


def _key(key: PublicKey) -> SigningKey:
    return SigningKey(
        id=key.key_id,
        purpose=key.purpose,
        public_key=key.public_key.hex(),
        did=key.did,
        created=key.created,
        first_index=key.first_index,
        last_index=key.last_index,
        revoked_index=key.revoked_index,
    )


def _keys(call: Call) -> SigningKeys:
    desk = _desk(call)
    keys = desk.keys.public_keys() if desk.folder.exists() else []
    return SigningKeys(items=tuple(_key(key) for key in keys))


def _rotate(call: Call) -> Done:
    _all_tenants(call)
    detail = {"purpose": call.form.purpose, "reason": call.form.reason, "actor": call.actor.name}
    return _done(_desk(call), "rotate_key", detail)


def _revoke(call: Call) -> Done:
    _all_tenants(call)
    desk = _desk(call)
    known = desk.keys.public_keys() if desk.folder.exists() else []
    if call.record_id not in {key.key_id for key in known}:
        raise NotFoundError(f'there is no signing key "{call.record_id[:64]}"')
    detail = {"key_id": call.record_id, "reason": call.form.reason, "actor": call.actor.name}
    return _done(desk, "revoke_key", detail)


def _done(desk: ReceiptDesk, kind: str, detail: dict[str, Any]) -> Done:
    from gateway.ledger.asking import ask  # noqa: PLC0415  # the ledger is heavy; not before a call

    record = ask(desk.settings, kind, detail)
    return Done(index=record["log"]["index"], kind=record["kind"], detail=record["detail"])


def _reset(call: Call) -> Reset:
    """One line, written whole: workers read the file while it grows."""
    tenant = call.actor.tenant_for(call.form.tenant)
    made = Reset(tenant=tenant, subject=call.form.subject, agent=call.form.agent)
    path = _desk(call).settings.data_dir / RESETS_FILE
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    try:
        os.write(descriptor, orjson.dumps(made.model_dump()) + b"\n")
    finally:
        os.close(descriptor)
    return made


def _export(call: Call) -> Stream | Document:
    from gateway.admin.receipt_export import Export  # noqa: PLC0415  # the ledger is heavy; not before a call

    return Export(_desk(call), call.actor, call.query).stream()


def _manifest(call: Call) -> Document:
    from gateway.admin.receipt_export import sonate_manifest  # noqa: PLC0415  # the ledger is heavy; not before a call

    return sonate_manifest(_desk(call), call.actor, **call.query)


RECEIPT_ENDPOINTS: tuple[Endpoint, ...] = (
    Endpoint(
        *("GET", "/receipts", "receipts.list", "admin.receipts.read", "List receipts"),
        lambda c: _desk(c).page(c.actor, **c.query),
        answer=ReceiptSummary,
        paged=True,
        filters=("tenant", "from", "to", "session", "severity", "kind"),
        ledger=True,
    ),
    Endpoint(
        *("GET", "/receipts/{id}", "receipts.read", "admin.receipts.read"),
        "Look at a receipt: as it was signed, projected, or its proof",
        lambda c: _desk(c).answer(c.actor, c.record_id, c.query.get("format") or "json"),
        queries=("format", "wait"),
        ledger=True,
    ),
    Endpoint(
        *("POST", "/verify", "receipts.verify", "admin.receipts.read", "Verify a receipt"),
        lambda c: _desk(c).verify(c.form),
        form=VerifyForm,
        answer=Verdict,
        ledger=True,
    ),
    Endpoint(
        *("GET", "/api/audit/export", "audit.export", "admin.audit.export"),
        "Export receipts and administrative acts, with a signed manifest",
        _export,
        queries=QUERIES,
        ledger=True,
    ),
    Endpoint(
        *("GET", "/api/audit/manifest", "audit.manifest", "admin.audit.export"),
        "Export the receipts of a tenant as a .sonate manifest",
        _manifest,
        queries=("project", "legacy", "tenant"),
        ledger=True,
    ),
    Endpoint(
        *("GET", "/api/signing-keys", "signing_keys.list", "admin.signing_keys.read"),
        "List the keys that sign receipts and the log",
        _keys,
        answer=SigningKeys,
        ledger=True,
    ),
    Endpoint(
        *("POST", "/api/signing-keys/rotate", "signing_keys.rotate", "admin.signing_keys.write"),
        "Replace a key that signs",
        _rotate,
        form=RotateForm,
        answer=Done,
        ledger=True,
    ),
    Endpoint(
        *("POST", "/api/signing-keys/{id}/revoke", "signing_keys.revoke"),
        "admin.signing_keys.write",
        "Say that what a key signs from now on does not count",
        _revoke,
        form=RevokeForm,
        answer=Done,
        ledger=True,
    ),
    Endpoint(
        *("POST", "/api/trust/resets", "trust.reset", "admin.trust.write"),
        "Forget the rolling trust scores of a subject",
        _reset,
        form=ResetForm,
        answer=Reset,
        ledger=True,
    ),
)
"""A part of the table of endpoints."""
