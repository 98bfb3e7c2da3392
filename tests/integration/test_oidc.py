"""Tokens of a real OpenID Connect provider: its keys rotate, and it goes away."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import orjson
import pytest

from tests.integration.gateway_process import GatewayProcess, running_gateway
from tests.integration.oidc_provider import OidcProvider
from tests.integration.plugin_client import ask
from tests.integration.sdk import node

ISSUER = {
    "audience": "sealgate",
    "types": "at+jwt",
    "tenant_from": "org.id",
    "tenants": ["acme"],
    "roles_from": "groups",
    "role_map": {"llm-users": "user"},
    "refresh_interval_s": 1,
}
SEEN_WITHIN_S = 20.0


@pytest.fixture
def provider() -> Iterator[OidcProvider]:
    if reason := node.missing():
        pytest.skip(reason)
    provider = OidcProvider()
    yield provider
    provider.close()


def policy(provider: OidcProvider, **issuer: object) -> str:
    jwt = {**ISSUER, "issuer": provider.url, **issuer}
    chain = [{"auth": {"jwt": jwt}}, {"rbac": {}}]
    text: str = orjson.dumps({"version": 1, "name": "p", "chain": chain}).decode()
    return text


def status(gateway: GatewayProcess, token: str) -> int:
    return ask(gateway, headers={"authorization": f"Bearer {token}"})[0]


def until(gateway: GatewayProcess, token: str, wanted: int) -> None:
    deadline, pause = time.monotonic() + SEEN_WITHIN_S, threading.Event()
    while status(gateway, token) != wanted:
        assert time.monotonic() < deadline
        pause.wait(0.05)


def test_its_tokens_let_in_through_rotation_and_outage(provider: OidcProvider) -> None:
    with running_gateway(policies=policy(provider)) as gateway:
        first = provider.token()
        assert status(gateway, first) == 200

        provider.rotate()
        second = provider.token()
        assert status(gateway, second) == 200  # the unknown key is fetched at once
        assert status(gateway, first) == 200  # the one before is published still

        provider.go_away()
        gateway.wait_for_log("issuer keys not fetched")
        assert (status(gateway, first), status(gateway, second)) == (200, 200)

        provider.come_back()
        provider.retire()
        until(gateway, first, 401)
        assert status(gateway, second) == 200


def test_a_provider_that_is_away_at_the_start_is_asked_again(provider: OidcProvider) -> None:
    token = provider.token()
    provider.go_away()
    with running_gateway(policies=policy(provider)) as gateway:
        answered, headers, _ = ask(gateway, headers={"authorization": f"Bearer {token}"})
        assert (answered, headers["x-sealgate-reason"]) == (503, "identity_unavailable")
        provider.come_back()
        until(gateway, token, 200)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"audience": "other"}, "credential_invalid"),
        ({"types": "JWT"}, "credential_invalid"),
        ({"tenants": ["beta"]}, "tenant_denied"),
        ({"algorithms": ["ES256"]}, "credential_invalid"),
        ({"required_claims": ["nonce"]}, "credential_invalid"),
        ({"acr": ["phr"]}, "mfa_required"),
        ({"role_map": {"nobody": "user"}}, "permission_denied"),
    ],
)
def test_what_the_policy_asks_is_asked(
    change: dict[str, object], reason: str, provider: OidcProvider
) -> None:
    with running_gateway(policies=policy(provider, **change)) as gateway:
        token = provider.token()
        _, headers, body = ask(gateway, headers={"authorization": f"Bearer {token}"})

    assert headers["x-sealgate-reason"] == reason
    assert token.encode() not in body
