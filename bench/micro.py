"""The gateway's own Python per exchange and per event, without sockets: what tuning looks at.

One connection is fed with requests, one upstream connection with answers, both by function calls
in one process. The figures leave out the kernel and the reading and writing of sockets, and repeat
within about a percent where those of bench/run.py vary by a third on a busy machine.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import socket
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import cast

import upstream as mock
import uvloop
from streams import body, request
from variants import (
    HEADER_CHAIN,
    INSPECT_CHAIN,
    KEY_CHAIN,
    RECEIPT_CHAIN,
    TOKEN_CHAIN,
    token_in,
)

from gateway.identity.directory import StoredDirectory
from gateway.identity.forms import KeyForm
from gateway.identity.identities import Identities
from gateway.identity.store import Actor
from gateway.ledger.journal import Journal
from gateway.plugin.runtime import Runtime
from gateway.policy.lifecycle import PolicyStore
from gateway.policy.loader import load_bundle
from gateway.proxy.balancer import Upstream
from gateway.proxy.client_address import ClientAddresses
from gateway.proxy.dial import ConnectionFactory
from gateway.proxy.handler import Proxy
from gateway.proxy.parts import ProxyParts
from gateway.proxy.target import Target
from gateway.proxy.upstream import UpstreamConnection
from gateway.server.http1 import ServerConnection
from gateway.server.service import ConnectionService
from gateway.server.worker import GC_THRESHOLDS
from gateway.settings import LogSettings, Settings, UpstreamSettings
from gateway.state.memory import MemoryStore
from gateway.telemetry.identifiers import RequestIds
from gateway.telemetry.lines import LineWriter
from gateway.telemetry.logs import ExchangeLog
from gateway.telemetry.metrics import Metrics

CHAINS = {
    "bare": "[]",
    "headers": HEADER_CHAIN,
    "key": KEY_CHAIN,
    "token": TOKEN_CHAIN,
    "receipt": RECEIPT_CHAIN,
    "inspect": INSPECT_CHAIN,
}


class Wire:
    """A transport whose writes are function calls."""

    def __init__(self, on_write: Callable[[bytes], object]) -> None:
        self._on_write = on_write
        # The pool asks the upstream connection's socket whether anything waits in it.
        self.socket, self._peer = socket.socketpair()

    def write(self, data: bytes) -> None:
        self._on_write(data)

    def get_extra_info(self, name: str, default: object = None) -> object:
        known = {"peername": ("127.0.0.1", 40_000), "socket": self.socket}
        return known.get(name, default)

    def is_closing(self) -> bool:
        return False

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass

    def abort(self) -> None:
        pass

    def close(self) -> None:
        pass


class Client:
    """Asks again as soon as it is answered, as long as it is wanted."""

    def __init__(self, bench: Bench, answered: Callable[[bytes], bool]) -> None:
        self._loop = asyncio.get_running_loop()
        self._answered = answered
        self._request = bench.request(stream=False)
        self._connection = bench.connect(self._on_write)

    def ask(self) -> None:
        self._connection.data_received(self._request)

    def _on_write(self, data: bytes) -> None:
        if self._answered(data):
            self._loop.call_soon(self.ask)


class Bench:
    """One worker's parts between two wires."""

    def __init__(self, folder: Path, credential: str, *, log: bool) -> None:
        """`credential` is shown with every request; "" shows none."""
        self._loop = loop = asyncio.get_running_loop()
        self._fields = (f"x-sealgate-key: {credential}",) if credential else ()
        self.settings = settings = Settings(log=LogSettings(exchanges=log), data_dir=folder)
        self.directory = StoredDirectory(folder, time.time)  # noqa: TID251  # real keys
        counters = MemoryStore()
        runtime = Runtime(
            data_dir=folder,
            directory=self.directory,
            counters=lambda _name: counters,
            journal=lambda durability: Journal(folder, "micro", durability),
        )
        self.store = PolicyStore(settings, runtime=runtime)
        self._asked: UpstreamConnection | None = None
        openai = Upstream("openai", UpstreamSettings(url="http://127.0.0.1:1"), dial=self._dial)
        with (folder / "log").open("wb") as output:
            writer = LineWriter(output.fileno())
        parts = ProxyParts(
            store=self.store,
            upstreams={"openai": openai},
            addresses=ClientAddresses(()),
            limits=settings.listener.limits,
            metrics=Metrics(),
            log=ExchangeLog(writer, enabled=log),
            request_ids=RequestIds(),
        )
        self._service = ConnectionService(Proxy(parts, loop), parts.limits, loop)

    async def _dial(
        self, target: Target, factory: ConnectionFactory, timeout_s: float
    ) -> UpstreamConnection:
        del target, timeout_s
        connection = factory()

        def answer(data: bytes) -> None:
            self._asked = connection
            streamed = b'"stream":true' in data
            reply = mock.STREAM_HEAD if streamed else mock.UNARY
            self._loop.call_soon(connection.data_received, reply)

        connection.connection_made(cast("asyncio.Transport", Wire(answer)))
        return connection

    def request(self, *, stream: bool) -> bytes:
        """What a client sends."""
        return request("127.0.0.1:8080", body("bench", stream=stream), self._fields)

    def connect(self, on_write: Callable[[bytes], object]) -> ServerConnection:
        connection = ServerConnection(self._service)
        connection.connection_made(cast("asyncio.Transport", Wire(on_write)))
        return connection

    async def exchanges(self, count: int, connections: int) -> float:
        """µs of CPU per exchange, with one exchange per connection under way all the time."""
        done = self._loop.create_future()
        left = count

        def answered(data: bytes) -> bool:
            nonlocal left
            assert data.startswith(b"HTTP/1.1 200"), data  # noqa: S101  # a wrong answer is cheap
            left -= 1
            if not left:
                done.set_result(None)
            return left > 0

        clients = [Client(self, answered) for _ in range(connections)]
        began = time.process_time()
        for client in clients:
            client.ask()
        await done
        return (time.process_time() - began) / count * 1e6

    async def events(self, count: int) -> float:
        """µs of CPU per event of a running stream."""
        started = asyncio.Event()
        self.connect(lambda _: started.set()).data_received(self.request(stream=True))
        await started.wait()
        source, event = cast("UpstreamConnection", self._asked), mock.event(1)
        began = time.process_time()
        for _ in range(count):
            source.data_received(event)
        return (time.process_time() - began) / count * 1e6


def _credential(chain: str, folder: Path) -> str:
    if chain == "token":
        return token_in(folder)
    if chain != "key":
        return ""
    with Identities(folder, time.time) as identities:  # noqa: TID251  # real keys
        return identities.keys.issue(Actor("bench"), KeyForm(subject="bench")).key


async def run(chain: str, rounds: int, connections: int, *, log: bool) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        policy = folder / "policy.yaml"
        written = CHAINS[chain].replace("@DIR@", name)
        policy.write_text(f"version: 1\nname: micro\nchain: {written}\n")
        bench = Bench(folder, _credential(chain, folder), log=log)
        bench.directory.start()
        await bench.store.prepare(1, load_bundle(policy))
        bench.store.commit(1)
        gc.collect()
        gc.freeze()
        gc.set_threshold(*GC_THRESHOLDS)
        exchange = min([await bench.exchanges(6_400, connections) for _ in range(rounds)])
        event = min([await bench.events(20_000) for _ in range(rounds)])
        print(f"{chain:8} {exchange:6.2f} us/exchange {event:6.2f} us/event")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chain", choices=list(CHAINS), default="bare")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--connections", type=int, default=64)
    parser.add_argument("--log", action="store_true", help="with one log line per exchange")
    given = parser.parse_args()
    uvloop.run(run(given.chain, given.rounds, given.connections, log=given.log))


if __name__ == "__main__":
    main()
