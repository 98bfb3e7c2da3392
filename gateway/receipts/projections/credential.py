"""A receipt as a W3C Verifiable Credential 2.0, secured by the cryptosuite `eddsa-jcs-2022`.

The native receipt is the credential's subject as it is, so that both signatures verify: the proof
over the credential, and the receipt's own. W3C vc-di-eddsa, section 3.3:

    hash data = SHA-256(canonical proof configuration) || SHA-256(canonical document)
    proofValue = base58btc(Ed25519 over those 64 bytes)
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Final

from gateway.receipts.canonical import CanonicalError, jcs
from gateway.receipts.ed25519 import SIGNATURE_BYTES, Signer, VerifyingKey
from gateway.receipts.key_documents import did_key
from gateway.receipts.multibase import multibase_decode, multibase_encode

CREDENTIALS_CONTEXT: Final = "https://www.w3.org/ns/credentials/v2"
CRYPTOSUITE: Final = "eddsa-jcs-2022"
UNDEFINED_TERMS_CONTEXT: Final = "https://www.w3.org/ns/credentials/undefined-terms/v2"
"""W3C's own context for terms without one, such as ours: a verifier fetches nothing from us."""
_PROOF_MEMBERS: Final = frozenset(
    {"@context", "type", "cryptosuite", "created", "proofPurpose", "verificationMethod"}
)


def to_credential(
    receipt: Mapping[str, Any],
    signer: Signer,
    created: str,
    issuer: str | None = None,
    method: str | None = None,
) -> dict[str, Any]:
    """A native receipt as a credential with its proof.

    Args:
        receipt: a sealed receipt.
        signer: the key of receipts.
        created: ISO 8601 UTC, when the proof is made.
        issuer: the gateway's DID; the did:key of the signer without it.
        method: the verification method of that DID; needed with an issuer that is no did:key.

    """
    own = did_key(signer.public_key)
    credential = {
        "@context": [CREDENTIALS_CONTEXT, UNDEFINED_TERMS_CONTEXT],
        "id": f"urn:sealgate:receipt:{receipt['id']}",
        "type": ["VerifiableCredential", "TrustReceipt"],
        "issuer": issuer or own,
        "validFrom": receipt["timestamp"],
        "credentialSubject": {"id": receipt["agent_did"], "receipt": dict(receipt)},
    }
    return add_proof(credential, signer, created, method or f"{own}#{own.rpartition(':')[2]}")


def add_proof(
    document: Mapping[str, Any], signer: Signer, created: str, method: str
) -> dict[str, Any]:
    """A document with a proof of this cryptosuite, for the purpose `assertionMethod`."""
    proof = {
        "@context": document["@context"],
        "type": "DataIntegrityProof",
        "cryptosuite": CRYPTOSUITE,
        "created": created,
        "proofPurpose": "assertionMethod",
        "verificationMethod": method,
    }
    value = multibase_encode(signer.sign(hash_data(document, proof)))
    return {**document, "proof": {**proof, "proofValue": value}}


def hash_data(document: Mapping[str, Any], proof: Mapping[str, Any]) -> bytes:
    """The 64 bytes that are signed. Raises CanonicalError."""
    return hashlib.sha256(jcs(dict(proof))).digest() + hashlib.sha256(jcs(dict(document))).digest()


def credential_faults(credential: Mapping[str, Any], key: VerifyingKey) -> list[str]:
    """What is wrong with a document's proof, and not with the receipt inside."""
    proof = credential.get("proof")
    if not isinstance(proof, dict):
        return ["there is no proof, or more than one"]
    document = {name: value for name, value in credential.items() if name != "proof"}
    options = {name: value for name, value in proof.items() if name != "proofValue"}
    faults = [
        f"{name} of the proof is not {right}"
        for name, right in (("type", "DataIntegrityProof"), ("cryptosuite", CRYPTOSUITE))
        if proof.get(name) != right
    ]
    if proof.get("proofPurpose") != "assertionMethod":
        faults.append("the proof's purpose is not assertionMethod")
    if strange := sorted(options.keys() - _PROOF_MEMBERS):
        faults.append(f"the proof has unknown members: {', '.join(strange)}")
    # Section 3.3.2, step 4: the proof's context stands at the start of the document's.
    contexts, used = document.get("@context"), proof.get("@context")
    if "@context" in proof and not _starts_with(contexts, used):
        faults.append("the proof's context is not the document's")
    faults += _signature_faults(document, options, proof.get("proofValue"), key)
    return faults


def _signature_faults(
    document: Mapping[str, Any], options: Mapping[str, Any], value: object, key: VerifyingKey
) -> list[str]:
    try:
        signature = multibase_decode(value) if isinstance(value, str) else b""
        message = hash_data(document, options)
    except CanonicalError as error:
        return [str(error)]
    except ValueError:
        signature, message = b"", b""
    if len(signature) != SIGNATURE_BYTES:
        return ["proofValue is no signature in base58btc"]
    return [] if key.verify(message, signature) else ["the signature of the proof is wrong"]


def _starts_with(contexts: object, used: object) -> bool:
    all_contexts = contexts if isinstance(contexts, list) else [contexts]
    first = used if isinstance(used, list) else [used]
    return all_contexts[: len(first)] == first
