"""Exports of receipts and of the record of administrative acts, streamed page by page.

The rows are those of `gateway.receipts.export`, each with its proof; the signed manifest at the end
says how many there are, which are first and last, and under which checkpoint. `sealgate verify`
needs nothing else. A CSV has no place for a manifest: the same query with `manifest=only` and the
`size` that the CSV's header `x-sealgate-log-size` said gives the manifest alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import orjson

from gateway.admin.api_error import ApiError
from gateway.admin.receipt_desk import Entry, ReceiptDesk
from gateway.admin.receipt_forms import Document, Stream
from gateway.identity.store import Actor, NotFoundError
from gateway.ledger.store import Filter
from gateway.receipts.canonical import canonical
from gateway.receipts.commitment import ENTRY_LABEL, salt
from gateway.receipts.export import (
    JSON_START,
    ExportTally,
    Format,
    csv_erased_row,
    csv_head,
    csv_row,
    erased_row,
    receipt_row,
)
from gateway.receipts.keys import LOG, RECEIPTS
from gateway.receipts.merkle import inclusion_proof
from gateway.receipts.projections.manifest import to_manifest

FORMATS: Final[tuple[Format, ...]] = ("json", "csv", "ndjson")
PAGE: Final = 200
SONATE_RECEIPTS_MAX: Final = 10_000
_TYPES: Final = {"json": "application/json", "csv": "text/csv", "ndjson": "application/x-ndjson"}
_KINDS: Final = ("exchange", "interrupted", "audit")


class Export:
    """One export: what was asked for, and the log as it was then."""

    def __init__(self, desk: ReceiptDesk, actor: Actor, asked: Mapping[str, str | None]) -> None:
        """Raises ApiError."""
        form = asked.get("format") or "json"
        if form not in FORMATS:
            raise ApiError(422, "invalid", f"?format: write one of {', '.join(FORMATS)}")
        self.form: Format = form
        self._desk = desk
        self._asked = {name: value for name, value in asked.items() if value is not None}
        wanted = desk.filter_of(actor, asked.get("tenant"), {**asked, "kind": None})
        self._wanted = wanted
        self._tenant = actor.tenant or asked.get("tenant")
        self._action = asked.get("action")
        cursor = asked.get("cursor") or ""
        if cursor and not cursor.isdigit():
            raise ApiError(422, "invalid", "?cursor: write the index of the last row that you have")
        self._after = int(cursor) if cursor else -1
        self._note, self.size, self._read = desk.published()
        size = asked.get("size")
        if size is not None:
            if not size.isdigit() or int(size) > self.size:
                raise ApiError(422, "invalid", "?size: write what x-sealgate-log-size said")
            self.size = int(size)

    def stream(self) -> Stream:
        """The export, or its manifest alone."""
        headers = {"x-sealgate-log-size": str(self.size)}
        if self._asked.get("manifest") == "only":
            return Stream(self._manifest_alone(), "application/json", headers)
        name = f"receipts.{self.form}"
        headers["content-disposition"] = f'attachment; filename="{name}"'
        return Stream(self._chunks(), _TYPES[self.form], headers)

    def _chunks(self) -> Iterator[bytes]:
        form = self.form
        tally = ExportTally(form)
        if form != "ndjson":
            yield JSON_START if form == "json" else csv_head()
        for rows in self._rows(tally):
            yield b"".join(rows)
        if form == "json" and tally.count:
            yield b"\n"  # each row is a line, and so is the end
        if form != "csv":
            yield ExportTally.end(form, self._manifest(tally))

    def _manifest_alone(self) -> Iterator[bytes]:
        tally = ExportTally(self.form)
        for _ in self._rows(tally):
            pass
        yield canonical(self._manifest(tally)) + b"\n"

    def _manifest(self, tally: ExportTally) -> dict[str, Any]:
        query = {name: value for name, value in self._asked.items() if name not in _UNQUOTED}
        narrowed = {"from", "to", "severity", "action", "session", "cursor"} & set(self._asked)
        return tally.manifest(
            self._desk.keys.signer(RECEIPTS),
            self._desk.now(),
            query=query if self._tenant is None else {**query, "tenant": self._tenant},
            complete=not narrowed and self._tenant is not None,
            checkpoint=self._note,
        )

    def _rows(self, tally: ExportTally) -> Iterator[list[bytes]]:
        wanted, after = self._wanted, self._after
        if wanted is None:
            return
        while True:
            records = self._desk.ledger.page(
                Filter(
                    tenant=wanted.tenant,
                    kinds=_KINDS,
                    severity_min=wanted.severity_min,
                    session=wanted.session,
                    since_ms=wanted.since_ms,
                    until_ms=wanted.until_ms,
                    after=after,
                    limit=PAGE,
                )
            )
            records = [record for record in records if record.log_index < self.size]
            if not records:
                return
            after = records[-1].log_index
            rows = (self._row(entry, tally) for entry in self._desk.entries(records))
            yield [row for row in rows if row]

    def _row(self, entry: Entry, tally: ExportTally) -> bytes:
        record, body = entry
        index = record.log_index
        proof = inclusion_proof(index, self.size, self._read)
        if body is None:
            if self._action is not None:
                return b""
            row = erased_row(
                index,
                record.entry,
                receipt_id=record.receipt_id.hex(),
                seq=record.seq,
                chain_hash=record.chain_hash.hex(),
                tenant=record.tenant,
                origin=self._desk.keys.origin,
                proof=proof,
            )
            document = orjson.loads(row)
            line = csv_erased_row(index, document) if self.form == "csv" else row
            return tally.add(line, index, document["erased"])
        document = orjson.loads(body.receipt)
        if self._action is not None and self._action not in _actions(record.kind, document):
            return b""
        salt_bytes = salt(body.secret, ENTRY_LABEL)
        if self.form == "csv":
            row = csv_row(index, salt_bytes, document, body.receipt)
        else:
            row = receipt_row(index, salt_bytes, body.receipt, proof)
        return tally.add(row, index, document)


def sonate_manifest(
    desk: ReceiptDesk, actor: Actor, *, project: str | None, legacy: str | None, tenant: str | None
) -> Document:
    """The receipts of a tenant as a `.sonate` manifest. Raises ApiError."""
    tenant = actor.tenant or tenant
    if tenant is None:
        raise ApiError(422, "invalid", "?tenant: a manifest is of one tenant")
    receipts: list[dict[str, Any]] = []
    after = -1
    while len(receipts) <= SONATE_RECEIPTS_MAX:
        wanted = Filter(tenant=tenant, kinds=_KINDS[:2], after=after, limit=PAGE)
        records = desk.ledger.page(wanted)
        if not records:
            break
        after = records[-1].log_index
        receipts += [orjson.loads(e.body.receipt) for e in desk.entries(records) if e.body]
    if len(receipts) > SONATE_RECEIPTS_MAX:
        message = f"a manifest holds at most {SONATE_RECEIPTS_MAX} receipts; use an export"
        raise ApiError(409, "too_many", message)
    if not receipts:
        raise NotFoundError("there are no receipts yet")
    name = project or tenant
    signer = desk.keys.signer(LOG)
    made = to_manifest(
        name, name, receipts, signer, desk.now(), legacy_tree=legacy in {"1", "true"}
    )
    return Document(orjson.dumps(made, option=orjson.OPT_INDENT_2), "application/json")


_UNQUOTED: Final = frozenset({"manifest", "size", "format"})


def _actions(kind: str, document: Mapping[str, Any]) -> tuple[str, str]:
    """What `action` may say to mean a document: its kind, or the administrative act in it."""
    detail = document.get("detail")
    action = detail.get("action", "") if isinstance(detail, dict) else ""
    return kind, str(action)
