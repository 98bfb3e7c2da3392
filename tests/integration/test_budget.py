"""Budgets in a running gateway: exact in the end, whoever comes and goes meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from tests.integration.crowd import Client, crowd
from tests.integration.gateway_process import GatewayProcess, running_gateway
from tests.integration.plugin_client import ask
from tests.integration.redis_servers import (
    RedisServer,
    free_port,
    needs_redis,
    running_redis,
    wait_for,
)

CAPACITY = 1_000_000
RESERVED = 50
PATH = "/demo/v1/chat/completions"
MESSAGES = [{"role": "user", "content": "Count what this comes to, please."}]
STREAM = orjson.dumps(
    {"model": "demo", "messages": MESSAGES, "stream": True, "max_tokens": RESERVED}
)
WHOLE = orjson.dumps({"model": "demo", "messages": MESSAGES, "max_tokens": RESERVED})


def policy(more: str = "", capacity: int = CAPACITY) -> str:
    budgets = f"[{{per: global, tokens: {capacity}, period: month}}]"
    return f"version: 1\nname: budgets\nchain:\n  - budget: {{budgets: {budgets}{more}}}\n"


def used_by_one(gateway: GatewayProcess) -> int:
    """The provider's own number for one request."""
    _, _, answer = ask(gateway, "/demo/v1/chat/completions", body=WHOLE)
    total: int = orjson.loads(answer)["usage"]["total_tokens"]
    return total


def remaining(gateway: GatewayProcess, body: bytes = WHOLE) -> int:
    """What the budget has left, before and beside this very request."""
    _, headers, _ = ask(gateway, PATH, body=body)
    left = headers["x-sealgate-budget-remaining"].removesuffix(" tokens")
    return int(left) + -(-len(body) // 4) + RESERVED


class Spent:
    """Follows what the requests of a test have used, its own questions included."""

    def __init__(self, gateway: GatewayProcess, capacity: int = CAPACITY) -> None:
        self.gateway = gateway
        self.capacity = capacity
        self.each = used_by_one(gateway)
        self.asked = 1

    def others(self) -> int:
        """The tokens that the others have used so far."""
        left = remaining(self.gateway)
        self.asked += 1
        return self.capacity - left - (self.asked - 1) * self.each


async def test_concurrent_streams_are_charged_to_the_token() -> None:
    """Reservations come and go; in the end there is no error at all."""
    with running_gateway(policies=policy()) as gateway:
        spent = Spent(gateway)
        statuses = await crowd([gateway.port], clients=40, requests=5, body=STREAM)

        assert statuses == {200: 200}
        assert spent.others() == 200 * spent.each


@needs_redis
async def test_two_gateways_with_two_workers_each_charge_one_budget_and_alert_once() -> None:
    with running_redis() as redis, contextlib.ExitStack() as stack:
        each = 28  # what the provider counts for one of these requests
        text = policy(capacity=200 * each)
        pair = [
            stack.enter_context(
                running_gateway(config=redis_config(redis), policies=text, workers=2)
            )
            for _ in range(2)
        ]
        spent = Spent(pair[0], 200 * each)
        assert spent.each == each
        ports = [gateway.port for gateway in pair]
        statuses = await crowd(ports, clients=34, requests=5, body=STREAM)

        assert set(statuses) <= {200, 429}
        wait_for(lambda: spent.others() == statuses[200] * each, "settling")
        wait_for(lambda: len(said(pair)) >= 2, "alerts")
        assert sorted(said(pair))[:2] == [50, 80]
        assert len(said(pair)) == len(set(said(pair)))
        counted = sum(
            gateway.metric("sealgate_plugin_events_total", plugin="budget", event="alert_50")
            for gateway in pair
        )
        assert counted == 1


def redis_config(redis: RedisServer) -> str:
    return f"stores: {{default: {{kind: redis, url: '{redis.url}', deadline_ms: 5000}}}}"


def said(gateways: list[GatewayProcess]) -> list[int]:
    return [
        line["threshold_percent"]
        for gateway in gateways
        for line in gateway.logs
        if line["event"] == "budget threshold reached"
    ]


def test_a_request_that_never_reaches_the_provider_costs_nothing() -> None:
    """The reservation is given back where nothing was sent."""
    closed = {"openai": f"http://127.0.0.1:{free_port()}"}
    with running_gateway(policies=policy(), upstreams=closed) as gateway:
        spent = Spent(gateway)
        for _ in range(5):
            status, _, _ = ask(gateway, "/openai/v1/chat/completions", body=STREAM)
            assert status == 502

        assert spent.others() == 0


def test_an_error_of_the_provider_costs_nothing() -> None:
    with running_gateway(policies=policy()) as gateway:
        spent = Spent(gateway)
        for status in (400, 429, 500):
            headers = {"x-demo-status": str(status)}
            assert ask(gateway, PATH, body=STREAM, headers=headers)[0] == status

        assert spent.others() == 0


def test_a_client_that_leaves_is_charged_for_what_was_streamed_until_then() -> None:
    with running_gateway(policies=policy()) as gateway:
        spent = Spent(gateway)
        with socket.create_connection(("127.0.0.1", gateway.port)) as client:
            client.sendall(
                b"POST %b HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
                b"x-demo-chunk-delay-ms: 5\r\nx-demo-chunks: 100000\r\nx-request-id: gone\r\n"
                b"content-length: %d\r\n\r\n" % (PATH.encode(), len(STREAM)) + STREAM
            )
            received = b""
            while received.count(b"data: ") < 20:
                received += client.recv(65_536)
            client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        line = gateway.wait_for_log(lambda line: line.get("request_id") == "gone")

        assert line["outcome"] == "aborted"
        assert 15 < spent.others() < 5_000


def test_the_client_gets_the_very_stream_that_it_asked_for() -> None:
    """Although the gateway asked for the usage, and charged it."""
    with running_gateway(policies=policy()) as gateway, running_gateway() as bare:
        unasked = ask(bare, PATH, body=STREAM)[2]
        spent = Spent(gateway)

        assert without_ids(ask(gateway, PATH, body=STREAM)[2]) == without_ids(unasked)
        assert spent.others() == spent.each


def without_ids(stream: bytes) -> list[object]:
    """The simulated provider makes an id from the request, which the gateway had changed."""
    events = [event.removeprefix(b"data: ") for event in stream.split(b"\n\n") if event]
    return [event if event == b"[DONE]" else orjson.loads(event) | {"id": None} for event in events]


def test_a_changed_budget_applies_at_once_and_keeps_its_count() -> None:
    with running_gateway(policies=policy()) as gateway:
        spent = Spent(gateway)
        file = next((gateway.folder / "policies").iterdir())
        fresh = file.with_suffix(".new")
        fresh.write_text(policy(capacity=500, more=", headers: true"))
        fresh.rename(file)
        gateway.send_signal(signal.SIGHUP)
        gateway.wait_for_log("policies reloaded")
        spent.capacity = 500

        assert spent.others() == 0


def test_a_spent_budget_refuses_and_does_not_invite_another_try() -> None:
    with running_gateway(policies=policy(capacity=100)) as gateway:
        answers = [ask(gateway, PATH, body=WHOLE) for _ in range(4)]
        status, headers, body = answers[-1]

        assert [answer[0] for answer in answers[:1]] == [200]
        assert (status, headers["x-should-retry"]) == (429, "false")
        assert "retry-after" not in headers
        assert orjson.loads(body)["error"]["code"] == "budget_exhausted"
        gateway.wait_for_log(
            lambda line: (
                line["event"] == "budget threshold reached" and line["threshold_percent"] == 100
            )
        )
        assert [threshold for threshold in said([gateway]) if threshold == 100] == [100]


def test_a_budget_per_minute_says_when_to_come_again() -> None:
    text = policy(capacity=60).replace("month", "minute")
    with running_gateway(policies=text) as gateway:
        answers = [ask(gateway, PATH, body=WHOLE) for _ in range(6)]

    # A minute may begin in between; then as many are admitted again.
    refused = [headers for status, headers, _ in answers if status == 429]
    assert refused
    assert all(1 <= int(headers["retry-after"]) <= 60 for headers in refused)


@pytest.fixture
def prices(tmp_path: Path) -> Path:
    file = tmp_path / "prices.yaml"
    file.write_text("""
version: 1
currency: EUR
groups:
  - provider: ours
    source: the contract
    as_of: 2026-11-01
    prices:
      - {models: ["demo*"], input: "3", output: "15"}
""")
    return file


def test_money_is_charged_at_the_price_of_the_table(prices: Path) -> None:
    """3 and 15 EUR per million tokens, in whole millionths."""
    text = f"""
version: 1
name: money
chain:
  - budget:
      budgets: [{{per: global, money: "1", currency: EUR, period: day}}]
      price_file: {prices}
"""
    with running_gateway(policies=text) as gateway:
        first = ask(gateway, PATH, body=WHOLE)
        second = ask(gateway, PATH, body=WHOLE)

    usage = orjson.loads(first[2])["usage"]
    cost = 3 * usage["prompt_tokens"] + 15 * usage["completion_tokens"]
    left = [micros(answer[1]["x-sealgate-budget-remaining"]) for answer in (first, second)]
    assert left[0] - left[1] == cost


def micros(text: str) -> int:
    amount, currency = text.split(" ")
    assert currency == "EUR"
    whole, _, fraction = amount.partition(".")
    return int(whole) * 1_000_000 + int(fraction.ljust(6, "0"))


def test_a_model_without_a_price_is_refused_where_money_counts() -> None:
    text = """
version: 1
name: money
chain: [{budget: {budgets: [{per: global, money: "1", period: day}]}}]
"""
    with running_gateway(policies=text, upstreams=nowhere()) as gateway:
        body = WHOLE.replace(b'"demo"', b'"no-such-model"')
        status, headers, answer = ask(gateway, "/openai/v1/chat/completions", body=body)

    assert (status, headers["x-should-retry"]) == (400, "false")
    assert orjson.loads(answer)["error"]["code"] == "price_unknown"


def nowhere() -> dict[str, str]:
    return {"openai": f"http://127.0.0.1:{free_port()}"}


@pytest.fixture(scope="module")
def redis() -> Iterator[RedisServer]:
    with running_redis() as server:
        yield server


@needs_redis
async def test_concurrent_streams_on_redis_are_cut_where_the_budget_ends(
    redis: RedisServer,
) -> None:
    """The guard asks the store over the network while the stream runs on."""
    streams, capacity = 6, 3_000
    text = policy(", on_exhaust: cut, reserve_output_tokens: 20", capacity)
    echoed = [{"role": "user", "content": "word " * 300}]
    body = orjson.dumps({"model": "demo", "messages": echoed, "stream": True})
    pace = {"x-demo-chunk-delay-ms": "3"}
    with running_gateway(config=redis_config(redis), policies=text, workers=2) as gateway:
        clients = [await Client.connect(gateway.port) for _ in range(streams)]
        answers = await asyncio.gather(*(one.ask(PATH, body, pace) for one in clients))
        for client in clients:
            await client.close()

    # Each prompt alone takes some 400 tokens of the 3000, and each answer would take as many.
    assert [status for status, _, _ in answers] == [200] * streams
    assert all(end.endswith(b"data: [DONE]\n\n") for _, _, end in answers)
    assert any(b'"finish_reason":"length"' in end for _, _, end in answers)
