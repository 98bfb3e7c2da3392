"""`security_headers` in a running gateway, as a browser sees it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.gateway_process import GatewayProcess, running_gateway
from tests.integration.plugin_client import CHAT, ask

APP = "https://app.example.com"
POLICY = f"""
version: 1
name: browsers
chain:
  - security_headers:
      remove: [server]
      cors: {{origins: ["{APP}", "https://*.corp.example"]}}
  - request_limits: {{methods: [POST]}}
"""
PREFLIGHT = {
    "access-control-request-method": "POST",
    "access-control-request-headers": "authorization,content-type",
}


@pytest.fixture(scope="module")
def gateway() -> Iterator[GatewayProcess]:
    with running_gateway(policies=POLICY) as gateway:
        yield gateway


def test_a_preflight_is_answered_here(gateway: GatewayProcess) -> None:
    """Before `request_limits`, which comes later in the chain and would refuse OPTIONS."""
    headers = {**PREFLIGHT, "origin": APP, "x-request-id": "preflight"}
    status, got, body = ask(gateway, method="OPTIONS", headers=headers, body=None)
    line = gateway.wait_for_log(lambda line: line.get("request_id") == "preflight")

    assert (status, body) == (204, b"")
    assert got["access-control-allow-origin"] == APP
    assert got["access-control-allow-headers"] == "authorization,content-type"
    assert got["x-content-type-options"] == "nosniff"
    assert line["target"] == "", "the upstream was asked"


def test_a_preflight_of_a_foreign_page_is_denied(gateway: GatewayProcess) -> None:
    headers = {**PREFLIGHT, "origin": "https://evil.example"}
    status, got, _ = ask(gateway, method="OPTIONS", headers=headers, body=None)

    assert (status, got["x-sealgate-reason"]) == (403, "origin_denied")
    assert "access-control-allow-origin" not in got


def test_an_answer_of_the_upstream_can_be_read_by_the_page(gateway: GatewayProcess) -> None:
    status, got, _ = ask(gateway, headers={"origin": "https://a.corp.example"})

    assert status == 200
    assert got["access-control-allow-origin"] == "https://a.corp.example"
    assert got["vary"] == "origin"
    assert "server" not in got
    assert "x-content-type-options" not in got


def test_a_foreign_page_is_served_and_cannot_read(gateway: GatewayProcess) -> None:
    status, got, _ = ask(gateway, headers={"origin": "https://evil.example"})

    assert status == 200
    assert "access-control-allow-origin" not in got


def test_a_refusal_can_be_read_by_the_page_and_is_not_cached(gateway: GatewayProcess) -> None:
    status, got, _ = ask(gateway, CHAT, method="PUT", headers={"origin": APP})

    assert status == 405
    assert got["access-control-allow-origin"] == APP
    assert got["cache-control"] == "no-store"
    assert got["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert "strict-transport-security" not in got
