"""A WebSocket session in the manner of OpenAI's realtime API, with text only."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from itertools import count
from typing import Any

import orjson
from aiohttp import WSMsgType, web

from gateway.demo.answer import Call
from gateway.demo.openai_responses import item_events, text_part, usage
from gateway.demo.options import Options
from gateway.demo.reply import Conversation, answer, text_of

_MESSAGE_BYTES_MAX = 16 * 1024 * 1024


async def serve_session(
    request: web.Request, model: str, options: Options, extra: dict[str, str]
) -> web.WebSocketResponse:
    """`GET /v1/realtime?model=...`: one session, until the client closes it."""
    socket = web.WebSocketResponse(protocols=("realtime",), max_msg_size=_MESSAGE_BYTES_MAX)
    socket.headers.update(extra)
    await socket.prepare(request)
    session = Session(model, options)
    await _send(socket, session.opening())
    async for event in _incoming(socket):
        for answered in session.receive(event):
            await _send(socket, answered)
            if options.chunk_delay_ms and answered["type"].endswith(".delta"):
                await asyncio.sleep(options.chunk_delay_ms / 1000)
    return socket


async def _incoming(socket: web.WebSocketResponse) -> AsyncIterator[Any]:
    async for message in socket:
        if message.type is not WSMsgType.TEXT:
            continue
        try:
            yield orjson.loads(message.data)
        except orjson.JSONDecodeError:
            yield None


async def _send(socket: web.WebSocketResponse, event: dict[str, Any]) -> None:
    await socket.send_str(orjson.dumps(event).decode())


class Session:
    """The state of one session: events in, events out; no I/O.

    Args:
        model: as in the URL.
        options: the reply's text and portions.

    """

    def __init__(self, model: str, options: Options) -> None:
        self._numbers = count(1)
        self._items: list[dict[str, Any]] = []
        self._options = options
        self._session: dict[str, Any] = {
            "type": "realtime",
            "object": "realtime.session",
            "id": "sess_demo",
            "model": model,
            "output_modalities": ["text"],
            "instructions": "",
            "tools": [],
        }

    def opening(self) -> dict[str, Any]:
        """What the server says first."""
        return self._event("session.created", session=self._session)

    def receive(self, event: Any) -> Iterator[dict[str, Any]]:
        """What the server says to one event of the client."""
        kind = event.get("type") if isinstance(event, dict) else None
        if kind == "session.update":
            self._session |= event.get("session") or {}
            yield self._event("session.updated", session=self._session)
        elif kind == "conversation.item.create":
            yield from self._added(event.get("item") or {})
        elif kind == "response.create":
            yield from self._respond()
        else:
            error = {
                "type": "invalid_request_error",
                "code": "unknown_event",
                "message": "The type of this event is not known to the simulated provider.",
                "event_id": event.get("event_id") if isinstance(event, dict) else None,
            }
            yield self._event("error", error=error)

    def _event(self, kind: str, **fields: Any) -> dict[str, Any]:
        return {"type": kind, "event_id": f"event_{next(self._numbers)}"} | fields

    def _added(self, item: dict[str, Any]) -> Iterator[dict[str, Any]]:
        item = {"object": "realtime.item", "status": "completed"} | item
        item.setdefault("id", f"item_{len(self._items) + 1}")
        previous = self._items[-1]["id"] if self._items else None
        self._items.append(item)
        yield self._event("conversation.item.added", previous_item_id=previous, item=item)
        yield self._event("conversation.item.done", previous_item_id=previous, item=item)

    def _respond(self) -> Iterator[dict[str, Any]]:
        last = self._items[-1] if self._items else {}
        everything = text_of([self._session.get("instructions"), self._items])
        model = str(self._session["model"])
        reply = answer(Conversation(model, text_of(last), everything), self._options)
        item_id = f"item_{len(self._items) + 1}"
        item: dict[str, Any] = {"id": item_id, "object": "realtime.item", "type": "message"}
        item |= {"role": "assistant", "status": "in_progress", "content": []}
        response: dict[str, Any] = {
            "id": Call("/v1/realtime", {"everything": everything}).id("resp_"),
            "object": "realtime.response",
            "status": "in_progress",
            "output": [],
        }
        place = {"response_id": response["id"], "output_index": 0}
        yield self._event("response.created", response=response)
        yield self._event("response.output_item.added", **place, item=item)
        for kind, fields in item_events(reply, item_id):
            yield self._event(kind, response_id=response["id"], **fields)
        done = item | {"status": "completed", "content": [text_part(reply.text)]}
        self._items.append(done)
        yield self._event("response.output_item.done", **place, item=done)
        final = response | {"status": "completed", "output": [done], "usage": usage(reply)}
        yield self._event("response.done", response=final)
