"""What others wrote to verify such artefacts accepts ours, and refuses what was changed."""

from __future__ import annotations

import base64
import os
import shutil
import subprocess
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
import pytest
from pymerkle import InmemoryTree, verify_consistency, verify_inclusion
from pymerkle.proof import InvalidProof
from scitt_cose import merkle as scitt
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import SSlibKey
from sonate import quick_verify

from gateway.receipts.canonical import jcs
from gateway.receipts.merkle import consistency_proof, inclusion_proof, leaf_hash
from gateway.receipts.note import NoteKey, parse_checkpoint, parse_note
from gateway.receipts.projections.credential import to_credential
from gateway.receipts.projections.dsse import to_envelope
from gateway.receipts.projections.npm_v1 import content_hash, to_npm_v1
from gateway.receipts.receipt import key_id_of
from gateway.receipts.tiles import TileReader
from tests.integration.sdk import node
from tests.receipt_samples import LOG_KEY, OTHER_KEY, RECEIPT_KEY, WHEN, Log, a_log

KEY = RECEIPT_KEY.public_key.hex()
needs_node = pytest.mark.skipif(bool(node.missing()), reason=node.missing())
AGES_MS = {"max_age_ms": 10**13, "max_future_ms": 10**13}


def run_node(**arguments: Any) -> Any:
    return node.run_script("receipts.mjs", **arguments)


# PyPI sonate-trust-receipts: the native receipt.


def test_sonate_accepts_a_chain_of_our_receipts() -> None:
    log = a_log(3)
    log.add(3, timestamp=f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S}.000Z")

    assert [quick_verify(sealed.receipt, KEY, **AGES_MS) for sealed in log.sealed] == [True] * 4
    assert quick_verify(log.sealed[3].receipt, KEY)


def test_sonate_refuses_an_edited_receipt_and_another_key() -> None:
    receipt = a_log(1).sealed[0].receipt
    edited = {**receipt, "session_id": "other"}

    assert not quick_verify(edited, KEY, **AGES_MS)
    assert not quick_verify(receipt, OTHER_KEY.public_key.hex(), **AGES_MS)


# npm @yseeku/trust-receipts: v1.0.


@needs_node
def test_the_npm_package_accepts_our_v1_receipts_and_their_chain() -> None:
    log = a_log(2)
    messages = [{"role": "user", "content": "héllo 💡"}]
    hashes = {"prompt_hash": content_hash(messages), "response_hash": content_hash("an answer")}
    first = to_npm_v1(log.sealed[0].receipt, RECEIPT_KEY, **hashes)
    second = to_npm_v1(
        log.sealed[1].receipt, RECEIPT_KEY, previous_hash=first["receiptHash"], **hashes
    )
    found = run_node(kind="npm", receipt=second, publicKey=KEY, previous=first)

    assert found == {"verified": True, "recomputed": True, "chained": True}


@needs_node
def test_the_npm_package_hashes_our_v1_receipt_as_we_do_and_so_finds_an_edit() -> None:
    """Its own `verify` never recomputes the hash; it says true to the edited receipt."""
    receipt = to_npm_v1(a_log(1).sealed[0].receipt, RECEIPT_KEY)
    found = run_node(kind="npm", receipt={**receipt, "sessionId": "x"}, publicKey=KEY)

    assert found == {"verified": True, "recomputed": False, "chained": None}


@needs_node
def test_javascript_canonicalises_as_we_do() -> None:
    values = [
        {"€": 1, "\r": 2, "דּ": 3, "1": 4, "😀": 5, "ö": 6},
        [1e21, 1e-7, 0.1, -0.0, 123456789.5, 5e-324, 2**53 - 1],
        {"a": '\x1f\x7f " \\ / ü'},
    ]

    assert [jcs(value).decode() for value in values] == run_node(kind="canonical", values=values)


# npm @digitalbazaar/*: the credential.


@needs_node
def test_digital_bazaar_accepts_our_credential() -> None:
    document = to_credential(a_log(1).sealed[0].receipt, RECEIPT_KEY, WHEN)

    assert run_node(kind="credential", document=document) == {"verified": True, "error": ""}


@needs_node
@pytest.mark.parametrize("member", ["validFrom", "issuer", "id"])
def test_digital_bazaar_refuses_an_edited_credential(member: str) -> None:
    document = to_credential(a_log(1).sealed[0].receipt, RECEIPT_KEY, WHEN)
    edited = {**document, member: document[member] + "0"}

    assert not run_node(kind="credential", document=edited)["verified"]


# PyPI securesystemslib: the DSSE envelope.


def test_securesystemslib_accepts_our_envelope_and_refuses_an_edited_one() -> None:
    document = orjson.dumps(to_envelope(a_log(1).sealed[0].receipt, RECEIPT_KEY))
    key_id = key_id_of(RECEIPT_KEY.public_key)
    key = SSlibKey(key_id, "ed25519", "ed25519", {"public": KEY})
    other = SSlibKey(key_id, "ed25519", "ed25519", {"public": OTHER_KEY.public_key.hex()})
    edited = Envelope.from_dict(orjson.loads(document))
    edited.payload = edited.payload.replace(b"session-0", b"session-1")

    assert Envelope.from_dict(orjson.loads(document)).verify([key], 1)
    with pytest.raises(VerificationError):
        Envelope.from_dict(orjson.loads(document)).verify([other], 1)
    with pytest.raises(VerificationError):
        edited.verify([key], 1)


# PyPI pymerkle: the tree.


def pymerkle_of(log: Log) -> InmemoryTree:
    tree = InmemoryTree(algorithm="sha256")
    for item in log.entries:
        tree.append_entry(item)
    return tree


@pytest.mark.parametrize("size", [1, 2, 3, 7, 8, 20, 33])
def test_pymerkle_accepts_our_root_and_our_proofs_of_inclusion(size: int) -> None:
    log = a_log(size)
    tree = pymerkle_of(log)
    read = TileReader(log.fetch, size)

    assert tree.get_root() == log.tree.root()
    for index in range(size):
        proof = tree.prove_inclusion(index + 1)
        proof.path = [tree.get_leaf(index + 1), *inclusion_proof(index, size, read)]
        verify_inclusion(leaf_hash(log.entries[index]), log.tree.root(), proof)
        proof.path[0] = bytes(32)
        with pytest.raises(InvalidProof):
            verify_inclusion(leaf_hash(log.entries[index]), log.tree.root(), proof)


@pytest.mark.parametrize(("old", "size"), [(1, 20), (7, 20), (8, 20), (19, 20), (20, 33)])
def test_pymerkle_finds_our_heads_consistent_and_others_not(old: int, size: int) -> None:
    """Its proofs have another form than RFC 6962's; what they prove is that our roots follow."""
    log = a_log(size)
    before = parse_checkpoint(parse_note(log.checkpoint(old)).text)
    proof = pymerkle_of(log).prove_consistency(old, size)

    verify_consistency(before.root, log.tree.root(), proof)
    with pytest.raises(InvalidProof):
        verify_consistency(bytes(32), log.tree.root(), proof)


# PyPI scitt-cose: the tree of COSE receipts (RFC 9162, SHA-256), which is ours. We write no COSE.


@pytest.mark.parametrize(("old", "size"), [(1, 2), (3, 7), (7, 20), (8, 20), (19, 20), (20, 33)])
def test_scitt_accepts_our_proofs_of_inclusion_and_consistency(old: int, size: int) -> None:
    log = a_log(size)
    read = TileReader(log.fetch, size)
    root, entry = log.tree.root().hex(), log.entries[old].hex()
    before = parse_checkpoint(parse_note(log.checkpoint(old)).text).root.hex()
    path = [item.hex() for item in inclusion_proof(old, size, read)]
    proof = [item.hex() for item in consistency_proof(old, size, read)]

    assert scitt.verify_inclusion(entry, old, size, path, root)
    assert not scitt.verify_inclusion(entry, old, size, path[1:], root)
    assert scitt.verify_consistency(before, root, old, size, proof)
    assert not scitt.verify_consistency(root, before, old, size, proof)


# Go's golang.org/x/mod/sumdb: notes, checkpoints, proofs, tiles.

GO_PACKAGES = Path("/usr/share/gocode")
needs_go = pytest.mark.skipif(
    shutil.which("go") is None or not (GO_PACKAGES / "src/golang.org/x/mod/sumdb").is_dir(),
    reason="Go or its x/mod is missing: install golang-go and golang-golang-x-mod-dev",
)


@pytest.fixture(scope="module")
def go_verifier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The program of `go/verify.go`, built once, from Debian's packages and no other."""
    folder = tmp_path_factory.mktemp("go")
    program = folder / "verify"
    settings = {"GO111MODULE": "off", "GOPATH": str(GO_PACKAGES), "GOFLAGS": "", "CGO_ENABLED": "0"}
    subprocess.run(
        ["go", "build", "-o", str(program), str(Path(__file__).parent / "go" / "verify.go")],
        env={**os.environ, **settings, "GOCACHE": str(folder / "cache")},
        check=True,
        timeout=240,
    )
    return program


def case_of(log: Log, folder: Path, index: int, old: int) -> dict[str, Any]:
    """What the Go program is given."""
    size = len(log.entries)
    for path, data in log.publish().tiles.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    read = TileReader(log.fetch, size)
    encoded = {
        "Inclusion": inclusion_proof(index, size, read),
        "Consistency": consistency_proof(old, size, read),
    }
    return {
        "Vkey": NoteKey(log.origin, LOG_KEY.public_key).vkey,
        "Older": log.checkpoint(old),
        "Newer": log.checkpoint(),
        "Folder": str(folder),
        "Index": index,
        "Entry": base64.b64encode(log.entries[index]).decode(),
        **{name: [base64.b64encode(x).decode() for x in proof] for name, proof in encoded.items()},
    }


def run_go(program: Path, case: dict[str, Any]) -> dict[str, str]:
    done = subprocess.run([str(program)], input=orjson.dumps(case), capture_output=True, check=True)
    found: dict[str, str] = orjson.loads(done.stdout)
    return found


@needs_go
@pytest.mark.timeout(300)
def test_go_accepts_our_checkpoints_proofs_and_tiles(go_verifier: Path, tmp_path: Path) -> None:
    case = case_of(a_log(600), tmp_path, index=300, old=257)

    assert set(run_go(go_verifier, case).values()) == {""}


@needs_go
@pytest.mark.timeout(300)
def test_go_refuses_what_was_changed(go_verifier: Path, tmp_path: Path) -> None:
    log = a_log(600)
    case = case_of(log, tmp_path, index=300, old=257)
    (tmp_path / "tile/0/001").write_bytes(bytes(8192))
    forged = {
        **case,
        "Entry": base64.b64encode(bytes(32)).decode(),
        "Consistency": case["Consistency"][1:],
        "Older": case["Older"].replace("257", "256"),
        "Newer": case["Newer"],
    }
    found = run_go(go_verifier, forged)

    assert found.pop("newer") == ""
    assert "" not in found.values()
