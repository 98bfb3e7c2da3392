"""Names are looked up once for all who ask, and a silent name server is survived."""

from __future__ import annotations

import asyncio
import socket

import pytest

from gateway.proxy.resolver import FRESH_S, STALE_S, AddrInfo, Resolver


class NameServer:
    """Answers with `addresses`, or fails if there are none; counts the questions."""

    def __init__(self, *addresses: str) -> None:
        self.addresses = addresses
        self.asked = 0
        self.now = 1000.0
        self.answer_now = asyncio.Event()
        self.answer_now.set()

    async def lookup(self, host: str, port: int) -> list[AddrInfo]:
        self.asked += 1
        await self.answer_now.wait()
        if not self.addresses:
            raise socket.gaierror(socket.EAI_AGAIN, "try again")
        return [(socket.AF_INET, socket.SOCK_STREAM, 0, "", (ip, port)) for ip in self.addresses]

    def resolver(self, *, allow_link_local: bool = False) -> Resolver:
        return Resolver(
            "host.test",
            80,
            allow_link_local=allow_link_local,
            lookup=self.lookup,
            clock=lambda: self.now,
        )


async def found(resolver: Resolver) -> list[str]:
    return [info[4][0] for info in await resolver.addresses()]


@pytest.mark.parametrize("literal", ["192.0.2.1", "2001:db8::1"])
async def test_an_address_needs_no_lookup(literal: str) -> None:
    server = NameServer()
    assert await found(Resolver(literal, 80, lookup=server.lookup)) == [literal]

    assert server.asked == 0


async def test_an_answer_is_used_until_it_is_no_longer_fresh() -> None:
    server = NameServer("192.0.2.1")
    resolver = server.resolver()
    await found(resolver)
    server.now += FRESH_S - 0.1
    await found(resolver)
    assert server.asked == 1

    server.addresses = ("192.0.2.2",)
    server.now += 0.2
    assert await found(resolver) == ["192.0.2.2"]


async def test_those_who_ask_at_once_share_one_lookup() -> None:
    server = NameServer("192.0.2.1")
    server.answer_now.clear()
    resolver = server.resolver()
    asking = [asyncio.ensure_future(found(resolver)) for _ in range(5)]
    await asyncio.sleep(0)
    server.answer_now.set()

    assert await asyncio.gather(*asking) == [["192.0.2.1"]] * 5
    assert server.asked == 1


async def test_one_who_gives_up_does_not_end_the_lookup_of_the_others() -> None:
    server = NameServer("192.0.2.1")
    server.answer_now.clear()
    resolver = server.resolver()
    first, second = (asyncio.ensure_future(found(resolver)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    server.answer_now.set()

    assert await second == ["192.0.2.1"]
    assert first.cancelled()


async def test_a_failure_that_nobody_waits_for_any_more_is_silent() -> None:
    """Else the event loop logs "exception was never retrieved"; here that would fail the test."""
    server = NameServer()
    server.answer_now.clear()
    resolver = server.resolver()
    asking = asyncio.ensure_future(found(resolver))
    await asyncio.sleep(0)
    asking.cancel()
    server.answer_now.set()
    with pytest.raises(asyncio.CancelledError):
        await asking

    with pytest.raises(socket.gaierror):
        await found(resolver)


async def test_the_last_answer_stands_in_for_a_name_server_that_fails() -> None:
    server = NameServer("192.0.2.1")
    resolver = server.resolver()
    await found(resolver)
    server.addresses = ()
    server.now += STALE_S - 0.1
    assert await found(resolver) == ["192.0.2.1"]

    server.now += 0.2
    with pytest.raises(socket.gaierror):
        await found(resolver)


async def test_addresses_that_take_no_connection_are_asked_for_again() -> None:
    server = NameServer("192.0.2.1")
    resolver = server.resolver()
    await found(resolver)
    resolver.expire()
    await found(resolver)

    assert server.asked == 2


async def test_link_local_and_metadata_addresses_are_left_out() -> None:
    server = NameServer("169.254.169.254", "192.0.2.1", "100.100.100.200")

    assert await found(server.resolver()) == ["192.0.2.1"]
    assert len(await found(server.resolver(allow_link_local=True))) == 3


@pytest.mark.parametrize("address", ["169.254.169.254", "169.254.1.1"])
async def test_a_name_with_no_other_address_cannot_be_used(address: str) -> None:
    with pytest.raises(OSError, match="link-local"):
        await found(NameServer(address).resolver())


@pytest.mark.parametrize("spelling", ["2852039166", "0xa9fea9fe", "169.254.43518"])
async def test_other_spellings_of_a_metadata_address_do_not_help(spelling: str) -> None:
    """The C library reads them as addresses, so the answer is judged, not the spelling."""
    with pytest.raises(OSError, match=r"link-local|not known"):
        await found(Resolver(spelling, 80))
