"""The ledger in PostgreSQL: outages, rights, and two nodes that share one database."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from gateway.errors import SealgateError
from gateway.ledger.folder import open_journal
from gateway.ledger.opening import open_ledger
from gateway.ledger.overview import check_all
from gateway.ledger.store import Filter, LedgerAwayError
from tests.ledger_drafts import Node, make_draft, make_payload, make_ref
from tests.postgres_server import PostgresServer, needs_postgres, running_postgres

pytestmark = needs_postgres


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with running_postgres() as found:
        yield found


MakeNode = Callable[..., Node]


@pytest.fixture
def make_node(tmp_path: Path, server: PostgresServer, monkeypatch: pytest.MonkeyPatch) -> MakeNode:
    monkeypatch.setenv("LEDGER_DSN", server.dsn("writer"))
    monkeypatch.setenv("LEDGER_OWNER", server.dsn("owner"))

    def make(name: str = "node-1", **ledger: object) -> Node:
        values = {
            "store": "postgres",
            "dsn": "${LEDGER_DSN}",
            "maintenance_dsn": "${LEDGER_OWNER}",
            "statement_timeout_ms": 500,
            "node": name,
        }
        return Node(tmp_path / name, **{**values, **ledger})

    return make


def refs(node: Node) -> list[str]:
    ledger = open_ledger(node.settings)
    try:
        found = ledger.page(Filter(kinds=("exchange", "interrupted"), limit=10_000))
    finally:
        ledger.close()
    return [record.ref for record in found]


@pytest.mark.parametrize("mode", ["fast", "immediate"])
def test_a_database_that_goes_away_under_load_costs_nothing_but_time(
    make_node: MakeNode, server: PostgresServer, mode: str
) -> None:
    node = make_node()
    accepted: list[str] = []
    ended = threading.Event()

    def write() -> None:
        journal = open_journal(node.settings, "0", "batched")
        while not ended.is_set():
            journal.append(make_payload("exchange", ref := make_ref()))
            accepted.append(ref)
            ended.wait(0.001)
        journal.close()

    writer = threading.Thread(target=write)
    with node.sequencer() as running:
        writer.start()
        for _ in range(5):
            running.step()
        server.stop(mode)
        try:
            began = time.monotonic()
            for _ in range(3):
                with pytest.raises(LedgerAwayError):
                    running.step()
            waited_s = time.monotonic() - began
        finally:
            server.start()
        for _ in range(5):
            running.step()
        ended.set()
        writer.join()
        while running.waiting_bytes():
            running.step()
    node.settle()

    assert waited_s < 20
    assert sorted(refs(node)) == sorted(accepted)
    report = check_all(node.settings)
    assert report.ok, report.findings


def test_a_server_that_accepts_and_never_answers_is_hung_up_on(
    make_node: MakeNode, server: PostgresServer
) -> None:
    node = make_node()
    node.write(make_payload())
    with node.sequencer() as running:
        running.step()
        node.write(make_payload())
        server.pause()
        try:
            with pytest.raises(LedgerAwayError):
                running.step()
        finally:
            server.resume()
        running.step()
        running.step()
        assert running.counters.closed == 2
    node.settle()
    assert check_all(node.settings).ok


def test_the_sequencers_role_may_add_and_not_rewrite(
    make_node: MakeNode, server: PostgresServer
) -> None:
    node = make_node()
    node.write(make_payload())
    node.settle()
    ledger = open_ledger(node.settings)
    schema = ledger.schema
    ledger.close()

    options = f"-c search_path={schema}"
    with psycopg.connect(server.dsn("writer"), autocommit=True, options=options) as connection:
        for statement in (
            "UPDATE records SET seq = 9",
            "DELETE FROM records",
            "DELETE FROM bodies",
            "UPDATE batches SET size = 0",
            "DROP TABLE epochs",
            "TRUNCATE gone",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(statement)


def test_without_the_owner_erasure_holds_and_nothing_expires(make_node: MakeNode) -> None:
    owned = make_node()
    owned.write(make_payload(subject="someone"))
    owned.settle()
    node = make_node(maintenance_dsn=None, retention_days={"default": 1})
    ledger = open_ledger(node.settings)
    try:
        assert ledger.erase(1, 0) == 1
        assert [r.gone for r in ledger.page(Filter(kinds=("exchange",)))] == [1]
        with pytest.raises(SealgateError, match="maintenance_dsn"):
            ledger.expire("default", 1, 1)
    finally:
        ledger.close()


def test_two_nodes_of_two_workers_fork_nothing_and_witness_each_other(
    make_node: MakeNode,
) -> None:
    nodes = [make_node("node-1"), make_node("node-2")]
    accepted: dict[int, list[str]] = {0: [], 1: []}

    def write(number: int) -> None:
        for worker in ("0", "1"):
            journal = open_journal(nodes[number].settings, worker, "batched")
            for _ in range(100):
                payload = make_payload("exchange", ref := make_ref(), draft=make_draft("shared"))
                journal.append(payload)
                accepted[number].append(ref)
            journal.close()

    threads = [threading.Thread(target=write, args=(number,)) for number in (0, 1)]
    for thread in threads:
        thread.start()
    with nodes[0].sequencer() as first, nodes[1].sequencer() as second:
        for thread in threads:
            thread.join()
        while first.waiting_bytes() or second.waiting_bytes():
            first.step()
            second.step()
        nodes[0].clock.advance(3600)
        first.step()

    for number, node in enumerate(nodes):
        assert sorted(refs(node)) == sorted(accepted[number])
        assert check_all(node.settings).ok
    ledger = open_ledger(nodes[0].settings)
    others = ledger.others()
    ledger.close()
    other = open_ledger(nodes[1].settings)
    state = other.state()
    assert (other.origin, state.size, state.root) in others
    other.close()


def test_two_nodes_that_were_given_one_name_cannot_both_write(make_node: MakeNode) -> None:
    """The same origin by mistake: whoever started last writes, the other one ends."""
    first = make_node("node-1", origin="logs.example.com/one")
    second = make_node("node-2", origin="logs.example.com/one")
    first.write(make_payload())
    with first.sequencer() as running:
        running.step()
        second.write(make_payload())
        with pytest.raises(SealgateError):
            second.settle()  # its own keys and checkpoint are not those of this log
        first.write(make_payload())
        with pytest.raises(SealgateError, match="taken over"):
            running.step()
    first.settle()
    assert check_all(first.settings).ok
