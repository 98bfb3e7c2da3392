"""The v1.0 form of the npm package @yseeku/trust-receipts.

    receiptHash = SHA-256 of the canonical form of exactly the nine members of `_HASHED`
    signature   = Ed25519 over the 32 bytes of receiptHash

Its published verifier checks the signature over the hash that stands in the document, and never
recomputes that hash; `verify` here does.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any, Final

from gateway.receipts.canonical import CanonicalError, jcs
from gateway.receipts.ed25519 import Signer, VerifyingKey

NPM_VERSION: Final = "1.0"
_HASHED: Final = (
    "version",
    "timestamp",
    "sessionId",
    "agentId",
    "promptHash",
    "responseHash",
    "scores",
    "prevReceiptHash",
    "metadata",
)
_MEMBERS: Final = frozenset({*_HASHED, "receiptHash", "signature"})
_CONTENT: Final = frozenset({"promptContent", "responseContent"})
_HASH = re.compile(r"[0-9a-f]{64}")
_SIGNATURE = re.compile(r"[0-9a-f]{128}")


def content_hash(value: Any) -> str:
    """What the package hashes of a prompt or an answer: canonical JSON, so a text with its quotes.

    An absent value is no bytes. The prompt is the messages array; the answer is
    `choices[0].message.content`, or `content[0].text`, else the whole response.
    """
    return hashlib.sha256(b"" if value is None else jcs(value)).hexdigest()


def to_npm_v1(
    receipt: Mapping[str, Any],
    signer: Signer,
    *,
    prompt_hash: str | None = None,
    response_hash: str | None = None,
    previous_hash: str | None = None,
) -> dict[str, Any]:
    """A native receipt in this form, signed anew.

    Args:
        receipt: a sealed receipt.
        signer: the key of receipts.
        prompt_hash: `content_hash` of the messages, where they are at hand; else the native hash of
            the text stands there, and `metadata.hashes` says so.
        response_hash: the same of the answer.
        previous_hash: `receiptHash` of the projection before, in a chain of projections.

    """
    sealgate = receipt["metadata"]["sealgate"]
    interaction = receipt["interaction"]
    trust = sealgate.get("trust") or {}
    scores = {**trust.get("points", {})}
    if "result" in trust:
        scores["overall"] = trust["result"]
    document: dict[str, Any] = {
        "version": NPM_VERSION,
        "timestamp": receipt["timestamp"],
        "sessionId": receipt["session_id"],
        "agentId": receipt["agent_did"],
        "promptHash": prompt_hash or interaction["prompt_hash"],
        "responseHash": response_hash or interaction["response_hash"],
        "scores": scores,
        "prevReceiptHash": previous_hash,
        "metadata": {
            "hashes": "content" if prompt_hash and response_hash else "text",
            "receipt": receipt["id"],
            "key_id": sealgate["key_id"],
            "log": sealgate["log"],
            "model": interaction["model"],
        },
    }
    digest = hashlib.sha256(jcs(document)).digest()
    return {**document, "receiptHash": digest.hex(), "signature": signer.sign(digest).hex()}


def npm_v1_faults(document: Mapping[str, Any], key: VerifyingKey) -> list[str]:
    """What is wrong with a document in this form; empty if nothing is."""
    missing = sorted(_MEMBERS - document.keys())
    strange = sorted(document.keys() - _MEMBERS - _CONTENT)
    if missing or strange:
        return [f"the receipt lacks or has too much: {', '.join([*missing, *strange])}"]
    stated, signature = document["receiptHash"], document["signature"]
    if not _matches(_HASH, stated) or not _matches(_SIGNATURE, signature):
        return ["receiptHash or signature is not in hex"]
    faults = []
    if document["version"] != NPM_VERSION:
        faults.append(f"the version is not {NPM_VERSION}")
    try:
        digest = hashlib.sha256(jcs({name: document[name] for name in _HASHED})).hexdigest()
    except CanonicalError as error:
        return [str(error)]
    if digest != stated:
        faults.append("receiptHash is not that of the receipt")
    if not key.verify(bytes.fromhex(stated), bytes.fromhex(signature)):
        faults.append("the signature is wrong")
    for content, name in (("promptContent", "promptHash"), ("responseContent", "responseHash")):
        if content in document and content_hash(document[content]) != document[name]:
            faults.append(f"{content} is not what {name} says")
    return faults


def _matches(pattern: re.Pattern[str], value: object) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None
