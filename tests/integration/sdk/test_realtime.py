"""A realtime session: a WebSocket that carries events both ways."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
from openai import AsyncOpenAI
from websockets.asyncio.client import ClientConnection, connect

from tests.integration.sdk.endpoints import DEMO_HEADERS, HELLO, TEXT, Endpoint

MESSAGE: Any = {
    "type": "message",
    "role": "user",
    "content": [{"type": "input_text", "text": HELLO}],
}


def websocket_url(endpoint: Endpoint) -> str:
    return endpoint.openai.replace("http://", "ws://")


@pytest.fixture
async def socket(endpoint: Endpoint) -> AsyncIterator[ClientConnection]:
    url = f"{websocket_url(endpoint)}/realtime?model=gpt-realtime"
    async with connect(
        url,
        additional_headers=DEMO_HEADERS,
        subprotocols=["realtime"],  # type: ignore[list-item]  # a NewType of str
        proxy=None,
    ) as socket:
        yield socket


async def until(socket: ClientConnection, kind: str) -> list[dict[str, Any]]:
    """The events up to and with the first of type `kind`."""
    events: list[dict[str, Any]] = []
    while not events or events[-1]["type"] != kind:
        events.append(orjson.loads(await socket.recv()))
    return events


async def send(socket: ClientConnection, kind: str, **fields: Any) -> None:
    await socket.send(orjson.dumps({"type": kind} | fields).decode())


async def test_a_session_from_greeting_to_answer(socket: ClientConnection) -> None:
    await until(socket, "session.created")
    await send(socket, "conversation.item.create", item=MESSAGE)
    await send(socket, "response.create", response={"output_modalities": ["text"]})

    events = await until(socket, "response.done")

    deltas = [e["delta"] for e in events if e["type"] == "response.output_text.delta"]
    assert "".join(deltas) == TEXT
    assert len(deltas) > 2
    assert events[-1]["response"]["status"] == "completed"


async def test_messages_of_a_megabyte_pass(socket: ClientConnection) -> None:
    await until(socket, "session.created")
    instructions = "x" * 1_000_000

    await send(socket, "session.update", session={"type": "realtime", "instructions": instructions})

    updated = (await until(socket, "session.updated"))[-1]
    assert updated["session"]["instructions"] == instructions


async def test_openai_s_realtime_client(endpoint: Endpoint) -> None:
    async with (
        AsyncOpenAI(
            base_url=endpoint.openai,
            websocket_base_url=websocket_url(endpoint),
            api_key="k",
            default_headers=DEMO_HEADERS,
        ) as client,
        client.realtime.connect(model="gpt-realtime") as connection,
    ):
        await connection.conversation.item.create(item=MESSAGE)
        await connection.response.create(response={"output_modalities": ["text"]})
        pieces: list[str] = []
        async for event in connection:
            if event.type == "response.output_text.delta":
                pieces.append(event.delta)
            elif event.type == "response.done":
                break

    assert "".join(pieces) == TEXT
