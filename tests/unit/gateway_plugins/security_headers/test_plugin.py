"""Which answers get which headers."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.plugin import Exchange, ResponseView
from gateway.plugin.testing import make_exchange, make_headers, make_response, running
from gateway_plugins.security_headers import SecurityHeaders

DEFAULTS = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
}


async def headers_of(
    config: dict[str, Any], response: ResponseView, x: Exchange | None = None
) -> list[tuple[str, str]]:
    x = x or make_exchange()
    x.response = response
    async with running(SecurityHeaders, config) as plugin:
        plugin.on_response_headers(x)
    return list(response.headers)


def refusal(status: int = 403) -> ResponseView:
    return ResponseView(status, b"", make_headers({"content-type": "application/json"}), local=True)


async def test_a_refusal_gets_the_defaults_and_is_never_cached() -> None:
    assert dict(await headers_of({}, refusal())) == {
        "content-type": "application/json",
        **DEFAULTS,
        "cache-control": "no-store",
    }


async def test_a_reply_may_be_cached() -> None:
    assert "cache-control" not in dict(await headers_of({}, refusal(status=200)))


async def test_an_upstream_answer_is_left_alone() -> None:
    """Transparency: what the provider sent is what the client gets, unless the policy says more."""
    sent = [("Server", "x"), ("X-Powered-By", "y")]

    assert await headers_of({}, make_response(headers=sent)) == sent


async def test_an_upstream_answer_keeps_what_it_has_and_gets_what_it_lacks() -> None:
    sent = [("Referrer-Policy", "origin"), ("Cache-Control", "max-age=1")]

    got = await headers_of({"apply_to": "all"}, make_response(headers=sent))

    assert got[:2] == sent
    assert dict(got[2:]) == {k: v for k, v in DEFAULTS.items() if k != "referrer-policy"}


async def test_headers_are_added_replaced_and_left_out_as_written() -> None:
    config = {"headers": {"x-frame-options": "DENY", "referrer-policy": "origin",
                          "content-security-policy": None}}  # fmt: skip

    got = dict(await headers_of(config, refusal()))

    assert got["x-frame-options"] == "DENY"
    assert got["referrer-policy"] == "origin"
    assert "content-security-policy" not in got


@pytest.mark.parametrize(
    ("config", "scheme", "value"),
    [
        ({}, "http", None),
        ({}, "https", "max-age=31536000"),
        ({"strict_transport_security": "max-age=60"}, "https", "max-age=60"),
        ({"strict_transport_security": None}, "https", None),
    ],
)
async def test_strict_transport_security_is_sent_over_tls_only(
    config: dict[str, Any], scheme: str, value: str | None
) -> None:
    """RFC 6797 section 7.2 forbids it elsewhere."""
    got = dict(await headers_of(config, refusal(), make_exchange(scheme=scheme)))

    assert got.get("strict-transport-security") == value


async def test_telling_headers_are_removed_from_upstream_answers_only() -> None:
    config = {"remove": ["server", "x-powered-by"]}
    sent = [
        ("Server", "a"),
        ("server", "b"),
        ("X_Powered_By", "c"),
        ("X-Powered-By", "d"),
        ("A", "e"),
    ]

    assert await headers_of(config, make_response(headers=sent)) == [("A", "e")]
    local = ResponseView(200, b"", make_headers({"server": "own"}), local=True)
    assert ("server", "own") in await headers_of(config, local)


@pytest.mark.parametrize(
    ("config", "skipped"),
    [({}, {"on_request_headers"}), ({"cors": {"origins": ["*"]}}, set())],
)
async def test_only_cors_looks_at_requests(config: dict[str, Any], skipped: set[str]) -> None:
    async with running(SecurityHeaders, config) as plugin:
        assert plugin.skips_hooks == skipped
