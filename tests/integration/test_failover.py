"""Which failures lead to another target, which never do, and who is left out for a while."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator
from dataclasses import dataclass

import orjson
import pytest

from tests.hostile.raw_upstream import AnsweringUpstream, RawUpstream
from tests.hostile.wire import Message, Wire, connect
from tests.integration.gateway_process import GatewayProcess, running_gateway

BARE_POLICY = "version: 1\nname: bare\nchain: []\n"
NEVER_EJECT = "outlier: {failures: 0}"


def ok(request: Message) -> bytes:
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(request.body), request.body)


def busy(_request: Message) -> bytes:
    return b"HTTP/1.1 503 Busy\r\nRetry-After: 7\r\nContent-Length: 4\r\n\r\nbusy"


@dataclass
class Stage:
    """A gateway and the targets behind it."""

    gateway: GatewayProcess
    good: AnsweringUpstream
    busy: AnsweringUpstream
    raw: RawUpstream

    def ask(self, path: str, method: bytes = b"POST", body: bytes = b"{}") -> Message:
        with self.client() as client:
            client.send(request(path, method, body))
            return client.read_response(method)

    def client(self) -> Wire:
        return connect(("127.0.0.1", self.gateway.port))


def request(path: str, method: bytes, body: bytes) -> bytes:
    head = b"%b %b HTTP/1.1\r\nHost: a\r\n" % (method, path.encode())
    return head + b"Content-Length: %d\r\n\r\n%b" % (len(body), body)


def upstreams(dead: int, stage_ports: tuple[int, int, int]) -> dict[str, str]:
    """The settings of each upstream; the first target is nearly always asked first."""
    good, busy_port, raw = stage_ports

    def pair(first: int, more: str = NEVER_EJECT) -> str:
        return (
            f'{{targets: [{{url: "http://127.0.0.1:{first}", weight: 1000}}, '
            f'{{url: "http://127.0.0.1:{good}"}}], {more}}}'
        )

    listed = "failover: {on_status: [503], body_bytes_max: 1000}"
    return {
        "dead": pair(dead),
        "alone": f'{{url: "http://127.0.0.1:{dead}"}}',
        "frugal": pair(dead, "failover: {budget_percent: 0, budget_min: 0}, " + NEVER_EJECT),
        "once": pair(dead, "failover: {attempts_max: 1}, " + NEVER_EJECT),
        "busy": pair(busy_port, f"{listed}, {NEVER_EJECT}"),
        "unlisted": pair(busy_port),
        "sick": pair(busy_port, "outlier: {failures: 2}"),
        "breaking": pair(raw),
        "both": (
            f'{{targets: [{{url: "http://127.0.0.1:{busy_port}"}}, '
            f'{{url: "http://localhost:{busy_port}"}}], {listed}}}'
        ),
    }


def config(written: dict[str, str]) -> str:
    lines = ["builtin_routes: false", "upstreams:"]
    lines += [f"  {name}: {text}" for name, text in written.items()]
    lines += ["routes:"]
    for name in written:
        match = f"match: {{path_prefix: /{name}}}, strip_prefix: true"
        lines.append(f"  - {{name: {name}, {match}, upstream: {name}, dialect: openai}}")
    return "\n".join(lines)


@contextlib.contextmanager
def refusing_port() -> Iterator[int]:
    """A port that stays ours and that nobody listens on."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        yield sock.getsockname()[1]


@pytest.fixture(scope="module")
def running() -> Iterator[Stage]:
    good, busy_one, raw = AnsweringUpstream(ok), AnsweringUpstream(busy), RawUpstream()
    with refusing_port() as dead:
        written = upstreams(dead, (good.port, busy_one.port, raw.port))
        with running_gateway(config=config(written), policies=BARE_POLICY) as gateway:
            yield Stage(gateway, good, busy_one, raw)
    for upstream in (good, busy_one, raw):
        upstream.close()


@pytest.fixture
def stage(running: Stage) -> Stage:
    """The stage without requests of earlier tests."""
    running.good.taken()
    running.busy.taken()
    running.raw.forget()
    return running


@pytest.mark.parametrize("method", [b"GET", b"POST", b"PATCH"])
def test_a_target_that_takes_no_connection_costs_no_request(stage: Stage, method: bytes) -> None:
    """Nothing was sent, so any method may go elsewhere."""
    answers = [stage.ask("/dead/v1/x", method, b"once") for _ in range(3)]

    assert [(answer.status, answer.body) for answer in answers] == [(200, b"once")] * 3
    assert len(stage.good.taken()) == 3


def test_a_body_that_is_still_arriving_goes_to_the_second_target_whole(stage: Stage) -> None:
    body = b"0123456789" * 300_000

    assert stage.ask("/dead/v1/x", b"POST", body).body == body


def test_without_another_target_the_client_is_told(stage: Stage) -> None:
    answer = stage.ask("/alone/v1/x")

    assert answer.status == 502
    assert orjson.loads(answer.body)["error"]["code"] == "upstream_connect_failed"


@pytest.mark.parametrize("upstream", ["frugal", "once"])
def test_no_second_try_without_budget_or_attempts(stage: Stage, upstream: str) -> None:
    assert stage.ask(f"/{upstream}/v1/x").status == 502
    assert stage.good.taken() == []


def test_a_listed_status_leads_to_another_target(stage: Stage) -> None:
    answer = stage.ask("/busy/v1/x", b"POST", b"once")

    assert (answer.status, answer.body) == (200, b"once")
    assert [len(stage.busy.taken()), len(stage.good.taken())] == [1, 1]


def test_a_status_that_is_not_listed_is_the_answer(stage: Stage) -> None:
    answer = stage.ask("/unlisted/v1/x")

    assert (answer.status, answer.body) == (503, b"busy")
    assert answer.values(b"retry-after") == [b"7"]
    assert stage.good.taken() == []


def test_the_last_answer_is_the_providers_own(stage: Stage) -> None:
    """Both targets are busy: no text of ours replaces what the provider says."""
    answer = stage.ask("/both/v1/x")

    assert (answer.status, answer.body) == (503, b"busy")
    assert len(stage.busy.taken()) == 2


def test_a_body_above_the_limit_is_not_sent_a_second_time(stage: Stage) -> None:
    answer = stage.ask("/busy/v1/x", b"POST", b"x" * 1001)

    assert (answer.status, answer.body) == (503, b"busy")
    assert stage.good.taken() == []


def test_a_post_that_broke_off_is_never_sent_again(stage: Stage) -> None:
    """It may have been executed, and paid for."""
    with stage.client() as client:
        client.send(request("/breaking/v1/x", b"POST", b"once"))
        wire, seen = stage.raw.receive()
        wire.close()
        answer = client.read_response(b"POST")

    assert seen.body == b"once"
    assert answer.status == 502
    assert orjson.loads(answer.body)["error"]["code"] == "upstream_reset"
    assert stage.good.taken() == []


def test_a_get_that_broke_off_is_asked_of_another_target(stage: Stage) -> None:
    """RFC 9110 section 9.2.2: its effect is the same however often it is sent."""
    with stage.client() as client:
        client.send(b"GET /breaking/v1/models HTTP/1.1\r\nHost: a\r\n\r\n")
        wire, _ = stage.raw.receive()
        wire.close()
        answer = client.read_response()

    assert answer.status == 200
    assert [message.target for message in stage.good.taken()] == [b"/v1/models"]


def test_an_answer_that_began_is_never_replaced(stage: Stage) -> None:
    with stage.client() as client:
        client.send(b"GET /breaking/v1/models HTTP/1.1\r\nHost: a\r\n\r\n")
        wire, _ = stage.raw.receive()
        wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf")
        assert client.read_response_head().status == 200
        assert client.read_exactly(4) == b"half"
        wire.close()
        client.wait_closed()

    assert stage.good.taken() == []


def test_a_failing_target_is_left_out_after_some_failures(stage: Stage) -> None:
    statuses = [stage.ask("/sick/v1/x").status for _ in range(6)]

    assert statuses == [503, 503, 200, 200, 200, 200]
    metric = stage.gateway.metric
    assert metric("sealgate_upstream_ejections_total", upstream="sick") == 1
