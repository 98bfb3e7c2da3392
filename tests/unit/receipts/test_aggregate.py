"""The logs of nodes followed as one: each way in which a node can contradict itself, or be away."""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Any

import pytest

from gateway.receipts.aggregate import Nodes, verify_aggregate
from gateway.receipts.canonical import canonical, parse
from gateway.receipts.keys import KeyRing, PublicKey
from gateway.receipts.merkle import leaf_hash
from gateway.receipts.tiles import Tile
from gateway.receipts.verdict import Report
from tests.receipt_samples import LOG_KEY, ORIGIN, OTHER_KEY, RING, WHEN, Log, a_log

AGGREGATE = "aggregate.example/nodes"


class Aggregate:
    """An aggregate in memory."""

    def __init__(self) -> None:
        self.nodes = Nodes()
        self.log = Log(origin=AGGREGATE)

    def look(self, log: Log, note: str | None = None, *, restored: bool = False) -> Report:
        """One look at a node."""
        report = Report("node")
        entry = self.nodes.observe(
            note or log.checkpoint(), log.fetch, RING, report, at=WHEN, restored=restored
        )
        if entry is not None:
            self.nodes.take(entry, RING, Report("entry"), "")
            self.add(entry)
        return report

    def add(self, entry: bytes) -> None:
        self.log.entries.append(entry)
        self.log.tree.append(leaf_hash(entry))
        self.log.tiles.clear()

    def verify(self, ring: KeyRing = RING) -> Report:
        return verify_aggregate(self.log.checkpoint(), self.log.fetch, ring)[0]

    @property
    def entries(self) -> list[dict[str, Any]]:
        return [parse(entry) for entry in self.log.entries]


def grow(log: Log, count: int) -> Log:
    for number in range(count):
        log.add(1000 + number)
    return log


def rewritten() -> Log:
    """Longer than what was seen, and another history."""
    log = Log()
    for number in range(320):
        log.add(number + (number == 7))
    return log


def test_nodes_that_grow_are_followed_and_anybody_can_verify_it() -> None:
    made, one, two = Aggregate(), a_log(300), Log(origin="two.example/log")
    for count in (5, 1, 600):
        assert made.look(grow(one, count)).exit_code == 0
        assert made.look(grow(two, count)).exit_code == 0
    assert made.look(one).exit_code == 0, "nothing new is nothing wrong"
    report = made.verify()

    assert report.exit_code == 0, report
    assert report.counts["nodes"] == 2
    assert report.counts["steps"] == len(made.entries) == 6
    assert [each["from"] for each in made.entries if each["origin"] == ORIGIN] == [0, 305, 306]


@pytest.mark.parametrize(
    ("now", "code"),
    [
        (lambda: a_log(299), "rollback"),
        (lambda: grow(a_log(299), 1), "fork"),
        (rewritten, "rewritten"),
    ],
)
def test_a_node_that_contradicts_itself_leaves_evidence(now: Callable[[], Log], code: str) -> None:
    made = Aggregate()
    made.look(a_log(300))
    report = made.look(now())
    again = made.look(now())

    assert [finding.code for finding in report.findings] == [code]
    assert report.exit_code == again.exit_code == 1
    assert [each["kind"] for each in made.entries] == ["step", "fault"], "it is written once"
    verified = made.verify()
    assert verified.exit_code == 1
    assert code in {finding.code for finding in verified.findings}
    made.look(grow(a_log(300), 4))
    assert made.entries[-1]["kind"] == "step", "what continues the last step is followed again"


def test_a_restored_node_goes_on_where_an_operator_says_so() -> None:
    made = Aggregate()
    made.look(a_log(300))
    assert made.look(a_log(290), restored=True).exit_code == 2
    assert made.look(grow(a_log(290), 20), restored=True).exit_code == 0
    report = made.verify()

    assert report.exit_code == 2
    assert [each["kind"] for each in made.entries] == ["step", "restored", "step"]


def test_a_log_without_tiles_is_not_followed() -> None:
    def missing(tile: Tile) -> bytes:
        raise LookupError(f"{tile.path} is missing")

    made, report = Aggregate(), Report("node")
    made.look(a_log(300))
    log = a_log(310)
    entry = made.nodes.observe(log.checkpoint(), missing, RING, report, at=WHEN, restored=False)

    assert entry is None
    assert report.exit_code == 2


def test_what_no_pinned_key_signed_is_not_followed() -> None:
    made, log = Aggregate(), a_log(3)

    assert made.look(log, log.checkpoint(key=OTHER_KEY)).exit_code == 2
    assert made.look(log, "no note").exit_code == 1
    assert not made.entries


@pytest.mark.parametrize(
    "change",
    [
        {"from": 7},
        {"origin": "two.example/log"},
        {"proof": []},
        {"proof": [base64.b64encode(bytes(32)).decode()]},
        {"proof": [7]},
        {"kind": "other"},
        {"v": 2},
        {"more": 1},
        {"checkpoint": "none"},
    ],
)
def test_an_aggregator_that_writes_what_nobody_signed_shows(change: dict[str, Any]) -> None:
    honest, made = Aggregate(), Aggregate()
    honest.look(a_log(300))
    honest.look(a_log(305))
    made.add(honest.log.entries[0])
    made.add(canonical({**honest.entries[1], **change}))

    assert made.verify().exit_code == 1


def test_the_aggregates_own_key_is_pinned_as_well() -> None:
    made = Aggregate()
    made.look(a_log(3))
    nodes_only = KeyRing([PublicKey(LOG_KEY.public_key, "log", origin=ORIGIN)])

    assert made.verify(nodes_only).exit_code == 2
