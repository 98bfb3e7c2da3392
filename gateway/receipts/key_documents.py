"""Public keys as others look for them: DID documents, JWKS, SONATE's well-known files, pins.

| Path | Document |
|---|---|
| `/.well-known/did.json` | `did_document(did_web(...), keys)` |
| `/.well-known/jwks.json` | `jwks(keys)` |
| `/.well-known/sonate-pubkey.json` | `sonate_pubkey(key)`: the key that signs now |
| `/.well-known/sonate-keys.json` | `sonate_keys(keys)`: all of them; what a verifier pins |
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

from gateway.receipts.canonical import parse
from gateway.receipts.keys import LOG, RECEIPTS, PublicKey, key_document, key_from_document
from gateway.receipts.multibase import multikey_decode, multikey_encode
from gateway.receipts.note import NoteKey

_DID_CONTEXT = ["https://www.w3.org/ns/did/v1", "https://w3id.org/security/multikey/v1"]
_DID_KEY = "did:key:"


def did_key(public_key: bytes) -> str:
    """The did:key of an Ed25519 public key."""
    return _DID_KEY + multikey_encode(public_key)


def public_key_of_did(did: str) -> bytes:
    """The Ed25519 key of a did:key, with or without fragment. Raises ValueError."""
    name, _, fragment = did.partition("#")
    if not name.startswith(_DID_KEY):
        raise ValueError("not a did:key")
    encoded = name.removeprefix(_DID_KEY)
    if fragment and fragment != encoded:
        raise ValueError("the fragment of a did:key repeats the key")
    return multikey_decode(encoded)


def did_key_document(public_key: bytes) -> dict[str, Any]:
    """The DID document that a did:key stands for."""
    did = did_key(public_key)
    return _document(did, [_method(did, did.removeprefix(_DID_KEY), public_key)])


def did_web(host: str, port: int | None = None, path: str = "") -> str:
    """The did:web of a host, such as `did:web:gateway.example.com%3A8443:tenant`."""
    authority = quote(host, safe="") + (f"%3A{port}" if port else "")
    parts = [quote(part, safe="") for part in path.split("/") if part]
    return ":".join(["did:web", authority, *parts])


def did_document(did: str, keys: Iterable[PublicKey]) -> dict[str, Any]:
    """A DID document with all keys of receipts that are not revoked; older ones still verify."""
    usable = [key for key in keys if key.purpose == RECEIPTS and key.revoked_index is None]
    return _document(did, [_method(did, key.key_id, key.public_key) for key in usable])


def jwks(keys: Iterable[PublicKey]) -> dict[str, Any]:
    """A JWK set (RFC 7517, RFC 8037) of the keys of receipts that are not revoked."""
    return {
        "keys": [jwk(key) for key in keys if key.purpose == RECEIPTS and key.revoked_index is None]
    }


def jwk(key: PublicKey) -> dict[str, Any]:
    """One key as a JWK."""
    return {
        "kty": "OKP",
        "crv": "Ed25519",
        "x": _base64url(key.public_key),
        "kid": key.key_id,
        "use": "sig",
        "alg": "EdDSA",
    }


def sonate_pubkey(key: PublicKey) -> dict[str, Any]:
    """The key that signs now, as SONATE's verifiers look for it."""
    return {
        **jwk(key),
        "sonate": {
            "version": "1.0.0",
            "purpose": "trust-receipt-verification",
            "algorithm": "Ed25519",
            "keyFormat": {"hex": key.public_key.hex(), "base64url": _base64url(key.public_key)},
        },
    }


def sonate_keys(keys: Iterable[PublicKey]) -> dict[str, Any]:
    """Every key that ever was, revoked ones among them; what `sealgate-verify --keys` takes."""
    return {"keys": [key_document(key) for key in keys]}


def vkeys(keys: Iterable[PublicKey], origin: str) -> list[str]:
    """The keys of a log as C2SP verifier keys, for Go's tools."""
    return [
        NoteKey(origin, key.public_key).vkey
        for key in keys
        if key.purpose == LOG and key.origin in {"", origin}
    ]


def read_keys(text: str) -> list[PublicKey]:
    """The keys of a file that somebody pinned. Raises ValueError, which says what was expected.

    A JSON document: `sonate-keys.json`, `sonate-pubkey.json`, a JWK or a JWK set, a DID document,
    or the list that a ledger keeps beside its keys. Or one key per line, as `read_key` takes it;
    empty lines and `#` comments are skipped.
    """
    if text.lstrip().startswith("{"):
        return _keys_of_document(parse(text))
    if text.lstrip().startswith("["):
        return _keys_of_document({"keys": parse(text)})
    lines = [line.partition("#")[0].strip() for line in text.splitlines()]
    return [read_key(line) for line in lines if line]


def read_key(text: str) -> PublicKey:
    """One pinned key: 64 hex digits, a did:key, a Multikey (`z6Mk...`), or a vkey of a log."""
    if text.startswith(_DID_KEY):
        return PublicKey(public_key_of_did(text))
    if text.startswith("z"):
        return PublicKey(multikey_decode(text))
    if text.count("+") >= 2:  # noqa: PLR2004  # name+id+key
        key = NoteKey.parse(text)
        return PublicKey(key.public_key, "log", origin=key.name)
    try:
        return PublicKey(bytes.fromhex(text))
    except ValueError as error:
        expected = "64 hex digits, a did:key, a Multikey or a vkey"
        raise ValueError(f"no public key ({expected}): {error}") from None


def _keys_of_document(document: Mapping[str, Any]) -> list[PublicKey]:
    if document.get("kty"):
        return [PublicKey(_key_of_jwk(document))]
    if "verificationMethod" in document:
        methods = document["verificationMethod"]
        return [PublicKey(multikey_decode(method["publicKeyMultibase"])) for method in methods]
    listed = document.get("keys")
    if not isinstance(listed, list):
        raise ValueError(  # noqa: TRY004  # what was read is at fault, not who calls
            "a key file has a member `keys`, or is a JWK or a DID document"
        )
    if not all(isinstance(item, dict) for item in listed):
        raise ValueError("a key is an object")
    return [
        PublicKey(_key_of_jwk(item)) if "kty" in item else key_from_document(item)
        for item in listed
    ]


def _key_of_jwk(document: Mapping[str, Any]) -> bytes:
    x = document.get("x")
    if document.get("kty") != "OKP" or document.get("crv") != "Ed25519" or not isinstance(x, str):
        raise ValueError("the JWK is no Ed25519 key")
    return base64.urlsafe_b64decode(x + "=" * (-len(x) % 4))


def _document(did: str, methods: list[dict[str, str]]) -> dict[str, Any]:
    names = [method["id"] for method in methods]
    return {
        "@context": _DID_CONTEXT,
        "id": did,
        "verificationMethod": methods,
        "authentication": names,
        "assertionMethod": names,
    }


def _method(did: str, fragment: str, public_key: bytes) -> dict[str, str]:
    return {
        "id": f"{did}#{fragment}",
        "type": "Multikey",
        "controller": did,
        "publicKeyMultibase": multikey_encode(public_key),
    }


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
