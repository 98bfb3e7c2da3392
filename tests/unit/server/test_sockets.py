from __future__ import annotations

import socket

import pytest

from gateway.errors import ConfigError
from gateway.server.sockets import bind_listeners, close_all, port_of


def test_every_set_shares_the_port_that_was_free() -> None:
    rows = bind_listeners("127.0.0.1", 0, 3, "listener")
    try:
        assert len({port_of(row) for row in rows}) == 1
        assert all(
            s.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT) for row in rows for s in row
        )
    finally:
        for row in rows:
            close_all(row)


def test_a_port_in_use_is_told_even_though_the_other_program_would_share_it() -> None:
    """Two gateways on one port would each get some of the connections, and nobody would know."""
    first = bind_listeners("127.0.0.1", 0, 1, "listener")[0]
    try:
        with pytest.raises(ConfigError, match=r"cannot listen on 127\.0\.0\.1:\d+: .*in use"):
            bind_listeners("127.0.0.1", port_of(first), 1, "listener")
    finally:
        close_all(first)


@pytest.mark.parametrize(
    ("host", "message"),
    [
        ("192.0.2.1", r"cannot listen on 192\.0\.2\.1:0: .*this machine has no such address"),
        ("not a host", "is not an address of this machine"),
    ],
)
def test_an_address_of_another_machine_is_told(host: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        bind_listeners(host, 0, 1, "listener")


def test_ipv6_is_bound_beside_ipv4_and_not_over_it() -> None:
    row = bind_listeners("::1", 0, 1, "listener")[0]
    try:
        assert row[0].family == socket.AF_INET6
        assert row[0].getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY)
    finally:
        close_all(row)
