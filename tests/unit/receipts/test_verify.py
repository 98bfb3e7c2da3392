"""One receipt: whatever is changed in it shows."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson
import pytest

from gateway.receipts.canonical import canonical
from gateway.receipts.ed25519 import SigningKey
from gateway.receipts.keys import KeyRing, PublicKey
from gateway.receipts.receipt import Place, seal
from gateway.receipts.verdict import Aspect, State
from gateway.receipts.verify import check_document, verify_document
from tests.receipt_samples import (
    LOG_KEY,
    ORIGIN,
    OTHER_KEY,
    RECEIPT_KEY,
    RING,
    WHEN,
    Log,
    a_log,
    draft,
)

SEALED = a_log(1).sealed[0]
RECORD = Log().record("gap", {"count": 3, "reason": "disk full", "worker": 1})
NOW = datetime(2026, 11, 29, 6, 30, tzinfo=UTC)


def states(data: bytes, ring: KeyRing = RING, **options: Any) -> dict[Aspect, State]:
    return verify_document(data, ring, **options).states


def places(value: Any, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """Every value inside a document, by the path to it."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield (*path, name)
            yield from places(item, (*path, name))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield (*path, index)
            yield from places(item, (*path, index))


def edited(document: dict[str, Any], path: tuple[str | int, ...], action: str) -> Any:
    """A copy with one value changed, removed, or put under another name."""
    copy = orjson.loads(orjson.dumps(document))
    at: Any = copy
    for step in path[:-1]:
        at = at[step]
    last: Any = path[-1]
    if action == "remove":
        del at[last]
    elif action == "rename":
        if isinstance(at, list):
            at.reverse() if len(at) > 1 else at.append(0)
        else:
            at[f"{last}x"] = at.pop(last)
    elif isinstance(at[last], bool):
        at[last] = not at[last]
    elif isinstance(at[last], int):
        at[last] += 1
    elif isinstance(at[last], str):
        at[last] += "0"
    else:
        at[last] = 7
    return copy


def flipped(data: bytes, at: int, bit: int) -> bytes:
    return data[:at] + bytes([data[at] ^ bit]) + data[at + 1 :]


def test_a_receipt_is_valid_under_the_pinned_key() -> None:
    report = verify_document(SEALED.data, RING)

    assert report.findings == []
    assert report.exit_code == 0
    assert report.states[Aspect.INTEGRITY] == report.states[Aspect.AUTHENTICITY] == State.VALID


@pytest.mark.parametrize("data", [SEALED.data, RECORD.data], ids=["receipt", "record"])
def test_every_byte_that_flips_is_detected(data: bytes) -> None:
    """Every position, and of its bits the lowest, the one that changes case, and the highest."""
    flips = [(at, bit) for at in range(len(data)) for bit in (1, 0x20, 0x80)]
    unseen = [
        (at, bit)
        for at, bit in flips
        if verify_document(flipped(data, at, bit), RING).exit_code != 1
    ]

    assert unseen == []


@pytest.mark.parametrize("action", ["change", "remove", "rename"])
@pytest.mark.parametrize("document", [SEALED.receipt, RECORD.receipt], ids=["receipt", "record"])
def test_every_field_that_is_edited_is_detected(document: dict[str, Any], action: str) -> None:
    unseen = [
        path
        for path in places(document)
        if verify_document(canonical(edited(document, path, action)), RING).exit_code != 1
    ]

    assert unseen == []


def test_a_receipt_that_somebody_else_signed_is_of_unknown_origin() -> None:
    forged = seal(draft(), Place(ORIGIN, 0, 1), OTHER_KEY, WHEN)
    report = verify_document(forged.data, RING)

    assert report.states[Aspect.INTEGRITY] == State.VALID
    assert report.states[Aspect.AUTHENTICITY] == State.UNKNOWN
    assert report.exit_code == 2


def test_a_signature_of_another_key_under_our_name_is_a_forgery() -> None:
    forged = seal(draft(), Place(ORIGIN, 0, 1), OTHER_KEY, WHEN).receipt
    ours = SEALED.receipt["signature"]
    forged["signature"] = {**forged["signature"], "key_version": ours["key_version"]}

    assert verify_document(canonical(forged), RING).exit_code == 1


def test_nothing_pinned_means_unknown_and_never_valid() -> None:
    assert verify_document(SEALED.data, KeyRing()).exit_code == 2
    assert states(SEALED.data, KeyRing())[Aspect.AUTHENTICITY] == State.UNKNOWN


@pytest.mark.parametrize(
    "key",
    [
        {"first_index": 1},
        {"revoked_index": 0},
        {"last_index": 4, "first_index": 2},
    ],
    ids=["not yet", "revoked", "another time"],
)
def test_a_key_counts_only_for_its_part_of_the_log(key: dict[str, int]) -> None:
    ring = KeyRing([PublicKey(RECEIPT_KEY.public_key, **key)])

    assert states(SEALED.data, ring)[Aspect.AUTHENTICITY] == State.TAMPERED


def test_a_key_of_the_log_signs_no_receipts() -> None:
    sealed = seal(draft(), Place(ORIGIN, 0, 1), LOG_KEY, WHEN)

    assert states(sealed.data)[Aspect.AUTHENTICITY] == State.UNKNOWN


def test_the_identity_point_as_a_key_verifies_nothing() -> None:
    """A lenient library takes this signature for any message (RECEIPTS: small-order keys)."""
    identity = bytes([1]) + bytes(31)
    receipt = {**SEALED.receipt}
    receipt["signature"] = {
        **receipt["signature"],
        "public_key": identity.hex(),
        "value": (identity + bytes(32)).hex(),
    }

    assert verify_document(canonical(receipt), KeyRing()).exit_code == 1


@pytest.mark.parametrize(
    "spaced",
    [
        orjson.dumps(SEALED.receipt, option=orjson.OPT_INDENT_2),
        orjson.dumps(SEALED.receipt) + b"\n",
    ],
    ids=["pretty", "another order of members"],
)
def test_a_receipt_may_be_shown_in_other_spaces_and_order(spaced: bytes) -> None:
    assert verify_document(spaced, RING).exit_code == 0


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b"\xff",
        b'{"a":1,"a":2}',
        b"[" * 100_000,
        SEALED.data[:-1] + b',"version":"2.2.0"}',
        SEALED.data + b"{}",
        SEALED.data.replace(b'"status":200', b'"status":200.0'),
        SEALED.data.replace(b'"status":200', b'"status":2e2'),
        SEALED.data.replace(b'"status":200', b'"status":NaN'),
    ],
)
def test_what_is_no_receipt_is_not_valid(data: bytes) -> None:
    assert verify_document(data, RING).exit_code == 1


@pytest.mark.parametrize(
    ("now", "age_max", "expected"),
    [
        (NOW, None, State.VALID),
        (NOW, timedelta(hours=1), State.VALID),
        (NOW, timedelta(minutes=10), State.STALE),
        (NOW - timedelta(days=1), None, State.UNKNOWN),
        (None, None, State.UNCHECKED),
    ],
)
def test_freshness_is_judged_by_the_clock_that_is_given(
    now: datetime | None, age_max: timedelta | None, expected: State
) -> None:
    found = states(SEALED.data, now=now, age_max=age_max)

    assert expected == found[Aspect.FRESHNESS]


def test_a_proof_shows_that_the_log_holds_the_receipt() -> None:
    log = a_log(5)
    proof = log.proof(3)

    assert states(log.sealed[3].data, proof=proof)[Aspect.COMPLETENESS] == State.VALID
    assert states(log.sealed[2].data, proof=proof)[Aspect.COMPLETENESS] == State.TAMPERED


def test_a_proof_that_nobody_known_signed_proves_nothing() -> None:
    log = a_log(5)
    text = log.proof(3).partition("\n\n")[0] + "\n\n" + log.checkpoint(key=OTHER_KEY)

    assert states(log.sealed[3].data, proof=text)[Aspect.COMPLETENESS] == State.UNKNOWN


def test_every_line_of_a_proof_counts() -> None:
    log = a_log(5)
    text = log.proof(3)
    for at in range(0, len(text), 3):
        if text[at] == "\n":
            continue
        changed = text[:at] + ("A" if text[at] != "A" else "B") + text[at + 1 :]
        found = states(log.sealed[3].data, proof=changed)

        assert found[Aspect.COMPLETENESS] != State.VALID, changed


def test_another_issuers_receipt_is_verified_by_what_it_has() -> None:
    """SONATE's own library writes no metadata of ours, and scores as fractions."""
    from sonate import TrustReceipt  # noqa: PLC0415  # used here only

    seed = bytes(range(32))
    receipt = TrustReceipt(
        session_id="s",
        agent_id="a",
        human_id="h",
        prompt="p",
        response="r",
        model="m",
        scores={"clarity": 0.9},
    ).sign(seed)
    ring = KeyRing([PublicKey(SigningKey(seed).public_key)])
    data = orjson.dumps(receipt.to_json())

    assert verify_document(data, ring).exit_code == 0
    assert verify_document(data.replace(b"0.9", b"0.8"), ring).exit_code == 1


def test_a_checked_document_says_where_it_stands() -> None:
    checked = check_document(SEALED.data, RING)

    assert (checked.origin, checked.index, checked.tenant, checked.seq) == (ORIGIN, 0, "acme", 1)
    assert checked.data == SEALED.data
