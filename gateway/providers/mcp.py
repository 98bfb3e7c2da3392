"""The model context protocol: JSON-RPC over HTTP, whole or as server-sent events.

A call's arguments, a result's contents, the descriptions that a server gives of its tools and
prompts, and the contents of resources are told apart; all else is gathered as it is.
"""

from __future__ import annotations

from typing import Any, Final

from gateway.plugin.coverage import Gap
from gateway.plugin.text import Path
from gateway.providers.dialect import Event, Form, Json, Piece, objects
from gateway.providers.gathering import Gatherer
from gateway.providers.openai_parts import role_of

_FRAME: Final = frozenset({"jsonrpc", "params", "result", "method", "error"})
_LISTS: Final = ("tools", "prompts", "resources", "resourceTemplates")
_PARAMS: Final = frozenset({"arguments", "name", "messages", "_meta", "uri"})
_RESULT: Final = frozenset({*_LISTS, "content", "structuredContent", "contents", "messages"})
_CONTENT: Final = frozenset({"text", "resource", "data", "blob"})


def is_json_rpc(body: Any) -> bool:
    """Whether a parsed body is a JSON-RPC message, or a batch of them."""
    first = body[0] if isinstance(body, list) and body else body
    return isinstance(first, dict) and first.get("jsonrpc") == "2.0"


def gather(body: Any, found: Gatherer) -> None:
    """A message or a batch, in either direction: both sides may ask and answer."""
    if isinstance(body, dict):
        _add_message(body, (), found)
    for index, message in objects(body):
        _add_message(message, (index,), found)


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
    found.add("assistant", "other", params.get("uri"), (*path, "uri"))
    found.rest("unknown", params, path, _PARAMS)


def _add_messages(messages: Any, path: Path, found: Gatherer) -> None:
    for index, message in objects(messages):
        content = message.get("content")
        inner = (*path, index, "content")
        role = role_of(message)
        if isinstance(content, dict):
            _add_content(content, inner, role, "text", found)
        for number, part in objects(content):
            _add_content(part, (*inner, number), role, "text", found)


def _add_result(result: Json, path: Path, found: Gatherer) -> None:
    for key in _LISTS:
        found.leaves("tool", "tool_description", result.get(key), (*path, key))
    content = result.get("content")
    is_form = isinstance(content, dict) and "action" in result
    if isinstance(content, dict) and not is_form:
        _add_content(content, (*path, "content"), role_of(result), "text", found)
    for index, part in objects(content):
        _add_content(part, (*path, "content", index), "tool", "tool_result", found)
    structured = (*path, "structuredContent")
    found.data("tool", "tool_result", result.get("structuredContent"), structured)
    for index, part in objects(result.get("contents")):
        _add_resource(part, (*path, "contents", index), found)
    _add_messages(result.get("messages"), (*path, "messages"), found)
    found.rest("tool", result, path, _RESULT)
    if is_form:  # what the user put into a form of the server's: last, since it is what is said
        found.data("user", "text", content, (*path, "content"))


def _add_content(part: Json, path: Path, role: str, kind: str, found: Gatherer) -> None:
    found.add(role, kind, part.get("text"), (*path, "text"))
    resource = part.get("resource")
    if isinstance(resource, dict):
        _add_resource(resource, (*path, "resource"), found)
    if "data" in part:
        found.gap(Gap.IMAGE if part.get("type") == "image" else Gap.BINARY, tool=True)
    found.rest(role, part, path, _CONTENT)


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
