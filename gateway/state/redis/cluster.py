"""The nodes of a Redis Cluster: who serves which slot, kept up to date from what they answer."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable, Sequence
from typing import Any

from gateway.state.redis.address import Address, parse_address
from gateway.state.redis.commands import SLOTS, slot_of
from gateway.state.redis.link import PROBE_S, Link, LinkOptions
from gateway.state.redis.wire import Question, ServerError, pack

_SLOTS = pack(("CLUSTER", "SLOTS"))


class Cluster:
    """A link to each master. Until the slots are known, a seed is asked, and redirects."""

    def __init__(self, options: LinkOptions, seeds: Sequence[Address]) -> None:
        self._options = options
        self._seeds = seeds
        self._links: dict[Address, Link] = {}
        self._slots: list[Link] = [self._link_to(seeds[0])] * SLOTS
        self._stale = asyncio.Event()
        self._stale.set()
        self._task = asyncio.get_running_loop().create_task(self._follow(), name="redis cluster")
        self._retired: set[asyncio.Task[None]] = set()

    def link(self, base: str) -> Link:
        link = self._slots[slot_of(base)]
        if link.away:
            self._stale.set()
        return link

    def links(self) -> list[Link]:
        return list(self._links.values())

    def redirect(self, error: str) -> tuple[Link, bool] | None:
        """`MOVED 3999 127.0.0.1:6381` or `ASK 3999 127.0.0.1:6381`."""
        word, _, rest = error.partition(" ")
        if word not in {"MOVED", "ASK"}:
            return None
        slot, _, place = rest.partition(" ")
        try:
            link = self._link_to(parse_address(place))
            if word == "MOVED":
                self._slots[int(slot) % SLOTS] = link
                self._stale.set()
        except ValueError:
            return None
        return link, word == "ASK"

    def _link_to(self, address: Address) -> Link:
        link = self._links.get(address)
        if link is None:

            async def locate() -> Address:
                return address

            link = self._links[address] = Link(self._options, locate)
        return link

    # -- the map of slots ---------------------------------------------------------------------

    async def _follow(self) -> None:
        """Reads the map whenever it may have changed, at most every PROBE_S."""
        while True:
            await self._stale.wait()
            self._stale.clear()
            ranges = await self._ask_anybody()
            if ranges is None or not self._take_over(ranges):
                self._stale.set()
            await asyncio.sleep(PROBE_S)

    async def _ask_anybody(self) -> Any:
        for link in self.links():
            if link.ready:
                question = Question(_SLOTS)
                link.send(question)
                with contextlib.suppress(ServerError, ConnectionError):
                    return await question.future
        for address in dict.fromkeys([*self._seeds, *self._links]):
            with contextlib.suppress(OSError, ValueError, ServerError):
                return await self._options.dialer.ask_once(address, "CLUSTER", "SLOTS")
        return None

    def _take_over(self, ranges: Iterable[Any]) -> bool:
        """Uses a map; false where it is not whole, as while a master is being replaced."""
        found: list[tuple[int, int, Address]] = []
        with contextlib.suppress(TypeError, ValueError, LookupError):
            for first, last, (host, port, *_), *_ in ranges:
                # A node that does not know its own address says "" or "?".
                known = self._seeds[0].host if host in {"", "?", None} else host
                found.append((first, last, Address(known, port)))
        if sum(last - first + 1 for first, last, _ in found) != SLOTS:
            return False
        for first, last, address in found:
            self._slots[first : last + 1] = [self._link_to(address)] * (last - first + 1)
        used = {address for _, _, address in found}
        for address in [address for address in self._links if address not in used]:
            self._retire(self._links.pop(address))
        return True

    def _retire(self, link: Link) -> None:
        task = asyncio.get_running_loop().create_task(link.close())
        self._retired.add(task)
        task.add_done_callback(self._retired.discard)

    async def close(self) -> None:
        self._task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._task
        await asyncio.gather(*self._retired, *(link.close() for link in self._links.values()))
