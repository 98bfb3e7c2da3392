"""The other end of the client's connection, as the gateway itself saw it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class ClientCertificate:
    """A certificate that was verified when the connection was made (mutual TLS).

    The names are those of its subject alternative name (RFC 5280 section 4.2.1.6), and the common
    names of its subject. `fingerprint` is its SHA-256 in hexadecimal; `not_after` is seconds since
    1970, None where a proxy told of the certificate and did not say.
    """

    fingerprint: str
    uris: tuple[str, ...] = ()
    dns_names: tuple[str, ...] = ()
    emails: tuple[str, ...] = ()
    common_names: tuple[str, ...] = ()
    not_after: float | None = None


class Peer(Protocol):
    """Who is connected: the client or the last proxy before it.

    `peer_ip` is the address of the socket, or the one that the PROXY protocol told. `tls` says
    whether the connection itself is encrypted.
    """

    peer_ip: str
    tls: bool

    def certificate(self) -> ClientCertificate | None:
        """The peer's verified certificate; None where none was asked for."""
