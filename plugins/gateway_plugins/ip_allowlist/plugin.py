"""The verdict on one client address, found once and remembered."""

from __future__ import annotations

import asyncio
from ipaddress import IPv4Address, IPv6Address
from typing import Any, ClassVar, Final, NamedTuple

from gateway.plugin import (
    ASN,
    CLIENT_ADDRESS,
    COUNTRY,
    Exchange,
    Fact,
    NetworkSet,
    Plugin,
    Reason,
    Reject,
    Runtime,
)
from gateway_plugins.ip_allowlist.config import IpAllowlistConfig
from gateway_plugins.ip_allowlist.geo import UNAVAILABLE, Geo, Place

ADDRESSES_MAX: Final = 10_000
"""Addresses whose verdict is remembered; then the memory starts anew."""

_NOWHERE: Final = Place(None, None)
_NO_ADDRESS: Final = Reject(Reason.IP_DENIED, "the headers of the proxies do not tell which it is")


class _Finding(NamedTuple):
    reject: Reject | None
    place: Place


class IpAllowlist(Plugin):
    """Refuses clients whose address, country or autonomous system the policy does not admit."""

    name: ClassVar[str] = "ip_allowlist"
    Config = IpAllowlistConfig
    provides: frozenset[Fact[Any]] = frozenset({COUNTRY, ASN})

    def __init__(self, config: IpAllowlistConfig, runtime: Runtime) -> None:
        super().__init__(config, runtime)
        self._allow = NetworkSet(config.allow)
        self._deny = NetworkSet(config.deny)
        self._geo = Geo(config.geo, runtime.log) if config.geo is not None else None
        self.provides = self._geo.provides if self._geo is not None else frozenset()
        self._known: dict[str, _Finding] = {}
        self._task: asyncio.Task[Any] | None = None

    async def start(self) -> None:
        if self._geo is not None:
            await self._geo.open()
            self._task = self.runtime.spawn(self._follow_files(), name="ip_allowlist databases")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        if self._geo is not None:
            self._geo.close()

    async def refresh(self) -> None:
        """Reads databases whose files changed, and forgets what was found in the old ones."""
        if self._geo is not None and await self._geo.refresh():
            self._known.clear()

    async def _follow_files(self) -> None:
        while True:
            await asyncio.sleep(self.config.geo.reload_interval_s)
            await self.refresh()

    def on_request_headers(self, x: Exchange) -> Reject | None:
        address = x.facts.get(CLIENT_ADDRESS)
        if address is None:
            return _NO_ADDRESS
        found = self._known.get(x.client_ip)
        if found is None:
            found = self._find(address)
            if found is None:
                return UNAVAILABLE
            if len(self._known) >= ADDRESSES_MAX:
                self._known.clear()
            self._known[x.client_ip] = found
        if found.place is not _NOWHERE:
            found.place.tell(x)
        return found.reject

    def _find(self, address: IPv4Address | IPv6Address) -> _Finding | None:
        """None where a database fails: that is not remembered, so that a mended file serves."""
        if address in self._deny or (self._allow and address not in self._allow):
            return _Finding(Reject(Reason.IP_DENIED, str(address)), _NOWHERE)
        if self._geo is None:
            return _Finding(None, _NOWHERE)
        try:
            place = self._geo.locate(address)
        except LookupError:
            return None
        return _Finding(self._geo.judge(place), place)
