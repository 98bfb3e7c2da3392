"""`auth` in a running gateway: who is let in, and what of a credential reaches the upstream."""

from __future__ import annotations

import ssl
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
import trustme

from gateway.identity.compact import looks_like_token
from tests.hostile.raw_upstream import RawUpstream
from tests.hostile.wire import Message, Wire, connect
from tests.integration.gateway_process import GatewayProcess, running_gateway
from tests.integration.plugin_client import HELLO, ask
from tests.integration.sdk.threaded_server import ThreadedServer
from tests.integration.virtual_keys import make_key
from tests.issuer_server import KEYS, Issuer
from tests.tokens import AUDIENCE, Signer, claims
from tests.unit.identity.attacks import ATTACKS, HONEST, HONEST_EC, ForgedToken

SDK_PLACES = {
    "openai": ("/v1/chat/completions", "Authorization: Bearer {}"),
    "anthropic": ("/v1/messages", "X-Api-Key: {}"),
    "google": ("/v1beta/models/m:generateContent", "x-goog-api-key: {}"),
    "azure": ("/v1/x", "api-key: {}"),
    "query": ("/v1beta/models/m:streamGenerateContent?alt=sse&key={}&x=%3a", "X-None: 1"),
    "own": ("/v1/x", "X-Sealgate-Key: {}"),
}


def policy(auth: dict[str, Any]) -> str:
    """A policy of one step, as YAML that is JSON."""
    text: str = orjson.dumps({"version": 1, "name": "p", "chain": [{"auth": auth}]}).decode()
    return text


@pytest.fixture(scope="module")
def upstream() -> Iterator[RawUpstream]:
    upstream = RawUpstream()
    yield upstream
    upstream.close()


@pytest.fixture(scope="module")
def gateway(upstream: RawUpstream) -> Iterator[GatewayProcess]:
    url = f"http://127.0.0.1:{upstream.port}"
    upstreams = dict.fromkeys(("openai", "anthropic", "gemini"), url)
    with running_gateway(policies=policy({"api_keys": True}), upstreams=upstreams) as gateway:
        yield gateway


def exchange(gateway: GatewayProcess, upstream: RawUpstream, raw: bytes) -> Message:
    """What the upstream receives of a request that is let through."""
    client = connect(("127.0.0.1", gateway.port))
    try:
        client.send(raw)
        wire, seen = upstream.receive()
        wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
        assert client.read_response(b"POST").status == 200
    finally:
        client.close()
    return seen


def post(target: str, *fields: str) -> bytes:
    lines = [f"POST {target} HTTP/1.1", "Host: a", *fields, f"Content-Length: {len(HELLO)}"]
    return "\r\n".join([*lines, "", ""]).encode() + HELLO


@pytest.mark.parametrize("sdk", SDK_PLACES)
def test_a_key_lets_in_and_does_not_reach_the_upstream(
    sdk: str, gateway: GatewayProcess, upstream: RawUpstream
) -> None:
    key = make_key(gateway)
    target, field = (text.format(key) for text in SDK_PLACES[sdk])
    seen = exchange(gateway, upstream, post(target, field, "X-Kept: yes"))

    assert key.encode() not in seen.raw_head
    assert b"X-Kept: yes" in seen.raw_head
    if sdk == "query":
        assert (
            b"POST /v1beta/models/m:streamGenerateContent?alt=sse&x=%3a HTTP/1.1" in seen.raw_head
        )


def test_twins_of_the_header_do_not_reach_the_upstream(
    gateway: GatewayProcess, upstream: RawUpstream
) -> None:
    key = make_key(gateway)
    fields = [f"x-api-key: {key}", "X_API_KEY: sg_other", "x-api_key: sk-1", "Api_Key: sk-2"]
    seen = exchange(gateway, upstream, post("/v1/messages", *fields))

    assert b"api" not in seen.raw_head.lower().replace(b"/v1/messages", b"")


def test_a_trial_in_shadow_mode_sends_no_key_on(upstream: RawUpstream) -> None:
    url = f"http://127.0.0.1:{upstream.port}"
    use = policy({"mode": "shadow", "api_keys": True})
    with running_gateway(policies=use, upstreams={"anthropic": url}) as gateway:
        key = "sg_" + "k" * 49
        seen = exchange(gateway, upstream, post("/v1/messages", f"x-api-key: {key}", "X-Kept: 1"))

    assert key.encode() not in seen.raw_head
    assert b"X-Kept: 1" in seen.raw_head


def test_a_websocket_is_opened_by_a_key_that_stays_behind(upstream: RawUpstream) -> None:
    url = f"http://127.0.0.1:{upstream.port}"
    use = policy({"api_keys": True, "read_body": False})
    with running_gateway(policies=use, upstreams={"openai": url}) as gateway:
        key = make_key(gateway)
        for field in (
            f"Sec-WebSocket-Protocol: realtime, openai-insecure-api-key.{key}, beta",
            f"Authorization: Bearer {key}",
        ):
            client = connect(("127.0.0.1", gateway.port))
            client.send(
                b"GET /v1/realtime?model=m HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\n"
                b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" + field.encode() + b"\r\n\r\n"
            )
            _, seen = upstream.receive()
            client.close()

            assert key.encode() not in seen.raw_head
            assert (b"realtime, beta" in seen.raw_head) is field.startswith("Sec-")
    upstream.forget()


def test_a_refusal_names_the_scheme_and_keeps_the_key_to_itself(gateway: GatewayProcess) -> None:
    status, headers, body = ask(gateway, headers={"x-api-key": "sg_CANARY"})

    assert status == 401
    assert headers["www-authenticate"] == 'Bearer realm="sealgate", error="invalid_token"'
    assert headers["x-should-retry"] == "false"
    assert headers["x-sealgate-reason"] == "credential_invalid"
    assert b"CANARY" not in body


@pytest.fixture(scope="module")
def issuer() -> Iterator[Issuer]:
    made = Issuer(HONEST, HONEST_EC)
    server = ThreadedServer(made.app)
    made.url = server.url
    yield made
    server.close()


@pytest.fixture(scope="module")
def trusting(issuer: Issuer) -> Iterator[GatewayProcess]:
    """A gateway that believes the issuer."""
    jwt = {"issuer": issuer.url, "audience": AUDIENCE}
    with running_gateway(policies=policy({"jwt": [jwt]})) as gateway:
        yield gateway


class TestTokens:
    def test_every_attack_is_refused_with_a_reason(
        self, trusting: GatewayProcess, issuer: Issuer
    ) -> None:
        now_s = int(time.time())  # noqa: TID251  # what the gateway's clock says
        wrong = {}
        for attack in ATTACKS:
            token = attack.make(now_s, iss=issuer.url)
            if not _can_be_sent(token):
                continue
            status, headers, body = ask(trusting, headers={"authorization": f"Bearer {token}"})
            told = orjson.loads(body)["error"]["message"]
            reason = headers["x-sealgate-reason"]
            fits = _expected(attack, token, reason, told)
            if status != 401 or not fits or "Traceback" in told:
                wrong[attack.name] = (status, reason, told)
        status, _, _ = ask(
            trusting,
            headers={"authorization": f"Bearer {HONEST.sign(claims(now_s, iss=issuer.url))}"},
        )

        assert wrong == {}
        assert status == 200
        assert trusting.errors.count("Traceback") == 0

    def test_unknown_keys_are_one_fetch(self, trusting: GatewayProcess, issuer: Issuer) -> None:
        before = issuer.asked[KEYS]
        for number in range(50):
            token = Signer(f"none-{number}").sign(claims(iss=issuer.url))
            assert ask(trusting, headers={"x-api-key": token})[0] == 401

        assert issuer.asked[KEYS] - before <= 1


def _can_be_sent(token: str) -> bool:
    """Whether HTTP can carry it in a field, as it is; the others are for the unit tests."""
    return token == token.strip() and token.isprintable() and len(token) < 60_000


def _expected(attack: ForgedToken, token: str, reason: str, told: str) -> bool:
    if not looks_like_token(token):
        return reason == "credential_missing"  # a text that is not meant as a token
    return reason == attack.reason.value and attack.said in told


class TestCertificates:
    def test_a_client_certificate_says_who_is_calling(self, tmp_path: Path) -> None:
        authority = trustme.CA()
        server = authority.issue_cert("127.0.0.1")
        server.private_key_pem.write_to_path(tmp_path / "key.pem")
        server.cert_chain_pems[0].write_to_path(tmp_path / "cert.pem")
        authority.cert_pem.write_to_path(tmp_path / "ca.pem")
        config = orjson.dumps(
            {
                "listener": {
                    "tls": {
                        "cert_file": str(tmp_path / "cert.pem"),
                        "key_file": str(tmp_path / "key.pem"),
                        "client_ca_file": str(tmp_path / "ca.pem"),
                    }
                }
            }
        ).decode()
        rules = [{"dns": "*.acme.internal", "tenant": "acme", "roles": ["user"]}]
        use = policy({"mtls": {"rules": rules}})
        with running_gateway(config=config, policies=use, scheme="https") as gateway:
            answers = [
                _ask_with(authority, authority.issue_cert(name), gateway)
                for name in ("agent.acme.internal", "agent.other.internal")
            ]

        assert answers[0].startswith(b"HTTP/1.1 200")
        assert answers[1].startswith(b"HTTP/1.1 401")
        assert b"no rule of the policy fits the client certificate" in answers[1]


def _ask_with(authority: trustme.CA, own: trustme.LeafCert, gateway: GatewayProcess) -> bytes:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    own.configure_cert(context)
    plain = connect(("127.0.0.1", gateway.port))
    with context.wrap_socket(plain.sock, server_hostname="127.0.0.1") as secured:
        wire = Wire(secured)
        wire.send(post("/demo/v1/chat/completions", "Content-Type: application/json"))
        answer = wire.read_response(b"POST")
        return answer.raw_head + answer.body


TOLD = {"x-forwarded-user": "ada", "x_forwarded_user": "root"}


@pytest.mark.parametrize(("trusted", "status"), [('["127.0.0.0/8"]', 200), ("[]", 401)])
def test_a_trusted_proxy_names_the_caller(trusted: str, status: int, upstream: RawUpstream) -> None:
    use = policy({"header": {"subject": "x-forwarded-user"}})
    with running_gateway(config=f"trusted_proxies: {trusted}\n", policies=use) as gateway:
        assert ask(gateway, headers=TOLD)[0] == status
