"""Rules by location: which country and autonomous system an address is in, and whether it may."""

from __future__ import annotations

import asyncio
import logging
from ipaddress import IPv4Address, IPv6Address
from typing import Any, NamedTuple

from gateway.plugin import ASN, COUNTRY, Exchange, Fact, Reason, Reject
from gateway_plugins.ip_allowlist.config import GeoConfig
from gateway_plugins.ip_allowlist.database import Database


class Place(NamedTuple):
    """Where an address is, as far as the databases know."""

    country: str | None
    asn: int | None

    def tell(self, x: Exchange) -> None:
        """Provides the facts to later plugins."""
        if self.country is not None:
            x.provide(COUNTRY, self.country)
        if self.asn is not None:
            x.provide(ASN, self.asn)


class _Rule:
    """An allow list and a deny list over one property of a place; deny beats allow."""

    def __init__(
        self, allow: tuple[Any, ...], deny: tuple[Any, ...], on_unknown: str | None
    ) -> None:
        self._allow = frozenset(allow)
        self._deny = frozenset(deny)
        self._admits_unknown = (on_unknown or ("deny" if allow else "allow")) == "allow"

    def admits(self, value: str | int | None) -> bool:
        if value is None:
            return self._admits_unknown
        return value not in self._deny and (not self._allow or value in self._allow)


_DENIED = Reject(Reason.GEO_DENIED)
UNAVAILABLE = Reject(Reason.GEO_UNAVAILABLE)


class Geo:
    """The databases that a policy names and the rules over them."""

    def __init__(self, config: GeoConfig, log: logging.Logger) -> None:
        self._countries = Database(config.database, "country", log) if config.database else None
        self._systems = Database(config.asn_database, "asn", log) if config.asn_database else None
        self._country_rule = _Rule(config.allow_countries, config.deny_countries, config.on_unknown)
        self._asn_rule = _Rule(config.allow_asns, config.deny_asns, config.on_unknown)

    @property
    def provides(self) -> frozenset[Fact[Any]]:
        """The facts that these databases can give."""
        facts: set[Fact[Any]] = set()
        if self._countries is not None:
            facts.add(COUNTRY)
        if self._systems is not None:
            facts.add(ASN)
        return frozenset(facts)

    def _databases(self) -> list[Database]:
        return [d for d in (self._countries, self._systems) if d is not None]

    async def open(self) -> None:
        """Opens each database; raises ConfigError for the first that cannot be used."""
        try:
            for database in self._databases():
                await database.open()
        except BaseException:
            self.close()
            raise

    async def refresh(self) -> bool:
        """Reads changed files; true where places may differ from now on."""
        changes = await asyncio.gather(*(database.refresh() for database in self._databases()))
        return any(changes)

    def close(self) -> None:
        """Closes what is open; every lookup fails from now on."""
        for database in self._databases():
            database.close()

    def locate(self, address: IPv4Address | IPv6Address) -> Place:
        """Where `address` is; raises LookupError where a database cannot be read."""
        country = asn = None
        if self._countries is not None:
            country = _country(self._countries.find(address))
        if self._systems is not None:
            asn = _asn(self._systems.find(address))
        return Place(country, asn)

    def judge(self, place: Place) -> Reject | None:
        """The verdict on a client in `place`."""
        if self._countries is not None and not self._country_rule.admits(place.country):
            return _DENIED
        if self._systems is not None and not self._asn_rule.admits(place.asn):
            return _DENIED
        return None


def _country(record: dict[str, Any] | None) -> str | None:
    """Where the address is used: `country`, not `registered_country` (where its owner sits)."""
    country = record.get("country") if record is not None else None
    code = country.get("iso_code") if isinstance(country, dict) else None
    return code if isinstance(code, str) else None


def _asn(record: dict[str, Any] | None) -> int | None:
    number = record.get("autonomous_system_number") if record is not None else None
    return number if isinstance(number, int) else None
