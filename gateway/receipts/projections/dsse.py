"""A receipt as an in-toto statement in a DSSE envelope.

PAE = "DSSEv1" SP length(type) SP type SP length(payload) SP payload      lengths in decimal
signature = Ed25519 over PAE
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from typing import Any, Final

from gateway.receipts.canonical import canonical
from gateway.receipts.ed25519 import Signer, VerifyingKey
from gateway.receipts.receipt import key_id_of

PAYLOAD_TYPE: Final = "application/vnd.in-toto+json"
STATEMENT_TYPE: Final = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE: Final = "urn:sealgate:receipt:v2.2.0"


def pae(payload_type: str, payload: bytes) -> bytes:
    """The pre-authentication encoding: what is signed."""
    kind = payload_type.encode()
    return b"DSSEv1 %d %b %d %b" % (len(kind), kind, len(payload), payload)


def to_statement(receipt: Mapping[str, Any]) -> dict[str, Any]:
    """The statement: the receipt is the predicate, its canonical bytes the subject."""
    digest = hashlib.sha256(canonical(dict(receipt))).hexdigest()
    return {
        "_type": STATEMENT_TYPE,
        "subject": [{"name": f"receipt:{receipt['id']}", "digest": {"sha256": digest}}],
        "predicateType": PREDICATE_TYPE,
        "predicate": dict(receipt),
    }


def to_envelope(receipt: Mapping[str, Any], signer: Signer) -> dict[str, Any]:
    """The signed envelope of a receipt's statement."""
    payload = canonical(to_statement(receipt))
    signature = signer.sign(pae(PAYLOAD_TYPE, payload))
    return {
        "payload": base64.b64encode(payload).decode(),
        "payloadType": PAYLOAD_TYPE,
        "signatures": [
            {"keyid": key_id_of(signer.public_key), "sig": base64.b64encode(signature).decode()}
        ],
    }


def open_envelope(envelope: Mapping[str, Any], key: VerifyingKey) -> bytes:
    """The payload of an envelope that `key` signed. Raises ValueError for any other."""
    try:
        payload = base64.b64decode(envelope["payload"], validate=True)
        kind = envelope["payloadType"]
        signatures = [
            base64.b64decode(item["sig"], validate=True) for item in envelope["signatures"]
        ]
        message = pae(kind, payload)
    except (AttributeError, KeyError, TypeError, ValueError):
        raise ValueError("not a DSSE envelope") from None
    if not any(key.verify(message, signature) for signature in signatures):
        raise ValueError("the key did not sign the envelope")
    return payload
