"""Bedrock: converse, and invoke with the native body of each family of models.

Channels of a converse stream, by content block: `content:0`, `reasoning:0`, `tool:1`, `result:1`
(of a tool of the provider's own), `citation:0`. An invoke stream wraps each event of the model's
own API in base64; what is inside is told by its form.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from typing import Any, Final

import orjson

from gateway.plugin.coverage import Gap
from gateway.plugin.text import Path
from gateway.providers import anthropic, openai_chat
from gateway.providers.bedrock_blocks import add_block, add_blocks
from gateway.providers.dialect import ALL, DELTA, Event, Form, Json, Piece, label
from gateway.providers.gathering import Gatherer
from gateway.providers.json_places import Places, splice
from gateway.providers.openai_parts import KINDS, role_of

_REQUEST: Final = frozenset({"messages", "system", "toolConfig", "promptVariables"})
_CHAT: Final = frozenset({"messages", "system", "toolConfig", "tools", "functions", "suffix"})
_RESPONSE: Final = frozenset({"output", "metrics"})
_MESSAGE: Final = frozenset({"content"})
_NATIVE: Final = {
    "prompt": ("user", "text"),
    "inputText": ("user", "text"),
    "inputPrompt": ("user", "text"),
    "texts": ("user", "text"),
    "message": ("user", "text"),
    "query": ("user", "text"),
    "chat_history": ("user", "text"),
    "preamble": ("system", "system"),
    "documents": ("user", "document"),
}
"""Members of the native bodies of Amazon's, Cohere's, Meta's and Mistral's models, who says them
and what they are."""


_EVENTS: Final = {
    b"messageStart": frozenset({"role", "p"}),
    b"contentBlockStart": frozenset({"contentBlockIndex", "start", "p"}),
    b"contentBlockDelta": frozenset({"contentBlockIndex", "delta", "p"}),
    b"contentBlockStop": frozenset({"contentBlockIndex", "p"}),
    b"messageStop": frozenset({"stopReason", "p"}),
    b"metadata": frozenset({"usage", "metrics", "p"}),
}
"""The events of a converse stream, with their members that are read or say nothing (`p` is
padding)."""
_DELTAS: Final = {
    "toolUse": ("tool:", "tool_call_arguments", "input", frozenset({"input"})),
    "reasoningContent": (
        "reasoning:", "reasoning", "text", frozenset({"text", "signature", "redactedContent"})
    ),
}  # fmt: skip
_NOVA: Final = frozenset(name.decode() for name in _EVENTS)
_SAID: Final = frozenset({"outputText", "generation", "text", "completion"})
"""The text in an event of Titan, Llama, Cohere, and of Anthropic's older models."""
_UNSAID: Final = frozenset({"completionReason", "amazon-bedrock-invocationMetrics"})
_NOTHING: Final[frozenset[str]] = frozenset()


def request(body: Json, found: Gatherer) -> None:
    """`POST /model/ID/converse`."""
    add_blocks(body.get("system"), ("system",), "system", "system", found)
    anthropic.add_messages(body.get("messages"), ("messages",), add_message, found)
    found.leaves("tool", "tool_description", body.get("toolConfig"), ("toolConfig",))
    variables = body.get("promptVariables")
    if isinstance(variables, dict):  # their names are the caller's, even such as `status`
        for name, value in variables.items():
            found.leaves("user", "text", value, ("promptVariables", name))
    else:
        found.leaves("user", "text", variables, ("promptVariables",))
    found.rest("unknown", body, (), _REQUEST)


def add_message(message: Json, path: Path, found: Gatherer) -> None:
    """One message of the conversation."""
    role = role_of(message)
    kind = KINDS.get(role, "text")
    add_blocks(message.get("content"), (*path, "content"), role, kind, found)
    found.rest(role, message, path, _MESSAGE)


def invoke_request(body: Json, found: Gatherer) -> None:
    """`POST /model/ID/invoke`: Anthropic's form, converse's (Nova), a chat, or a prompt.

    The model alone knows which of them it reads, so all are looked for.
    """
    others = {key: value for key, value in body.items() if key not in _NATIVE}
    if "messages" in body and "anthropic_version" in body:
        anthropic.request(others, found)
    else:
        _add_chat(others, found)
    # Last: what stands before an answer of the model may pass for old.
    for key, (role, kind) in _NATIVE.items():
        value = body.get(key)
        found.leaves(role, kind, value, (key,))
        if isinstance(value, list) and any(type(part) is int for part in value):
            found.gap(Gap.BINARY)  # tokens


def _add_chat(body: Json, found: Gatherer) -> None:
    add_blocks(body.get("system"), ("system",), "system", "system", found)
    anthropic.add_messages(body.get("messages"), ("messages",), _add_turn, found)
    found.leaves("user", "text", body.get("suffix"), ("suffix",))
    for key in ("tools", "functions", "toolConfig"):
        found.leaves("tool", "tool_description", body.get(key), (key,))
    found.rest("unknown", body, (), _CHAT)


def _add_turn(message: Json, path: Path, found: Gatherer) -> None:
    """One message: its content in any form, all else as a chat has it."""
    content = message.get("content")
    if isinstance(content, list):
        role = role_of(message)
        add_blocks(content, (*path, "content"), role, KINDS.get(role, "text"), found)
        message = {key: value for key, value in message.items() if key != "content"}
    openai_chat.add_message(message, path, found)


def response(body: Any, found: Gatherer) -> None:
    """A whole answer of converse, or an error."""
    if not isinstance(body, dict):
        found.leaves("unknown", "other", body, ())
        return
    output = body.get("output")
    message = output.get("message") if isinstance(output, dict) else None
    if isinstance(output, dict) and isinstance(message, dict):
        path = ("output", "message", "content")
        add_blocks(message.get("content"), path, "assistant", "text", found)
        found.rest("assistant", message, ("output", "message"), _MESSAGE)
        found.rest("assistant", output, ("output",), ("message",))
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
        _read_event(event, name, (), read)
        return read

    def delta(self, template: Json, piece: Piece, text: str) -> Json:
        del template
        inner: Any = text
        for step in reversed(piece.path[piece.path.index("delta") + 1 :]):
            inner = [inner] if isinstance(step, int) else {step: inner}
        index = int(piece.scope.partition(":")[2])
        fresh: Json = {"contentBlockIndex": index, "delta": inner}
        return fresh if piece.path[0] == "delta" else {str(piece.path[0]): fresh}


def _read_event(event: Json, name: bytes, path: Path, read: Event) -> None:
    known = _EVENTS.get(name)
    if known is None:
        read.leaves(event, path)
        return
    if name == b"contentBlockDelta":
        delta = event.get("delta")
        if isinstance(delta, dict):
            _read_delta(delta, (*path, "delta"), label(event.get("contentBlockIndex")), read)
        else:
            read.leaves(delta, (*path, "delta"))
    elif name == b"contentBlockStart":
        read.leaves(event.get("start"), (*path, "start"), "tool_call_arguments")
    elif name == b"contentBlockStop":
        read.ends.append("block:" + label(event.get("contentBlockIndex")))
    elif name == b"messageStop":
        read.ends.append(ALL)
    read.rest(event, path, known)


def _read_delta(delta: Json, path: Path, index: str, read: Event) -> None:
    scope = "block:" + index
    for key, value in delta.items():
        inner = (*path, key)
        if key == "text" and isinstance(value, str):
            read.add("content:" + index, scope, "text", value, inner)
        elif key in _DELTAS and isinstance(value, dict):
            channel, kind, name, known = _DELTAS[key]
            text = value.get(name)
            if isinstance(text, str):
                read.add(channel + index, scope, kind, text, (*inner, name))
            else:
                read.leaves(text, (*inner, name), kind)
            if "redactedContent" in value:
                read.gaps.add(Gap.BINARY)
            read.rest(value, inner, known)
        elif key == "toolResult" and isinstance(value, list):
            like = Piece("result:" + index, scope, "tool_result", "", inner, role="tool")
            _read_texts(value, like, read)
        elif key == "citation" and isinstance(value, dict):
            _read_citation(value, inner, index, read)
        else:
            found = Gatherer()
            add_block({key: value}, path, "assistant", "text", found)
            read.add_gathered(found)


def _read_citation(citation: Json, path: Path, index: str, read: Event) -> None:
    """What an answer rests on; the words of the source come in parts."""
    sources = citation.get("sourceContent")
    if isinstance(sources, list):
        inner = (*path, "sourceContent")
        _read_texts(sources, Piece("citation:" + index, "block:" + index, "other", "", inner), read)
        citation = {key: value for key, value in citation.items() if key != "sourceContent"}
    read.rest(citation, path, _NOTHING)


def _read_texts(blocks: list[Any], like: Piece, read: Event) -> None:
    """A list of texts of one channel, that of `like`; what stands beside them is on its own."""
    found = Gatherer()
    for number, block in enumerate(blocks):
        path = (*like.path, number)
        others: Any = block
        text = block.get("text") if isinstance(block, dict) else None
        if isinstance(text, str):
            if text:
                place = (*path, "text")
                piece = Piece(like.channel, like.scope, like.kind, text, place, role=like.role)
                read.pieces.append(piece)
            others = {key: value for key, value in block.items() if key != "text"}
        add_block(others, path, like.role, like.kind, found)
    read.add_gathered(found)


class InvokeStream:
    """What stands within the frames of a streamed invoke: told by its form, event by event."""

    repeats = False

    def event(self, event: Json, name: bytes) -> Event:
        if isinstance(event.get("type"), str):
            return anthropic.MESSAGES.stream.event(event, name)
        if isinstance(event.get("choices"), list):
            return openai_chat.CHAT.stream.event(event, name)
        read = Event()
        others: Json = {}
        for key, value in event.items():
            if key in _NOVA and isinstance(value, dict):
                _read_event(value, key.encode(), (key,), read)
            elif key in _SAID and isinstance(value, str):
                read.add("content:0", "0", "text", value, (key,), DELTA)
            elif key == "outputs" and isinstance(value, list):  # Mistral
                _read_texts(value, Piece("content:0", "0", "text", "", (key,)), read)
            elif key not in _UNSAID:
                others[key] = value
        if any(event.get(key) for key in ("stop_reason", "completionReason", "is_finished")):
            read.ends.append(ALL)
        if others:
            read.rest(others, (), _NOTHING)
        return read

    def delta(self, template: Json, piece: Piece, text: str) -> Json:
        if piece.path[0] in {"delta", "content_block"}:
            return anthropic.MESSAGES.stream.delta(template, piece, text)
        if piece.path[0] == "choices":
            return openai_chat.CHAT.stream.delta(template, piece, text)
        if piece.path[0] == "contentBlockDelta":
            return ConverseStream().delta(template, piece, text)
        if piece.path[0] == "outputs":
            return {"outputs": [{"text": text, "stop_reason": None}]}
        return {str(piece.path[0]): text}


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
