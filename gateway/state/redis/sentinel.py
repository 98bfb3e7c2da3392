"""Asks Sentinels who the master is, each time a connection is opened."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from gateway.state.redis.address import Address, parse_address
from gateway.state.redis.dialing import Dialer
from gateway.state.redis.wire import ServerError


class Sentinels:
    """Finds the master of a name. The Sentinel that answered is asked first the next time."""

    def __init__(self, dialer: Dialer, addresses: Sequence[Address], master: str) -> None:
        self._dialer = dialer
        self._addresses = list(addresses)
        self._master = master

    async def locate(self) -> Address:
        """The master's address. Raises ServerError where no Sentinel knows one."""
        for address in list(self._addresses):
            with contextlib.suppress(OSError, ValueError, ServerError):
                found = await self._ask(address)
                if found is not None:
                    self._addresses.remove(address)
                    self._addresses.insert(0, address)
                    return found
        raise ServerError(f'no Sentinel knows a master "{self._master}"')

    async def _ask(self, address: Address) -> Address | None:
        words = ("SENTINEL", "GET-MASTER-ADDR-BY-NAME", self._master)
        answer = await self._dialer.ask_once(address, *words)
        return None if answer is None else parse_address(f"[{answer[0]}]:{answer[1]}")
