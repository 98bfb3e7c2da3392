"""Receipts, chains and logs to verify: a gateway's evidence, made in memory with fixed keys."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from gateway.receipts.canonical import parse
from gateway.receipts.commitment import ENTRY_LABEL, commit, salt
from gateway.receipts.ed25519 import SigningKey
from gateway.receipts.export import (
    ExportTally,
    Format,
    csv_erased_row,
    csv_row,
    erased_row,
    receipt_row,
)
from gateway.receipts.keys import KeyRing, PublicKey
from gateway.receipts.merkle import HASH_BYTES, CompactRange, entry, inclusion_proof, leaf_hash
from gateway.receipts.note import Checkpoint, sign_checkpoint
from gateway.receipts.proof import Proof
from gateway.receipts.receipt import GENESIS, Place, Sealed, did, seal, text_hash
from gateway.receipts.record import seal_record
from gateway.receipts.score import score
from gateway.receipts.tiles import (
    ENTRIES_LEVEL,
    Tile,
    TileReader,
    encode_entries,
    new_tiles,
    tiles_for,
)

ORIGIN = "gateway.example/log"
RECEIPT_KEY = SigningKey(hashlib.sha256(b"receipts").digest())
LOG_KEY = SigningKey(hashlib.sha256(b"log").digest())
OTHER_KEY = SigningKey(hashlib.sha256(b"somebody else").digest())
RING = KeyRing([PublicKey(RECEIPT_KEY.public_key), PublicKey(LOG_KEY.public_key, "log")])
WHEN = "2026-11-29T06:00:00.000Z"


def draft(number: int = 0, tenant: str = "acme") -> dict[str, Any]:
    """What a worker writes of one exchange."""
    facts = {"consent_on_record": True, "receipt_signed": True, "override_ready": True}
    secret = hashlib.sha256(b"secret %d" % number).digest()
    return {
        "timestamp": WHEN,
        "session_id": f"session-{number % 7}",
        "agent_did": did("agent-1"),
        "human_did": did("human-é"),
        "mode": "constitutional",
        "policy_version": "3",
        "telemetry": {"overall_trust_score": score(facts).result},
        "interaction": {
            "model": "gpt-x",
            "provider": "openai",
            "prompt_hash": text_hash(f"prompt {number}"),
            "response_hash": text_hash(None),
        },
        "metadata": {
            "sealgate": {
                "v": 1,
                "ref": f"{number:026d}",
                "tenant": tenant,
                "request_id": f"\x1f-{number}",  # written \\u001f, which has two cases
                "route": "openai",
                "dialect": "openai_chat",
                "policy": {"name": "default", "version": "3", "digest": "ab" * 32},
                "gateway": {"version": "0.1.0", "build": "compiled"},
                "digests": {
                    "request_received": commit(salt(secret, "request_received"), b"{}"),
                    "request_forwarded": "same",
                },
                "bytes": {"request": 1700, "response": 900},
                "stream": {"events": 12, "outcome": "complete"},
                "status": 200,
                "verdicts": [
                    {"plugin": "ip_allowlist", "mode": "enforce", "outcome": "allow", "us": 2},
                    {"plugin": "dlp", "mode": "shadow", "outcome": "flag", "reason": "x", "us": 41},
                ],
                "coverage": {"request": "full", "response": "full"},
                "usage": {"input": 320, "output": 64},
                "cost_micros": 1234,
                "model": {"asked": "gpt-x", "served": "gpt-x-1"},
                "trust": score(facts).document(),
                "times_ms": {"received": 1, "forwarded": 2},
            }
        },
    }


@dataclass
class Log:
    """A log in memory: its entries, tiles, and what each entry commits to."""

    sealed: list[Sealed] = field(default_factory=list)
    salts: list[bytes] = field(default_factory=list)
    entries: list[bytes] = field(default_factory=list)
    tiles: dict[str, bytes] = field(default_factory=dict)
    heads: dict[str, tuple[int, str]] = field(default_factory=dict)
    tree: CompactRange = field(default_factory=CompactRange)
    origin: str = ORIGIN

    def add(self, number: int = 0, tenant: str = "acme", **changes: Any) -> Sealed:
        """One more receipt of a tenant."""
        seq, previous = self.heads.get(tenant, (0, GENESIS))
        place = Place(self.origin, len(self.entries), seq + 1, previous)
        sealed = seal({**draft(number, tenant), **changes}, place, RECEIPT_KEY, WHEN)
        self.heads[tenant] = (seq + 1, sealed.receipt["chain"]["chain_hash"])
        return self._append(sealed)

    def record(self, kind: str, detail: Mapping[str, Any]) -> Sealed:
        """One more control record."""
        index = len(self.entries)
        place = {"origin": self.origin, "index": index, "node": "n1", "epoch": 1}
        return self._append(seal_record(kind, detail, **place, signer=RECEIPT_KEY, signed_at=WHEN))

    def checkpoint(self, size: int | None = None, key: SigningKey = LOG_KEY) -> str:
        """The signed checkpoint of the first `size` entries."""
        tree = CompactRange()
        for item in self.entries[:size]:
            tree.append(leaf_hash(item))
        return sign_checkpoint(Checkpoint(self.origin, tree.size, tree.root()), key)

    def proof(self, index: int) -> str:
        """The `tlog-proof` of an entry, to the newest checkpoint."""
        size = len(self.entries)
        hashes = inclusion_proof(index, size, TileReader(self.fetch, size))
        return Proof(index, tuple(hashes), self.checkpoint(), self.salts[index]).text

    def publish(self) -> Log:
        """Writes the tiles of the log as it is now."""
        size = len(self.entries)
        levels: dict[int, list[bytes]] = {}
        tree = CompactRange()
        for item in self.entries:
            for level, _, digest in tree.append(leaf_hash(item)):
                levels.setdefault(level, []).append(digest)
        for tile in [*new_tiles(0, size), *tiles_for(size)]:
            first = tile.index * 256
            hashes = levels[tile.level * 8][first : first + tile.width]
            self.tiles[tile.path] = b"".join(hashes)
            if tile.level == 0:
                bundle = encode_entries(self.entries[first : first + tile.width])
                self.tiles[Tile(ENTRIES_LEVEL, tile.index, tile.width).path] = bundle
        return self

    def fetch(self, tile: Tile) -> bytes:
        """A tile. Raises LookupError."""
        if not self.tiles:
            self.publish()
        return self.tiles[tile.path]

    def export(
        self, form: Format = "ndjson", *, proofs: bool = True, erased: Sequence[int] = ()
    ) -> tuple[list[bytes], bytes]:
        """The rows of an export of everything, as the tally took them, and the manifest."""
        size = len(self.entries)
        reader = TileReader(self.fetch, size)
        tally = ExportTally(form)
        rows = []
        for index, (sealed, salted) in enumerate(zip(self.sealed, self.salts, strict=True)):
            proof = inclusion_proof(index, size, reader) if proofs else None
            document: Mapping[str, Any] = sealed.receipt
            if index in erased:
                sealgate = document["metadata"]["sealgate"]
                left = {
                    "receipt_id": document["id"],
                    "seq": sealgate["seq"],
                    "chain_hash": document["chain"]["chain_hash"],
                    "tenant": sealgate["tenant"],
                    "origin": self.origin,
                }
                row = erased_row(index, self.entries[index], **left, proof=proof)
                document = {"entry": "", **left}
                row = csv_erased_row(index, parse(row)) if form == "csv" else row
            elif form == "csv":
                row = csv_row(index, salted, document, sealed.data)
            else:
                row = receipt_row(index, salted, sealed.data, proof)
            tally.add(row, index, document)
            rows.append(row)
        query = {"tenant": "acme"} if len(self.heads) == 1 else {}
        manifest = tally.manifest(
            RECEIPT_KEY, WHEN, query=query, complete=True, checkpoint=self.checkpoint()
        )
        return rows, ExportTally.end("csv", manifest).strip()

    def _append(self, sealed: Sealed) -> Sealed:
        salted = salt(hashlib.sha256(b"%d" % len(self.entries)).digest(), ENTRY_LABEL)
        self.sealed.append(sealed)
        self.salts.append(salted)
        self.entries.append(entry(salted, sealed.data))
        self.tree.append(leaf_hash(self.entries[-1]))
        self.tiles.clear()
        return sealed


def a_log(count: int, tenants: Sequence[str] = ("acme",)) -> Log:
    """A log of `count` receipts, the tenants taking turns."""
    log = Log()
    for number in range(count):
        log.add(number, tenants[number % len(tenants)])
    assert len(log.tree.root()) == HASH_BYTES
    return log
