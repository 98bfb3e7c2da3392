"""Logs and their checkpoints: proofs of consistency, keys, and what need not be published."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.receipts.keys import KeyRing, PublicKey
from gateway.receipts.merkle import consistency_proof, leaf_hash
from gateway.receipts.tiles import TileReader
from gateway.receipts.verdict import State
from gateway.receipts.verify import verify_document
from gateway.receipts.verify_log import verify_continues, verify_log
from tests.receipt_samples import LOG_KEY, RING, a_log
from tests.unit.receipts.test_verdicts import (
    AUTHENTICITY,
    COMPLETENESS,
    TAMPERED,
    UNKNOWN,
    VALID,
    grown,
)


def test_a_proof_of_consistency_is_taken_from_elsewhere_or_missed() -> None:
    older, log, newer = grown(a_log(300))
    size = len(log.entries)
    proof = consistency_proof(300, size, TileReader(log.fetch, size))

    assert verify_continues(older, newer, RING, proof=proof).exit_code == 0
    assert verify_continues(older, newer, RING, proof=proof[1:]).exit_code == 1
    assert verify_continues(older, newer, RING).exit_code == 2


def test_two_logs_are_not_one() -> None:
    log, other = a_log(3), a_log(3)
    other.origin = "other.example/log"

    assert verify_continues(log.checkpoint(), other.checkpoint(), RING).exit_code == 1


def test_a_log_may_publish_no_entries() -> None:
    """A leaf is the hash of its entry, so receipts are compared with the leaves."""
    log = a_log(300).publish()
    for path in [path for path in log.tiles if "entries" in path]:
        del log.tiles[path]
    report, leaves = verify_log(log.checkpoint(), log.fetch, RING)

    assert report.exit_code == 0
    assert leaves == [leaf_hash(item) for item in log.entries]


@pytest.mark.parametrize(
    ("key", "state"),
    [
        ({"first_index": 299}, VALID),
        ({"last_index": 299}, VALID),
        ({"first_index": 300}, TAMPERED),
        ({"last_index": 298}, TAMPERED),
        ({"revoked_index": 200}, TAMPERED),
        ({"origin": "other.example/log"}, UNKNOWN),
    ],
)
def test_a_key_of_the_log_counts_for_its_part_of_it(key: dict[str, Any], state: State) -> None:
    log = a_log(300)
    ring = KeyRing([PublicKey(LOG_KEY.public_key, "log", **key)])
    report, _ = verify_log(log.checkpoint(), log.fetch, ring)
    proof = log.proof(7)
    proved = verify_document(log.sealed[7].data, ring, proof=proof)

    assert report.states[AUTHENTICITY] == state
    assert proved.states[COMPLETENESS] == state


def test_a_log_nobody_pinned_is_of_unknown_origin() -> None:
    log = a_log(3)
    report, _ = verify_log(log.checkpoint(), log.fetch, KeyRing())

    assert report.exit_code == 2
