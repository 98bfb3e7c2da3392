"""An answer that waits for its record: it comes whole, once, in order, and never after the end."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from gateway.proxy.inbound import ClientConnection, InboundRequest
from gateway.server.drain import drain
from tests.unit.server.front import Front, FrontMaker

Serve = Callable[[InboundRequest, ClientConnection], Awaitable[None]]


class Holder:
    """A handler that tries to hold each answer and lets it go when told."""

    def __init__(self) -> None:
        self.held: asyncio.Queue[tuple[bytes, bool]] = asyncio.Queue()
        self.go = asyncio.Event()
        self._waiting: list[asyncio.Task[None]] = []

    async def serve(self, request: InboundRequest, client: ClientConnection) -> None:
        close = b"" if client.keep_open() else b"connection: close\r\n"
        answer = b"HTTP/1.1 200 OK\r\n%bcontent-length: 4\r\n\r\n%b" % (close, request.target[-4:])
        kept = client.hold(answer)
        self.held.put_nowait((request.target, kept))
        if kept:
            self._waiting.append(asyncio.ensure_future(self._release(client)))
        else:
            client.write(answer)

    async def _release(self, client: ClientConnection) -> None:
        await self.go.wait()
        client.release()


@pytest.fixture
async def holding(fronts: FrontMaker) -> tuple[Front, Holder]:
    front, holder = fronts(), Holder()
    front.echo.serve = holder.serve  # type: ignore[method-assign]  # the service asks the object
    return front, holder


async def asked(front: Front, holder: Holder) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection whose first answer, `one1`, is held."""
    reader, writer = await front.connect()
    writer.write(b"GET /one1 HTTP/1.1\r\nhost: x\r\n\r\n")
    assert await holder.held.get() == (b"/one1", True)
    return reader, writer


async def test_a_held_answer_comes_when_it_is_let_go(holding: tuple[Front, Holder]) -> None:
    front, holder = holding
    reader, writer = await asked(front, holder)
    reading = asyncio.ensure_future(reader.readuntil(b"one1"))
    for _ in range(10):
        await asyncio.sleep(0)
    assert not reading.done()

    holder.go.set()

    assert (await reading).endswith(b"\r\n\r\none1")
    writer.close()


async def test_answers_to_pipelined_requests_stay_in_order(holding: tuple[Front, Holder]) -> None:
    front, holder = holding
    reader, writer = await front.connect()
    writer.write(b"".join(b"GET /no%02d HTTP/1.1\r\nhost: x\r\n\r\n" % n for n in range(3)))

    asked = [await holder.held.get() for _ in range(3)]
    holder.go.set()

    bodies = [(await reader.readuntil(b"no%02d" % n))[-4:] for n in range(3)]
    assert bodies == [b"no00", b"no01", b"no02"]
    # The last alone may wait: nothing is in line behind it.
    assert [kept for _, kept in asked] == [False, False, True]
    writer.close()


async def test_what_comes_after_a_held_answer_follows_it(holding: tuple[Front, Holder]) -> None:
    front, holder = holding
    reader, writer = await asked(front, holder)
    writer.write(b"GET /two2 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")

    answers = await reader.read()

    assert answers.count(b"HTTP/1.1 200") == 2
    assert answers.index(b"one1") < answers.index(b"two2")
    assert await holder.held.get() == (b"/two2", False)
    holder.go.set()
    writer.close()


async def test_a_drain_sends_a_held_answer(holding: tuple[Front, Holder]) -> None:
    front, holder = holding
    reader, writer = await asked(front, holder)

    await drain(front.service, front.listener, 20)

    assert (await reader.read()).endswith(b"one1")
    holder.go.set()
    writer.close()


async def test_a_client_that_is_gone_gets_nothing_and_harms_nobody(
    holding: tuple[Front, Holder],
) -> None:
    front, holder = holding
    _, writer = await asked(front, holder)
    writer.transport.abort()
    ask = b"GET /two2 HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"
    assert (await front.ask(ask)).endswith(b"two2")  # by then the first is known to be gone

    holder.go.set()

    assert (await front.ask(ask)).endswith(b"two2")
