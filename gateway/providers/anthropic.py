"""Anthropic's messages API, and a batch of such requests.

Channels of a stream, by content block: `content:0`, `reasoning:0`, `tool:1`. A block that is no
text (a result of a tool that the provider ran) is a channel of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from gateway.plugin.coverage import Gap
from gateway.plugin.text import Path
from gateway.providers.dialect import ALL, Event, Form, Json, Piece, label, objects, word
from gateway.providers.gathering import Gatherer
from gateway.providers.openai_parts import role_of

_REQUEST: Final = frozenset({"messages", "system", "tools", "requests"})
_BLOCK: Final = frozenset(
    {"text", "thinking", "input", "content", "source", "title", "context", "name", "data"}
)
_DELTAS: Final = {
    "text_delta": ("content", "text", "text"),
    "thinking_delta": ("reasoning", "thinking", "reasoning"),
    "input_json_delta": ("tool", "partial_json", "tool_call_arguments"),
}
_SORTS: Final = {kind: (sort, key) for sort, (_, key, kind) in _DELTAS.items()}
_MESSAGE: Final = frozenset({"content", "container"})
_QUIET: Final = frozenset({"ping", "message_delta"})


def request(body: Json, found: Gatherer) -> None:
    """`POST /v1/messages`, also to count its tokens; `POST /v1/messages/batches`."""
    _add_request(body, (), found)
    for index, inner in objects(body.get("requests")):
        params = inner.get("params")
        if isinstance(params, dict):
            _add_request(params, ("requests", index, "params"), found)


def _add_request(body: Json, path: Path, found: Gatherer) -> None:
    system = body.get("system")
    if isinstance(system, str):
        found.add("system", "system", system, (*path, "system"))
    else:
        add_blocks(system, (*path, "system"), "system", "system", found)
    add_messages(body.get("messages"), (*path, "messages"), add_message, found)
    found.leaves("tool", "tool_description", body.get("tools"), (*path, "tools"))
    found.rest("unknown", body, path, _REQUEST)


def add_messages(
    messages: Any, path: Path, add: Callable[[Json, Path, Gatherer], None], found: Gatherer
) -> None:
    """The conversation; what is no message of it is a text of nobody."""
    if not isinstance(messages, list):
        found.leaves("unknown", "text", messages, path)
        return
    for index, message in enumerate(messages):
        if isinstance(message, dict):
            add(message, (*path, index), found)
        else:
            found.leaves("unknown", "text", message, (*path, index))


def add_message(message: Json, path: Path, found: Gatherer) -> None:
    """One message of the conversation."""
    role = role_of(message)
    kind = "system" if role == "system" else "text"
    add_blocks(message.get("content"), (*path, "content"), role, kind, found)
    found.rest(role, message, path, _MESSAGE)


def add_blocks(content: Any, path: Path, role: str, kind: str, found: Gatherer) -> None:
    """A content: a text, or a list of blocks."""
    if isinstance(content, str):
        found.add(role, kind, content, path)
        return
    if not isinstance(content, list):
        return
    for index, block in enumerate(content):
        if not isinstance(block, dict):
            found.leaves(role, kind, block, (*path, index))
        elif block.get("type") == "text":
            found.add(role, kind, block.get("text"), (*path, index, "text"))
            if len(block) > 2 or "text" not in block:  # noqa: PLR2004  # type and text
                found.rest(role, block, (*path, index), _BLOCK)
        else:
            add_block(block, (*path, index), role, kind, found)


def add_block(block: Json, path: Path, role: str, kind: str, found: Gatherer) -> None:
    """A block that is no plain text."""
    sort = word(block.get("type"))
    tool = kind == "tool_result"
    if sort == "thinking":
        found.add(role, "reasoning", block.get("thinking"), (*path, "thinking"))
    elif sort == "redacted_thinking":
        found.gap(Gap.BINARY)
    elif sort == "image":
        found.gap(Gap.IMAGE, tool=tool)
    elif sort == "document":
        _add_document(block, path, role, found, tool=tool)
    elif sort.endswith("tool_use"):
        found.data("assistant", "tool_call_arguments", block.get("input"), (*path, "input"))
        found.rest(role, block, path, _BLOCK)
    elif sort.endswith("tool_result"):
        content = block.get("content")
        if isinstance(content, dict):
            found.leaves("tool", "tool_result", content, (*path, "content"))
        add_blocks(content, (*path, "content"), "tool", "tool_result", found)
        found.rest("tool", block, path, _BLOCK)
    else:
        found.leaves(role, kind, block, path)


def _add_document(block: Json, path: Path, role: str, found: Gatherer, *, tool: bool) -> None:
    found.add(role, "file_name", block.get("title"), (*path, "title"))
    found.add(role, "document", block.get("context"), (*path, "context"))
    source = block.get("source")
    if not isinstance(source, dict):
        return
    sort = source.get("type")
    if sort == "text":
        found.add(role, "document", source.get("data"), (*path, "source", "data"))
    elif sort == "content":
        add_blocks(source.get("content"), (*path, "source", "content"), role, "document", found)
    else:
        found.gap(Gap.BINARY, tool=tool)


def response(body: Any, found: Gatherer) -> None:
    """A whole message, or an error."""
    if not isinstance(body, dict):
        found.leaves("unknown", "other", body, ())
        return
    add_blocks(body.get("content"), ("content",), "assistant", "text", found)
    found.rest("unknown", body, (), _MESSAGE)


class MessagesStream:
    """The events of a streamed message."""

    repeats = False

    def event(self, event: Json, name: bytes) -> Event:
        del name
        read = Event()
        sort = word(event.get("type"))
        if sort == "content_block_delta":
            self._read_delta(event, read)
        elif sort == "content_block_start":
            self._read_start(event, read)
        elif sort == "content_block_stop":
            read.ends.append("block:" + label(event.get("index")))
        elif sort == "message_stop":
            read.ends.append(ALL)
        elif sort == "message_start":
            message = event.get("message")
            if isinstance(message, dict) and message.get("content"):
                read.leaves(message["content"], ("message", "content"), "text")
        elif sort not in _QUIET:
            read.leaves(event, ())
        if sort == "message_delta":
            read.ends.append(ALL)
        return read

    def delta(self, template: Json, piece: Piece, text: str) -> Json:
        del template
        sort, key = _SORTS[piece.kind]
        index = int(piece.scope.partition(":")[2])
        return {"type": "content_block_delta", "index": index, "delta": {"type": sort, key: text}}

    def _read_delta(self, event: Json, read: Event) -> None:
        delta = event.get("delta")
        if not isinstance(delta, dict):
            return
        known = _DELTAS.get(str(delta.get("type")))
        index = label(event.get("index"))
        if known is None:
            if delta.get("type") != "signature_delta":
                read.leaves(delta, ("delta",))
            return
        name, key, kind = known
        read.add(f"{name}:{index}", "block:" + index, kind, delta.get(key), ("delta", key))

    def _read_start(self, event: Json, read: Event) -> None:
        block = event.get("content_block")
        if not isinstance(block, dict):
            return
        sort = word(block.get("type"))
        index = label(event.get("index"))
        path: Path = ("content_block",)
        if sort in {"text", "thinking"}:
            name, key, kind = _DELTAS[f"{sort}_delta"]
            read.add(f"{name}:{index}", "block:" + index, kind, block.get(key), (*path, key))
            read.rest(block, path, _BLOCK)
            return
        found = Gatherer()
        add_block(block, path, "assistant", "text", found)
        read.add_gathered(found)


MESSAGES: Final = Form("anthropic", request, response, MessagesStream(), "messages", add_message)
