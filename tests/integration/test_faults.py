"""Processes that die, drain and reload while clients are served."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.hostile.front import Front
from tests.hostile.gateway import BARE_POLICY, running_front
from tests.hostile.raw_upstream import AnsweringUpstream, RawUpstream
from tests.hostile.request_cases import chunked
from tests.hostile.transparency import ANSWER, open_exchange
from tests.hostile.wire import Message, TruncatedError, Wire
from tests.integration.gateway_process import GatewayProcess

WORKERS = 3
SSE_HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
)
CHAT = b"POST /v1/chat/completions HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\n{}"


@pytest.fixture
def upstream() -> Iterator[RawUpstream]:
    upstream = RawUpstream()
    yield upstream
    upstream.close()


def send_event(wire: Wire, number: int) -> bytes:
    """Writes one event as one chunk and gives its bytes."""
    event = b'data: {"n":%d}\n\n' % number
    wire.send(b"%x\r\n%s\r\n" % (len(event), event))
    return event


def open_stream(front: Front, upstream: RawUpstream) -> tuple[Wire, Wire]:
    """A client in the middle of a stream, and the upstream's end of it."""
    client, wire, _ = open_exchange(front, upstream, CHAT)
    wire.send(SSE_HEAD)
    client.read_response_head()
    event = send_event(wire, 0)
    assert client.read_chunk() == event
    return client, wire


def lives(client: Wire, wire: Wire, number: int) -> bool:
    """Whether an event still gets through."""
    with contextlib.suppress(TruncatedError, OSError):
        event = send_event(wire, number)
        return client.read_chunk() == event
    return False


def end_stream(client: Wire, wire: Wire) -> None:
    """Ends the stream properly and checks that the client sees it."""
    wire.send(b"0\r\n\r\n")
    assert client.read_chunk() == b""
    assert client.read_trailers() == []


def kill_worker(gateway: GatewayProcess, pid: int) -> None:
    """Kills one worker and waits until another one is ready in its place."""
    assert pid > 1, "0 would be every process of this group"
    os.kill(pid, signal.SIGKILL)

    def replaced(state: dict[str, Any]) -> bool:
        return state["ready"] and pid not in [worker["pid"] for worker in state["workers"]]

    gateway.wait_until(replaced)


# -- a worker dies ---------------------------------------------------------------------------------


def test_a_killed_worker_takes_only_its_own_streams_with_it(upstream: RawUpstream) -> None:
    with running_front(upstream.port, workers=WORKERS) as (gateway, front):
        streams = [open_stream(front, upstream) for _ in range(24)]
        victim, *others = gateway.worker_pids()
        kill_worker(gateway, victim)
        gateway.wait_until(
            lambda state: (
                victim not in [worker["pid"] for worker in state["workers"]]
                and len(state["workers"]) == WORKERS
                and state["ready"]
            )
        )
        alive = [(c, w) for c, w in streams if not w.readable() and lives(c, w, 1)]
        assert set(others) <= set(gateway.worker_pids()), "another worker died as well"
        # The kernel spreads connections by hash: with 24 of them every worker has some.
        assert 0 < len(alive) < len(streams)
        for client, wire in alive:
            end_stream(client, wire)
        upstream.forget()
        for _ in range(20):
            client, wire, _ = open_exchange(front, upstream)
            wire.send(ANSWER)
            assert client.read_response().status == 200


class Load:
    """Clients that ask one after the other until told to stop; every request is numbered."""

    def __init__(self, front: Front, clients: int) -> None:
        self.front = front
        self.asked = 0
        self.answered: list[bytes] = []
        self.refused: list[bytes] = []
        self.cut = 0
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run) for _ in range(clients)]
        for thread in self._threads:
            thread.start()

    def _run(self) -> None:
        client: Wire | None = None
        while not self._stop.is_set():
            with self._lock:
                self.asked += 1
                target = b"/v1/x?n=%d" % self.asked
            try:
                client = client or self.front.connect()
                client.send(b"POST %s HTTP/1.1\r\nHost: a\r\n" % target)
                client.send(b"Content-Length: 4\r\n\r\nbody")
                got = client.read_response(b"POST")
            except (OSError, TruncatedError):
                client = None
                with self._lock:
                    self.cut += 1
                continue
            with self._lock:
                (self.answered if got.status == 200 else self.refused).append(got.body)
            if b"close" in got.values(b"connection"):
                client = None

    def wait_for(self, count: int) -> None:
        """Waits until `count` more requests were answered."""
        goal = len(self.answered) + count
        pause = threading.Event()
        for _ in range(2000):
            if len(self.answered) >= goal:
                return
            pause.wait(0.01)
        pytest.fail(f"no {count} answers came")

    def stop(self) -> None:
        """Ends every client."""
        self._stop.set()
        for thread in self._threads:
            thread.join()


def test_under_load_a_killed_worker_costs_its_own_connections_and_nothing_twice() -> None:
    upstream = AnsweringUpstream()
    with running_front(upstream.port, workers=WORKERS) as (gateway, front):
        load = Load(front, clients=9)
        load.wait_for(300)
        for _ in range(3):
            kill_worker(gateway, gateway.worker_pids()[0])
            load.wait_for(300)
        load.stop()
    seen = [request.target for request in upstream.taken()]
    upstream.close()
    assert len(set(seen)) == len(seen), "a request was sent twice"
    assert len(set(load.answered)) == len(load.answered), "an answer was given twice"
    assert load.refused == []
    # A client has one request running: each kill can cost each client one at most.
    assert load.cut <= 3 * 9


# -- drain -----------------------------------------------------------------------------------------


def test_a_drain_closes_idle_clients_at_once_and_lets_streams_finish(
    upstream: RawUpstream,
) -> None:
    with running_front(upstream.port, workers=2) as (gateway, front):
        streams = [open_stream(front, upstream) for _ in range(6)]
        idle = [front.connect() for _ in range(6)]
        kept, wire, _ = open_exchange(front, upstream)
        wire.send(ANSWER)
        assert kept.read_response().status == 200
        gateway.send_signal(signal.SIGTERM)
        for client in (*idle, kept):
            assert client.wait_closed() == "closed"
        for number in range(1, 20):
            for client, wire in streams:
                assert lives(client, wire, number)
        assert gateway.process.poll() is None
        for client, wire in streams:
            end_stream(client, wire)
        assert gateway.wait() == 0


def test_a_request_that_runs_during_a_drain_is_answered_and_told_to_close(
    upstream: RawUpstream,
) -> None:
    with running_front(upstream.port) as (gateway, front):
        client, wire, _ = open_exchange(front, upstream)
        idle = front.connect()
        gateway.send_signal(signal.SIGTERM)
        assert idle.wait_closed() == "closed"
        wire.send(ANSWER)
        got = client.read_response()
        assert (got.status, got.values(b"connection")) == (200, [b"close"])
        assert gateway.wait() == 0


def test_after_the_drain_time_a_stream_ends_with_its_dialects_error(
    upstream: RawUpstream,
) -> None:
    with running_front(upstream.port, more="drain_timeout_s: 0.3") as (gateway, front):
        client, wire = open_stream(front, upstream)
        gateway.send_signal(signal.SIGTERM)
        rest = client.read_chunk()
        data = rest.partition(b"data: ")[2].partition(b"\n")[0]
        assert orjson.loads(data)["error"]["code"] == "draining"
        with pytest.raises(TruncatedError):
            client.read_chunk()
        assert wire.wait_closed() in {"closed", "reset"}
        assert gateway.wait() == 0


# -- reload ----------------------------------------------------------------------------------------

BROKEN = BARE_POLICY + "unknown_key: 1\n"
RELOADS = 100


def reloads(gateway: GatewayProcess) -> dict[str, float]:
    """The reload counter by outcome."""
    return {
        outcome: gateway.metric("sealgate_policy_reloads_total", result=outcome)
        for outcome in ("ok", "failed")
    }


def streamed(request: Message) -> bytes:
    """A short stream that tells what was asked."""
    events = [b"data: %d\n\n" % number for number in range(5)]
    events.append(b"data: %s\n\n" % request.start)
    return SSE_HEAD + chunked(*events)


def test_a_hundred_reloads_under_streams_fail_no_request() -> None:
    """Every second file is broken: the last good policy serves on, and every reload is counted."""
    answering = AnsweringUpstream(streamed)
    with (
        running_front(answering.port, workers=2) as (gateway, front),
        contextlib.ExitStack() as stack,
    ):
        load = Load(front, clients=4)
        stack.callback(load.stop)
        policy = gateway.folder / "policies" / "policy.yaml"
        for number in range(RELOADS):
            before = reloads(gateway)
            if number % 2:
                _replace(policy, BROKEN + f"# {number}\n")
                wanted = "failed"
            else:
                _replace(policy, BARE_POLICY + f"# {number}\n")
                wanted = "ok"
            _wait_for_reload(gateway, wanted, before[wanted] + 1)
        load.wait_for(10)
        load.stop()
        assert all(body.startswith(b"data: 0\n\n") for body in load.answered)
        after = reloads(gateway)
        assert gateway.readyz()["ready"]
    answering.close()
    assert after["failed"] == RELOADS // 2
    assert after["ok"] >= RELOADS // 2
    assert (load.refused, load.cut) == ([], 0)
    assert len(load.answered) > RELOADS


def _replace(path: Path, text: str) -> None:
    fresh = path.with_name("fresh")
    fresh.write_text(text)
    fresh.replace(path)


def _wait_for_reload(gateway: GatewayProcess, outcome: str, count: float) -> None:
    pause = threading.Event()
    for _ in range(1000):
        if reloads(gateway)[outcome] >= count:
            return
        pause.wait(0.01)
    pytest.fail(f"reload {count} ({outcome}) was not counted")


def test_a_stream_survives_reloads_and_misses_no_event(upstream: RawUpstream) -> None:
    with running_front(upstream.port) as (gateway, front):
        client, wire = open_stream(front, upstream)
        policy = gateway.folder / "policies" / "policy.yaml"
        for number in range(10):
            before = reloads(gateway)["ok"]
            _replace(policy, BARE_POLICY + f"# {number}\n")
            _wait_for_reload(gateway, "ok", before + 1)
            assert lives(client, wire, number + 1)
        end_stream(client, wire)
