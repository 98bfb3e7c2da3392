"""Virtual keys in a running gateway: each has its count, and some have limits of their own."""

from __future__ import annotations

import orjson

from tests.integration.gateway_process import GatewayProcess, running_gateway
from tests.integration.plugin_client import HELLO, ask
from tests.integration.virtual_keys import make_key

POLICY = """
version: 1
name: keys
chain:
  - auth: {api_keys: true}
  - rate_limit:
      key_limits: all
      limits: [{per: key, requests: 5, window: 30d}]
"""


def statuses(gateway: GatewayProcess, key: str, count: int) -> list[int]:
    credential = {"authorization": f"Bearer {key}"}
    return [ask(gateway, headers=credential)[0] for _ in range(count)]


def test_each_key_is_counted_apart_and_its_own_limit_holds_too() -> None:
    """`make_key` has used each key once, to see that the worker knows it."""
    with running_gateway(policies=POLICY) as gateway:
        plain, other = make_key(gateway), make_key(gateway)
        tight = make_key(gateway, limits=({"requests": 3, "window": "30d"},))

        assert statuses(gateway, plain, 6) == [200] * 4 + [429] * 2
        assert statuses(gateway, other, 1) == [200]
        assert statuses(gateway, tight, 4) == [200] * 2 + [429] * 2


def test_the_tokens_of_a_key_are_counted() -> None:
    body = orjson.loads(HELLO) | {"max_tokens": 5}
    with running_gateway(policies=POLICY) as gateway:
        key = make_key(gateway, limits=({"tokens": 40, "window": "30d"},))
        credential = {"x-api-key": key}
        left = []
        status = 200
        while status == 200:
            status, told, answer = ask(gateway, headers=credential, body=orjson.dumps(body))
            left.append(int(told["x-ratelimit-remaining-tokens"]))
            used = orjson.loads(answer).get("usage", {}).get("total_tokens", 0)

        assert len(left) > 1
        assert used == 0


def test_a_caller_without_a_key_is_refused_before_anything_is_counted() -> None:
    with running_gateway(policies=POLICY) as gateway:
        status, told, _ = ask(gateway)

        assert status == 401
        assert not [name for name in told if "ratelimit" in name]
