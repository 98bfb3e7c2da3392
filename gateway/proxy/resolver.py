"""The addresses of one host: looked up once for all who ask, kept for a few seconds."""

from __future__ import annotations

import asyncio
import ipaddress
import socket
import time
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from gateway.networks import is_link_local

AddrInfo = tuple[int, int, int, str, tuple[Any, ...]]
"""As `socket.getaddrinfo` gives it: family, type, protocol, canonical name, socket address."""
Lookup = Callable[[str, int], Awaitable[Sequence[AddrInfo]]]

FRESH_S = 5.0
"""How long an answer is used without asking again; `getaddrinfo` does not tell the record's TTL."""
STALE_S = 300.0
"""How long the last good answer stands in for a name server that does not answer."""


class ForbiddenAddressError(OSError):
    """A name leads to addresses that the gateway does not connect to."""


class Resolver:
    """Looks `host` up for connections to `port`.

    An address literal needs no lookup. Otherwise the answer is used for `FRESH_S`, callers that
    ask at the same time share one lookup, and a failed lookup falls back to an answer younger
    than `STALE_S`. The addresses checked are the addresses connected to, so a name cannot change
    between the check and the use. `clock` counts seconds and never goes back.
    """

    def __init__(
        self,
        host: str,
        port: int,
        *,
        allow_link_local: bool = False,
        lookup: Lookup | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.host = host
        self.port = port
        self._allow_link_local = allow_link_local
        self._lookup = lookup or _getaddrinfo
        self._clock = clock
        self._literal = _literal(host, port)
        self._known: tuple[AddrInfo, ...] = ()
        self._learnt_at = 0.0
        self._fresh_until = 0.0
        self._running: asyncio.Task[tuple[AddrInfo, ...]] | None = None

    async def addresses(self) -> tuple[AddrInfo, ...]:
        """All addresses, in the order of RFC 6724; raises OSError if there is none to use."""
        if self._literal is not None:
            return (self._literal,)
        if self._known and self._clock() < self._fresh_until:
            return self._known
        if self._running is None:
            self._running = asyncio.get_running_loop().create_task(self._look_up())
            self._running.add_done_callback(self._done)
        # One caller that gives up must not end the lookup of the others.
        return await asyncio.shield(self._running)

    def expire(self) -> None:
        """Asks again next time, because none of the addresses took a connection."""
        self._fresh_until = 0.0

    async def _look_up(self) -> tuple[AddrInfo, ...]:
        try:
            found = await self._lookup(self.host, self.port)
        except OSError:
            if self._known and self._clock() < self._learnt_at + STALE_S:
                return self._known
            raise
        allowed = tuple(info for info in found if self._allowed(info))
        if not allowed:
            raise ForbiddenAddressError("its host name leads to a link-local or metadata address")
        self._known = allowed
        self._learnt_at = self._clock()
        self._fresh_until = self._learnt_at + FRESH_S
        return allowed

    def _allowed(self, info: AddrInfo) -> bool:
        return self._allow_link_local or not is_link_local(info[4][0])

    def _done(self, task: asyncio.Task[tuple[AddrInfo, ...]]) -> None:
        self._running = None
        if not task.cancelled():
            task.exception()  # retrieved, because every caller may have given up


def _literal(host: str, port: int) -> AddrInfo | None:
    try:
        ip = ipaddress.ip_address(host)
    except ValueError:
        return None
    if ip.version == 4:  # noqa: PLR2004  # IPv4
        return (socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (host, port))
    return (socket.AF_INET6, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (host, port, 0, 0))


async def _getaddrinfo(host: str, port: int) -> Sequence[AddrInfo]:
    loop = asyncio.get_running_loop()
    return await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
