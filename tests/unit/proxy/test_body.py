"""Request bodies: limits, back-pressure, errors."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.plugin.verdict import Reject
from gateway.proxy.body import HIGH_WATER_BYTES, BodyError, RequestBody
from gateway.proxy.inbound import WriteListener
from gateway.reasons import Reason


class Client:
    peer_ip = ""
    tls = write_paused = draining = False

    def __init__(self) -> None:
        self.reading = True

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True

    def write(self, data: bytes) -> None: ...

    def listen(self, listener: WriteListener | None) -> None: ...

    def start_tunnel(self) -> bytes:
        return b""

    def keep_open(self) -> bool:
        return True

    def close_after(self) -> None: ...

    def abort(self) -> None: ...


@given(st.lists(st.binary(min_size=1), max_size=20))
def test_the_whole_body_is_what_came_in_any_pieces(pieces: list[bytes]) -> None:
    async def read() -> bytes:
        body = RequestBody(Client(), 10_000_000)
        reading = asyncio.ensure_future(body.whole(10_000_000))
        for piece in pieces:
            body.feed(piece)
        body.end([])
        return await reading

    assert asyncio.run(read()) == b"".join(pieces)


async def test_a_body_over_its_limit_fails_and_says_the_limit() -> None:
    body = RequestBody(Client(), 3)
    body.feed(b"1234")

    with pytest.raises(BodyError) as caught:
        await body.next()

    assert caught.value.reject == Reject(
        Reason.BODY_TOO_LARGE, "the request body is larger than 3 bytes"
    )


async def test_a_body_over_the_buffer_fails_although_it_may_pass() -> None:
    body = RequestBody(Client(), 100)
    body.feed(b"1234")
    body.end([])

    with pytest.raises(BodyError):
        await body.whole(3)


async def test_the_client_is_not_read_while_nobody_takes_the_body() -> None:
    client = Client()
    body = RequestBody(client, HIGH_WATER_BYTES * 4)

    body.feed(b"x" * (HIGH_WATER_BYTES + 1))
    paused = not client.reading
    taken = await body.next()

    assert paused
    assert client.reading
    assert len(taken) == HIGH_WATER_BYTES + 1


async def test_a_reader_that_waits_hears_of_a_failure() -> None:
    body = RequestBody(Client(), 10)
    asyncio.get_running_loop().call_soon(body.fail, Reject(Reason.CLIENT_DISCONNECTED))

    with pytest.raises(BodyError, match="client_disconnected"):
        await body.next()


async def test_the_end_of_a_body_is_empty_bytes_and_its_trailers() -> None:
    body = RequestBody(Client(), 10)
    body.end([(b"X-T", b"1")])

    assert await body.next() == b""
    assert body.trailers == [(b"X-T", b"1")]
