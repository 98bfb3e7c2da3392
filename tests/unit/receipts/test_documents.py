"""Canonical JSON, seals, records, notes and proofs: what is written, and what is refused."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.receipts.canonical import CanonicalError, canonical, jcs, parse
from gateway.receipts.commitment import Commitment, commit, opens, salt
from gateway.receipts.merkle import (
    CompactRange,
    ProofError,
    inclusion_proof,
    leaf_hash,
    verify_inclusion,
)
from gateway.receipts.note import NoteError, parse_checkpoint, parse_note, sign_note
from gateway.receipts.proof import parse_proof
from gateway.receipts.receipt import Place, did, seal
from gateway.receipts.record import seal_record
from gateway.receipts.tiles import TileReader
from tests.receipt_samples import (
    LOG_KEY,
    ORIGIN,
    RECEIPT_KEY,
    WHEN,
    a_log,
    draft,
)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (b'{"a":1,"a":1}', "twice"),
        (b'{"a":{"b":1,"b":1}}', "twice"),
        (b"NaN", "no JSON number"),
        (b"-Infinity", "no JSON number"),
        (b'"\\ud800"', "surrogate"),
        (b"\xef\xbb\xbf1", "not JSON"),
        (b"[" * 70 + b"]" * 70, "deeper"),
        (b"[" * 200_000, "deeper"),
        (b"{'a':1}", "not JSON"),
        (b"1 2", "not JSON"),
        (b"\xff", "not JSON"),
    ],
)
def test_json_is_read_strictly(text: bytes, why: str) -> None:
    with pytest.raises(CanonicalError, match=why):
        parse(text)


@pytest.mark.parametrize(
    ("value", "why"),
    [
        ({"a": {"b": [0, 1.5]}}, r"a\.b\.1: a float"),
        ({"a": 2**53}, "a: an integer beyond"),
        ({"é": 1}, "not ASCII"),
        ({"a": "\ud800"}, "a: a text holds a lone surrogate"),
        ({"a": object()}, "a: a object is no JSON value"),
        ({"a": float("nan")}, "a: a float"),
        ([[[]]] * 1 + [b""], "1: a bytes"),
    ],
)
def test_an_error_of_the_writer_names_the_member(value: Any, why: str) -> None:
    with pytest.raises(CanonicalError, match=why):
        canonical(value)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 10**400, "\ud800", {1: 2}, object()])
def test_the_full_writer_refuses_what_json_lacks(value: Any) -> None:
    with pytest.raises(CanonicalError):
        jcs([value])


def test_nesting_is_bounded_in_both_writers() -> None:
    value: Any = 0
    for _ in range(100):
        value = [value]

    with pytest.raises(CanonicalError, match="deeper"):
        jcs(value)
    with pytest.raises(CanonicalError, match="deeper"):
        canonical({"a": value, "b": 1.5})


@pytest.mark.parametrize("change", [{"extra": 1}, {"mode": None}])
def test_a_draft_has_the_members_of_a_draft(change: dict[str, Any]) -> None:
    wrong = {**draft(), **change}
    if change.get("mode", 1) is None:
        del wrong["mode"]

    with pytest.raises(ValueError, match=r"lacks or has too much: (extra|mode)"):
        seal(wrong, Place(ORIGIN, 0, 1), RECEIPT_KEY, WHEN)


def test_sealing_leaves_the_draft_as_it_was() -> None:
    given = draft()
    seal(given, Place(ORIGIN, 0, 1), RECEIPT_KEY, WHEN)

    assert given == draft()


def test_names_become_dids() -> None:
    assert (did("a"), did("did:web:a")) == ("did:sonate:a", "did:web:a")


def test_a_record_of_an_unknown_kind_is_refused() -> None:
    place = {"origin": ORIGIN, "index": 0, "node": "n", "epoch": 0}

    with pytest.raises(ValueError, match="no kind"):
        seal_record("party", {}, **place, signer=RECEIPT_KEY, signed_at=WHEN)


@given(secret=st.binary(max_size=130), label=st.text(max_size=80))
def test_a_salt_is_the_hmac_of_its_label(secret: bytes, label: str) -> None:
    assert salt(secret, label) == hmac.digest(secret, label.encode(), "sha256")


def test_a_commitment_opens_for_who_has_salt_and_body() -> None:
    """As `cat salt body | sha256sum` says."""
    salted = salt(bytes(32), "request_received")
    pieces = Commitment(salted)
    for piece in (b"bo", b"", b"dy"):
        pieces.update(piece)

    assert pieces.hexdigest() == commit(salted, b"body")
    assert pieces.hexdigest() == hashlib.sha256(salted + b"body").hexdigest()
    assert opens(commit(salted, b"body"), salted, b"body")
    assert not opens(commit(salted, b"body"), salt(bytes(32), "response_received"), b"body")


@pytest.mark.parametrize(
    "text",
    [
        "o\n1\nAAAA\n",
        "o\n01\n" + "A" * 43 + "=\n",
        "o\n-1\n" + "A" * 43 + "=\n",
        "\n1\n" + "A" * 43 + "=\n",
        "o\n1\n" + "A" * 43 + "=",
        "o\n1\n",
        "o\n1\n" + "A" * 43 + "=\n\n",
        "o\n" + "9" * 20 + "\n" + "A" * 43 + "=\n",
        "o\n1\n" + "A" * 42 + "B=\n",
    ],
)
def test_what_is_no_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(NoteError):
        parse_checkpoint(text)


@pytest.mark.parametrize(
    "note",
    [
        b"",
        b"text\n",
        b"text\n\n",
        "text\n\n\u2014 name AAAA".encode(),
        "text\n\n\u2014 name AAAAAAAA \n".encode(),
        b"text\n\n- name AAAAAAAA\n",
        "te\x01xt\n\n\u2014 name AAAAAAAA\n".encode(),
        "text\n\n\u2014 na+me AAAAAAAA\n".encode(),
        "text\n\n\u2014 name AAAA\n".encode(),
        b"\xff\n\n",
        ("text\n\n" + "\u2014 name AAAAAAAA\n" * 101).encode(),
        b"a" * 1_000_001,
    ],
)
def test_what_is_no_note_is_refused(note: bytes) -> None:
    with pytest.raises(NoteError):
        parse_note(note)


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\u2003b"])
def test_a_signer_has_a_plain_name(name: str) -> None:
    with pytest.raises(NoteError):
        sign_note("text\n", name, LOG_KEY)
    with pytest.raises(NoteError):
        sign_note("text", "name", LOG_KEY)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("c2sp.org/tlog-proof@v1", "c2sp.org/tlog-proof@v2"),
        ("index 1", "index 01"),
        ("index 1", "index one"),
        ("index 1\n", ""),
        ("extra ", "extra !"),
        ("\n\n", "\n"),
    ],
)
def test_what_is_no_proof_is_refused(old: str, new: str) -> None:
    text = a_log(3).proof(1)

    with pytest.raises(ValueError, match=r"."):
        parse_proof(text.replace(old, new, 1) if old != "\n\n" else text.replace(old, new))


def test_a_tree_says_which_proofs_it_cannot_give() -> None:
    with pytest.raises(ValueError, match="no leaf 3"):
        inclusion_proof(3, 3, lambda _level, _index: b"")
    with pytest.raises(ValueError, match="perfect subtrees"):
        CompactRange(3, [bytes(32)])


def test_every_bit_of_a_proof_counts() -> None:
    log = a_log(20)
    read = TileReader(log.fetch, 20)
    root, leaf = log.tree.root(), leaf_hash(log.entries[13])
    proof = inclusion_proof(13, 20, read)
    verify_inclusion(13, 20, leaf, proof, root)
    for number, item in enumerate(proof):
        for bit in range(256):
            changed = (int.from_bytes(item, "big") ^ 1 << bit).to_bytes(32, "big")
            with pytest.raises(ProofError):
                verify_inclusion(
                    13, 20, leaf, [*proof[:number], changed, *proof[number + 1 :]], root
                )
