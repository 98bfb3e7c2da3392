"""Ollama's chat, generate and embed; streams are lines of JSON.

Channels of a stream: `content:0`, `reasoning:0`. A call of a tool comes whole in one line.
"""

from __future__ import annotations

from typing import Any, Final

from gateway.plugin.coverage import Gap
from gateway.plugin.text import Path
from gateway.providers.dialect import ALL, Event, Form, Json, Piece, objects
from gateway.providers.gathering import Gatherer
from gateway.providers.openai_parts import KINDS, add_tools, role_of

_REQUEST: Final = frozenset(
    {"messages", "prompt", "suffix", "system", "input", "images", "tools", "template", "options"}
)
_MESSAGE: Final = frozenset({"content", "thinking", "tool_calls", "images", "tool_name"})
_RESPONSE: Final = frozenset(
    {"message", "response", "thinking", "created_at", "done_reason", "embedding", "embeddings"}
)


def request(body: Json, found: Gatherer) -> None:
    """`POST /api/chat`, `/api/generate`, `/api/embed`."""
    for index, message in objects(body.get("messages")):
        add_message(message, ("messages", index), found)
    for key in ("prompt", "suffix", "input"):
        found.texts("user", "text", body.get(key), (key,))
    for key in ("system", "template"):
        found.add("system", "system", body.get(key), (key,))
    if body.get("images"):
        found.gap(Gap.IMAGE)
    add_tools(body.get("tools"), ("tools",), found)
    found.rest("unknown", body, (), _REQUEST)


def add_message(message: Json, path: Path, found: Gatherer) -> None:
    """One message, in either direction."""
    role = role_of(message)
    found.add(role, KINDS.get(role, "text"), message.get("content"), (*path, "content"))
    found.add(role, "reasoning", message.get("thinking"), (*path, "thinking"))
    if message.get("images"):
        found.gap(Gap.IMAGE)
    _add_calls(message.get("tool_calls"), (*path, "tool_calls"), found)
    found.rest(role, message, path, _MESSAGE)


def _add_calls(calls: Any, path: Path, found: Gatherer) -> None:
    for index, call in objects(calls):
        function = call.get("function")
        if isinstance(function, dict):
            inner = (*path, index, "function", "arguments")
            found.data("assistant", "tool_call_arguments", function.get("arguments"), inner)


def response(body: Any, found: Gatherer) -> None:
    """A whole answer, or an error."""
    if not isinstance(body, dict):
        found.leaves("unknown", "other", body, ())
        return
    message = body.get("message")
    if isinstance(message, dict):
        add_message(message, ("message",), found)
    found.add("assistant", "text", body.get("response"), ("response",))
    found.add("assistant", "reasoning", body.get("thinking"), ("thinking",))
    found.rest("unknown", body, (), _RESPONSE)


class LineStream:
    """The lines of a streamed answer."""

    repeats = False

    def event(self, event: Json, name: bytes) -> Event:
        del name
        read = Event()
        message = event.get("message")
        if isinstance(message, dict):
            read.add("content:0", "0", "text", message.get("content"), ("message", "content"))
            thinking = ("message", "thinking")
            read.add("reasoning:0", "0", "reasoning", message.get("thinking"), thinking)
            if message.get("tool_calls"):
                found = Gatherer()
                _add_calls(message["tool_calls"], ("message", "tool_calls"), found)
                read.add_gathered(found)
            read.rest(message, ("message",), _MESSAGE)
        read.add("content:0", "0", "text", event.get("response"), ("response",))
        read.add("reasoning:0", "0", "reasoning", event.get("thinking"), ("thinking",))
        read.rest(event, (), _RESPONSE)
        if event.get("done") is True:
            read.ends.append(ALL)
        return read

    def delta(self, template: Json, piece: Piece, text: str) -> Json:
        frame = {key: template[key] for key in ("model", "created_at") if key in template}
        key = str(piece.path[-1])
        if piece.path[0] != "message":
            return frame | {"response": "", key: text, "done": False}
        message = {"role": "assistant", "content": "", key: text}
        return frame | {"message": message, "done": False}


LINES: Final = Form("ollama", request, response, LineStream(), "messages", add_message)
