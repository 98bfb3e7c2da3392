"""Exports of receipts that verify offline: rows, and one signed manifest over all of them.

A row is a canonical JSON object: `index` (of the entry in the log), one of `receipt`, `record`
(a control record) and `erased`, `salt` of the entry in hex, and optionally `proof` (hex hashes, to
the manifest's checkpoint). A row of something erased keeps what the log and the chain still need:
`id`, `seq`, `chain_hash` and `entry`.

| Format | Form | `rows_sha256` is over |
|---|---|---|
| `ndjson` | a row a line, then `{"manifest": ...}` | each row's bytes, each followed by LF |
| `json` | `{"rows":[`, rows with commas between, `],"manifest":...}` | the same |
| `csv` | RFC 4180, columns of `CSV_COLUMNS`; the manifest is a file of its own | the file's bytes |

The manifest says how many rows there are, which ones are the first and the last, what was asked
for, and under which checkpoint; so a row cannot be left out, added or moved unseen.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Any, Final, Literal

from gateway.receipts.canonical import canonical
from gateway.receipts.ed25519 import Signer
from gateway.receipts.receipt import key_id_of, signature_block, signed_bytes

Format = Literal["ndjson", "json", "csv"]
EXPORT_VERSION: Final = 1
JSON_START: Final = b'{"rows":['
CSV_COLUMNS: Final = (
    "index",
    "kind",
    "timestamp",
    "tenant",
    "seq",
    "id",
    "session_id",
    "agent_did",
    "human_did",
    "model",
    "route",
    "status",
    "outcome",
    "policy",
    "score",
    "verdict",
    "input_tokens",
    "output_tokens",
    "cost_micros",
    "salt",
    "document",
)
_FORMULA_STARTS: Final = ("=", "+", "-", "@", "\t", "\r")


def receipt_row(
    index: int, salt: bytes, data: bytes, proof: Iterable[bytes] | None = None
) -> bytes:
    """A row of a receipt or control record whose canonical bytes are `data`.

    The bytes go in as they are: what was signed and logged is what is exported.
    """
    member = b"record" if _is_record(data) else b"receipt"
    proved = b""
    if proof is not None:
        proved = b'"proof":[%b],' % b",".join(b'"%b"' % item.hex().encode() for item in proof)
    return b'{"index":%d,%b"%b":%b,"salt":"%b"}' % (
        index,
        proved,
        member,
        data,
        salt.hex().encode(),
    )


def erased_row(
    index: int,
    entry: bytes,
    *,
    receipt_id: str,
    seq: int,
    chain_hash: str,
    tenant: str,
    origin: str,
    proof: Iterable[bytes] | None = None,
) -> bytes:
    """A row of a receipt that was erased: what the log and the chain still hold of it."""
    row: dict[str, Any] = {
        "index": index,
        "erased": {
            "entry": entry.hex(),
            "id": receipt_id,
            "seq": seq,
            "chain_hash": chain_hash,
            "tenant": tenant,
            "origin": origin,
        },
    }
    if proof is not None:
        row["proof"] = [item.hex() for item in proof]
    return canonical(row)


def csv_head() -> bytes:
    """The first line of a CSV export."""
    return _csv_line(CSV_COLUMNS)


def csv_row(index: int, salt: bytes, document: Mapping[str, Any], data: bytes) -> bytes:
    """A line of a CSV export; `document` holds `data`, the canonical bytes, as its last column."""
    sealgate = document.get("metadata", {}).get("sealgate", {})
    interaction = document.get("interaction", {})
    trust, usage = sealgate.get("trust") or {}, sealgate.get("usage") or {}
    cells = (
        index,
        document.get("kind", "receipt"),
        document.get("timestamp"),
        sealgate.get("tenant"),
        sealgate.get("seq"),
        document.get("id"),
        document.get("session_id"),
        document.get("agent_did"),
        document.get("human_did"),
        interaction.get("model"),
        sealgate.get("route"),
        sealgate.get("status"),
        (sealgate.get("stream") or {}).get("outcome"),
        (sealgate.get("policy") or {}).get("name"),
        trust.get("result"),
        trust.get("verdict"),
        usage.get("input"),
        usage.get("output"),
        sealgate.get("cost_micros"),
        salt.hex(),
        data.decode(),
    )
    return _csv_line(cells)


def csv_erased_row(index: int, row: Mapping[str, Any]) -> bytes:
    """A line of something erased; `row` is the value of an `erased_row`."""
    erased = row["erased"]
    cells: dict[str, Any] = {
        "index": index,
        "kind": "erased",
        "tenant": erased["tenant"],
        "seq": erased["seq"],
        "id": erased["id"],
        "document": canonical(dict(row)).decode(),
    }
    return _csv_line([cells.get(name) for name in CSV_COLUMNS])


class ExportTally:
    """Counts and hashes what an export writes, row by row, and ends it with the signed manifest.

    Args:
        form: `ndjson`, `json` or `csv`.

    """

    __slots__ = ("_first", "_hash", "_last", "count", "erased", "form")

    def __init__(self, form: Format) -> None:
        self.form = form
        self.count = 0
        self.erased = 0
        self._hash = hashlib.sha256(csv_head() if form == "csv" else b"")
        self._first: dict[str, Any] | None = None
        self._last: dict[str, Any] | None = None

    def add(self, row: bytes, index: int, document: Mapping[str, Any]) -> bytes:
        """The bytes to write for a row.

        Args:
            row: from `receipt_row` or `erased_row`; from `csv_row` for a CSV.
            index: of the entry in the log.
            document: the receipt, the record, or the value of `erased`; its `id` is noted.

        """
        place = _place_of(index, document)
        separator = b"" if self.count == 0 else b",\n"
        self._first = self._first or place
        self._last = place
        self.count += 1
        self.erased += "entry" in document
        self._hash.update(row)
        if self.form == "csv":
            return row
        self._hash.update(b"\n")
        return separator + row if self.form == "json" else row + b"\n"

    def manifest(
        self,
        signer: Signer,
        signed_at: str,
        *,
        query: Mapping[str, Any],
        complete: bool,
        checkpoint: str | None,
    ) -> dict[str, Any]:
        """The signed manifest of all that was added.

        Args:
            signer: the key of receipts.
            signed_at: ISO 8601 UTC with milliseconds.
            query: what was asked for: tenant, from, to, ...; texts and integers.
            complete: that every receipt between the first and the last of the tenant is among the
            rows;
                false where a filter or a page left some out.
            checkpoint: the note of the checkpoint that covers all rows, if there is one.

        """
        document: dict[str, Any] = {
            "v": EXPORT_VERSION,
            "kind": "export",
            "format": self.form,
            "query": dict(query),
            "complete": complete,
            "count": self.count,
            "erased": self.erased,
            "first": self._first,
            "last": self._last,
            "rows_sha256": self._hash.hexdigest(),
            "checkpoint": checkpoint,
            "key_id": key_id_of(signer.public_key),
            "signed_at": signed_at,
        }
        document = {name: value for name, value in document.items() if value is not None}
        key_id = document["key_id"]
        block = signature_block(signer, signed_bytes(document), key_id, signed_at)
        return {**document, "signature": block}

    @staticmethod
    def end(form: Format, manifest: Mapping[str, Any]) -> bytes:
        """What is written after the last row; a CSV's manifest is a file of its own, this one."""
        data = canonical(dict(manifest))
        if form == "json":
            return b'],"manifest":' + data + b"}\n"
        return b'{"manifest":' + data + b"}\n" if form == "ndjson" else data + b"\n"


def _place_of(index: int, document: Mapping[str, Any]) -> dict[str, Any]:
    """What the manifest says of its first and last row."""
    sealgate = document.get("metadata", {}).get("sealgate", {})
    chain = document.get("chain", {})
    place = {
        "index": index,
        "id": document.get("id"),
        "seq": document.get("seq", sealgate.get("seq")),
        "chain_hash": document.get("chain_hash", chain.get("chain_hash")),
    }
    return {name: value for name, value in place.items() if value is not None}


def _is_record(data: bytes) -> bool:
    # A record's first member is `detail`, a receipt's `agent_did`.
    return data.startswith(b'{"detail":')


def _csv_line(cells: Iterable[Any]) -> bytes:
    return ",".join(_cell(value) for value in cells).encode() + b"\r\n"


def _cell(value: Any) -> str:
    """A value as a cell: quoted where RFC 4180 asks, and never a formula to a spreadsheet."""
    if value is None:
        return ""
    text = str(value)
    if not isinstance(value, int) and text.startswith(_FORMULA_STARTS):
        text = "'" + text
    if any(character in text for character in ',"\r\n'):
        return '"' + text.replace('"', '""') + '"'
    return text
