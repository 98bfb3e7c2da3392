"""Opens a connection to one server and makes sure that our functions are there."""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from importlib.resources import files
from typing import Any

from gateway.state.redis.address import Address
from gateway.state.redis.wire import ServerError, Wire, Word

LIBRARY = files(__package__).joinpath("library.lua").read_text(encoding="utf-8")
_REVISION = re.compile(r"^local REVISION = (\d+)$", re.MULTILINE)


def library_revision() -> int:
    """The revision of the library that this gateway brings along."""
    found = _REVISION.search(LIBRARY)
    return int(found[1]) if found else 0


@dataclass(frozen=True, slots=True)
class Credentials:
    """Who we are to the server; without a password nobody."""

    username: str = ""
    password: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Dialer:
    """How connections are opened: TLS, credentials (asked anew each time), database."""

    context: ssl.SSLContext | None = None
    server_name: str | None = None
    credentials: Callable[[], Credentials] = Credentials
    database: int = 0
    connect_timeout_s: float = 1.0

    async def open(self, address: Address, on_lost: Callable[[Wire], None]) -> Wire:
        """A connection that is signed in. Raises OSError, TimeoutError or ServerError."""
        async with asyncio.timeout(self.connect_timeout_s):
            wire = await self._connect(address, on_lost)
            try:
                await self._sign_in(wire)
            except BaseException:
                wire.abort()
                raise
            return wire

    async def ask_once(self, address: Address, *words: Word) -> Any:
        """One command over a connection of its own; raises as `open`."""
        async with asyncio.timeout(2 * self.connect_timeout_s):
            wire = await self.open(address, lambda _: None)
            try:
                return await wire.ask(*words)
            finally:
                wire.abort()

    async def _connect(self, address: Address, on_lost: Callable[[Wire], None]) -> Wire:
        loop = asyncio.get_running_loop()
        if address.path:
            _, wire = await loop.create_unix_connection(lambda: Wire(on_lost), address.path)
            return wire
        _, wire = await loop.create_connection(
            lambda: Wire(on_lost),
            address.host,
            address.port,
            ssl=self.context,
            server_hostname=self.server_name or address.host if self.context else None,
        )
        return wire

    async def _sign_in(self, wire: Wire) -> None:
        # A file may have been replaced since, and reading it blocks.
        who = await asyncio.to_thread(self.credentials)
        if who.password:
            words = (who.username, who.password) if who.username else (who.password,)
            await wire.ask("AUTH", *words)
        if self.database:
            await wire.ask("SELECT", self.database)


async def prepare_master(wire: Wire) -> None:
    """Loads our functions where they are absent or older. Raises ServerError with the cure."""
    try:
        revision = await wire.ask("FCALL", "sealgate_revision", 0)
    except ServerError as error:
        if "unknown command" in str(error).lower():
            raise ServerError("the server has no functions: Redis 7 or Valkey is needed") from None
        revision = 0
    if int(revision) < library_revision():
        await wire.ask("FUNCTION", "LOAD", "REPLACE", LIBRARY)


async def prepare_sentinel_master(wire: Wire) -> None:
    """The same, and refuses a server that is no master (any more)."""
    role = await wire.ask("ROLE")
    if role[0] != "master":
        raise ServerError("the server that the Sentinels named is no master")
    await prepare_master(wire)


Prepare = Callable[[Wire], Awaitable[None]]
