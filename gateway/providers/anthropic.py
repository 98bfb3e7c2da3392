"""Anthropic's messages API, and a batch of such requests.

Channels of a stream, by content block: `content:0`, `reasoning:0`, `tool:1`, `compaction:0`. A
block that is no text (a result of a tool that the provider ran) is a channel of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias

from gateway.plugin.coverage import Gap
from gateway.plugin.text import Path
from gateway.providers.dialect import ALL, Event, Form, Json, Piece, label, word
from gateway.providers.gathering import Gatherer
from gateway.providers.json_text import DEPTH_MAX
from gateway.providers.openai_parts import role_of

_Sort: TypeAlias = tuple[str, str, str, frozenset[str]]
"""How a channel's name begins, the member that has its text, the kind of it, all that is known."""

_REQUEST: Final = frozenset({"messages", "system", "tools", "requests"})
_PARAMS: Final = frozenset({"messages", "system", "tools"})
_BATCHED: Final = frozenset({"params", "custom_id"})
_MESSAGE: Final = frozenset({"content"})
_ANSWER: Final = frozenset({"content", "container"})
_TEXT: Final = frozenset({"text"})
_STORED: Final = frozenset(
    {"container_upload", "code_execution_output", "bash_code_execution_output"}
)
"""Blocks that refer to a stored file."""
_DELTAS: Final[dict[str, _Sort]] = {
    "text_delta": ("content:", "text", "text", frozenset({"type", "text"})),
    "thinking_delta": (
        "reasoning:", "thinking", "reasoning", frozenset({"type", "thinking", "estimated_tokens"})
    ),
    "input_json_delta": (
        "tool:", "partial_json", "tool_call_arguments", frozenset({"type", "partial_json"})
    ),
    "compaction_delta": ("compaction:", "content", "text", frozenset({"type", "content"})),
}  # fmt: skip
_STARTS: Final = {sort: _DELTAS[f"{sort}_delta"] for sort in ("text", "thinking", "compaction")}
_SORTS: Final = {channel[:-1]: (sort, key) for sort, (channel, key, _, _) in _DELTAS.items()}
_EVENTS: Final = {
    "content_block_delta": frozenset({"type", "index", "delta"}),
    "content_block_start": frozenset({"type", "index", "content_block"}),
    "content_block_stop": frozenset({"type", "index"}),
    "message_start": frozenset({"type", "message"}),
    "message_delta": frozenset({"type", "delta", "usage"}),
    "message_stop": frozenset({"type"}),
    "ping": frozenset({"type"}),
}
"""The events of a stream, with their members that are read or say nothing."""
_ENDED: Final = frozenset({"container", "stop_reason"})


def request(body: Json, found: Gatherer) -> None:
    """`POST /v1/messages`, also to count its tokens; `POST /v1/messages/batches`."""
    _add_request(body, (), _REQUEST, found)
    requests = body.get("requests")
    if not isinstance(requests, list):
        found.leaves("unknown", "other", requests, ("requests",))
        return
    for index, inner in enumerate(requests):
        params = inner.get("params") if isinstance(inner, dict) else None
        if isinstance(params, dict):
            _add_request(params, ("requests", index, "params"), _PARAMS, found)
            found.rest("unknown", inner, ("requests", index), _BATCHED)
        else:
            found.leaves("unknown", "other", inner, ("requests", index))


def _add_request(body: Json, path: Path, known: frozenset[str], found: Gatherer) -> None:
    add_blocks(body.get("system"), (*path, "system"), "system", "system", found)
    add_messages(body.get("messages"), (*path, "messages"), add_message, found)
    _add_tools(body.get("tools"), (*path, "tools"), found)
    found.rest("unknown", body, path, known)


def _add_tools(tools: Any, path: Path, found: Gatherer) -> None:
    """Descriptions; examples of what a tool is given are data, with keys of any name."""
    if not isinstance(tools, list):
        found.leaves("tool", "tool_description", tools, path)
        return
    for index, tool in enumerate(tools):
        told, inner = tool, (*path, index)
        if isinstance(tool, dict) and "input_examples" in tool:
            examples = (*inner, "input_examples")
            found.data("tool", "tool_description", tool["input_examples"], examples)
            told = {key: value for key, value in tool.items() if key != "input_examples"}
        found.leaves("tool", "tool_description", told, inner)


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
    """A content: a text, a list of blocks, or a single one."""
    if isinstance(content, str):
        found.add(role, kind, content, path)
    elif len(path) > DEPTH_MAX:
        found.gap(Gap.TOO_DEEP)
    elif isinstance(content, dict):
        add_block(content, path, role, kind, found)
    elif isinstance(content, list):
        for index, block in enumerate(content):
            if not isinstance(block, dict):
                found.leaves(role, kind, block, (*path, index))
            else:
                add_block(block, (*path, index), role, kind, found)


def add_block(block: Json, path: Path, role: str, kind: str, found: Gatherer) -> None:
    """One block."""
    sort = word(block.get("type"))
    if sort == "text":
        found.leaves(role, kind, block.get("text"), (*path, "text"))
        if len(block) > 2 or "text" not in block:  # noqa: PLR2004  # type and text
            found.rest(role, block, path, _TEXT)
    elif sort == "thinking":
        found.leaves(role, "reasoning", block.get("thinking"), (*path, "thinking"))
        found.rest(role, block, path, ("thinking",))
    elif sort.endswith("tool_use"):
        found.data("assistant", "tool_call_arguments", block.get("input"), (*path, "input"))
        found.rest(role, block, path, ("input", "name"))
    elif sort.endswith("tool_result"):
        add_blocks(block.get("content"), (*path, "content"), "tool", "tool_result", found)
        found.rest("tool", block, path, ("content",))
    else:
        _add_other_block(block, sort, path, role, kind, found)


def _add_other_block(  # noqa: PLR0917  # called for each block: keywords would cost
    block: Json, sort: str, path: Path, role: str, kind: str, found: Gatherer
) -> None:
    tool = kind == "tool_result"
    if sort == "redacted_thinking":
        found.gap(Gap.BINARY)
        found.rest(role, block, path, ("data",))
    elif sort == "image":
        found.gap(Gap.IMAGE, tool=tool)
        found.rest(role, block, path, ("source",))
    elif sort == "document":
        _add_document(block, path, role, found, tool=tool)
    elif sort in _STORED:
        found.gap(Gap.BINARY, tool=tool)
        found.rest(role, block, path, ("file_id",))
    else:
        content = block.get("content")
        if isinstance(content, (list, dict)):
            add_blocks(content, (*path, "content"), role, kind, found)
            block = {key: value for key, value in block.items() if key != "content"}
        found.leaves(role, kind, block, path)


def _add_document(block: Json, path: Path, role: str, found: Gatherer, *, tool: bool) -> None:
    found.leaves(role, "file_name", block.get("title"), (*path, "title"))
    found.leaves(role, "document", block.get("context"), (*path, "context"))
    source = block.get("source")
    inner = (*path, "source")
    sort = source.get("type") if isinstance(source, dict) else "text"
    if not isinstance(source, dict) or sort == "text":
        found.leaves(role, "document", source, inner)
    elif sort == "content":
        add_blocks(source.get("content"), (*inner, "content"), role, "document", found)
        found.rest(role, source, inner, ("content",))
    else:
        found.gap(Gap.BINARY, tool=tool)
    found.rest(role, block, path, ("title", "context", "source"))


def response(body: Any, found: Gatherer) -> None:
    """A whole message, or an error."""
    if not isinstance(body, dict):
        found.leaves("unknown", "other", body, ())
        return
    add_blocks(body.get("content"), ("content",), "assistant", "text", found)
    found.rest("unknown", body, (), _ANSWER)


class MessagesStream:
    """The events of a streamed message."""

    repeats = False

    def event(self, event: Json, name: bytes) -> Event:
        del name
        read = Event()
        sort = word(event.get("type"))
        known = _EVENTS.get(sort)
        if known is None:
            read.leaves(event, ())
            return read
        if sort == "content_block_delta":
            self._read_delta(event, read)
        elif sort == "content_block_start":
            self._read_start(event, read)
        elif sort == "content_block_stop":
            read.ends.append("block:" + label(event.get("index")))
        elif sort == "message_start":
            self._read_message(event, read)
        elif sort == "message_delta":
            self._read_end(event, read)
        elif sort == "message_stop":
            read.ends.append(ALL)
        read.rest(event, (), known)
        return read

    def delta(self, template: Json, piece: Piece, text: str) -> Json:
        del template
        sort, key = _SORTS[piece.channel.partition(":")[0]]
        index = int(piece.scope.partition(":")[2])
        return {"type": "content_block_delta", "index": index, "delta": {"type": sort, key: text}}

    def _read_delta(self, event: Json, read: Event) -> None:
        delta = event.get("delta")
        if not isinstance(delta, dict):
            read.leaves(delta, ("delta",))
            return
        known = _DELTAS.get(word(delta.get("type")))
        if known is None:
            read.leaves(delta, ("delta",))
        else:
            self._read_part(delta, ("delta",), known, label(event.get("index")), read)

    def _read_start(self, event: Json, read: Event) -> None:
        block = event.get("content_block")
        if not isinstance(block, dict):
            read.leaves(block, ("content_block",))
            return
        known = _STARTS.get(word(block.get("type")))
        if known is not None:
            self._read_part(block, ("content_block",), known, label(event.get("index")), read)
            return
        found = Gatherer()
        add_block(block, ("content_block",), "assistant", "text", found)
        read.add_gathered(found)

    def _read_part(self, part: Json, path: Path, like: _Sort, index: str, read: Event) -> None:
        """The beginning of a block's text, or what is added to it."""
        channel, key, kind, known = like
        text = part.get(key)
        if isinstance(text, str):
            read.add(channel + index, "block:" + index, kind, text, (*path, key))
        else:
            read.leaves(text, (*path, key), kind)
        read.rest(part, path, known)

    def _read_message(self, event: Json, read: Event) -> None:
        message = event.get("message")
        if not isinstance(message, dict):
            read.leaves(message, ("message",))
            return
        found = Gatherer()
        add_blocks(message.get("content"), ("message", "content"), "assistant", "text", found)
        found.rest("assistant", message, ("message",), _ANSWER)
        read.add_gathered(found)

    def _read_end(self, event: Json, read: Event) -> None:
        delta = event.get("delta")
        if isinstance(delta, dict):
            read.rest(delta, ("delta",), _ENDED)
        else:
            read.leaves(delta, ("delta",))
        read.ends.append(ALL)


MESSAGES: Final = Form("anthropic", request, response, MessagesStream(), "messages", add_message)
