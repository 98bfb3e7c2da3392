"""Gemini's generateContent, whole, as server-sent events, and as one JSON array.

Channels of a stream, by candidate: `content:0` and `reasoning:0`. A call of a function comes whole
in one event. In the array the texts of one channel are one span: an edit puts the new text in the
first place and empties the others.
"""

from __future__ import annotations

from typing import Any, Final

from gateway.plugin.coverage import Gap
from gateway.plugin.text import Path, Span
from gateway.providers.dialect import DELTA, Echoes, Event, Form, Json, Piece, label, objects
from gateway.providers.gathering import Gatherer
from gateway.providers.openai_chat import add_prompt

_ROLES: Final = {"user": "user", "model": "assistant", "function": "tool", "system": "system"}
_SYSTEM: Final = ("systemInstruction", "system_instruction")
_REQUEST: Final = frozenset(
    {"contents", "content", "tools", "requests", "generateContentRequest", "instances", *_SYSTEM}
)
PART: Final = frozenset({"text", "thought", "videoMetadata"})
_CALLS: Final = ("functionCall", "function_call")
_RESULTS: Final = ("functionResponse", "function_response")
_FILES: Final = ("inlineData", "inline_data", "fileData", "file_data")
_CANDIDATE: Final = frozenset({"content", "safetyRatings", "avgLogprobs", "tokenCount"})
_RESPONSE: Final = frozenset({"candidates", "modelVersion", "responseId", "createTime"})


def request(body: Json, found: Gatherer) -> None:
    """`POST /v1beta/models/X:generateContent`, `:countTokens`, `:embedContent` and their like."""
    add_request(body, (), found)
    for index, inner in objects(body.get("requests")):
        add_request(inner, ("requests", index), found)
    counted = body.get("generateContentRequest")
    if isinstance(counted, dict):
        add_request(counted, ("generateContentRequest",), found)
    found.leaves("user", "text", body.get("instances"), ("instances",))


def add_request(body: Json, path: Path, found: Gatherer) -> None:
    """What one request says: system, contents, tools."""
    for key in _SYSTEM:
        system = body.get(key)
        if isinstance(system, dict):
            add_content(system, (*path, key), "system", "system", found)
        else:
            found.add("system", "system", system, (*path, key))
    for index, content in objects(body.get("contents")):
        add_message(content, (*path, "contents", index), found)
    for key in ("contents", "content"):
        value = body.get(key)
        if isinstance(value, dict):
            add_content(value, (*path, key), "user", "text", found)
        elif isinstance(value, str):
            add_prompt(value, (*path, key), found)
    found.leaves("tool", "tool_description", body.get("tools"), (*path, "tools"))
    found.rest("unknown", body, path, _REQUEST)


def add_message(content: Json, path: Path, found: Gatherer) -> None:
    """One content of the conversation."""
    role = _ROLES.get(str(content.get("role", "user")), "unknown")
    add_content(content, path, role, "text", found)


def add_content(content: Json, path: Path, role: str, kind: str, found: Gatherer) -> None:
    """One content with its parts."""
    parts = content.get("parts")
    if isinstance(parts, dict):
        add_part(parts, (*path, "parts"), role, kind, found)
    for index, part in objects(parts):
        add_part(part, (*path, "parts", index), role, kind, found)
    found.rest(role, content, path, ("parts",))


def add_part(part: Json, path: Path, role: str, kind: str, found: Gatherer) -> None:
    """One part: a text, a thought, a call, a result, a file."""
    sort = "reasoning" if part.get("thought") is True else kind
    found.add(role, sort, part.get("text"), (*path, "text"))
    if PART.issuperset(part):
        return
    known = set(PART)
    for key in _CALLS:
        call = part.get(key)
        if isinstance(call, dict):
            known.add(key)
            found.data("assistant", "tool_call_arguments", call.get("args"), (*path, key, "args"))
    for key in _RESULTS:
        result = part.get(key)
        if isinstance(result, dict):
            known.add(key)
            found.data("tool", "tool_result", result.get("response"), (*path, key, "response"))
            found.rest("tool", result, (*path, key), ("response", "name"))
    for key in _FILES:
        file = part.get(key)
        if isinstance(file, dict):
            known.add(key)
            picture = str(file.get("mimeType") or file.get("mime_type")).startswith("image/")
            found.gap(Gap.IMAGE if picture else Gap.BINARY)
            for name in ("displayName", "display_name"):
                found.add(role, "file_name", file.get(name), (*path, key, name))
    found.rest(role, part, path, known)


def response(body: Any, found: Gatherer) -> None:
    """A whole answer, or the array that a stream without `alt=sse` is."""
    if isinstance(body, list):
        _add_array(body, found)
    elif isinstance(body, dict):
        for index, candidate in objects(body.get("candidates")):
            _add_candidate(candidate, ("candidates", index), found)
        found.rest("unknown", body, (), _RESPONSE)
    else:
        found.leaves("unknown", "other", body, ())


def _add_candidate(candidate: Json, path: Path, found: Gatherer) -> None:
    content = candidate.get("content")
    if isinstance(content, dict):
        before = len(found.spans)
        add_content(content, (*path, "content"), "assistant", "text", found)
        if candidate.get("logprobsResult"):
            for span in found.spans[before:]:
                span.echoes = (((*path, "logprobsResult"), b"{}"),)
    found.rest("assistant", candidate, path, _CANDIDATE)


def _add_array(body: list[Any], found: Gatherer) -> None:
    joined: dict[str, Span] = {}
    stream = GenerateStream()
    for number, answer in objects(body):
        read = stream.event(answer, b"")
        found.gaps |= read.gaps
        found.tool_gaps |= read.tool_gaps
        for piece in read.pieces:
            path: Path = (number, *piece.path)
            echoes: Echoes = tuple(((number, *place), json) for place, json in piece.echoes)
            first = joined.get(piece.channel) if piece.mode == DELTA else None
            if first is None:
                found.add(piece.role, piece.kind, piece.text, path, echoes)
                if piece.mode == DELTA:
                    joined[piece.channel] = found.spans[-1]
            else:
                first.text += piece.text
                first.echoes += ((path, b'""'), *echoes)


class GenerateStream:
    """The events of a streamed answer; each has the form of a whole one."""

    repeats = False

    def event(self, event: Json, name: bytes) -> Event:
        del name
        read = Event()
        for place, candidate in objects(event.get("candidates")):
            index = label(candidate.get("index"), place)
            path: Path = ("candidates", place)
            content = candidate.get("content")
            if isinstance(content, dict):
                logprobs = candidate.get("logprobsResult")
                echoes: Echoes = (((*path, "logprobsResult"), b"{}"),) if logprobs else ()
                for number, part in objects(content.get("parts")):
                    inner = (*path, "content", "parts", number)
                    read_part(part, inner, index, echoes, read)
            if candidate.get("finishReason"):
                read.ends.append("candidate:" + index)
            read.rest(candidate, path, _CANDIDATE)
        read.rest(event, (), _RESPONSE)
        return read

    def delta(self, template: Json, piece: Piece, text: str) -> Json:
        part: Json = {"text": text}
        if piece.kind == "reasoning":
            part["thought"] = True
        candidate = {
            "content": {"parts": [part], "role": "model"},
            "index": int(piece.scope.partition(":")[2]),
        }
        kept = {key: value for key, value in template.items() if key in _RESPONSE}
        return kept | {"candidates": [candidate]}


def read_part(part: Json, path: Path, index: str, echoes: Echoes, read: Event) -> None:
    """One part of a streamed candidate."""
    text = part.get("text")
    if isinstance(text, str):
        thought = part.get("thought") is True
        channel, kind = ("reasoning:", "reasoning") if thought else ("content:", "text")
        scope = "candidate:" + index
        read.add(channel + index, scope, kind, text, (*path, "text"), DELTA, echoes)
    if not PART.issuperset(part):
        found = Gatherer()
        others = {key: value for key, value in part.items() if key != "text"}
        add_part(others, path, "assistant", "text", found)
        read.add_gathered(found)


GENERATE: Final = Form("gemini", request, response, GenerateStream(), "contents", add_message)
