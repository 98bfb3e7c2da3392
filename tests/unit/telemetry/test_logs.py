from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Iterator
from typing import Any, BinaryIO

import orjson
import pytest

from gateway.errors import ConfigError, Problem
from gateway.plugin.exchange import Exchange, RequestView
from gateway.plugin.headers import Headers
from gateway.plugin.identity import PRINCIPAL, Principal
from gateway.plugin.usage import Usage
from gateway.plugin.verdict import Outcome, Verdict
from gateway.settings import Dialect
from gateway.telemetry.lines import LINE_BYTES_MAX, LineWriter
from gateway.telemetry.logs import ExchangeLog, JsonFormatter

SECRET = "sk-canary-0123456789"


class Pipe:
    """What was written so far can be read line by line."""

    def __init__(self) -> None:
        receiver, self._sender = os.pipe()
        self.stream: BinaryIO = os.fdopen(receiver, "rb")
        self.writer = LineWriter(self._sender)

    def line(self) -> dict[str, Any]:
        found: dict[str, Any] = orjson.loads(self.stream.readline())
        return found

    def close(self) -> None:
        self.writer.close(5)
        os.close(self._sender)
        self.stream.close()


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    pipe = Pipe()
    yield pipe
    pipe.close()


def exchange(target: str = f"/v1/models?key={SECRET}") -> Exchange:
    headers = Headers([(b"authorization", b"Bearer " + SECRET.encode())])
    x = Exchange(
        "id-1",
        RequestView("POST", target, headers),
        client_ip="192.0.2.7",
        dialect=Dialect.OPENAI,
        route="openai",
        upstream="openai",
        policy="production",
        policy_version=4,
    )
    x.request.body = SECRET.encode()
    return x


def record(log: ExchangeLog, x: Exchange) -> None:
    log.record(
        x,
        status=200,
        outcome="allow",
        reason="",
        duration_s=0.0123456,
        first_byte_s=0.001,
        bytes_in=10,
        bytes_out=20,
        target="http://127.0.0.1:1",
        trace_id="abc",
    )


async def test_one_line_says_all_of_an_exchange(pipe: Pipe) -> None:
    log = ExchangeLog(pipe.writer, wall=lambda: 1_700_000_000.25)
    x = exchange()
    x.model = "gpt-x"
    verdict = Verdict("ip_allowlist", "on_request_headers", Outcome.DENY, 1.23, "ip_denied")
    verdict.enforced = False
    x.verdicts.append(verdict)
    record(log, x)
    log.flush()

    assert pipe.line() == {
        "time": "2023-11-14T22:13:20.250Z",
        "level": "info",
        "event": "exchange",
        "request_id": "id-1",
        "trace_id": "abc",
        "client_ip": "192.0.2.7",
        "tenant": "",
        "subject": "",
        "key_id": "",
        "method": "POST",
        "path": "/v1/models",
        "route": "openai",
        "upstream": "openai",
        "target": "http://127.0.0.1:1",
        "dialect": "openai",
        "model": "gpt-x",
        "policy": "production",
        "policy_version": 4,
        "status": 200,
        "outcome": "allow",
        "reason": "",
        "duration_ms": 12.346,
        "first_byte_ms": 1.0,
        "bytes_in": 10,
        "bytes_out": 20,
        "verdicts": [
            {
                "plugin": "ip_allowlist",
                "hook": "on_request_headers",
                "outcome": "deny",
                "reason": "ip_denied",
                "us": 1.2,
                "enforced": False,
            }
        ],
    }


@pytest.mark.parametrize("estimated", [True, False])
async def test_what_was_used_stands_in_the_line_and_whether_it_is_estimated(
    pipe: Pipe, estimated: bool
) -> None:
    log = ExchangeLog(pipe.writer)
    x = exchange()
    x.usage = Usage(10, 20, 3, 4, 5, estimated=estimated)
    record(log, x)
    log.flush()

    assert pipe.line()["usage"] == {
        "input_tokens": 10,
        "output_tokens": 20,
        "cached_tokens": 3,
        "cache_write_tokens": 4,
        "reasoning_tokens": 5,
        "estimated": estimated,
    }


@pytest.mark.parametrize(("subjects", "subject"), [(True, 'ann"\u00e9'), (False, "")])
async def test_the_verified_caller_is_named_and_the_user_only_where_that_is_wanted(
    pipe: Pipe, subjects: bool, subject: str
) -> None:
    log = ExchangeLog(pipe.writer, subjects=subjects)
    x = exchange()
    x.provide(PRINCIPAL, Principal("acme", 'ann"\u00e9', "key", key_id="k1"))
    record(log, x)
    log.flush()
    line = pipe.line()

    assert (line["tenant"], line["subject"], line["key_id"]) == ("acme", subject, "k1")


async def test_the_memory_of_callers_is_bounded(
    pipe: Pipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.telemetry.logs._CONSTANTS_MAX", 2)
    log = ExchangeLog(pipe.writer)
    for number in range(5):
        x = exchange()
        x.provide(PRINCIPAL, Principal(f"t{number}", "ann", "key"))
        record(log, x)
    log.flush()

    assert len(log._callers) <= 2


@pytest.mark.parametrize(
    ("target", "path"),
    [
        (f"/v1/x?key={SECRET}", "/v1/x"),
        (f"http://user:{SECRET}@host/v1/x?a=b", "/v1/x"),
        ('/\xff\n"', '/\xff\n"'),
        ("/" + "a" * 9000, "/" + "a" * 1023 + "..."),
    ],
)
async def test_no_credential_of_the_target_is_written(pipe: Pipe, target: str, path: str) -> None:
    log = ExchangeLog(pipe.writer)
    record(log, exchange(target))
    log.flush()

    line = pipe.line()
    assert line["path"] == path
    assert SECRET not in str(line)


async def test_a_line_is_written_by_itself_soon(pipe: Pipe) -> None:
    log = ExchangeLog(pipe.writer)
    record(log, exchange())

    line = await asyncio.to_thread(pipe.line)

    assert line["request_id"] == "id-1"


async def test_a_line_fits_one_atomic_write_however_much_there_is_to_say(pipe: Pipe) -> None:
    log = ExchangeLog(pipe.writer)
    x = exchange("/" + "\x01" * 5000)
    x.model = "m" * 5000
    x.verdicts += [Verdict("p" * 50, "on_request", Outcome.ALLOW) for _ in range(200)]
    x.verdicts.append(Verdict("late", "on_request", Outcome.DENY, labels={"a": "b" * 3000}))
    record(log, x)
    log.flush()

    raw = pipe.stream.readline()
    line = orjson.loads(raw)
    assert len(raw) <= LINE_BYTES_MAX
    assert line["verdicts_omitted"] == 200
    assert [v["plugin"] for v in line["verdicts"]] == ["late"]


async def test_switched_off_writes_nothing(pipe: Pipe) -> None:
    log = ExchangeLog(pipe.writer, enabled=False)
    record(log, exchange())
    log.flush()
    pipe.writer.append([b'{"event": "end"}\n'])

    assert pipe.line()["event"] == "end"


def formatted(**arguments: Any) -> dict[str, Any]:
    record = logging.makeLogRecord({"name": "sealgate", "levelname": "INFO", **arguments})
    found: dict[str, Any] = orjson.loads(JsonFormatter(worker=3).format(record))
    return found


def test_a_process_line_carries_its_fields() -> None:
    line = formatted(msg="worker %s", args=(1,), fields={"port": 8080})

    assert line["event"] == "worker 1"
    assert line["worker"] == 3
    assert line["port"] == 8080


def exc_info(error: Exception) -> Any:
    try:
        raise error
    except type(error) as caught:
        return (type(caught), caught, caught.__traceback__)


def test_an_exception_is_named_and_placed_but_its_text_is_not_written() -> None:
    """It may quote a request: JSONDecodeError does."""
    line = formatted(msg="failed", exc_info=exc_info(ValueError(SECRET)))

    assert line["exception"] == "ValueError"
    assert line["at"][0].startswith("test_logs.py:")
    assert SECRET not in str(line)


def test_an_error_meant_for_the_operator_is_written_in_full() -> None:
    error = ConfigError([Problem("a.yaml", 1, 2, "unknown key")])

    assert formatted(msg="no", exc_info=exc_info(error))["error"] == "a.yaml:1:2: unknown key"


def test_a_long_process_line_is_shortened_to_one_atomic_write() -> None:
    record = logging.makeLogRecord({"msg": "x" * 9000, "fields": {"many": ["y" * 9000]}})

    assert len(JsonFormatter().format(record)) < LINE_BYTES_MAX
