"""The aggregator on its folder: it goes on from what it left, and refuses what somebody changed."""

from __future__ import annotations

import functools
import http.server
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.ledger.aggregator import Aggregated, aggregate
from gateway.ledger.opening import open_keys
from gateway.ledger.store import LedgerError
from gateway.ledger.tree import LogFiles
from gateway.receipts.aggregate import verify_aggregate
from gateway.receipts.files import LogFolder
from gateway.receipts.key_documents import read_key
from gateway.receipts.keys import KeyRing
from tests.ledger_drafts import Node, make_payload
from tests.receipt_samples import RING, Log


class Nodes:
    """Two nodes, and the folder of their aggregate."""

    def __init__(self, folder: Path) -> None:
        self.nodes = [Node(folder / name) for name in ("one", "two")]
        self.folder = folder / "aggregate"
        for node in self.nodes:
            self.grow(node, 1)
        self.keys = [key for node in self.nodes for key in open_keys(node.settings).public_keys()]

    @staticmethod
    def grow(node: Node, count: int) -> None:
        node.write(*(make_payload() for _ in range(count)))
        node.settle()

    def look(self, *sources: str, restored: tuple[str, ...] = ()) -> Aggregated:
        logs = sources or tuple(str(node.folder / "log") for node in self.nodes)
        return aggregate(self.folder, logs, self.keys, at_ms=0, restored=restored)

    def verified(self, vkey: str) -> int:
        ring = KeyRing([read_key(vkey), *self.keys])
        log = LogFolder(self.folder / "log")
        return verify_aggregate(log.checkpoint(), log.fetch, ring)[0].exit_code


@pytest.fixture
def nodes(tmp_path: Path) -> Nodes:
    return Nodes(tmp_path)


def test_two_nodes_are_followed_from_run_to_run(nodes: Nodes) -> None:
    nodes.look()
    nodes.grow(nodes.nodes[0], 3)
    found = nodes.look()

    assert found.report.exit_code == 0
    assert found.size == 3
    assert len(found.heads) == 2
    assert nodes.verified(found.vkey) == 0


def test_runs_go_on_over_full_tiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    logs = {f"log-{n}": Log(origin=f"node-{n}.example/log") for n in range(50)}
    monkeypatch.setattr("gateway.ledger.aggregator.source_of", logs.__getitem__)
    for run in range(6):
        for log in logs.values():
            log.add(run)
        found = aggregate(tmp_path, logs, RING.keys, at_ms=run)
        log_of = LogFolder(tmp_path / "log")
        ring = KeyRing([read_key(found.vkey), *RING.keys])
        report, _, at = verify_aggregate(log_of.checkpoint(), log_of.fetch, ring)
        assert report.exit_code == 0, report
        assert at == f"1970-01-01T00:00:00.{run:03d}Z"
    assert found.size == 300


def test_a_rolled_back_node_is_told_from_one_that_grows(nodes: Nodes, tmp_path: Path) -> None:
    older = tmp_path / "older"
    first = nodes.look()
    (older / "tile").parent.mkdir()
    log = nodes.nodes[0].folder / "log"
    (older / "checkpoint").write_bytes((log / "checkpoint").read_bytes())
    nodes.grow(nodes.nodes[0], 5)
    nodes.look()
    found = nodes.look(str(older), str(nodes.nodes[1].folder / "log"))

    assert found.report.exit_code == 1
    assert [finding.code for finding in found.report.findings] == ["rollback"]
    assert found.vkey == first.vkey
    assert nodes.verified(found.vkey) == 1
    again = nodes.look(str(older), restored=(str(older),))
    assert again.report.exit_code == 2


def test_what_a_crash_left_unpublished_does_not_count(
    nodes: Nodes, monkeypatch: pytest.MonkeyPatch
) -> None:
    nodes.look()
    nodes.grow(nodes.nodes[0], 5)

    def crash(*_: Any) -> None:
        raise OSError(5, "Input/output error")

    with monkeypatch.context() as patch:
        patch.setattr(LogFiles, "publish", crash)
        with pytest.raises(LedgerError, match="cannot be used"):
            nodes.look()
    found = nodes.look()

    assert found.size == 3
    assert nodes.verified(found.vkey) == 0


def test_an_aggregate_that_somebody_changed_is_not_gone_on_from(nodes: Nodes) -> None:
    nodes.look()
    bundle = next((nodes.folder / "log" / "tile" / "entries").rglob("2"))
    bundle.write_bytes(bundle.read_bytes().replace(b'"step"', b'"past"'))

    with pytest.raises(LedgerError, match="not as it was left"):
        nodes.look()


def test_one_aggregator_at_a_time_and_no_other_kind_of_source(nodes: Nodes) -> None:
    with pytest.raises(LedgerError, match="write a folder, or a URL"):
        nodes.look("ftp://node-1/log")


@pytest.fixture
def site(nodes: Nodes) -> Iterator[str]:
    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: Any) -> None:
            """Says nothing."""

    folder = str(nodes.nodes[0].folder)
    handler = functools.partial(Handler, directory=folder)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def test_logs_are_read_from_a_web_server_too(nodes: Nodes, site: str) -> None:
    nodes.look(f"{site}/log")
    nodes.grow(nodes.nodes[0], 300)
    found = nodes.look(f"{site}/log/")

    assert found.report.exit_code == 0
    assert found.size == 2
    away = nodes.look(f"{site}/nothing")
    assert away.report.exit_code == 2
    assert "checkpoint is missing" in str(away.report)
