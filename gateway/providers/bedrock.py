"""Bedrock: converse, and invoke with the native body of each family of models.

Channels of a converse stream, by content block: `content:0`, `reasoning:0`, `tool:1`. An invoke
stream wraps each event of the model's own API in base64; what is inside is told by its form.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from typing import Any, Final

import orjson

from gateway.plugin.coverage import Gap
from gateway.plugin.text import Path
from gateway.providers import anthropic, openai_chat
from gateway.providers.dialect import ALL, DELTA, Event, Form, Json, Piece, label, objects
from gateway.providers.gathering import Gatherer
from gateway.providers.json_places import Places, splice
from gateway.providers.openai_parts import role_of

_REQUEST: Final = frozenset({"messages", "system", "toolConfig"})
_RESPONSE: Final = frozenset({"output", "metrics"})
_MESSAGE: Final = frozenset({"content"})
_BLOCK: Final = frozenset(
    {
        "text",
        "toolUse",
        "toolResult",
        "reasoningContent",
        "image",
        "video",
        "audio",
        "document",
        "json",
    }
)
_NATIVE_TEXTS: Final = ("prompt", "inputText", "texts", "message", "query")


def request(body: Json, found: Gatherer) -> None:
    """`POST /model/ID/converse`."""
    add_blocks(body.get("system"), ("system",), "system", "system", found)
    for index, message in objects(body.get("messages")):
        add_message(message, ("messages", index), found)
    found.leaves("tool", "tool_description", body.get("toolConfig"), ("toolConfig",))
    found.rest("unknown", body, (), _REQUEST)


def add_message(message: Json, path: Path, found: Gatherer) -> None:
    """One message of the conversation."""
    role = role_of(message)
    add_blocks(message.get("content"), (*path, "content"), role, "text", found)
    found.rest(role, message, path, _MESSAGE)


def add_blocks(content: Any, path: Path, role: str, kind: str, found: Gatherer) -> None:
    """A list of content blocks."""
    for index, block in objects(content):
        inner = (*path, index)
        found.add(role, kind, block.get("text"), (*inner, "text"))
        for key, value in block.items():
            if isinstance(value, dict):
                _add_block(key, value, (*inner, key), role, found)
        if "json" in block:
            found.data(role, kind, block["json"], (*inner, "json"))
        found.rest(role, block, inner, _BLOCK)


def _add_block(key: str, block: Json, path: Path, role: str, found: Gatherer) -> None:
    if key == "toolUse":
        found.data("assistant", "tool_call_arguments", block.get("input"), (*path, "input"))
    elif key == "toolResult":
        add_blocks(block.get("content"), (*path, "content"), "tool", "tool_result", found)
    elif key == "reasoningContent":
        text = block.get("reasoningText")
        if isinstance(text, dict):
            found.add(role, "reasoning", text.get("text"), (*path, "reasoningText", "text"))
        if "redactedContent" in block:
            found.gap(Gap.BINARY)
    elif key == "image":
        found.gap(Gap.IMAGE)
    elif key in {"video", "audio"}:
        found.gap(Gap.BINARY)
    elif key == "document":
        found.add(role, "file_name", block.get("name"), (*path, "name"))
        found.gap(Gap.BINARY)


def invoke_request(body: Json, found: Gatherer) -> None:
    """`POST /model/ID/invoke`: Anthropic's form, converse's (Nova), a chat, or a prompt."""
    if "messages" in body:
        if "anthropic_version" in body:
            anthropic.request(body, found)
        elif any(isinstance(m.get("content"), list) for _, m in objects(body["messages"])):
            request(body, found)
        else:
            openai_chat.request(body, found)
        return
    for key in _NATIVE_TEXTS:
        found.texts("user", "text", body.get(key), (key,))
    found.rest("unknown", body, (), _NATIVE_TEXTS)


def response(body: Any, found: Gatherer) -> None:
    """A whole answer of converse, or an error."""
    if not isinstance(body, dict):
        found.leaves("unknown", "other", body, ())
        return
    output = body.get("output")
    message = output.get("message") if isinstance(output, dict) else None
    if isinstance(message, dict):
        path = ("output", "message", "content")
        add_blocks(message.get("content"), path, "assistant", "text", found)
        found.rest("assistant", message, ("output", "message"), _MESSAGE)
    elif output is not None:
        found.leaves("assistant", "text", output, ("output",))
    found.rest("unknown", body, (), _RESPONSE)


def invoke_response(body: Any, found: Gatherer) -> None:
    """A whole answer of invoke, in the form of the model's own API."""
    if isinstance(body, dict) and isinstance(body.get("content"), list):
        anthropic.response(body, found)
    elif isinstance(body, dict) and isinstance(body.get("choices"), list):
        openai_chat.response(body, found)
    elif isinstance(body, dict) and isinstance(body.get("output"), dict):
        response(body, found)
    else:
        found.leaves("assistant", "text", body, ())


class ConverseStream:
    """The frames of a streamed converse; the framing names the event."""

    repeats = False

    def event(self, event: Json, name: bytes) -> Event:
        read = Event()
        if name == b"contentBlockDelta":
            _read_delta(event, (), read)
        elif name == b"contentBlockStart":
            read.leaves(event.get("start"), ("start",), "tool_call_arguments")
        elif name == b"contentBlockStop":
            read.ends.append("block:" + label(event.get("contentBlockIndex")))
        elif name == b"messageStop":
            read.ends.append(ALL)
        elif name not in {b"messageStart", b"metadata"}:
            read.leaves(event, ())
        return read

    def delta(self, template: Json, piece: Piece, text: str) -> Json:
        del template
        inner: Any = text
        for step in reversed(piece.path[piece.path.index("delta") + 1 :]):
            inner = {step: inner}
        index = int(piece.scope.partition(":")[2])
        fresh: Json = {"contentBlockIndex": index, "delta": inner}
        return fresh if piece.path[0] == "delta" else {str(piece.path[0]): fresh}


def _read_delta(event: Json, path: Path, read: Event) -> None:
    delta = event.get("delta")
    if not isinstance(delta, dict):
        return
    index = label(event.get("contentBlockIndex"))
    scope = "block:" + index
    inner = (*path, "delta")
    for key, value in delta.items():
        if key == "text":
            read.add("content:" + index, scope, "text", value, (*inner, key))
        elif key == "toolUse" and isinstance(value, dict):
            place = (*inner, key, "input")
            read.add("tool:" + index, scope, "tool_call_arguments", value.get("input"), place)
        elif key == "reasoningContent" and isinstance(value, dict):
            place = (*inner, key, "text")
            read.add("reasoning:" + index, scope, "reasoning", value.get("text"), place)
        else:
            read.leaves(value, (*inner, key))


class InvokeStream:
    """What stands within the frames of a streamed invoke: told by its form, event by event."""

    repeats = False

    def event(self, event: Json, name: bytes) -> Event:
        if isinstance(event.get("type"), str):
            return anthropic.MESSAGES.stream.event(event, name)
        if isinstance(event.get("choices"), list):
            return openai_chat.CHAT.stream.event(event, name)
        read = Event()
        for key in ("contentBlockDelta", "contentBlockStop", "messageStop"):  # Nova
            inner = event.get(key)
            if isinstance(inner, dict):
                if key == "contentBlockDelta":
                    _read_delta(inner, (key,), read)
                else:
                    index = label(inner.get("contentBlockIndex"))
                    read.ends.append(ALL if key == "messageStop" else "block:" + index)
                return read
        for key in ("outputText", "generation", "text", "completion"):  # Titan, Llama, Cohere
            read.add("content:0", "0", "text", event.get(key), (key,), DELTA)
        for number, output in objects(event.get("outputs")):  # Mistral
            path = ("outputs", number, "text")
            read.add("content:0", "0", "text", output.get("text"), path, DELTA)
        if any(event.get(key) for key in ("stop_reason", "completionReason", "is_finished")):
            read.ends.append(ALL)
        read.rest(event, (), _FLAT)
        return read

    def delta(self, template: Json, piece: Piece, text: str) -> Json:
        if piece.path[0] == "delta":
            return anthropic.MESSAGES.stream.delta(template, piece, text)
        if piece.path[0] == "choices":
            return openai_chat.CHAT.stream.delta(template, piece, text)
        if piece.path[0] == "contentBlockDelta":
            return ConverseStream().delta(template, piece, text)
        if piece.path[0] == "outputs":
            return {"outputs": [{"text": text, "stop_reason": None}]}
        return {str(piece.path[0]): text}


_FLAT: Final = frozenset(
    {"outputText", "generation", "text", "completion", "outputs", "completionReason",
     "messageStart", "contentBlockStart", "metadata", "amazon-bedrock-invocationMetrics"}
)  # fmt: skip


def unwrapped(data: bytes) -> bytes:
    """The event in the payload of a `chunk` frame; the payload itself where there is none."""
    try:
        return b64decode(orjson.loads(data)["bytes"], validate=True)
    except (ValueError, KeyError, TypeError):
        return data


def wrapped(data: bytes, event: bytes) -> bytes:
    """The payload `data` with another event in it; all else stays."""
    return splice(data, [(Places(data).of(("bytes",)), b'"' + b64encode(event) + b'"')])


CONVERSE: Final = Form(
    "bedrock_converse", request, response, ConverseStream(), "messages", add_message
)
INVOKE: Final = Form("bedrock_invoke", invoke_request, invoke_response, InvokeStream())
