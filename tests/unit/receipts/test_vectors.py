"""The published vectors of every format, where they are at hand."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import orjson
import pytest

from gateway.receipts.canonical import jcs, parse
from gateway.receipts.ed25519 import SigningKey, verify
from gateway.receipts.key_documents import did_key, did_key_document, public_key_of_did
from gateway.receipts.merkle import ProofError, verify_consistency, verify_inclusion
from gateway.receipts.note import NoteError, NoteKey, open_note, parse_checkpoint

VECTORS = Path(__file__).resolve().parents[4] / "shared" / "data" / "receipts"
pytestmark = pytest.mark.skipif(not VECTORS.is_dir(), reason="the shared vectors are not here")


def rows(name: str) -> list[Any]:
    """The rows of one vector file; none where it is absent."""
    path = VECTORS / name
    return orjson.loads(path.read_bytes()) if path.is_file() else []


def decoded(texts: list[str] | None) -> list[bytes]:
    return [base64.b64decode(text) for text in texts or ()]


@pytest.mark.parametrize("name", ["arrays", "french", "structures", "unicode", "values", "weird"])
def test_rfc_8785_documents_canonicalise_to_the_published_bytes(name: str) -> None:
    value = parse((VECTORS / "jcs" / "input" / f"{name}.json").read_bytes())

    assert (VECTORS / "jcs" / "output" / f"{name}.json").read_bytes() == jcs(value)


@pytest.mark.parametrize("row", rows("ed25519/vectors.json"), ids=lambda row: str(row["n"]))
def test_ed25519_signs_and_verifies_as_published(row: dict[str, str]) -> None:
    key = SigningKey(bytes.fromhex(row["seed"]))
    message, signature = bytes.fromhex(row["msg"]), bytes.fromhex(row["sig"])

    assert bytes.fromhex(row["pk"]) == key.public_key
    assert signature == key.sign(message)
    assert verify(key.public_key, message, signature)


@pytest.mark.parametrize("row", rows("merkle/inclusion.json"), ids=lambda row: row["file"])
def test_inclusion_proofs_are_accepted_and_refused_as_published(row: dict[str, Any]) -> None:
    leaf, root = base64.b64decode(row["leafHash"]), base64.b64decode(row["root"])
    try:
        verify_inclusion(row["leafIdx"], row["treeSize"], leaf, decoded(row["proof"]), root)
        refused = False
    except ProofError:
        refused = True

    assert refused == row["wantErr"]


@pytest.mark.parametrize("row", rows("merkle/consistency.json"), ids=lambda row: row["file"])
def test_consistency_proofs_are_accepted_and_refused_as_published(row: dict[str, Any]) -> None:
    old, new = base64.b64decode(row["root1"]), base64.b64decode(row["root2"])
    try:
        verify_consistency(row["size1"], row["size2"], old, new, decoded(row["proof"]))
        refused = False
    except ProofError:
        refused = True

    assert refused == row["wantErr"]


@pytest.mark.parametrize("row", rows("signed-note/notes.json"), ids=lambda row: row["desc"])
def test_notes_open_and_stay_shut_as_published(row: dict[str, Any]) -> None:
    note = base64.b64decode(row["note"])
    try:
        open_note(note, keys_of(row))
        opened = True
    except NoteError:
        opened = False

    assert opened == row["valid"]


def test_the_head_of_a_real_log_is_read() -> None:
    """sum.golang.org's: the third line is the root, and the origin itself signed it."""
    notes = rows("signed-note/notes.json")
    found = [row for row in notes if "tree head (real log)" in row["desc"]]
    (row,) = found
    checkpoint = parse_checkpoint(open_note(base64.b64decode(row["note"]), keys_of(row))[0])

    assert checkpoint.size == 35_225_469


def keys_of(row: dict[str, Any]) -> list[NoteKey]:
    return [NoteKey.parse(vkey) for vkey in row["vkeys"]]


@pytest.mark.parametrize("row", (rows("did-key/vectors.json") or {"vectors": []})["vectors"])
def test_did_keys_are_written_and_read_as_published(row: dict[str, Any]) -> None:
    public_key = bytes.fromhex(row["public_key_hex"])

    assert row["did"] == did_key(public_key)
    assert public_key == public_key_of_did(row["did"])
    assert row["did_document"] == did_key_document(public_key)
