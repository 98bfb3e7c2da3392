"""The built-in routes hand each provider's own targets on, byte for byte."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.hostile.front import Front
from tests.hostile.gateway import BARE_POLICY, front_of
from tests.hostile.raw_upstream import RawUpstream
from tests.hostile.sigv4 import authorization, signature
from tests.hostile.transparency import ANSWER
from tests.integration.gateway_process import running_gateway

NAMES = ("openai", "anthropic", "gemini", "azure", "bedrock", "ollama", "vllm")

# Path, fields by which a bare path is recognised, prefix under which the same path is served.
TARGETS = {
    "openai chat": (b"/v1/chat/completions", b"", b"/openai"),
    "openai files": (b"/v1/files?purpose=batch&limit=10", b"", b"/openai"),
    "anthropic beta": (b"/v1/messages?beta=true", b"anthropic-version: 2023-06-01", b"/anthropic"),
    "anthropic count": (b"/v1/messages/count_tokens", b"", b"/anthropic"),
    "gemini stream": (
        b"/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse&key=AIza%2Fx",
        b"",
        b"/gemini",
    ),
    "gemini v1": (b"/v1/models/gemini-3:generateContent", b"x-goog-api-key: k", b"/gemini"),
    "gemini tuned": (b"/v1beta/tunedModels/a-b%3Ac:generateContent", b"", b"/gemini"),
    "azure": (
        b"/openai/deployments/my%20gpt/chat/completions?api-version=2024-10-21",
        b"api-key: k",
        b"/azure",
    ),
    "bedrock arn": (
        b"/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A1%3Ainference-profile%2Fx/converse-stream",
        b"",
        b"/bedrock",
    ),
    "bedrock version": (b"/model/anthropic.claude-v2%3A1/invoke", b"", b"/bedrock"),
    "ollama": (b"/api/chat", b"", b"/ollama"),
    "vllm": (b"/v1/completions", b"", b"/vllm"),
}


@pytest.fixture(scope="module")
def raw_front(raw_upstream: RawUpstream) -> Iterator[Front]:
    url = f"http://127.0.0.1:{raw_upstream.port}"
    upstreams = dict.fromkeys(NAMES, url)
    with running_gateway(policies=BARE_POLICY, upstreams=upstreams) as gateway:
        yield front_of(gateway, raw_upstream.port)


@pytest.mark.parametrize("prefixed", [False, True], ids=["bare", "prefixed"])
@pytest.mark.parametrize("name", TARGETS)
def test_a_providers_target_is_not_touched(
    name: str, front: Front, upstream: RawUpstream, *, prefixed: bool
) -> None:
    target, line, prefix = TARGETS[name]
    head = b"POST %s%s HTTP/1.1\r\nHost: a\r\n" % (prefix if prefixed else b"", target)
    client = front.connect()
    client.send(head, line and line + b"\r\n", b"Content-Length: 2\r\n\r\n{}")
    wire, seen = upstream.receive()
    wire.send(ANSWER)
    assert seen.target == target
    assert client.read_response().status == 200


@pytest.mark.parametrize("prefix", [b"", b"/bedrock"])
@pytest.mark.parametrize(
    "target",
    [
        b"/model/anthropic.claude-3-5-sonnet-20240620-v1%3A0/converse",
        b"/model/us.anthropic.claude-sonnet-4-20250514-v1%3A0/invoke-with-response-stream",
        b"/model/arn%3Aaws%3Abedrock%3Aus-east-1%3A123%3Aapplication-inference-profile%2Fabc/converse",
    ],
)
def test_a_signature_of_aws_is_still_valid_behind_the_gateway(
    front: Front, upstream: RawUpstream, target: bytes, prefix: bytes
) -> None:
    """The client signs for the provider's host, which is also what the gateway sends as Host."""
    body = b'{"messages":[{"role":"user","content":[{"text":"\xc3\xa9"}]}]}'
    signed = [
        (b"Host", front.host_seen),
        (b"X-Amz-Date", b"20260101T000000Z"),
        (b"Content-Type", b"application/json"),
    ]
    credentials = authorization(b"POST", target, signed, body)
    fields = [*signed, (b"Authorization", credentials), (b"Content-Length", b"%d" % len(body))]
    client = front.connect()
    lines = b"".join(b"%s: %s\r\n" % pair for pair in fields)
    client.send(b"POST %s%s HTTP/1.1\r\n" % (prefix, target), lines, b"\r\n", body)
    wire, seen = upstream.receive()
    wire.send(ANSWER)
    recomputed = signature(seen.method, seen.target, seen.fields, seen.body)
    assert seen.values(b"authorization")[0].endswith(b"Signature=" + recomputed)
    assert client.read_response().status == 200
