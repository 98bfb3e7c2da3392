"""The page that verifies a dropped receipt, in a real Chromium."""

from __future__ import annotations

import base64
import hashlib
import re
import shutil
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import orjson
import pytest

from gateway.receipts.canonical import canonical
from gateway.receipts.key_documents import did_key, jwks, sonate_keys
from gateway.receipts.keys import KeyRing, PublicKey
from gateway.receipts.receipt import Place, seal
from gateway.receipts.verify import verify_document
from tests.integration.sdk import node
from tests.receipt_samples import ORIGIN, OTHER_KEY, RECEIPT_KEY, RING, WHEN, a_log, draft
from tests.unit.receipts.test_verify import edited, flipped, places

PAGE = Path(str(files("gateway.receipts") / "page" / "verify.html"))
BROWSER = shutil.which("chromium") or shutil.which("google-chrome") or ""
SEALED = a_log(2).sealed[1]
KEY = RECEIPT_KEY.public_key.hex()
IDENTITY = bytes([1]) + bytes(31)

pytestmark = [
    pytest.mark.skipif(not BROWSER, reason="Chromium is missing: install chromium"),
    pytest.mark.skipif(bool(node.missing()), reason=node.missing()),
]


def forged_with_small_order_key() -> bytes:
    block = {**SEALED.receipt["signature"], "public_key": IDENTITY.hex()}
    return canonical(
        {**SEALED.receipt, "signature": {**block, "value": (IDENTITY + bytes(32)).hex()}}
    )


def edits() -> Iterator[bytes]:
    for action in ("change", "remove", "rename"):
        for path in places(SEALED.receipt):
            yield canonical(edited(SEALED.receipt, path, action))


def flips() -> Iterator[bytes]:
    for at in range(0, len(SEALED.data), 7):
        yield flipped(SEALED.data, at, 1)


def case(data: bytes, keys: str = KEY) -> dict[str, str]:
    return {"text": data.decode(errors="replace"), "keys": keys}


GOOD = {
    "hex": case(SEALED.data),
    "did:key": case(SEALED.data, did_key(RECEIPT_KEY.public_key)),
    "JWKS": case(SEALED.data, orjson.dumps(jwks(RING.keys)).decode()),
    "sonate-keys.json": case(SEALED.data, orjson.dumps(sonate_keys(RING.keys)).decode()),
    "pretty": case(orjson.dumps(SEALED.receipt, option=orjson.OPT_INDENT_2)),
}
UNSURE = {
    "another key is trusted": case(SEALED.data, OTHER_KEY.public_key.hex()),
    "no key is trusted": case(SEALED.data, ""),
    "somebody else signed": case(seal(draft(), Place(ORIGIN, 0, 1), OTHER_KEY, WHEN).data),
    "from the future": case(
        seal(
            {**draft(), "timestamp": "2999-01-01T00:00:00.000Z"},
            Place(ORIGIN, 0, 1),
            RECEIPT_KEY,
            WHEN,
        ).data
    ),
}
REVOKED = sonate_keys([PublicKey(RECEIPT_KEY.public_key, revoked_index=1)])
BAD = {
    "a revoked key": case(SEALED.data, orjson.dumps(REVOKED).decode()),
    "a key of small order": case(forged_with_small_order_key(), ""),
    "a member twice": case(SEALED.data[:-1] + b',"version":"2.2.0"}'),
    "a number in another form": case(SEALED.data.replace(b'"status":200', b'"status":2e2')),
    "nothing": case(b""),
    "no object": case(b"[]"),
}


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """All cases through one browser."""
    groups = {
        "good": list(GOOD.values()),
        "unsure": list(UNSURE.values()),
        "bad": list(BAD.values()),
        "edits": [case(data) for data in edits()],
        "flips": [case(data) for data in flips()],
    }
    every = [one for group in groups.values() for one in group]
    path = tmp_path_factory.mktemp("page") / "cases.json"
    path.write_bytes(orjson.dumps({"cases": every, "drop": SEALED.data.decode(), "keys": KEY}))
    found: dict[str, Any] = node.run_script(
        "page.mjs", page=PAGE.as_uri(), browser=BROWSER, cases=str(path)
    )
    left = iter(found["verdicts"])
    return {**found, **{name: [next(left) for _ in group] for name, group in groups.items()}}


def test_a_valid_receipt_is_valid_however_its_key_is_given(results: dict[str, Any]) -> None:
    found = dict(zip(GOOD, results["good"], strict=True))

    assert [report["findings"] for report in found.values()] == [[]] * len(GOOD)
    assert {report["verdict"] for report in found.values()} == {"valid"}


def test_what_cannot_be_known_is_unknown(results: dict[str, Any]) -> None:
    assert [report["verdict"] for report in results["unsure"]] == ["unknown"] * len(UNSURE)


def test_what_is_wrong_is_refused(results: dict[str, Any]) -> None:
    assert [report["verdict"] for report in results["bad"]] == ["tampered"] * len(BAD)


def test_every_edited_field_shows(results: dict[str, Any]) -> None:
    texts = list(edits())
    unseen = [t for t, r in zip(texts, results["edits"], strict=True) if r["verdict"] != "tampered"]

    assert unseen == []


def test_flipped_bytes_show(results: dict[str, Any]) -> None:
    texts = list(flips())
    unseen = [t for t, r in zip(texts, results["flips"], strict=True) if r["verdict"] != "tampered"]

    assert unseen == []


def test_the_page_agrees_with_the_verifier(results: dict[str, Any]) -> None:
    ring = KeyRing([PublicKey(RECEIPT_KEY.public_key)])
    expected = [verify_document(data, ring).exit_code for data in edits()]

    assert [{"valid": 0, "tampered": 1}.get(r["verdict"], 2) for r in results["edits"]] == expected


def test_a_person_pastes_or_drops_a_receipt(results: dict[str, Any]) -> None:
    assert (results["clicked"], results["dropped"]) == ("valid", "valid")


def test_the_page_asks_nobody(results: dict[str, Any]) -> None:
    """Its policy forbids all connections; the one refusal on record is the test's own attempt."""
    elsewhere = [url for url in results["requests"] if url != PAGE.as_uri()]

    assert results["fetched"] == "blocked"
    assert [url for url in elsewhere if url != "https://example.com/"] == []
    assert all("example.com" in problem for problem in results["problems"])


def test_the_policy_allows_the_pages_own_script_and_style_and_no_other() -> None:
    text = PAGE.read_text(encoding="utf-8")
    for name in ("script", "style"):
        (body,) = re.findall(rf"<{name}>(.*?)</{name}>", text, flags=re.DOTALL)
        digest = base64.b64encode(hashlib.sha256(body.encode()).digest()).decode()

        assert f"{name}-src 'sha256-{digest}'" in text
    assert "default-src 'none'" in text
