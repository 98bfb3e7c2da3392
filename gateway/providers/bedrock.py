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
from gateway.providers.json_text import DEPTH_MAX
from gateway.providers.openai_parts import KINDS, add_part, role_of

_REQUEST: Final = frozenset({"messages", "system", "toolConfig", "promptVariables"})
_CHAT: Final = frozenset({"messages", "system", "toolConfig", "tools", "functions", "suffix"})
_RESPONSE: Final = frozenset({"output", "metrics"})
_MESSAGE: Final = frozenset({"content"})
_MEDIA: Final = {"image": Gap.IMAGE, "video": Gap.BINARY, "audio": Gap.BINARY}
_STORED: Final = frozenset({"bytes", "s3Location"})
_BLOCK: Final = frozenset(
    {
        "toolUse",
        "toolResult",
        "reasoningContent",
        "guardContent",
        "searchResult",
        "citationsContent",
        "document",
        *_MEDIA,
    }
)
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


def add_blocks(content: Any, path: Path, role: str, kind: str, found: Gatherer) -> None:
    """A list of content blocks; of invoke also a text, or parts as a chat has them."""
    if not isinstance(content, list):
        found.leaves(role, kind, content, path)
    elif len(path) > DEPTH_MAX:
        found.gap(Gap.TOO_DEEP)
    else:
        for index, block in enumerate(content):
            if isinstance(block, dict):
                _add_block(block, (*path, index), role, kind, found)
            else:
                found.leaves(role, kind, block, (*path, index))


def _add_block(block: Json, path: Path, role: str, kind: str, found: Gatherer) -> None:
    others: Json = {}
    for key, value in block.items():
        if key == "text":
            found.leaves(role, kind, value, (*path, key))
        elif key == "json":
            found.data(role, kind, value, (*path, key))
        elif key in _BLOCK and isinstance(value, dict):
            _add_member(key, value, (*path, key), role, kind, found)
        else:
            others[key] = value
    if not others:
        return
    if isinstance(others.get("type"), str) and others["type"] != "text":
        add_part(others, path, role, kind, found)
    else:
        found.rest(role, others, path, ())


def _add_member(  # noqa: PLR0917  # called for each block: keywords would cost
    key: str, member: Json, path: Path, role: str, kind: str, found: Gatherer
) -> None:
    tool = kind == "tool_result"
    if key == "toolUse":
        found.data("assistant", "tool_call_arguments", member.get("input"), (*path, "input"))
        found.rest("assistant", member, path, ("input", "name"))
    elif key == "toolResult":
        add_blocks(member.get("content"), (*path, "content"), "tool", "tool_result", found)
        found.rest("tool", member, path, ("content",))
    elif key == "reasoningContent":
        thought = (*path, "reasoningText")
        found.leaves(role, "reasoning", member.get("reasoningText"), thought)
        if "redactedContent" in member:
            found.gap(Gap.BINARY)
        found.rest(role, member, path, ("reasoningText", "redactedContent"))
    elif key == "document":
        _add_document(member, path, role, found, tool=tool)
    elif key == "citationsContent":
        add_blocks(member.get("content"), (*path, "content"), role, kind, found)
        found.rest(role, member, path, ("content",))
    elif key in _MEDIA:
        found.gap(_MEDIA[key], tool=tool)
        _add_media(member, path, role, found)
    else:  # searchResult, guardContent
        if "image" in member:
            found.gap(Gap.IMAGE, tool=tool)
        said = {name: value for name, value in member.items() if name != "image"}
        found.leaves(role, kind, said, path)


def _add_document(document: Json, path: Path, role: str, found: Gatherer, *, tool: bool) -> None:
    found.leaves(role, "file_name", document.get("name"), (*path, "name"))
    found.leaves(role, "document", document.get("context"), (*path, "context"))
    source = document.get("source")
    inner = (*path, "source")
    if isinstance(source, dict):
        if not _STORED.isdisjoint(source):
            found.gap(Gap.BINARY, tool=tool)
        told = {key: value for key, value in source.items() if key not in _STORED}
        found.leaves(role, "document", told, inner)
    else:
        found.leaves(role, "document", source, inner)
    found.rest(role, document, path, ("name", "context", "source"))


def _add_media(member: Json, path: Path, role: str, found: Gatherer) -> None:
    """What is said about a picture, a video or a sound."""
    source = member.get("source")
    if isinstance(source, dict):
        found.rest(role, source, (*path, "source"), _STORED)
        found.rest(role, member, path, ("source",))
    else:
        found.rest(role, member, path, ())


def invoke_request(body: Json, found: Gatherer) -> None:
    """`POST /model/ID/invoke`: Anthropic's form, converse's (Nova), a chat, or a prompt.

    The model alone knows which of them it reads, so all are looked for.
    """
    others: Json = {}
    for key, value in body.items():
        native = _NATIVE.get(key)
        if native is None:
            others[key] = value
            continue
        found.leaves(*native, value, (key,))
        if isinstance(value, list) and any(type(part) is int for part in value):
            found.gap(Gap.BINARY)  # tokens
    if "messages" in body and "anthropic_version" in body:
        anthropic.request(others, found)
    else:
        _add_chat(others, found)


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
