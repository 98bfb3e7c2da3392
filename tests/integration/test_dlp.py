"""`dlp` in a running gateway: requests, answers, streams, blocks, shadow mode."""

from __future__ import annotations

import http.client
from collections.abc import Iterator

import orjson
import pytest

from tests.integration.gateway_process import GatewayProcess, running_gateway
from tests.integration.plugin_client import ask
from tests.redaction_kit import CARD, EMAIL, JWT, PRIVATE_KEY, SSN

POLICIES = """
version: 1
name: {name}
match: {{hosts: [{name}.example]}}
chain:
  - dlp: {{action: {action}, directions: [{direction}]{more}}}
"""
TOLD = f"{EMAIL} {SSN} {CARD} {JWT}\n{PRIVATE_KEY}\nend"
REDACTED = "[EMAIL] [SSN] [CARD] [JWT]\n[PEM]\nend"


def chat(text: str, *, stream: bool = False) -> bytes:
    return orjson.dumps(
        {"model": "m", "stream": stream, "messages": [{"role": "user", "content": text}]}
    )


@pytest.fixture(scope="module")
def gateway() -> Iterator[GatewayProcess]:
    policies = {
        f"{name}.yaml": POLICIES.format(name=name, action=action, direction=direction, more=more)
        for name, action, direction, more in (
            ("asking", "redact", "request", ""),
            ("telling", "redact", "response", ""),
            ("blocking", "block", "response", ""),
            ("watching", "redact", "response", ", mode: shadow"),
        )
    }
    with running_gateway(policies=policies) as gateway:
        yield gateway


def told(body: bytes) -> str:
    """What the client puts together from a stream."""
    parts: list[str] = []
    for line in body.split(b"\n"):
        if line.startswith(b"data: {"):
            event = orjson.loads(line[6:])
            parts += [c["delta"].get("content") or "" for c in event.get("choices", ())]
    return "".join(parts)


def test_the_provider_gets_no_value(gateway: GatewayProcess) -> None:
    """It repeats what it was told."""
    status, _, body = ask(gateway, body=chat(TOLD), headers={"host": "asking.example"})

    assert status == 200
    assert orjson.loads(body)["choices"][0]["message"]["content"].endswith(REDACTED)


@pytest.mark.parametrize("stream", [False, True])
def test_the_client_gets_no_value(gateway: GatewayProcess, stream: bool) -> None:
    headers = {"host": "telling.example"}
    status, _, body = ask(gateway, body=chat(TOLD, stream=stream), headers=headers)

    assert status == 200
    text = told(body) if stream else orjson.loads(body)["choices"][0]["message"]["content"]
    assert text.endswith(REDACTED)
    for value in (EMAIL, SSN, JWT[20:40], PRIVATE_KEY[60:90]):
        assert value.encode() not in body


def test_a_block_ends_the_stream_in_the_words_of_the_dialect(gateway: GatewayProcess) -> None:
    headers = {"host": "blocking.example"}
    # What was cut off never looks complete: the body ends without its last chunk.
    with pytest.raises(http.client.IncompleteRead) as cut:
        ask(gateway, body=chat(f"well, {SSN} it is", stream=True), headers=headers)

    body = cut.value.partial
    assert b"sensitive_data" in body
    assert SSN.encode() not in body


def test_a_whole_answer_is_blocked_with_the_class(gateway: GatewayProcess) -> None:
    status, headers, body = ask(gateway, body=chat(SSN), headers={"host": "blocking.example"})

    assert (status, headers["x-sealgate-reason"]) == (400, "sensitive_data")
    assert "ssn" in orjson.loads(body)["error"]["message"]
    assert SSN.encode() not in body


def test_shadow_changes_nothing(gateway: GatewayProcess) -> None:
    headers = {"host": "watching.example"}
    _, _, body = ask(gateway, body=chat(TOLD, stream=True), headers=headers)

    assert told(body).endswith(TOLD)
