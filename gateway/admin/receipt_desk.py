"""Receipts as the admin API reads them: one, a page, a proof, a verdict. Blocks: for a thread.

Nothing here writes the ledger. What somebody may not see does not exist for them: the answers are
the same.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Final, NamedTuple

import orjson

from gateway.admin.api_error import ApiError
from gateway.admin.receipt_forms import (
    FORMS,
    Document,
    ReceiptList,
    ReceiptSummary,
    Verdict,
    VerifyForm,
)
from gateway.identity.store import PAGE_MAX, Actor, NotFoundError, OtherTenantError
from gateway.ledger.bodies import Body, LockedError, unpack
from gateway.ledger.folder import ledger_folder
from gateway.ledger.opening import open_keys, open_ledger, open_subject_keys, read_index_key
from gateway.ledger.sealing import iso_ms, session_hash
from gateway.ledger.store import PRESENT, Filter, LedgerAwayError, LedgerError, Reader, Record
from gateway.ledger.tree import LogFiles
from gateway.receipts.commitment import ENTRY_LABEL, salt
from gateway.receipts.keys import RECEIPTS
from gateway.receipts.merkle import inclusion_proof
from gateway.receipts.projections.credential import to_credential
from gateway.receipts.projections.npm_v1 import to_npm_v1
from gateway.receipts.proof import Proof
from gateway.receipts.tiles import Tile, TileReader, tiles_for
from gateway.receipts.verify import verify_document
from gateway.settings import Settings

RECEIPT_KINDS: Final = ("exchange", "interrupted")
_ID_CHARACTERS: Final = 64
_LAST: Final = 2**62


class Entry(NamedTuple):
    """A record with what it holds; `body` is None where that is gone."""

    record: Record
    body: Body | None


class ReceiptDesk:
    """The ledger of this node, opened when it is first asked for."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.folder = ledger_folder(settings)

    # -- one receipt ----------------------------------------------------------------------------

    def answer(self, actor: Actor, name: str, form: str) -> Document:
        """A receipt in one of `FORMS`. Raises NotFoundError, ApiError."""
        if form not in FORMS:
            raise _unfit("format", f"write one of {', '.join(FORMS)}")
        entry = self.find(actor, name)
        if entry.body is None:
            raise ApiError(410, "erased", "the content of this receipt was erased or has expired")
        if form == "json":
            return Document(entry.body.receipt, "application/json")
        if form == "proof":
            return Document(self.proof(entry).text.encode(), "text/plain")
        if entry.record.kind not in RECEIPT_KINDS:
            raise _unfit("format", "only receipts of exchanges have this form")
        receipt = orjson.loads(entry.body.receipt)
        signer = self.keys.signer(RECEIPTS)
        if form == "v1":
            made: Mapping[str, Any] = to_npm_v1(receipt, signer)
        else:
            made = to_credential(receipt, signer, self.now())
        return Document(orjson.dumps(made), "application/json")

    def find(self, actor: Actor, name: str) -> Entry:
        """A record by reference or id. Raises NotFoundError where there is none for the actor."""
        record = self._record(name)
        message = f'there is no receipt "{name[:_ID_CHARACTERS]}"'
        if record is None:
            raise NotFoundError(message)
        if actor.tenant is not None and record.tenant != actor.tenant:
            raise OtherTenantError(message)
        return self.entries([record])[0]

    def _record(self, name: str) -> Record | None:
        if len(name) == _ID_CHARACTERS:
            try:
                return self.ledger.by_receipt_id(bytes.fromhex(name))
            except ValueError:
                return None
        return self.ledger.by_ref(name) if len(name) <= _ID_CHARACTERS else None

    def entries(self, records: list[Record]) -> list[Entry]:
        """Records with what they hold."""
        there = [record.log_index for record in records if record.gone == PRESENT]
        bodies = self.ledger.bodies(there)
        return [Entry(r, self._open(r, bodies.get(r.log_index))) for r in records]

    def _open(self, record: Record, body: bytes | None) -> Body | None:
        if body is None:
            return None
        key = self.subjects.key(record.subject) if record.subject else None
        try:
            return unpack(body, key)
        except LockedError:
            return None

    def proof(self, entry: Entry) -> Proof:
        """That a record is in the published log. Raises ApiError before it is published."""
        note, size, read = self.published()
        index = entry.record.log_index
        if entry.body is None or index >= size:
            headers = {"retry-after": "1"}
            raise ApiError(
                409, "unpublished", "the log is not published so far yet", headers=headers
            )
        hashes = inclusion_proof(index, size, read)
        return Proof(index, tuple(hashes), note, salt(entry.body.secret, ENTRY_LABEL))

    def published(self) -> tuple[str, int, TileReader]:
        """The newest checkpoint with its size, and what reads the tiles below it."""
        files = LogFiles(self.folder)
        note = files.read_kept()
        if note is None:
            raise ApiError(409, "unpublished", "the log has no checkpoint yet")
        size = int(note.split(b"\n", 2)[1])
        # The edge is replaced by the next checkpoint: it is read now, the rest when it is needed.
        edge = {tile.path: files.read_tile(tile) for tile in tiles_for(size)}

        def fetch(tile: Tile) -> bytes:
            return edge.get(tile.path) or files.read_tile(tile)

        return note.decode(), size, TileReader(fetch, size)

    # -- many -----------------------------------------------------------------------------------

    def page(self, actor: Actor, *, after: str, limit: int, **asked: str | None) -> ReceiptList:
        """Receipts that the filters let through, newest first. Raises ApiError."""
        if after and not after.isdigit():
            raise _unfit("after", "write what `next` said")
        tenant = asked.pop("tenant", None)
        wanted = self.filter_of(actor, tenant, asked)
        if wanted is None:
            return ReceiptList(items=(), next=None)
        size = min(limit, PAGE_MAX)
        found = self.ledger.page(
            _replaced(wanted, before=int(after) if after else _LAST, limit=size)
        )
        items = tuple(_summary(record) for record in found)
        more = len(found) == size
        return ReceiptList(items=items, next=str(items[-1].index) if more and items else None)

    def filter_of(
        self, actor: Actor, tenant: str | None, asked: Mapping[str, str | None]
    ) -> Filter | None:
        """The filters of a call; None where they let nothing through. Raises ApiError."""
        if actor.tenant is not None and tenant not in {None, actor.tenant}:
            return None
        tenant = actor.tenant or tenant
        session = asked.get("session")
        if session is not None and tenant is None:
            raise _unfit("session", "a session belongs to a tenant: say which, with `tenant`")
        kind = asked.get("kind")
        return Filter(
            tenant=tenant,
            kinds=RECEIPT_KINDS if kind is None else (kind,),
            severity_min=_severity(asked.get("severity")),
            session=None
            if session is None
            else session_hash(read_index_key(self.folder), tenant or "", session),
            since_ms=_moment("from", asked.get("from")),
            until_ms=_moment("to", asked.get("to")),
        )

    def verify(self, form: VerifyForm) -> Verdict:
        """The verdicts over a document."""
        try:
            data = orjson.dumps(form.document)
        except TypeError:
            raise _unfit("document", "its numbers are not those of a receipt") from None
        report = verify_document(data, self.keys.ring(), proof=form.proof)
        return Verdict(
            ok=report.exit_code == 0,
            states={aspect.value: state.value for aspect, state in report.states.items()},
            findings=tuple(str(finding) for finding in report.findings),
        )

    # -- what it is made of ---------------------------------------------------------------------

    def now(self) -> str:
        """Now as receipts write a time."""
        return iso_ms(time.time_ns() // 1_000_000)

    @cached_property
    def ledger(self) -> Reader:
        """Raises NotFoundError where no receipt was kept yet, LedgerAwayError."""
        try:
            return open_ledger(self.settings)
        except LedgerAwayError:
            raise
        except LedgerError:
            raise NotFoundError("this gateway keeps no receipts yet") from None

    @cached_property
    def subjects(self) -> Any:
        """The keys of subjects."""
        return open_subject_keys(self.settings)

    @property
    def keys(self) -> Any:
        """The keys that sign; read anew, since they rotate."""
        return open_keys(self.settings)

    def close(self) -> None:
        """Closes what was opened."""
        for name in ("ledger", "subjects"):
            opened = self.__dict__.pop(name, None)
            if opened is not None:
                opened.close()


def _summary(record: Record) -> ReceiptSummary:
    return ReceiptSummary(
        id=record.ref,
        receipt_id=record.receipt_id.hex(),
        tenant=record.tenant,
        kind=record.kind,
        index=record.log_index,
        seq=record.seq,
        timestamp=iso_ms(record.at_ms),
        status=record.status,
        severity=record.severity,
        erased=record.gone != PRESENT,
    )


def _replaced(wanted: Filter, *, before: int, limit: int) -> Filter:
    return Filter(
        tenant=wanted.tenant,
        kinds=wanted.kinds,
        severity_min=wanted.severity_min,
        session=wanted.session,
        since_ms=wanted.since_ms,
        until_ms=wanted.until_ms,
        before=before,
        limit=limit,
    )


def _severity(text: str | None) -> int:
    names = ("none", "yellow", "red", "critical")
    if text is None:
        return 0
    if text not in names:
        raise _unfit("severity", f"write one of {', '.join(names)}")
    return names.index(text)


def _moment(name: str, text: str | None) -> int | None:
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        raise _unfit(name, "write a time as 2026-01-15T08:00:00Z") from None
    return round(found.replace(tzinfo=found.tzinfo or UTC).timestamp() * 1000)


def _unfit(name: str, hint: str) -> ApiError:
    row = {"where": f"?{name}", "message": "cannot be used", "hint": hint}
    return ApiError(422, "invalid", f"?{name}: {hint}", problems=[row])
