"""Answers that stream compressed although they were asked for plain, in a running gateway."""

from __future__ import annotations

import http.client
from collections.abc import Iterator

import pytest

from tests.conformance.dialects import DIALECTS, Spoken
from tests.conformance.leaks import leaked, texts_of
from tests.conformance.upstream import Upstream, running_upstream
from tests.hostile.gateway import config
from tests.integration.gateway_process import GatewayProcess, running_gateway
from tests.packers import PACKERS
from tests.redaction_kit import EMAIL, JWT, pieces_of

SPOKEN = pytest.mark.parametrize("spoken", DIALECTS, ids=lambda spoken: spoken.name)
CODINGS = pytest.mark.parametrize("coding", PACKERS)
HARMLESS = '{"note": "nothing"}'
POLICY = """
version: 1
name: {name}
match: {{hosts: [{name}.example]}}
chain: [{chain}]
"""
CHAINS = {
    "reading": "dlp: {action: redact}",
    "watching": "dlp: {action: redact, mode: shadow}",
    "lenient": "dlp: {action: redact, on_uninspectable: pass}",
    "bare": "",
}


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with running_upstream() as upstream:
        yield upstream


@pytest.fixture(scope="module")
def gateway(upstream: Upstream) -> Iterator[GatewayProcess]:
    port = int(upstream.url.rpartition(":")[2])
    policies = {
        f"{name}.yaml": POLICY.format(name=name, chain=chain) for name, chain in CHAINS.items()
    }
    with running_gateway(config=config(port), policies=policies) as gateway:
        yield gateway


Answer = tuple[dict[str, str], bytes, bool]
"""Headers, body, and whether it was broken off."""


def asked(gateway: GatewayProcess, spoken: Spoken, policy: str, request_id: str = "") -> Answer:
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=20)
    fields = {"host": f"{policy}.example", "accept-encoding": "gzip, br, zstd"}
    if request_id:
        fields["x-request-id"] = request_id
    try:
        body = spoken.request(streamed=True)
        connection.request("POST", spoken.stream_path, body, fields)
        response = connection.getresponse()
        head = {name.lower(): value for name, value in response.getheaders()}
        try:
            return head, response.read(), False
        except http.client.IncompleteRead as broken:
            return head, broken.partial, True
    finally:
        connection.close()


def said(upstream: Upstream, spoken: Spoken, coding: str, text: str) -> tuple[bytes, bytes]:
    """What the upstream sends now, without and with its coding."""
    stream = spoken.write(pieces_of(text, 7), pieces_of(HARMLESS, 7))
    packed = b"".join(PACKERS[coding](pieces_of_bytes(stream, 90)))
    upstream.say(packed, spoken.content_type, streamed=True, encoding=coding)
    return stream, packed


def pieces_of_bytes(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


@SPOKEN
@CODINGS
def test_nothing_of_a_secret_comes_out(
    gateway: GatewayProcess, upstream: Upstream, spoken: Spoken, coding: str
) -> None:
    said(upstream, spoken, coding, f"The token is {JWT}, write to {EMAIL}.")

    head, body, cut = asked(gateway, spoken, "reading")

    assert (cut, "content-encoding" in head, "content-digest" in head) == (False, False, False)
    assert head["x-sealgate-coverage"] == "request=full; response=streamed; tools=streamed"
    assert leaked(JWT, body, spoken.content_type) == 0
    texts = texts_of(body, spoken.content_type).values()
    assert "The token is [JWT], write to [EMAIL]." in texts


@SPOKEN
@CODINGS
def test_what_nobody_edits_is_the_same_stream(
    gateway: GatewayProcess, upstream: Upstream, spoken: Spoken, coding: str
) -> None:
    stream, packed = said(upstream, spoken, coding, "Nothing to see here.")

    _, body, cut = asked(gateway, spoken, "reading")
    bare_head, bare_body, _ = asked(gateway, spoken, "bare")

    assert (body, cut) == (stream, False)
    assert (bare_body, bare_head["content-encoding"]) == (packed, coding)
    assert "content-digest" in bare_head


@SPOKEN
@CODINGS
def test_shadow_mode_records_what_is_in_it_and_leaves_every_byte(
    gateway: GatewayProcess, upstream: Upstream, spoken: Spoken, coding: str
) -> None:
    _, packed = said(upstream, spoken, coding, f"Write to {EMAIL}.")
    name = f"{spoken.name}-{coding}"

    head, body, cut = asked(gateway, spoken, "watching", name)
    line = gateway.wait_for_log(lambda line: line.get("request_id") == name)
    fields, request = upstream.heard[-1]

    assert (body, cut, head["content-encoding"]) == (packed, False, coding)
    assert "content-digest" in head
    assert request == spoken.request(streamed=True)
    assert ("accept-encoding", "gzip, br, zstd") in fields
    assert ("on_text", "edit", False) in {
        (v["hook"], v["outcome"], v["enforced"]) for v in line["verdicts"]
    }


@CODINGS
@pytest.mark.parametrize("policy", ["reading", "lenient"])
def test_a_bomb_ends_the_stream(
    gateway: GatewayProcess, upstream: Upstream, coding: str, policy: str
) -> None:
    """Whatever the policy says: what was begun decoded cannot go on with its coding."""
    chat = DIALECTS[0]
    packed = b"".join(PACKERS[coding]([b'data: {"choices":[]}\n\n', bytes(50_000_000)]))
    upstream.say(packed, chat.content_type, streamed=True, encoding=coding)

    _, body, cut = asked(gateway, chat, policy, f"bomb-{policy}-{coding}")
    line = gateway.wait_for_log(lambda line: line.get("request_id") == f"bomb-{policy}-{coding}")

    assert cut
    assert len(body) < 100_000
    assert line["reason"] == "uninspectable"
    assert "partial" in line["coverage"]


def test_a_stream_that_breaks_off_within_its_coding_is_no_whole_answer(
    gateway: GatewayProcess, upstream: Upstream
) -> None:
    chat = DIALECTS[0]
    _, packed = said(upstream, chat, "gzip", "Nothing to see here.")
    upstream.say(packed[:-9], chat.content_type, streamed=True, encoding="gzip")

    _, body, cut = asked(gateway, chat, "reading")

    assert cut
    assert b"upstream_truncated" in body


def test_a_coding_that_nobody_knows_is_refused_or_passed_and_said(
    gateway: GatewayProcess, upstream: Upstream
) -> None:
    chat = DIALECTS[0]
    upstream.say(b"\x01\x02\x03", chat.content_type, streamed=True, encoding="rot13")

    refused, _, _ = asked(gateway, chat, "reading")
    head, body, cut = asked(gateway, chat, "lenient")

    assert refused["x-sealgate-reason"] == "uninspectable"
    assert (body, cut, head["content-encoding"]) == (b"\x01\x02\x03", False, "rot13")
    assert head["x-sealgate-coverage"].startswith("request=full; response=none")
