"""`request_limits` in a running gateway: what is refused, as seen from outside."""

from __future__ import annotations

from collections.abc import Iterator

import orjson
import pytest

from tests.integration.gateway_process import GatewayProcess, running_gateway
from tests.integration.plugin_client import HELLO, ask

HEAD_ONLY = """
version: 1
name: head
chain:
  - request_limits:
      methods: [GET, POST]
      query_bytes_max: 10
      body_bytes_max: 1000
      content_types: [application/json]
"""
BODY = """
version: 1
name: body
chain:
  - request_limits: {models: ["demo*"], models_denied: ["*-secret"], json_depth_max: 8}
"""


@pytest.fixture(scope="module")
def head_gateway() -> Iterator[GatewayProcess]:
    with running_gateway(policies=HEAD_ONLY) as gateway:
        yield gateway


@pytest.fixture(scope="module")
def body_gateway() -> Iterator[GatewayProcess]:
    with running_gateway(policies=BODY) as gateway:
        yield gateway


def padded(size: int) -> bytes:
    return orjson.dumps({**orjson.loads(HELLO), "user": "x" * size})


@pytest.mark.parametrize(
    ("request_", "status", "reason"),
    [
        ({}, 200, None),
        ({"body": iter([HELLO[:10], HELLO[10:]])}, 200, None),
        ({"method": "PUT"}, 405, "method_denied"),
        ({"path": "/demo/v1/models", "method": "GET", "body": None}, 200, None),
        ({"path": "/demo/v1/models?after=12345"}, 414, "query_too_large"),
        ({"headers": {"content-type": "text/plain"}}, 415, "content_type_denied"),
        ({"body": padded(2000)}, 413, "body_too_large"),
        ({"body": iter([padded(400), padded(400), padded(400)])}, 413, "body_too_large"),
    ],
)
def test_the_head_and_the_size_of_streamed_bodies(
    head_gateway: GatewayProcess, request_: dict[str, object], status: int, reason: str | None
) -> None:
    got, headers, _ = ask(head_gateway, **request_)  # type: ignore[arg-type]  # a table of arguments

    assert (got, headers.get("x-sealgate-reason")) == (status, reason)


def test_a_refused_method_is_told_which_are_allowed(head_gateway: GatewayProcess) -> None:
    assert ask(head_gateway, method="DELETE", body=None)[1]["allow"] == "GET, POST"


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        (HELLO, 200, None),
        (HELLO.replace(b'"demo"', b'"demo-2"'), 200, None),
        (HELLO.replace(b'"demo"', b'"gpt-4o"'), 400, "model_denied"),
        (HELLO.replace(b'"demo"', b'"demo-SECRET"'), 400, "model_denied"),
        (HELLO[:-1] + b',"mod\\u0065l":"gpt-4o"}', 400, "ambiguous_request"),
        (HELLO[:-1] + b',"a":' + b"[" * 8 + b"]" * 8 + b"}", 400, "too_deep"),
        (b"model=demo", 400, "uninspectable"),
        (b'{"model":"demo","a":"\\ud83d"}', 400, "uninspectable"),
    ],
)
def test_the_body(
    body_gateway: GatewayProcess, body: bytes, status: int, reason: str | None
) -> None:
    got, headers, _ = ask(body_gateway, body=body)

    assert (got, headers.get("x-sealgate-reason")) == (status, reason)


def test_a_model_that_the_path_names_is_judged_too(body_gateway: GatewayProcess) -> None:
    path = "/demo/v1beta/models/{}:generateContent"
    body = b'{"contents":[{"role":"user","parts":[{"text":"hello"}]}]}'

    assert ask(body_gateway, path.format("demo"), body=body)[0] == 200
    refused = ask(body_gateway, path.format("gemini%2Dpro"), body=body)
    assert refused[1]["x-sealgate-reason"] == "model_denied"
    assert b"gemini-pro" in refused[2]


def test_the_log_names_the_model_of_the_body(body_gateway: GatewayProcess) -> None:
    ask(body_gateway, headers={"x-request-id": "modelled"})

    line = body_gateway.wait_for_log(lambda line: line.get("request_id") == "modelled")
    assert line["model"] == "demo"


def test_a_web_socket_that_hides_its_bodies_is_refused(body_gateway: GatewayProcess) -> None:
    """426 makes clients such as codex fall back to HTTP, where the policy sees the model."""
    handshake = {
        "connection": "Upgrade",
        "upgrade": "websocket",
        "sec-websocket-version": "13",
        "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
    }

    status, headers, _ = ask(
        body_gateway, "/demo/v1/realtime?model=demo", method="GET", headers=handshake, body=None
    )

    assert (status, headers["x-sealgate-reason"]) == (426, "upgrade_unsupported")
