"""Requests to the simulated provider, and what it answers to a hello."""

from __future__ import annotations

from typing import Any, TypeAlias

import orjson
from aiohttp.test_utils import TestClient

from gateway.providers.sse import SseSplitter

HELLO = [{"role": "user", "content": "hello"}]
SAID = "This is the simulated provider. You said: hello"
WEATHER = {"type": "object", "properties": {"city": {"type": "string"}}}
DemoClient: TypeAlias = TestClient[Any, Any]


async def post(
    client: DemoClient, path: str, body: Any, headers: dict[str, str] | None = None
) -> tuple[int, bytes]:
    async with client.post(path, data=orjson.dumps(body), headers=headers) as response:
        return response.status, await response.read()


async def answer(client: DemoClient, path: str, body: Any, **headers: str) -> Any:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    status, raw = await post(client, path, body, named)
    assert status == 200, raw
    return orjson.loads(raw)


def events(raw: bytes) -> list[Any]:
    data = [event.data for event in SseSplitter().feed(raw)]
    return [orjson.loads(each) for each in data if each and each != b"[DONE]"]
