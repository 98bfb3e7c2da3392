"""Who the client is: the peer of the connection, or who a trusted proxy says stands behind it.

The peer is what the socket says, or what the PROXY protocol header says where the listener reads
one: the caller hands in the one that holds. What headers say counts only if the peer is in
`trusted_proxies`. Then the chain is walked from its right end, the newest hop, to the left:

1. a hop outside `trusted_proxies` is the client: a trusted proxy saw that address itself, and all
   further left is what the client wrote;
2. a hop in `trusted_proxies` is one more proxy, and the walk goes on;
3. a hop that is no address (`unknown`, `_hidden`, garbage, nothing at all) ends the walk at the
   hop before: the nearest proxy whose word could be checked. What stands further left is never
   used, so that a client can hide itself but cannot become somebody else;
4. where every hop is trusted, the leftmost is the client.

X-Forwarded-For and Forwarded (RFC 7239) together are a trap: a proxy appends to the one that it
knows and passes the other on as the client wrote it. With `forwarded_header: auto` both are walked,
and where they disagree the address is not known at all (`address` is None): a policy that asks for
the address refuses the request, every other goes on. The same holds for a Forwarded field that
breaks its grammar, since nobody can say where the client's part of it ends. Falling back to the
peer would let any client take on the address of the proxy and so leave a deny list. An operator
who names the header that the proxies write makes the other one void.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, Literal, NamedTuple, TypeAlias, TypeVar

from gateway.networks import Address, NetworkSet, parse_address
from gateway.plugin.headers import Headers
from gateway.proxy.forwarded import forwarded_hops, x_forwarded_for_hops

ForwardedHeader: TypeAlias = Literal["auto", "x-forwarded-for", "forwarded"]

PEERS_MAX: Final = 10_000
"""Peers (and chains of trusted peers) that are remembered; then the memory starts anew."""
CHAIN_BYTES_MAX: Final = 256
"""Header bytes up to which a chain is remembered, so that the memory is bounded in bytes too."""

_X_FORWARDED_FOR_LENGTH: Final = len(b"x-forwarded-for")
_FORWARDED_LENGTH: Final = len(b"forwarded")
_Key = TypeVar("_Key")
_Value = TypeVar("_Value")
_Lines: TypeAlias = tuple[tuple[bytes, ...], tuple[bytes, ...]]


class ClientAddress(NamedTuple):
    """The client's address, and its text for records.

    Where `address` is None, it is not known, and `text` is the peer's.
    """

    address: Address | None
    text: str


class ClientAddresses:
    """Finds the client of each request; compiled once from the settings."""

    __slots__ = (
        "_chains",
        "_forwarded",
        "_proxies",
        "_trusted",
        "_untrusted",
        "_x_forwarded_for",
    )

    def __init__(
        self, trusted_proxies: Sequence[str], forwarded_header: ForwardedHeader = "auto"
    ) -> None:
        """Raises ValueError where a trusted proxy is not a network (see `parse_network`)."""
        self._trusted = NetworkSet(trusted_proxies)
        self._x_forwarded_for = forwarded_header != "forwarded"
        self._forwarded = forwarded_header != "x-forwarded-for"
        self._untrusted: dict[str, ClientAddress] = {}
        self._proxies: dict[str, Address] = {}
        self._chains: dict[tuple[str, _Lines], ClientAddress] = {}

    def resolve(self, peer_ip: str, headers: Headers) -> ClientAddress:
        """The client of a request that came from `peer_ip`; one lookup for an untrusted peer."""
        known = self._untrusted.get(peer_ip)
        if known is not None:
            return known
        proxy = self._proxies.get(peer_ip)
        if proxy is None:
            peer = parse_peer(peer_ip)
            if peer is None or peer not in self._trusted:
                found = ClientAddress(peer, peer_ip if peer is None else str(peer))
                return _remember(self._untrusted, peer_ip, found)
            proxy = _remember(self._proxies, peer_ip, peer)
        return self._behind(peer_ip, proxy, self._lines(headers))

    def _lines(self, headers: Headers) -> _Lines:
        """The lines of X-Forwarded-For and of Forwarded, in order."""
        found: tuple[list[bytes], list[bytes]] = ([], [])
        for name, value in headers.raw:
            # Lengths first: this loop sees every field of every request behind a proxy.
            if len(name) == _X_FORWARDED_FOR_LENGTH and name.lower() == b"x-forwarded-for":
                found[0].append(value)
            elif len(name) == _FORWARDED_LENGTH and name.lower() == b"forwarded":
                found[1].append(value)
        return (
            tuple(found[0]) if self._x_forwarded_for else (),
            tuple(found[1]) if self._forwarded else (),
        )

    def _behind(self, peer_ip: str, proxy: Address, lines: _Lines) -> ClientAddress:
        """The client behind a trusted `proxy`, as the header lines have it."""
        known = self._chains.get((peer_ip, lines))
        if known is not None:
            return known
        client = self._client(proxy, *lines)
        found = ClientAddress(client, str(proxy if client is None else client))
        if sum(map(len, lines[0] + lines[1])) <= CHAIN_BYTES_MAX:
            _remember(self._chains, (peer_ip, lines), found)
        return found

    def _client(
        self, proxy: Address, x_forwarded_for: tuple[bytes, ...], forwarded: tuple[bytes, ...]
    ) -> Address | None:
        found: set[Address | None] = set()
        if x_forwarded_for:
            found.add(self._walk(proxy, x_forwarded_for_hops(_one_list(x_forwarded_for))))
        if forwarded:
            hops = forwarded_hops(_one_list(forwarded))
            found.add(None if hops is None else self._walk(proxy, hops))
        if not found:
            return proxy
        return found.pop() if len(found) == 1 else None

    def _walk(self, proxy: Address, hops: Iterable[Address | None]) -> Address:
        """The client at the end of `hops`, which are given newest first."""
        last_good = proxy
        for hop in hops:
            if hop is None:
                break
            last_good = hop
            if hop not in self._trusted:
                break
        return last_good


def _remember(memory: dict[_Key, _Value], key: _Key, value: _Value) -> _Value:
    if len(memory) >= PEERS_MAX:
        memory.clear()
    memory[key] = value
    return value


def _one_list(lines: tuple[bytes, ...]) -> str:
    """Several lines of one field are one list, in their order (RFC 9110 section 5.3)."""
    return b",".join(lines).decode("latin-1")


def parse_peer(text: str) -> Address | None:
    """The address of a socket's peer; the zone id (`fe80::1%eth0`) is our own, so dropped."""
    return parse_address(text.partition("%")[0])
