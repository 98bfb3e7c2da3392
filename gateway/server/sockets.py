"""The listening sockets: bound once by the supervisor, one set per worker, inherited by workers.

Each worker has its own SO_REUSEPORT socket for each address, so the kernel spreads connections over
workers. The supervisor keeps them all open: connections that wait in the queue of a worker that
died are served by its replacement.
"""

from __future__ import annotations

import errno
import os
import select
import socket
from typing import Any

from gateway.errors import ConfigError, Problem

BACKLOG = 4096
"""Connections the kernel keeps waiting per socket (bounded by net.core.somaxconn)."""

_GONE = select.POLLHUP | select.POLLERR
_HALF_GONE = _GONE | getattr(select, "POLLRDHUP", 0)  # Linux only; elsewhere a write must tell

_Address = tuple[socket.AddressFamily, tuple[Any, ...]]


def bind_listeners(host: str, port: int, sets: int, setting: str) -> list[list[socket.socket]]:
    """Binds `sets` equal sets of sockets to every address of `host`; port 0 takes a free port.

    `setting` is what errors name, such as `listener`. Raises ConfigError.
    """
    addresses = _resolve(host, port, setting)
    _refuse_taken(addresses, setting)
    bound: list[list[socket.socket]] = []
    try:
        for _ in range(sets):
            bound.append([])
            for family, address in addresses:
                chosen = (address[0], port, *address[2:])
                bound[-1].append(_bind(family, chosen))
                port = port or int(bound[-1][-1].getsockname()[1])
    except OSError as error:
        for row in bound:
            close_all(row)
        raise _unusable(error, host, port, setting) from None
    return bound


def close_all(sockets: list[socket.socket]) -> None:
    """Closes this process's handles; other processes keep theirs."""
    for each in sockets:
        each.close()


def port_of(sockets: list[socket.socket]) -> int:
    """The port that a set is bound to."""
    return int(sockets[0].getsockname()[1])


def _resolve(host: str, port: int, setting: str) -> list[_Address]:
    try:
        found = socket.getaddrinfo(
            host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
    except socket.gaierror as error:
        message = f"{setting}.host: {host!r} is not an address of this machine: {error.strerror}"
        raise ConfigError([Problem(setting, 0, 0, message)]) from None
    return list(dict.fromkeys((family, tuple(address)) for family, _, _, _, address in found))


def _refuse_taken(addresses: list[_Address], setting: str) -> None:
    """SO_REUSEPORT would share the port with any other program of this user without a word."""
    for family, address in addresses:
        if not address[1]:
            continue
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            if family == socket.AF_INET6:
                probe.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
            try:
                probe.bind(address)
            except OSError as error:
                raise _unusable(error, str(address[0]), int(address[1]), setting) from None


def _bind(family: socket.AddressFamily, address: tuple[Any, ...]) -> socket.socket:
    bound = socket.socket(family, socket.SOCK_STREAM)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        # Accepted sockets inherit both: small writes of a stream must not wait for each other,
        # and a client that vanished without a word must be noticed some day.
        bound.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        if family == socket.AF_INET6:
            bound.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        bound.bind(address)
        bound.listen(BACKLOG)
    except OSError:
        bound.close()
        raise
    bound.setblocking(False)
    return bound


_HINTS = {
    errno.EADDRINUSE: "another program listens there; stop it or choose another port",
    errno.EACCES: "ports below 1024 need the capability CAP_NET_BIND_SERVICE; choose a higher one",
    errno.EADDRNOTAVAIL: "this machine has no such address; use 127.0.0.1, ::1 or 0.0.0.0",
}


def _unusable(error: OSError, host: str, port: int, setting: str) -> ConfigError:
    said = os.strerror(error.errno) if error.errno else str(error)
    shown = f"[{host}]" if ":" in host else host
    message = f"cannot listen on {shown}:{port}: {said}"
    return ConfigError([Problem(setting, 0, 0, message, _HINTS.get(error.errno or 0, ""))])


def peer_has_gone(sock: socket.socket, *, half: bool) -> bool:
    """Whether the peer closed or reset, though unread bytes may still wait before that end.

    `half`: a peer that only ended its own direction counts as gone.
    """
    poll = select.poll()
    poll.register(sock.fileno(), _HALF_GONE if half else _GONE)
    return bool(poll.poll(0))
