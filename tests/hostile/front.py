"""The proxy under test, seen from outside: an address, and a path prefix that it strips."""

from __future__ import annotations

from dataclasses import dataclass, field

from tests.hostile.wire import Wire, connect


@dataclass(frozen=True)
class Front:
    """Where clients connect. `host_seen` is the Host field that the upstream must get."""

    address: tuple[str, int]
    host_seen: bytes
    prefix: bytes = b""
    clients: list[Wire] = field(default_factory=list, compare=False)

    def connect(self) -> Wire:
        """A raw client connection to the proxy, closed at the end of the test at the latest."""
        client = connect(self.address)
        self.clients.append(client)
        return client

    def close_clients(self) -> None:
        """Closes every client connection."""
        for client in self.clients:
            client.close()
        self.clients.clear()
