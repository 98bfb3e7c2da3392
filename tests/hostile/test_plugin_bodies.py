"""Bodies made to cost: each gets its verdict, and the worker goes on serving."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.integration.gateway_process import GatewayProcess, running_gateway
from tests.integration.plugin_client import ask

POLICY = """
version: 1
name: models
chain:
  - request_limits: {models: ["demo"]}
"""
SIZE = 4_000_000
NAMED = b'{"model":"demo",'


@pytest.fixture(scope="module")
def gateway() -> Iterator[GatewayProcess]:
    with running_gateway(policies=POLICY) as gateway:
        yield gateway


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (NAMED + b'"a":' + b"[" * SIZE, "too_deep"),
        (NAMED + b'"a":[' + b"[]," * (SIZE // 3) + b"1]}", "too_complex"),
        (NAMED + b'"a":[' + b'{"a":[' * 60 + b"{}," * (SIZE // 3), "too_complex"),
        (NAMED + b'"a":[' + b'{"model":1},' * 90_000 + b"1]}", "ambiguous_request"),
        (
            NAMED + b'"a":[' + b'"\\u006d",' * (SIZE // 9) + b'1],"mod\\u0065l":1}',
            "ambiguous_request",
        ),
        (NAMED + b'"a":"' + b'\\"' * (SIZE // 2) + b'","model":1}', "ambiguous_request"),
        (NAMED + b'"a":"' + b"\\\\" * (SIZE // 2) + b'","model":1}', "ambiguous_request"),
        (b'{"a":' + b'\\"' * (SIZE // 2), "uninspectable"),
        (b'"' * SIZE, "uninspectable"),
        (b"[" + b"1e999," * (SIZE // 6) + b"1]", "uninspectable"),
        (b" " * SIZE + b"[]", "uninspectable"),
    ],
    ids=lambda value: value if isinstance(value, str) else str(value[:24] + value[-12:]),
)
def test_a_costly_body_is_refused(gateway: GatewayProcess, body: bytes, reason: str) -> None:
    status, headers, _ = ask(gateway, body=body)

    assert (status, headers["x-sealgate-reason"]) == (400, reason)


def test_the_worker_is_the_one_that_started(gateway: GatewayProcess) -> None:
    """After the bodies above, in the same gateway."""
    assert ask(gateway)[0] == 200
    assert [worker["restarts"] for worker in gateway.readyz()["workers"]] == [0]
