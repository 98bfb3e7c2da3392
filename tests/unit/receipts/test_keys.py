"""Keys: strict signatures, the history of keys, and how they are published and pinned."""

from __future__ import annotations

import orjson
import pytest

from gateway.receipts.ed25519 import (
    InvalidKeyError,
    SigningKey,
    VerifyingKey,
    check_public_key,
    verify,
)
from gateway.receipts.key_documents import (
    did_document,
    did_key,
    did_web,
    jwks,
    public_key_of_did,
    read_key,
    read_keys,
    sonate_keys,
    sonate_pubkey,
    vkeys,
)
from gateway.receipts.keys import KeyRing, PublicKey, key_document, key_from_document
from gateway.receipts.multibase import base58_decode, multibase_decode, multikey_decode
from gateway.receipts.note import NoteKey
from tests.receipt_samples import (
    LOG_KEY,
    ORIGIN,
    OTHER_KEY,
    RECEIPT_KEY,
    WHEN,
)

P = 2**255 - 19
KEY = VerifyingKey(RECEIPT_KEY.public_key)


SMALL_ORDER = [
    "0100000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0000000000000000000000000000000000000000000000000000000000000080",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
    "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
]


@pytest.mark.parametrize("key", SMALL_ORDER)
def test_a_point_of_small_order_is_no_key_and_no_r(key: str) -> None:
    point = bytes.fromhex(key)

    with pytest.raises(InvalidKeyError, match="small order"):
        check_public_key(point)
    assert not verify(point, b"anything", point + bytes(32))
    assert not verify(RECEIPT_KEY.public_key, b"anything", point + bytes(32))


@pytest.mark.parametrize("y", [P, P + 1, P + 5, 2**255 - 1])
@pytest.mark.parametrize("sign", [0, 1])
def test_a_point_in_another_form_is_refused(y: int, sign: int) -> None:
    point = (y | sign << 255).to_bytes(32, "little")

    with pytest.raises(InvalidKeyError, match="canonically"):
        check_public_key(point)
    assert not KEY.verify(b"", point + bytes(32))


def test_a_signature_has_one_form_only() -> None:
    order = 2**252 + 27742317777372353535851937790883648493
    signature = RECEIPT_KEY.sign(b"m")
    s = int.from_bytes(signature[32:], "little") + order

    assert KEY.verify(b"m", signature)
    assert not KEY.verify(b"m", signature[:32] + s.to_bytes(32, "little"))
    assert not KEY.verify(b"m", signature + b"\0")
    assert not KEY.verify(b"", signature)


@pytest.mark.parametrize("size", [0, 31, 33, 64])
def test_keys_have_their_length(size: int) -> None:
    with pytest.raises(InvalidKeyError):
        SigningKey(bytes(size))
    with pytest.raises(InvalidKeyError):
        check_public_key(bytes([9]) * size)


def test_a_private_key_is_never_shown() -> None:
    assert repr(RECEIPT_KEY) == f"<SigningKey of {RECEIPT_KEY.public_key.hex()}>"


HISTORY = [
    PublicKey(OTHER_KEY.public_key, created=WHEN, last_index=9, revoked_index=5, revoked_at=WHEN),
    PublicKey(RECEIPT_KEY.public_key, created=WHEN, first_index=10),
    PublicKey(LOG_KEY.public_key, "log", origin=ORIGIN),
]


def test_the_history_of_keys_comes_back_from_its_file() -> None:
    assert read_keys(orjson.dumps(sonate_keys(HISTORY)).decode()) == HISTORY
    assert [key_from_document(key_document(key)) for key in HISTORY] == HISTORY


def test_a_key_says_for_which_part_of_the_log_it_counts() -> None:
    old, new, _ = HISTORY

    assert old.fault_at(4) is None
    assert "revoked" in str(old.fault_at(5))
    assert "revoked" in str(old.fault_at(None))
    assert "from entry 10" in str(new.fault_at(9))
    assert new.fault_at(10) is None


def test_a_revoked_key_is_published_as_history_and_not_for_use() -> None:
    document = did_document("did:web:gateway.example", HISTORY)

    assert [m["id"] for m in document["verificationMethod"]] == [
        f"did:web:gateway.example#{HISTORY[1].key_id}"
    ]
    assert [item["kid"] for item in jwks(HISTORY)["keys"]] == [HISTORY[1].key_id]
    assert len(sonate_keys(HISTORY)["keys"]) == 3
    assert sonate_pubkey(HISTORY[1])["sonate"]["keyFormat"]["hex"] == RECEIPT_KEY.public_key.hex()


def test_a_did_document_is_a_file_to_pin() -> None:
    document = orjson.dumps(did_document("did:web:gateway.example", HISTORY)).decode()

    assert [key.public_key for key in read_keys(document)] == [RECEIPT_KEY.public_key]


@pytest.mark.parametrize(
    ("host", "port", "path", "expected"),
    [
        ("gateway.example", None, "", "did:web:gateway.example"),
        ("gateway.example", 8443, "", "did:web:gateway.example%3A8443"),
        ("gateway.example", None, "/a/b/", "did:web:gateway.example:a:b"),
    ],
)
def test_did_web_names_a_host(host: str, port: int | None, path: str, expected: str) -> None:
    assert expected == did_web(host, port, path)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "zz",
        "ab" * 31,
        SMALL_ORDER[0],
        "did:key:z6Mk",
        "did:web:x",
        "name+00000000+AAAA",
        '{"keys":{}}',
        '{"kty":"EC"}',
        '{"keys":[{}]}',
        '{"keys":[{"publicKey":"' + "ab" * 32 + '","purpose":"other"}]}',
        '{"keys":[{"publicKey":"' + "ab" * 32 + '","id":"0123456789abcdef"}]}',
        '{"keys":[{"publicKey":"' + "ab" * 32 + '","firstIndex":-1}]}',
        '{"keys":[{"publicKey":"' + "ab" * 32 + '","created":1}]}',
    ],
)
def test_what_is_no_key_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        read_keys(text) if text.startswith("{") else read_key(text)


@pytest.mark.parametrize("did_text", ["did:key:zQ3s", "did:key:x", "did:web:x"])
def test_a_did_of_another_kind_of_key_is_refused(did_text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        public_key_of_did(did_text)
    with pytest.raises(ValueError, match="fragment"):
        public_key_of_did(did_key(RECEIPT_KEY.public_key) + "#other")


@pytest.mark.parametrize("text", ["0", "l", "1" * 201, "é"])
def test_what_is_not_base_58_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="base 58"):
        base58_decode(text)
    with pytest.raises(ValueError, match=r"."):
        multibase_decode(text)
    with pytest.raises(ValueError, match=r"."):
        multikey_decode("z" + text)


def test_logs_have_their_own_keys() -> None:
    ring = KeyRing(HISTORY)

    assert [key.name for key in ring.log_keys(ORIGIN)] == [ORIGIN]
    assert ring.log_keys("other.example/log") == []
    assert vkeys(HISTORY, ORIGIN) == [NoteKey(ORIGIN, LOG_KEY.public_key).vkey]
    assert not KeyRing()
