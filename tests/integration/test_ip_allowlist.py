"""`ip_allowlist` in a running gateway: who is let in, as seen from outside."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from tests.integration.gateway_process import GatewayProcess, finish, running_gateway, start_gateway
from tests.integration.plugin_client import ask
from tests.location_databases import write_countries

PROXIED = 'trusted_proxies: ["127.0.0.0/8"]\n'


def policy(use: str, mode: str = "enforce") -> str:
    return f"version: 1\nname: p\nchain:\n  - ip_allowlist: {{mode: {mode}, {use}}}\n"


def test_a_stranger_is_refused_in_the_dialect_of_its_sdk() -> None:
    with running_gateway(policies=policy("allow: [10.0.0.0/8]")) as gateway:
        status, headers, body = ask(gateway)

    assert status == 403
    assert headers["x-sealgate-reason"] == "ip_denied"
    assert "127.0.0.1" in orjson.loads(body)["error"]["message"]


def test_shadow_mode_records_the_denial_and_denies_nothing() -> None:
    with running_gateway(policies=policy("allow: [10.0.0.0/8]", mode="shadow")) as gateway:
        status, headers, _ = ask(gateway, headers={"x-request-id": "shadowed"})
        line = gateway.wait_for_log(lambda line: line.get("request_id") == "shadowed")
        gateway.wait_until(
            lambda _: any(
                'plugin="ip_allowlist"' in sample and 'outcome="deny"' in sample
                for sample in gateway.admin("/metrics")[1].decode().splitlines()
            )
        )

    assert status == 200
    assert "x-sealgate-reason" not in headers
    (verdict,) = line["verdicts"]
    assert (verdict["outcome"], verdict["reason"], verdict["enforced"]) == (
        "deny", "ip_denied", False
    )  # fmt: skip
    assert (line["outcome"], line["reason"]) == ("served", "")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"x-forwarded-for": "10.1.2.3"}, 200),
        ({"x-forwarded-for": "10.1.2.3, 203.0.113.9"}, 403),
        ({"x-forwarded-for": "203.0.113.9, 10.1.2.3"}, 200),
        ({"x-forwarded-for": "203.0.113.9, 10.1.2.3, 127.0.0.7"}, 200),
        ({"forwarded": 'for="[::ffff:10.1.2.3]:4711"'}, 200),
        ({"x-forwarded-for": "203.0.113.9", "forwarded": "for=10.1.2.3"}, 403),
        ({"x-forwarded-for": "10.1.2.3", "forwarded": "for=203.0.113.9"}, 403),
        ({"x-forwarded-for": "010.1.2.3"}, 403),
        ({"x_forwarded_for": "10.1.2.3"}, 403),
        ({}, 403),
    ],
)
def test_the_client_behind_a_trusted_proxy_is_judged(
    proxied_gateway: GatewayProcess, headers: dict[str, str], status: int
) -> None:
    assert ask(proxied_gateway, headers=headers)[0] == status


@pytest.fixture(scope="module")
def proxied_gateway() -> Iterator[GatewayProcess]:
    with running_gateway(config=PROXIED, policies=policy("allow: [10.0.0.0/8]")) as gateway:
        yield gateway


def test_an_untrusted_peer_cannot_borrow_an_address() -> None:
    with running_gateway(policies=policy("allow: [10.0.0.0/8]")) as gateway:
        status, _, body = ask(gateway, headers={"x-forwarded-for": "10.1.2.3"})

    assert status == 403
    assert "127.0.0.1" in orjson.loads(body)["error"]["message"]


def test_a_changed_policy_decides_without_a_restart() -> None:
    with running_gateway(policies=policy("allow: [10.0.0.0/8]")) as gateway:
        before = ask(gateway)[0]
        file = gateway.folder / "policies" / "policy.yaml"
        file.write_text(policy("allow: [10.0.0.0/8, 127.0.0.1]"))
        gateway.send_signal(signal.SIGHUP)
        gateway.wait_until(lambda state: state["policies"]["version"] > 1)

        assert (before, ask(gateway)[0]) == (403, 200)


def test_a_changed_database_decides_without_a_reload(tmp_path: Path) -> None:
    """Each worker follows the file by itself."""
    path = tmp_path / "countries.mmdb"
    write_countries(path, {"203.0.113.0/24": "DE"})
    use = f"geo: {{database: {path}, deny_countries: [KP], reload_interval_s: 0.05}}"
    behind = {"x-forwarded-for": "203.0.113.9"}
    with running_gateway(config=PROXIED, policies=policy(use), workers=2) as gateway:
        before = ask(gateway, headers=behind)[0]
        write_countries(path, {"203.0.113.0/24": "KP"})
        gateway.wait_for_log(lambda line: "was read again" in line["event"], count=2)
        status, headers, _ = ask(gateway, headers=behind)

    assert before == 200
    assert (status, headers["x-sealgate-reason"]) == (403, "geo_denied")


def test_a_missing_database_refuses_the_policy_at_the_start(tmp_path: Path) -> None:
    path = tmp_path / "missing.mmdb"
    gateway = start_gateway(policies=policy(f"geo: {{database: {path}, deny_countries: [KP]}}"))
    try:
        assert gateway.wait() != 0
        assert f"{path}: cannot be read" in gateway.errors
    finally:
        finish(gateway)
