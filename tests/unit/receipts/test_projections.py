"""Receipts in other formats: what they are made of, and every edit found out."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from typing import Any

import orjson
import pytest

from gateway.receipts.ed25519 import (
    SigningKey,
    VerifyingKey,
)
from gateway.receipts.multibase import multibase_decode, multikey_decode
from gateway.receipts.note import NoteKey
from gateway.receipts.projections.credential import (
    add_proof,
    credential_faults,
    hash_data,
    to_credential,
)
from gateway.receipts.projections.dsse import open_envelope, pae, to_envelope
from gateway.receipts.projections.manifest import legacy_root, manifest_faults, to_manifest
from gateway.receipts.projections.npm_v1 import content_hash, npm_v1_faults, to_npm_v1
from gateway.receipts.receipt import key_id_of
from tests.receipt_samples import (
    LOG_KEY,
    OTHER_KEY,
    RECEIPT_KEY,
    RING,
    WHEN,
    a_log,
)
from tests.unit.receipts.test_vectors import VECTORS

KEY = VerifyingKey(RECEIPT_KEY.public_key)
RECEIPT = a_log(1).sealed[0].receipt
needs_vectors = pytest.mark.skipif(not VECTORS.is_dir(), reason="the shared vectors are not here")


def test_npm_v1_hashes_content_with_its_quotes() -> None:
    assert content_hash("é") == hashlib.sha256('"é"'.encode()).hexdigest()
    assert content_hash(None) == hashlib.sha256(b"").hexdigest()


@pytest.mark.parametrize(
    "edit",
    [
        lambda d: d.pop("scores"),
        lambda d: d.update(extra=1),
        lambda d: d.update(version="1.1"),
        lambda d: d.update(sessionId="x"),
        lambda d: d.update(receiptHash="x"),
        lambda d: d.update(receiptHash="0" * 64),
        lambda d: d.update(signature="0" * 128),
        lambda d: d.update(metadata={"a": "\ud800"}),
        lambda d: d.update(promptContent="another prompt"),
    ],
)
def test_an_edited_npm_v1_receipt_is_found_out(edit: Callable[[dict[str, Any]], Any]) -> None:
    """The package's own verifier says true to most of these."""
    document = to_npm_v1(RECEIPT, RECEIPT_KEY, prompt_hash=content_hash("p"))
    assert npm_v1_faults({**document, "promptContent": "p"}, KEY) == []
    edit(document)

    assert npm_v1_faults(document, KEY) != []


@needs_vectors
def test_w3c_vectors_of_eddsa_jcs_2022_are_met() -> None:
    folder = VECTORS / "eddsa-jcs-2022"
    load = lambda name: orjson.loads((folder / name).read_bytes())  # noqa: E731  # short names
    pair, unsigned, signed = load("keyPair.json"), load("unsigned.json"), load("signedJCS.json")
    options = load("proofConfigJCS.json")
    signer = SigningKey(multibase_decode(pair["privateKeyMultibase"])[2:])

    assert multikey_decode(pair["publicKeyMultibase"]) == signer.public_key
    assert (
        hash_data(unsigned, options).hex() == (folder / "combinedHashJCS.txt").read_text().strip()
    )
    assert signed == add_proof(unsigned, signer, options["created"], options["verificationMethod"])
    assert credential_faults(signed, VerifyingKey(signer.public_key)) == []


@pytest.mark.parametrize(
    "edit",
    [
        lambda d: d.pop("proof"),
        lambda d: d["proof"].update(type="Other"),
        lambda d: d["proof"].update(cryptosuite="eddsa-rdfc-2022"),
        lambda d: d["proof"].update(proofPurpose="authentication"),
        lambda d: d["proof"].update(created="2020-01-01T00:00:00Z"),
        lambda d: d["proof"].update(nonce="x"),
        lambda d: d["proof"].update(proofValue="z1"),
        lambda d: d["proof"].update(proofValue=7),
        lambda d: d["proof"].update({"@context": ["https://example.com"]}),
        lambda d: d.update(issuer="did:web:evil.example"),
        lambda d: d["credentialSubject"]["receipt"].update(mode="directive"),
        lambda d: d.update(extra="\ud800"),
    ],
)
def test_an_edited_credential_is_found_out(edit: Callable[[dict[str, Any]], Any]) -> None:
    document = to_credential(RECEIPT, RECEIPT_KEY, WHEN)
    assert credential_faults(document, KEY) == []
    edit(document)

    assert credential_faults(document, KEY) != []


@needs_vectors
@pytest.mark.parametrize(
    "row", orjson.loads((VECTORS / "dsse" / "pae.json").read_bytes()) if VECTORS.is_dir() else []
)
def test_dsse_encodes_as_published(row: dict[str, str]) -> None:
    assert row["pae"] == pae(row["payloadType"], row["payload"].encode()).decode()


def test_an_envelope_opens_for_its_key_only() -> None:
    envelope = to_envelope(RECEIPT, RECEIPT_KEY)

    assert orjson.loads(open_envelope(envelope, KEY))["predicate"] == RECEIPT
    for wrong in (
        {},
        {**envelope, "payload": base64.b64encode(b"{}").decode()},
        {**envelope, "payloadType": "text/plain"},
        {**envelope, "signatures": []},
        {**envelope, "signatures": [{"sig": "!"}]},
    ):
        with pytest.raises(ValueError, match=r"."):
            open_envelope(wrong, KEY)
    with pytest.raises(ValueError, match="did not sign"):
        open_envelope(envelope, VerifyingKey(OTHER_KEY.public_key))


def manifest_of(count: int, **options: Any) -> dict[str, Any]:
    receipts = [sealed.receipt for sealed in a_log(count).sealed]
    return to_manifest("project-1", "Project", receipts, LOG_KEY, WHEN, **options)


PROJECT_KEYS = [NoteKey("sonate/project-1", LOG_KEY.public_key)]


@pytest.mark.parametrize("legacy_tree", [False, True])
def test_a_manifest_holds_what_it_takes_to_verify_it(legacy_tree: bool) -> None:  # a case
    before = manifest_of(3)
    manifest = manifest_of(7, previous=before["head"], legacy_tree=legacy_tree, created=WHEN)
    text = orjson.dumps(manifest, option=orjson.OPT_INDENT_2)

    assert manifest_faults(text, PROJECT_KEYS, before["head"]) == []
    assert ("legacyMerkleRoot" in manifest) == legacy_tree
    assert {row["outcome"] for row in manifest["decisions"]} == {"flag"}


@pytest.mark.parametrize(
    "edit",
    [
        lambda m: m["workUnits"].pop(),
        lambda m: m["workUnits"].reverse(),
        lambda m: m["workUnits"][1].update(model="other"),
        lambda m: m["decisions"].pop(),
        lambda m: m["humans"].append("did:sonate:x"),
        lambda m: m.update(name="Other"),
        lambda m: m.update(projectId="project-2"),
        lambda m: m.update(merkleRoot="00" * 32),
        lambda m: m.update(legacyMerkleRoot="00" * 32),
        lambda m: m["merkleProofs"].popitem(),
        lambda m: m["merkleProofs"].update({m["workUnits"][0]["id"]: ["00" * 32]}),
        lambda m: m.pop("merkleProofs"),
        lambda m: m.update(workUnits=7),
        lambda m: m.update(head="x"),
        lambda m: m["consistency"].update(proof=[]),
        lambda m: m.pop("consistency"),
    ],
)
def test_an_edited_manifest_is_found_out(edit: Callable[[dict[str, Any]], Any]) -> None:
    before = manifest_of(3)
    manifest = manifest_of(7, previous=before["head"], legacy_tree=True)
    edit(manifest)

    assert manifest_faults(orjson.dumps(manifest), PROJECT_KEYS, before["head"]) != []


def test_the_legacy_tree_is_the_one_of_the_formats_first_writers() -> None:
    """No prefixes, an odd node paired with itself: so three and four leaves may have one root."""
    a, b, c = (hashlib.sha256(name).digest() for name in (b"a", b"b", b"c"))
    pair = lambda left, right: hashlib.sha256(left + right).digest()  # noqa: E731  # as the text says

    assert legacy_root([a, b, c]) == pair(pair(a, b), pair(c, c)) == legacy_root([a, b, c, c])
    assert legacy_root([a]) == a


def test_a_key_has_the_name_of_its_hash() -> None:
    expected = hashlib.sha256(RECEIPT_KEY.public_key).hexdigest()[:16]

    assert expected == key_id_of(RECEIPT_KEY.public_key) == RING.keys[0].key_id
