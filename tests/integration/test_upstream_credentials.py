"""The provider's keys behind a running gateway: clients never send, see or log them."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from tests.hostile.raw_upstream import RawUpstream
from tests.hostile.wire import Message, connect
from tests.integration.gateway_process import GatewayProcess, finish, running_gateway, start_gateway
from tests.integration.plugin_client import HELLO
from tests.integration.sdk.threaded_server import ThreadedServer
from tests.integration.virtual_keys import make_key
from tests.vault_server import VaultServer

OPEN = "version: 1\nname: open\nchain: []\n"
KEYED = "version: 1\nname: keyed\nchain: [{auth: {api_keys: true}}]\n"
SEEN_WITHIN_S = 20.0
CLIENT = "sk-CLIENT"
PROVIDER = "sk-CANARY-PROVIDER"
EVERY_FIELD = (
    f"Authorization: Bearer {CLIENT}",
    f"X-Api-Key: {CLIENT}",
    f"x_api_key: {CLIENT}",
    f"X-Goog_Api-Key: {CLIENT}",
    f"api-key: {CLIENT}",
    f"X-Amz-Security-Token: {CLIENT}",
)


@pytest.fixture(scope="module")
def upstream() -> Iterator[RawUpstream]:
    upstream = RawUpstream()
    yield upstream
    upstream.close()


def config(upstream: RawUpstream, **credentials: object) -> str:
    url = f"http://127.0.0.1:{upstream.port}"
    each = {"url": url, "credentials": credentials}
    names = ("openai", "anthropic", "gemini", "azure", "bedrock")
    text: str = orjson.dumps({"upstreams": dict.fromkeys(names, each)}).decode()
    return text


def asked(gateway: GatewayProcess, upstream: RawUpstream, target: str, *fields: str) -> Message:
    """What the upstream receives of one request."""
    client = connect(("127.0.0.1", gateway.port))
    lines = [f"POST {target} HTTP/1.1", "Host: a", *fields, f"Content-Length: {len(HELLO)}"]
    try:
        client.send("\r\n".join([*lines, "", ""]).encode() + HELLO)
        wire, seen = upstream.receive()
        wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
        assert client.read_response(b"POST").status == 200
    finally:
        client.close()
    return seen


@pytest.mark.parametrize(
    ("target", "line"),
    [
        ("/v1/chat/completions", "authorization: Bearer {}"),
        ("/openai/v1/chat/completions", "authorization: Bearer {}"),
        ("/v1/messages", "x-api-key: {}"),
        (f"/v1beta/models/m:generateContent?alt=sse&key={CLIENT}", "x-goog-api-key: {}"),
        ("/openai/deployments/d/chat/completions?api-version=1", "api-key: {}"),
        ("/model/m%3A0/converse", "authorization: Bearer {}"),
    ],
)
def test_each_provider_gets_its_key_in_place_of_the_clients(
    target: str, line: str, upstream: RawUpstream, keyed: GatewayProcess
) -> None:
    seen = asked(keyed, upstream, target, *EVERY_FIELD, "X-Kept: 1")

    assert seen.raw_head.count(PROVIDER.encode()) == 1
    assert line.format(PROVIDER).encode() in seen.raw_head
    assert CLIENT.encode() not in seen.raw_head
    assert b"X-Kept: 1" in seen.raw_head


@pytest.fixture(scope="module")
def keyed(upstream: RawUpstream) -> Iterator[GatewayProcess]:
    """A gateway whose providers' key is in its environment."""
    with running_gateway(
        config=config(upstream, keys="${TEST_PROVIDER_KEY}"),
        policies=OPEN,
        environment={"TEST_PROVIDER_KEY": PROVIDER},
    ) as gateway:
        yield gateway


def test_a_clients_trick_with_connection_does_not_take_the_key_off(
    keyed: GatewayProcess, upstream: RawUpstream
) -> None:
    seen = asked(keyed, upstream, "/v1/messages", "Connection: x-api-key")

    assert seen.values(b"x-api-key") == [PROVIDER.encode()]


def test_a_websocket_gets_the_key_and_no_subprotocol_with_another(
    keyed: GatewayProcess, upstream: RawUpstream
) -> None:
    client = connect(("127.0.0.1", keyed.port))
    client.send(
        b"GET /v1/realtime?model=m HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\n"
        b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        b"Sec-WebSocket-Protocol: realtime, openai-insecure-api-key."
        + CLIENT.encode()
        + b"\r\n\r\n"
    )
    _, seen = upstream.receive()
    client.close()
    upstream.forget()

    assert seen.values(b"authorization") == [f"Bearer {PROVIDER}".encode()]
    assert seen.values(b"sec-websocket-protocol") == [b"realtime"]


def test_neither_key_is_ever_written_down(upstream: RawUpstream) -> None:
    """The virtual key stays at the gateway, the provider's key between gateway and provider."""
    with running_gateway(
        config=config(upstream, keys="${TEST_PROVIDER_KEY}"),
        policies=KEYED,
        environment={"TEST_PROVIDER_KEY": PROVIDER, "SEALGATE_LOG_LEVEL": "debug"},
    ) as gateway:
        virtual = make_key(gateway)
        seen = asked(gateway, upstream, "/v1/messages", f"X-Api-Key: {virtual}")
        refused = connect(("127.0.0.1", gateway.port))
        refused.send(b"GET /v1/models?key=sg_CANARY HTTP/1.1\r\nHost: a\r\n\r\n")
        answer = refused.read_response(b"GET")
        refused.close()
        pages = [gateway.admin(path)[1] for path in ("/metrics", "/readyz", "/health/dependencies")]
        gateway.stop()
        written = orjson.dumps(gateway.logs) + b"".join(pages) + gateway.errors.encode()

    assert virtual.encode() not in seen.raw_head
    assert answer.status == 401
    for secret in (virtual, PROVIDER, "CANARY"):
        assert secret.encode() not in written
        assert secret.encode() not in answer.raw_head + answer.body


def wait_for_key(gateway: GatewayProcess, upstream: RawUpstream, key: str) -> None:
    """Asks until the upstream is shown `key`."""
    deadline, pause = time.monotonic() + SEEN_WITHIN_S, threading.Event()
    while asked(gateway, upstream, "/v1/messages").values(b"x-api-key") != [key.encode()]:
        assert time.monotonic() < deadline, f"{key} never came into use"
        pause.wait(0.02)


def test_a_key_file_is_rotated_without_a_restart(upstream: RawUpstream, tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("sk-1\n")
    text = config(upstream, keys=f"file:{file}", reload_interval_s=0.05)
    with running_gateway(config=text, policies=OPEN) as gateway:
        wait_for_key(gateway, upstream, "sk-1")
        fresh = tmp_path / "fresh"
        fresh.write_text("sk-2")
        fresh.replace(file)
        wait_for_key(gateway, upstream, "sk-2")


def test_a_key_in_vault_is_rotated_and_survives_an_outage(
    upstream: RawUpstream, tmp_path: Path
) -> None:
    vault = VaultServer()
    vault.secrets["providers/anthropic"] = {"api_key": "sk-1"}
    server = ThreadedServer(vault.app)
    for name, text in (("role", "role"), ("secret", "secret")):
        (tmp_path / name).write_text(text)
    written = orjson.loads(config(upstream, keys="vault:providers/anthropic#api_key"))
    written["vault"] = {
        "address": server.url,
        "method": "approle",
        "role_id": f"file:{tmp_path / 'role'}",
        "secret_id": f"file:{tmp_path / 'secret'}",
        "refresh_interval_s": 0.05,
    }
    try:
        with running_gateway(config=orjson.dumps(written).decode(), policies=OPEN) as gateway:
            wait_for_key(gateway, upstream, "sk-1")
            vault.secrets["providers/anthropic"] = {"api_key": "sk-2"}
            wait_for_key(gateway, upstream, "sk-2")
            vault.down = True
            gateway.wait_for_log("credential not read")
            wait_for_key(gateway, upstream, "sk-2")
            logs = orjson.dumps(gateway.logs).decode()
    finally:
        server.close()

    assert "sk-" not in logs
    assert "hvs." not in logs


def test_without_its_key_the_upstream_is_not_asked(upstream: RawUpstream, tmp_path: Path) -> None:
    upstream.forget()
    written = orjson.loads(config(upstream, keys="vault:x#y"))
    (tmp_path / "token").write_text("t")
    written["vault"] = {"address": "http://127.0.0.1:1", "token": f"file:{tmp_path / 'token'}"}
    with running_gateway(config=orjson.dumps(written).decode(), policies=OPEN) as gateway:
        client = connect(("127.0.0.1", gateway.port))
        client.send(b"GET /v1/models HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer sk-x\r\n\r\n")
        answer = client.read_response(b"GET")
        client.close()

    assert answer.status == 503
    assert b"the gateway's credential for openai cannot be read" in answer.body
    assert upstream.untouched()


def test_a_missing_variable_stops_the_start_and_says_which(upstream: RawUpstream) -> None:
    gateway = start_gateway(config=config(upstream, keys="${NOT_SET_HERE}"), policies=OPEN)
    try:
        assert gateway.wait() != 0
        assert "NOT_SET_HERE is not set" in gateway.errors
    finally:
        finish(gateway)
