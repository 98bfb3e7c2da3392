"""A WebSocket through a policy that reads texts: events are shown, edited, refused, both ways."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from gateway.providers.websocket import masked_with
from tests.hostile.front import Front
from tests.hostile.gateway import config, front_of
from tests.hostile.raw_upstream import RawUpstream
from tests.hostile.test_websocket import HANDSHAKE, SWITCHED, frame
from tests.hostile.transparency import open_exchange
from tests.hostile.wire import Wire
from tests.integration.gateway_process import GatewayProcess, running_gateway
from tests.integration.masker_plugin import installed, policy

SECRET = "alice@example.com"
BUDGET = """
version: 1
name: priced
chain:
  - budget: {budgets: [{per: ip, tokens: 1000, period: day}]}
"""


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return installed(tmp_path_factory.mktemp("masker"))


@pytest.fixture(scope="module")
def gateway(environment: dict[str, str]) -> Iterator[GatewayProcess]:
    with running_gateway(policies=policy(SECRET), environment=environment) as gateway:
        yield gateway


def session(gateway: GatewayProcess, **headers: str) -> ClientConnection:
    return connect(
        f"ws://127.0.0.1:{gateway.port}/demo/v1/realtime?model=demo",
        additional_headers=headers or None,
        compression="deflate",
    )


def say(socket: ClientConnection, text: str, **more: Any) -> None:
    part = {"type": "input_text", "text": text}
    item = {"type": "message", "role": "user", "content": [part]}
    socket.send(orjson.dumps({"type": "conversation.item.create", "item": item} | more).decode())
    socket.send('{"type":"response.create"}')


def until(socket: ClientConnection, sort: str) -> list[dict[str, Any]]:
    events = []
    while True:
        events.append(orjson.loads(socket.recv(timeout=20)))
        if events[-1]["type"] == sort:
            return events


def test_texts_of_both_sides_are_edited_and_every_other_event_stays(
    gateway: GatewayProcess,
) -> None:
    """The simulated provider repeats what it was told, word by word."""
    with session(gateway) as socket:
        response = socket.response
        assert response is not None
        assert response.headers["x-sealgate-coverage"] == (
            "request=streamed; response=streamed; tools=streamed"
        )
        assert "sec-websocket-extensions" not in response.headers
        assert orjson.loads(socket.recv(timeout=20))["type"] == "session.created"
        say(socket, f"I am {SECRET}, hello.")
        events = until(socket, "response.done")

    text = "".join(e["delta"] for e in events if e["type"] == "response.output_text.delta")
    assert text.endswith("I am [masked], hello.")
    assert all(SECRET not in orjson.dumps(event).decode() for event in events)
    assert events[-1]["response"]["output"][0]["content"][0]["text"] == text


def test_a_secret_that_the_server_says_in_parts_is_masked(environment: dict[str, str]) -> None:
    with (
        running_gateway(
            policies=policy(SECRET, requests=False), environment=environment
        ) as gateway,
        session(gateway) as socket,
    ):
        say(socket, f"I am {SECRET}, hello.")
        events = until(socket, "response.done")
        # The second answer of a session uses the same places once more.
        say(socket, f"And I am {SECRET}.")
        events += until(socket, "response.done")

    said = [e for e in events if e["type"] == "response.output_text.delta"]
    assert "".join(e["delta"] for e in said).count("[masked]") == 2
    assert all(SECRET not in orjson.dumps(event).decode() for event in events)


@pytest.mark.parametrize(
    ("message", "gap"),
    [
        ('{"type":"response.create","type":"session.update"}', "duplicate_keys"),
        ("not json", "invalid_json"),
    ],
)
def test_what_could_be_read_in_two_ways_ends_the_socket(
    gateway: GatewayProcess, message: str, gap: str
) -> None:
    with session(gateway, **{"x-request-id": f"socket-{gap}"}) as socket:
        socket.recv(timeout=20)
        socket.send(message)
        event = orjson.loads(socket.recv(timeout=20))
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(timeout=20)

    assert (event["type"], event["error"]["code"]) == ("error", "uninspectable")
    assert gap in event["error"]["message"]
    assert closed.value.rcvd is not None
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (1008, "uninspectable")
    line = gateway.wait_for_log(lambda line: line.get("request_id") == f"socket-{gap}")
    assert (line["status"], line["outcome"], line["reason"]) == (101, "refused", "uninspectable")


def test_sound_passes_and_is_said(gateway: GatewayProcess) -> None:
    with session(gateway, **{"x-request-id": "sound"}) as socket:
        socket.recv(timeout=20)
        for _ in range(3):
            socket.send('{"type":"input_audio_buffer.append","audio":"aGk="}')
        say(socket, "hello")
        until(socket, "response.done")

    line = gateway.wait_for_log(lambda line: line.get("request_id") == "sound")
    assert line["coverage"] == "request=partial; response=full; tools=full"
    shown = [(v["hook"], v["outcome"], v["reason"]) for v in line["verdicts"]]
    assert shown == [("on_text", "allow", ""), ("on_request", "flag", "uninspected")]


def test_a_message_over_the_limit_ends_the_socket(gateway: GatewayProcess) -> None:
    with session(gateway) as socket:
        socket.recv(timeout=20)
        with pytest.raises(ConnectionClosed) as closed:  # noqa: PT012  # either may notice it
            socket.send("x" * 40_000_000)
            until(socket, "never")

    assert closed.value.rcvd is None or closed.value.rcvd.code == 1009


def test_a_policy_that_needs_more_than_texts_refuses_the_upgrade() -> None:
    """A price needs the usage, which nobody counts in a socket: the client falls back to HTTP."""
    with running_gateway(policies=BUDGET) as gateway, pytest.raises(InvalidStatus) as refused:
        session(gateway)

    assert refused.value.response.status_code == 426


@pytest.fixture
def upstream() -> Iterator[RawUpstream]:
    upstream = RawUpstream()
    yield upstream
    upstream.close()


@pytest.fixture
def front(upstream: RawUpstream, environment: dict[str, str]) -> Iterator[Front]:
    text = config(upstream.port)
    with running_gateway(config=text, policies=policy(SECRET), environment=environment) as gateway:
        front = front_of(gateway, upstream.port)
        yield front
        front.close_clients()


def opened(front: Front, upstream: RawUpstream, path: str = "/v1/realtime") -> tuple[Wire, Wire]:
    """A socket whose two ends are in the test's hands."""
    handshake = HANDSHAKE.replace(b"/v1/realtime", path.encode())
    offer = b"Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n"
    client, wire, seen = open_exchange(front, upstream, handshake + offer)
    assert seen.values(b"sec-websocket-extensions") == []
    wire.send(SWITCHED, b"\r\n")
    assert client.read_response_head().status == 101
    return client, wire


CLIENT_FRAMES = {
    "an event": frame(b'{"type":"session.update"}', opcode=1, masked=True),
    "odd white space": frame(b'\t{ "type" :"session.update"} ', opcode=1, masked=True),
    "an event in three parts": frame(b'{"type":', opcode=1, first=0, masked=True)
    + frame(b"", opcode=0, first=0, masked=True)
    + frame(b'"response.create"}', opcode=0, masked=True),
    "bytes": frame(bytes(range(256)), masked=True),
    "nothing": frame(b"", opcode=1, masked=True),
    "a ping": frame(b"p" * 125, opcode=9, masked=True),
    "a close": frame(b"\x03\xe8", opcode=8, masked=True),
}


@pytest.mark.parametrize("name", CLIENT_FRAMES)
def test_frames_that_nobody_edits_go_on_as_they_came(
    front: Front, upstream: RawUpstream, name: str
) -> None:
    sent = CLIENT_FRAMES[name]
    back = sent if name == "bytes" else sent.replace(b"\x00\x00\x00\x00", b"")
    client, wire = opened(front, upstream)

    client.send(sent)
    assert wire.read_exactly(len(sent)) == sent
    if name in {"an event", "odd white space", "nothing"}:
        answer = bytearray(back)
        answer[1] &= 0x7F
        wire.send(bytes(answer))
        assert client.read_exactly(len(answer)) == bytes(answer)


def test_the_responses_api_is_read_over_a_socket(front: Front, upstream: RawUpstream) -> None:
    """What codex sends: the body of the request, with a type."""
    client, wire = opened(front, upstream, "/v1/responses")
    body = b'{"type":"response.create","model":"m","input":"I am ' + SECRET.encode() + b'"}'
    wanted = body.replace(SECRET.encode(), b"[masked]")

    client.send(frame(body, opcode=1, masked=True))
    head = wire.read_exactly(2)
    seen = wire.read_exactly(4 + (head[1] & 0x7F))
    assert masked_with(seen[:4], seen[4:]) == wanted
    deltas = [b'{"type":"response.output_text.delta","delta":"%b"}' % part for part in
              (b"it is alice@exa", b"mple.com", b" ok")]  # fmt: skip
    wire.send(*[frame(delta, opcode=1) for delta in deltas], frame(b"\x03\xe8", opcode=8))
    texts = []
    while (head := client.read_exactly(2))[0] & 0x0F == 1:
        texts.append(orjson.loads(client.read_exactly(head[1] & 0x7F))["delta"])
    assert "".join(texts) == "it is [masked] ok"


def test_a_message_that_waited_comes_before_the_end(front: Front, upstream: RawUpstream) -> None:
    client, wire = opened(front, upstream)
    delta = frame(b'{"type":"response.output_text.delta","delta":"hi ali"}', opcode=1)
    end = frame(b"\x03\xe8", opcode=8)

    wire.send(delta, end)

    assert client.read_exactly(len(delta) + len(end)) == delta + end


def test_what_was_held_comes_before_the_end(front: Front, upstream: RawUpstream) -> None:
    """The safe part of a message goes out in silence, or before a ping; the rest at the end."""
    client, wire = opened(front, upstream)
    wire.send(frame(b'{"type":"response.output_text.delta","delta":"hi ali"}', opcode=1))

    assert delta_of(client) == "hi "
    wire.send(frame(b'{"type":"response.output_text.delta","delta":"as al"}', opcode=1))
    wire.send(ping := frame(b"", opcode=9))
    assert delta_of(client) == "alias "
    assert client.read_exactly(len(ping)) == ping
    wire.send(frame(b"\x03\xe8", opcode=8))
    assert delta_of(client) == "al"


def test_frames_pass_as_they_came_where_a_policy_only_watches(
    upstream: RawUpstream, environment: dict[str, str]
) -> None:
    """Whole and in parts, with more channels than may be, and with a word that would be held."""
    text = policy(SECRET).replace("masker: {", "masker: {mode: shadow, ")
    delta = b'{"type":"response.output_text.delta","output_index":%d,"delta":"%b"}'
    frames = [frame(delta % (0, part), opcode=1) for part in (b"it is alice@exa", b"mple.com al")]
    frames += [frame(delta % (n, b"x"), opcode=1) for n in range(1100)]
    sent = b"".join([*frames, frame(b"\x03\xe8", opcode=8)])
    with running_gateway(
        config=config(upstream.port), policies=text, environment=environment
    ) as gateway:
        front = front_of(gateway, upstream.port)
        client, wire = opened(front, upstream)
        wire.send(sent)
        assert client.read_exactly(len(sent)) == sent
        front.close_clients()
        wire.close()
        line = gateway.wait_for_log("exchange")

    assert ("on_text", False) in {(v["hook"], v["enforced"]) for v in line["verdicts"]}


def delta_of(client: Wire) -> str:
    """The text of the next message."""
    head = client.read_exactly(2)
    text: str = orjson.loads(client.read_exactly(head[1] & 0x7F))["delta"]
    return text


def test_a_frame_of_no_standard_ends_the_socket(front: Front, upstream: RawUpstream) -> None:
    client, wire = opened(front, upstream)

    client.send(frame(b"\xf2\x48", opcode=1, first=0xC0, masked=True))
    head = client.read_exactly(2)
    error = orjson.loads(client.read_exactly(int.from_bytes(client.read_exactly(2))))
    assert head[1] == 126
    assert error["error"]["code"] == "malformed_request"
    assert client.read_exactly(4)[2:] == (1002).to_bytes(2)
    assert wire.wait_closed() in {"closed", "reset"}


def test_a_server_that_compresses_unasked_is_a_bad_answer(
    front: Front, upstream: RawUpstream
) -> None:
    client, wire, _ = open_exchange(front, upstream, HANDSHAKE + b"\r\n")

    wire.send(SWITCHED, b"Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n")

    assert client.read_response().status == 502
