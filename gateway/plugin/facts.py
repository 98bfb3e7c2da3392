"""Facts: what one plugin (or the core) found out and a later one may rely on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Any, Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True, eq=False)
class Fact(Generic[T]):
    """A name and a type for one thing that can be known of an exchange.

    Two plugins share a fact by importing the same object; a fact compares by identity.
    """

    name: str
    type: type[T]


CLIENT_ADDRESS: Fact[IPv4Address | IPv6Address] = Fact("client_address", object)  # type: ignore[arg-type]  # a union is no `type`
"""The client's address; the core provides it always (proxies that are trusted already resolved)."""

COUNTRY: Fact[str] = Fact("country", str)
"""ISO 3166-1 alpha-2 country of the client address; provided by `ip_allowlist` with a database."""

ASN: Fact[int] = Fact("asn", int)
"""Autonomous system number of the client address; provided by `ip_allowlist` with a database."""

COST_MICROS: Fact[int] = Fact("cost_micros", int)
"""What an exchange cost, in millionths of the currency; provided by `budget` in `on_complete`."""

TRUST: Fact[Mapping[str, Any]] = Fact("trust", object)  # type: ignore[arg-type]  # a protocol is no `type`
"""The trust score with all it rests on; provided by `trust_score` in `on_complete`."""

TRUST_STANDING: Fact[int] = Fact("trust_standing", int)
"""The rolling trust score of the caller (0 to 100) before this exchange; provided by `trust_score`
where one is known.
"""

TRUST_BAND: Fact[str] = Fact("trust_band", str)
"""The alert that the score called for (`yellow`, `red`, `critical`); there only where one did."""

REDACTIONS: Fact[dict[str, int]] = Fact("redactions", dict)
"""How many values of each class were masked, redacted, hashed or tokenized; provided by `dlp`."""

INJECTION: Fact[Mapping[str, str]] = Fact("injection", object)  # type: ignore[arg-type]  # a generic is no `type`
"""How near to an attack each part was (`clear`, `low`, `near`, `over`); provided by `injection`."""

CORE_FACTS: frozenset[Fact[object]] = frozenset({CLIENT_ADDRESS})  # type: ignore[arg-type]  # Fact is invariant
"""What holds before the first plugin runs."""
