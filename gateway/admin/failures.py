"""How many wrong credentials an address may show before it is told to wait."""

from __future__ import annotations

from collections.abc import Callable
from ipaddress import ip_network

from gateway.networks import parse_address

FAILURES_MAX = 20
WINDOW_S = 60.0
ADDRESSES_MAX = 4_096
_IPV6_PREFIX = 64


class Failures:
    """Counts failures per address, an IPv6 network of 64 bits being one.

    A right credential is never refused for it: whoever shares an address with a guesser (a
    load balancer's clients) must still get in. The bound spares log and processor.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        self._monotonic = monotonic
        self._counts: dict[str, tuple[float, int]] = {}

    def add(self, address: str) -> float:
        """Counts one; returns how many seconds the address has to wait, 0.0 for none."""
        now, group = self._monotonic(), _group(address)
        began, count = self._counts.get(group, (now, 0))
        if now - began >= WINDOW_S:
            began, count = now, 0
        if group not in self._counts and len(self._counts) >= ADDRESSES_MAX:
            self._make_room(now)
        self._counts[group] = (began, count + 1)
        return began + WINDOW_S - now if count >= FAILURES_MAX else 0.0

    def _make_room(self, now: float) -> None:
        """Forgets what is over, or else the oldest."""
        over = [g for g, (began, _) in self._counts.items() if now - began >= WINDOW_S]
        for group in over or list(self._counts)[:1]:
            del self._counts[group]


def _group(address: str) -> str:
    parsed = parse_address(address)
    if parsed is None:
        return ""
    if parsed.version == 4:  # noqa: PLR2004  # the version of the protocol
        return str(parsed)
    return str(ip_network((parsed, _IPV6_PREFIX), strict=False))
