"""The model context protocol: JSON-RPC over HTTP, whole or as server-sent events.

A call's arguments, a result's contents, the descriptions that a server gives of its tools and
prompts, and the contents of resources are told apart; all else is gathered as it is.
"""

from __future__ import annotations

from typing import Any, Final

from gateway.plugin.coverage import Gap
from gateway.plugin.text import Path
from gateway.providers.dialect import Event, Form, Json, Piece, objects, word
from gateway.providers.gathering import Gatherer
from gateway.providers.openai_parts import role_of

_FRAME: Final = frozenset({"jsonrpc", "params", "result", "method", "error"})
_LISTS: Final = ("tools", "prompts", "resources", "resourceTemplates")
_PARAMS: Final = frozenset({"arguments", "name", "messages", "systemPrompt", "_meta", "uri"})
_RESULT: Final = frozenset(
    {*_LISTS, "content", "structuredContent", "contents", "messages", "_meta"}
)
_ACTIONS: Final = frozenset({"accept", "decline", "cancel"})
_ELICITED: Final = _RESULT | {"action"}
_CONTENT: Final = frozenset({"text", "resource", "data", "blob"})
_TOOL_USE: Final = _CONTENT | {"input", "name"}
_TOOL_RESULT: Final = _CONTENT | {"content", "structuredContent"}
_RESERVED: Final = "io.modelcontextprotocol/"
_META: Final = frozenset(
    {
        "progressToken",
        "traceparent",
        "tracestate",
        *[
            _RESERVED + name
            for name in (
                "related-task",
                "protocolVersion",
                "clientInfo",
                "clientCapabilities",
                "logLevel",
            )
        ],
    }
)
"""What the protocol itself defines in `_meta`: identifiers, and objects that are described."""
_TASK: Final = frozenset({"taskId"})
_IMMEDIATE: Final = _RESERVED + "model-immediate-response"


def is_json_rpc(body: Any) -> bool:
    """Whether a parsed body is a JSON-RPC message, or a batch of them."""
    first = body[0] if isinstance(body, list) and body else body
    return isinstance(first, dict) and first.get("jsonrpc") == "2.0"


def gather(body: Any, found: Gatherer) -> None:
    """A message or a batch, in either direction: both sides may ask and answer."""
    if isinstance(body, dict):
        _add_message(body, (), found)
        return
    for index, message in enumerate(body if isinstance(body, list) else ()):
        if isinstance(message, dict):
            _add_message(message, (index,), found)
        else:
            found.leaves("unknown", "other", message, (index,))


def _add_message(message: Json, path: Path, found: Gatherer) -> None:
    params = message.get("params")
    if isinstance(params, dict):
        _add_params(params, (*path, "params"), found)
    else:
        found.leaves("unknown", "other", params, (*path, "params"))
    result = message.get("result")
    if isinstance(result, dict):
        _add_result(result, (*path, "result"), found)
    else:
        found.leaves("tool", "tool_result", result, (*path, "result"))
    found.leaves("tool", "other", message.get("error"), (*path, "error"))
    found.rest("unknown", message, path, _FRAME)


def _add_params(params: Json, path: Path, found: Gatherer) -> None:
    arguments = (*path, "arguments")
    found.data("assistant", "tool_call_arguments", params.get("arguments"), arguments)
    _add_messages(params.get("messages"), (*path, "messages"), found)
    found.add("system", "system", params.get("systemPrompt"), (*path, "systemPrompt"))
    found.add("assistant", "other", params.get("uri"), (*path, "uri"))
    _add_meta(params.get("_meta"), (*path, "_meta"), "unknown", found)
    found.rest("unknown", params, path, _PARAMS)


def _add_meta(meta: Any, path: Path, role: str, found: Gatherer) -> None:
    """What either side adds on its own: anything may stand there."""
    if not isinstance(meta, dict):
        found.leaves(role, "other", meta, path)
        return
    for key, value in meta.items():
        if key == _IMMEDIATE:  # what the model gets while a task of a tool runs
            found.data("tool", "tool_result", value, (*path, key))
        elif key not in _META:
            found.data(role, "other", value, (*path, key))
        elif isinstance(value, dict):
            found.rest(role, value, (*path, key), _TASK)
        elif isinstance(value, list):
            found.leaves(role, "other", value, (*path, key))


def _add_messages(messages: Any, path: Path, found: Gatherer) -> None:
    for index, message in objects(messages):
        content = message.get("content")
        inner = (*path, index, "content")
        role = role_of(message)
        found.add(role, "text", content, inner)
        if isinstance(content, dict):
            _add_content(content, inner, role, "text", found)
        for number, part in objects(content):
            _add_content(part, (*inner, number), role, "text", found)


def _add_result(result: Json, path: Path, found: Gatherer) -> None:
    for key in _LISTS:
        found.leaves("tool", "tool_description", result.get(key), (*path, key))
    content = result.get("content")
    filled_in = isinstance(content, dict) and word(result.get("action")) in _ACTIONS
    if isinstance(content, dict) and not filled_in:
        _add_content(content, (*path, "content"), role_of(result), "text", found)
    for index, part in objects(content):
        _add_content(part, (*path, "content", index), "tool", "tool_result", found)
    structured = (*path, "structuredContent")
    found.data("tool", "tool_result", result.get("structuredContent"), structured)
    for index, part in objects(result.get("contents")):
        _add_resource(part, (*path, "contents", index), found)
    _add_messages(result.get("messages"), (*path, "messages"), found)
    _add_meta(result.get("_meta"), (*path, "_meta"), "tool", found)
    if filled_in:  # by the user, under names that the server chose; it is what is said last
        found.rest("tool", result, path, _ELICITED)
        found.data("user", "text", content, (*path, "content"))
    else:
        found.rest("tool", result, path, _RESULT)


def _add_content(part: Json, path: Path, role: str, kind: str, found: Gatherer) -> None:
    found.add(role, kind, part.get("text"), (*path, "text"))
    known = _CONTENT
    sort = part.get("type")
    if sort == "tool_use":
        known = _TOOL_USE
        found.data("assistant", "tool_call_arguments", part.get("input"), (*path, "input"))
    elif sort == "tool_result":
        known = _TOOL_RESULT
        for index, inner in objects(part.get("content")):
            _add_content(inner, (*path, "content", index), "tool", "tool_result", found)
        structured = (*path, "structuredContent")
        found.data("tool", "tool_result", part.get("structuredContent"), structured)
    resource = part.get("resource")
    if isinstance(resource, dict):
        _add_resource(resource, (*path, "resource"), found)
    if "data" in part:
        found.gap(Gap.IMAGE if sort == "image" else Gap.BINARY, tool=True)
    found.rest(role, part, path, known)


def _add_resource(resource: Json, path: Path, found: Gatherer) -> None:
    found.add("tool", "document", resource.get("text"), (*path, "text"))
    if "blob" in resource:
        found.gap(Gap.BINARY, tool=True)
    found.rest("tool", resource, path, _CONTENT)


class RpcStream:
    """Server-sent events, each a whole message."""

    repeats = False

    def event(self, event: Json, name: bytes) -> Event:
        del name
        read = Event()
        found = Gatherer()
        _add_message(event, (), found)
        read.add_gathered(found)
        return read

    def delta(self, template: Json, piece: Piece, text: str) -> Json:
        """No channel goes over several events, so nothing is ever held."""
        del piece, text
        return template


RPC: Final = Form("mcp", gather, gather, RpcStream())
