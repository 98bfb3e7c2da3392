"""The body of a record: the receipt and the secret of its commitments, packed and locked.

    plain   32 bytes secret || the receipt's canonical bytes, compressed (zstd with a dictionary)
    0x01    plain: control records and exchanges of nobody
    0x02    nonce (24 bytes) || plain under the subject's key (XSalsa20-Poly1305)

When a subject's key is destroyed, all its bodies are noise, wherever copies of them lie. The
number in front names format and dictionary: a later dictionary takes a new one.
"""

from __future__ import annotations

import os
from functools import cache
from typing import Any, Final, NamedTuple

SECRET_BYTES: Final = 32
_PLAIN: Final = b"\x01"
_LOCKED: Final = b"\x02"
_NONCE_BYTES: Final = 24
_RECEIPT_BYTES_MAX: Final = 2_097_152
_LEVEL: Final = 1
"""Level 3 makes a receipt 3 % smaller and takes 4 us longer: a receipt is mostly hashes."""

# What receipts have in common, as one of them; the last bytes are the cheapest to refer to.
DICTIONARY: Final = (
    b'{"detail":{"closed":0,"count":1,"dropped":0,"interrupted":0,"opened":0,"reason":""},"epoch":1,'
    b'"key_id":"0000000000000000","kind":"heartbeat","log":{"index":0,"origin":"sealgate"},'
    b'"node":"node","signature":{"algorithm":"Ed25519","key_version":"0000000000000000"},'
    b'"kind":"audit","action":"","actor":"","outcome":"done","target":"","tenant":"","worker":"0",'
    b'"attempts":[{"outcome":"ok","status":200,"target":"https://api.openai.com:443","us":0}],'
    b'"outcome":"client_gone","outcome":"upstream_lost","outcome":"cut_by_policy",'
    b'"response_hash":"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",'
    b'"provider":"anthropic","dialect":"anthropic","model":"claude-sonnet-4","model":"gpt-4o-mini",'
    b'{"agent_did":"did:sonate:sealgate","chain":{"chain_hash":"","chain_length":1,'
    b'"previous_hash":"GENESIS"},"human_did":"did:sonate:anonymous","id":"","interaction":{"model":'
    b'"gpt-4o","prompt_hash":"","provider":"openai","response_hash":""},"metadata":{"sealgate":{'
    b'"attempts":[],"bytes":{"request_received":0,"request_forwarded":0,"response_received":0,'
    b'"response_returned":0},"cost_micros":0,"coverage":{"request":"full","response":"full","tools":'
    b'"full"},"dialect":"openai","digests":{"request_forwarded":"same","request_received":"",'
    b'"response_received":"","response_returned":"same"},"gateway":{"build":"compiled","version":'
    b'"0.1.0"},"key_id":"0000000000000000","log":{"index":0,"origin":"sealgate"},"model":{"asked":'
    b'"gpt-4o","served":"gpt-4o-2024-08-06"},"policy":{"digest":"","name":"default","version":1},'
    b'"principal":"","redactions":{},"request_id":"","route":"openai","seq":1,"signed_at":'
    b'"2026-01-01T00:00:00.000Z","status":200,"stream":{"events":0,"outcome":"complete"},"tenant":'
    b'"default","times_ms":{"first_byte":0,"forwarded":0,"last_byte":0,"received":0},"usage":{'
    b'"cached":0,"input":0,"output":0,"reasoning":0},"v":1,"verdicts":[{"mode":"enforce","outcome":'
    b'"allow","plugin":"ip_allowlist","reason":"","us":0},{"mode":"enforce","outcome":"allow",'
    b'"plugin":"auth","reason":"","us":0},{"mode":"enforce","outcome":"allow","plugin":'
    b'"rate_limit","reason":"","us":0},{"mode":"enforce","outcome":"allow","plugin":"injection",'
    b'"reason":"","us":0},{"mode":"enforce","outcome":"allow","plugin":"dlp","reason":"","us":0},{'
    b'"mode":"enforce","outcome":"allow","plugin":"trust_score","reason":"","us":0}]}},"mode":'
    b'"constitutional","policy_version":"1","session_id":"","signature":{"algorithm":"Ed25519",'
    b'"key_version":"0000000000000000","public_key":"","timestamp_signed":'
    b'"2026-01-01T00:00:00.000Z","value":""},"telemetry":{},"timestamp":"2026-01-01T00:00:00.000Z",'
    b'"version":"2.2.0"}'
)


class LockedError(Exception):
    """The body is locked with a key that is gone or wrong, or it was changed."""


class Body(NamedTuple):
    """What a body holds: the secret of the commitments, and the receipt's canonical bytes."""

    secret: bytes
    receipt: bytes


def pack(secret: bytes, receipt: bytes, key: bytes | None) -> bytes:
    """The body as it is kept; locked where there is a key (32 bytes)."""
    plain: bytes = _tools().compress(secret + receipt)
    if key is None:
        return _PLAIN + plain
    nonce = os.urandom(_NONCE_BYTES)
    return _LOCKED + nonce + _tools().lock(plain, nonce, key)


def unpack(body: bytes, key: bytes | None) -> Body:
    """What `pack` was given. Raises LockedError."""
    tools = _tools()
    if body[:1] == _LOCKED:
        if key is None:
            raise LockedError("the key of its subject is gone")
        nonce, sealed = body[1 : 1 + _NONCE_BYTES], body[1 + _NONCE_BYTES :]
        plain = tools.unlock(sealed, nonce, key)
    elif body[:1] == _PLAIN:
        plain = body[1:]
    else:
        raise LockedError("the body is of an unknown format")
    whole = tools.decompress(plain)
    return Body(whole[:SECRET_BYTES], whole[SECRET_BYTES:])


class _Tools:
    """The libraries, loaded with the first body: a gateway without receipts never pays for them."""

    def __init__(self) -> None:
        import zstandard  # noqa: PLC0415  # only the sequencer and readers of receipts need it
        from nacl import bindings, exceptions  # noqa: PLC0415  # only the sequencer and readers of receipts need it

        shared = zstandard.ZstdCompressionDict(DICTIONARY, dict_type=zstandard.DICT_TYPE_RAWCONTENT)
        shared.precompute_compress(level=_LEVEL)
        self.compress = zstandard.ZstdCompressor(dict_data=shared).compress
        self._decompressor = zstandard.ZstdDecompressor(dict_data=shared)
        self._zstd_error: type[Exception] = zstandard.ZstdError
        self.lock = bindings.crypto_secretbox
        self._unlock: Any = bindings.crypto_secretbox_open
        self._crypto_error: type[Exception] = exceptions.CryptoError

    def unlock(self, sealed: bytes, nonce: bytes, key: bytes) -> bytes:
        try:
            return bytes(self._unlock(sealed, nonce, key))
        except (self._crypto_error, ValueError):
            raise LockedError("the body does not open with the key of its subject") from None

    def decompress(self, plain: bytes) -> bytes:
        try:
            return self._decompressor.decompress(plain, max_output_size=_RECEIPT_BYTES_MAX)
        except self._zstd_error:
            raise LockedError("the body is damaged") from None


@cache
def _tools() -> _Tools:
    return _Tools()
