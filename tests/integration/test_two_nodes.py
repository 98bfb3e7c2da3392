"""Two nodes of four workers in one database: nothing forks, nothing is lost, all chains verify."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.integration.gateway_process import SEALGATE, GatewayProcess, running_gateway
from tests.integration.plugin_client import HELLO, ask
from tests.integration.test_receipts import (
    HEADER,
    POLICY,
    Admin,
    stream_in_progress,
    verify,
)
from tests.postgres_server import PostgresServer, needs_postgres, running_postgres

pytestmark = needs_postgres
CONFIG = """
ledger:
  store: postgres
  dsn: ${{LEDGER_DSN}}
  maintenance_dsn: ${{LEDGER_OWNER}}
  node: {name}
  heartbeat_s: 1
"""
NODES = ("node-1", "node-2")
THREADS = 4
CALLS = 25


@pytest.fixture(scope="module")
def environment() -> Iterator[dict[str, str]]:
    with running_postgres() as server:
        yield environment_of(server)


def environment_of(server: PostgresServer) -> dict[str, str]:
    return {"LEDGER_DSN": server.dsn("writer"), "LEDGER_OWNER": server.dsn("owner")}


@pytest.fixture
def nodes(environment: dict[str, str]) -> Iterator[list[GatewayProcess]]:
    with contextlib.ExitStack() as stack:
        yield [
            stack.enter_context(
                running_gateway(
                    config=CONFIG.format(name=name),
                    policies=POLICY % "strict",
                    workers=4,
                    environment=environment,
                )
            )
            for name in NODES
        ]


def load(nodes: list[GatewayProcess]) -> list[list[str]]:
    """The references that clients of each node were told, of calls from many threads."""
    refs: list[list[str]] = [[] for _ in nodes]

    def work(number: int) -> None:
        for _ in range(CALLS):
            refs[number].append(ask(nodes[number], body=HELLO)[1][HEADER])

    threads = [
        threading.Thread(target=work, args=(number,))
        for number in range(len(nodes))
        for _ in range(THREADS)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return refs


def kill_the_worker_of_a_stream(node: GatewayProcess) -> str:
    """The reference of a stream whose worker was killed."""
    with stream_in_progress(node) as (_, ref):
        # Which of four has the stream nobody knows: each is killed until the stream is cut.
        for pid in node.worker_pids():
            os.kill(pid, signal.SIGKILL)
    node.wait_for_log("worker replaced", count=4)
    return ref


def command(node: GatewayProcess, environment: dict[str, str], *words: str) -> dict[str, Any]:
    """What `sealgate ledger` prints of a node that has ended."""
    arguments = ["--config", str(node.folder / "gateway.yaml"), "--json"]
    done = subprocess.run(
        [str(SEALGATE), "ledger", *words, *arguments, "--data-dir", str(node.folder / "data")],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, **environment},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    found: dict[str, Any] = orjson.loads(done.stdout)
    return found


class Aggregator:
    """`sealgate ledger aggregate` over the nodes' admin ports."""

    def __init__(self, folder: Path, nodes: list[GatewayProcess]) -> None:
        self.folder = folder
        self._arguments: list[str] = []
        for number, node in enumerate(nodes):
            keys = folder.parent / f"keys-{number}.json"
            keys.write_bytes(Admin(node).get("/.well-known/sonate-keys.json", public=True)[1])
            self._arguments += ["--log", f"{node.admin_url}/log", "--keys", str(keys)]

    def look(self) -> dict[str, Any]:
        done = subprocess.run(
            [str(SEALGATE), "ledger", "aggregate", str(self.folder), "--json", *self._arguments],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        found: dict[str, Any] = orjson.loads(done.stdout)
        return found

    def verify(self, vkey: str) -> dict[str, Any]:
        keys = [text for text in self._arguments if text.endswith(".json")]
        pins = [word for path in keys for word in ("--keys", path)]
        done = verify("aggregate", str(self.folder / "log"), "--key", vkey, *pins, "--json")
        found: dict[str, Any] = orjson.loads(done.stdout)
        return found


def test_two_nodes_of_four_workers_fork_and_lose_nothing(
    nodes: list[GatewayProcess], environment: dict[str, str], tmp_path: Path
) -> None:
    refs = load(nodes)
    wait_until_known(nodes, refs)
    aggregator = Aggregator(tmp_path / "aggregate", nodes)
    first = aggregator.look()
    refs[0].append(kill_the_worker_of_a_stream(nodes[0]))
    for told, more in zip(refs, load(nodes), strict=True):
        told.extend(more)
    wait_until_known(nodes, refs)
    last = aggregator.look()
    verified = aggregator.verify(last["vkey"])

    assert first["verdict"] == last["verdict"] == "valid"
    assert first["nodes"].keys() == last["nodes"].keys()
    assert all(last["nodes"][origin] > size for origin, size in first["nodes"].items())
    assert verified["verdict"] == "valid", verified
    assert verified["counts"]["nodes"] == 2
    for number, node in enumerate(nodes):
        assert node.stop() == 0
        check_node(node, environment, set(refs[number]), interrupted=1 - number)


def wait_until_known(nodes: list[GatewayProcess], refs: list[list[str]]) -> None:
    """Every reference that was told has its receipt in the log of its node."""
    for node, told in zip(nodes, refs, strict=True):
        admin = Admin(node)
        for ref in told:
            assert admin.get(f"/receipts/{ref}?wait=30")[0] == 200


def check_node(
    node: GatewayProcess, environment: dict[str, str], refs: set[str], *, interrupted: int
) -> None:
    """Its counts after its end, and every root, tile, chain and signature of its log."""
    report = command(node, environment, "fsck")
    assert report["ok"], report
    status = command(node, environment, "status")
    counts = {name: status[name] for name in ("closed", "interrupted", "dropped", "gaps")}
    assert counts == {
        "closed": len(refs) - interrupted,
        "interrupted": interrupted,
        "dropped": 0,
        "gaps": 0,
    }
    assert status["opened"] == len(refs)
    assert report["kinds"]["exchange"] == counts["closed"]
