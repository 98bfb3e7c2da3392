"""Control records: what happened to the log itself, in the same log and signed like receipts.

A record has the members `v` 1, `kind`, `timestamp`, `node`, `epoch`, `log` {`origin`, `index`},
`key_id`, `signed_at`, `detail` and `signature`; its entry in the log is made as a receipt's.

| kind | detail |
|---|---|
| `heartbeat` | `opened`, `closed`, `interrupted`, `dropped`: counts since the log began |
| `gap` | `worker`, `count` or `bytes`, `from`, `to`, `reason`: exchanges that left no receipt |
| `drop` | `worker`, `count`, `from`, `to`, `reason`: receipts given up on purpose |
| `worker_start` | `worker`, `pid` |
| `policy_loaded` | `digest`, `policies` |
| `key_rotated` | `purpose`, `old`, `new`, `public_key`, `reason`: from this index on |
| `erased` | `entries` [{`index`, `entry`}], `reason`, `count` |
| `restored` | `size`, `root`, `backup_at`: the log goes on from a backup |
| `audit` | an admin action: `actor`, `action`, `target`, `tenant`, `outcome` |
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from gateway.receipts.canonical import canonical
from gateway.receipts.ed25519 import Signer
from gateway.receipts.receipt import Sealed, key_id_of, signature_block, signed_bytes

RECORD_VERSION: Final = 1
KINDS: Final = frozenset(
    {
        "heartbeat",
        "gap",
        "drop",
        "worker_start",
        "policy_loaded",
        "key_rotated",
        "erased",
        "restored",
        "audit",
    }
)


def seal_record(
    kind: str,
    detail: Mapping[str, Any],
    *,
    origin: str,
    index: int,
    node: str,
    epoch: int,
    signer: Signer,
    signed_at: str,
    timestamp: str | None = None,
) -> Sealed:
    """A control record, signed, with its canonical bytes.

    Args:
        kind: one of `KINDS`. Raises ValueError for another.
        detail: as the table above says. Raises CanonicalError outside of the canonical subset.
        origin: the log's name.
        index: the entry's number in the log, from 0.
        node: the node whose sequencer writes.
        epoch: the fencing epoch of that sequencer.
        signer: the key of receipts.
        signed_at: ISO 8601 UTC with milliseconds.
        timestamp: when it happened; `signed_at` without it.

    """
    if kind not in KINDS:
        raise ValueError(f"{kind!r} is no kind of control record")
    key_id = key_id_of(signer.public_key)
    record: dict[str, Any] = {
        "v": RECORD_VERSION,
        "kind": kind,
        "timestamp": timestamp or signed_at,
        "node": node,
        "epoch": epoch,
        "log": {"origin": origin, "index": index},
        "key_id": key_id,
        "signed_at": signed_at,
        "detail": dict(detail),
    }
    record["signature"] = signature_block(signer, signed_bytes(record), key_id, signed_at)
    return Sealed(record, canonical(record))


def is_record(document: Mapping[str, Any]) -> bool:
    """Whether a document of the log is a control record rather than a receipt."""
    return "kind" in document and "interaction" not in document
