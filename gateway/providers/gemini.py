"""Gemini's generateContent, whole, as server-sent events, and as one JSON array.

Channels of a stream, by candidate: `content:0` and `reasoning:0`, and `tool:$.to:call:0` for an
argument of a function that comes in parts, by its JSON path. In the array the texts of one channel
are one span: an edit puts the new text in the first place and empties the others.
"""

from __future__ import annotations

from typing import Any, Final

from gateway.plugin.text import Path, Span
from gateway.providers.dialect import DELTA, Echoes, Event, Form, Json, Piece, label, objects
from gateway.providers.gathering import Gatherer
from gateway.providers.gemini_parts import (
    ANSWER_PARTS,
    ARGUMENTS,
    CALLS,
    CONTINUES,
    JSON_PATH,
    PART,
    STRING,
    add_arguments,
    add_content,
    add_part,
    add_values,
    continues,
    json_path,
    members,
    partial_arguments,
    spellings,
)
from gateway.providers.openai_chat import add_prompt

_ROLES: Final = {"user": "user", "model": "assistant", "function": "tool", "system": "system"}
_SYSTEM: Final = spellings("systemInstruction")
_COUNTED: Final = spellings("generateContentRequest")
_BATCH_INPUT: Final = spellings("inputConfig")
_REQUEST: Final = frozenset(
    {"contents", "content", "tools", "requests", "batch", "instances", *_SYSTEM, *_COUNTED}
)
_ENDS_MAX: Final = 64
"""Texts that one event ends: each is looked for. Others end with their call."""
_LOGPROBS: Final = spellings("logprobsResult")
_CONTENT: Final = frozenset({"parts", "role"})
_CANDIDATE: Final = frozenset(
    {"content", *spellings("safetyRatings", "avgLogprobs", "tokenCount"), *_LOGPROBS}
)
_RESPONSE: Final = frozenset(
    spellings("candidates", "modelVersion", "responseId", "createTime", "usageMetadata")
)


def request(body: Json, found: Gatherer) -> None:
    """`POST /v1beta/models/X:generateContent`, `:countTokens`, `:embedContent` and their like."""
    add_request(body, (), found)
    for index, inner in objects(body.get("requests")):
        add_request(inner, ("requests", index), found)
    for key in _COUNTED:
        counted = body.get(key)
        if isinstance(counted, dict):
            add_request(counted, (key,), found)
    batch = body.get("batch")
    if isinstance(batch, dict):
        _add_batch(batch, found)
    else:
        found.leaves("unknown", "other", batch, ("batch",))
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


def _add_batch(batch: Json, found: Gatherer) -> None:
    """`:batchGenerateContent`: the requests stand deep within, beside names and metadata."""
    for key in _BATCH_INPUT:
        given = batch.get(key)
        requests = given.get("requests") if isinstance(given, dict) else None
        if not isinstance(given, dict) or not isinstance(requests, dict):
            found.leaves("unknown", "other", given, ("batch", key))
            continue
        path: Path = ("batch", key, "requests")
        for at, inner in members(requests.get("requests"), (*path, "requests")):
            inlined = inner.get("request")
            if isinstance(inlined, dict):
                add_request(inlined, (*at, "request"), found)
            found.rest("unknown", inner, at, ("request",))
        found.rest("unknown", requests, path, ("requests",))
        found.rest("unknown", given, path[:-1], ("requests",))
    found.rest("unknown", batch, ("batch",), _BATCH_INPUT)


def add_message(content: Json, path: Path, found: Gatherer) -> None:
    """One content of the conversation."""
    role = _ROLES.get(str(content.get("role", "user")), "unknown")
    add_content(content, path, role, "text", found)


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
        add_content(content, (*path, "content"), "assistant", "text", found, ANSWER_PARTS)
        tokens = _tokens(candidate, path)
        if tokens:
            for span in found.spans[before:]:
                span.echoes += tokens
    found.rest("assistant", candidate, path, _CANDIDATE)


def _tokens(candidate: Json, path: Path) -> Echoes:
    """The tokens of a candidate's texts, which say them once more."""
    echoes: Echoes = ()
    for key in _LOGPROBS:
        if candidate.get(key):
            echoes += (((*path, key), b"{}"),)
    return echoes


def _add_array(body: list[Any], found: Gatherer) -> None:
    joined: dict[str, _Joined] = {}
    calls: dict[str, list[str]] = {}  # the channels that end together
    every: list[_Joined] = []
    stream = GenerateStream()
    for number, answer in objects(body):
        read = stream.event(answer, b"")
        found.gaps |= read.gaps
        found.tool_gaps |= read.tool_gaps
        for piece in read.pieces:
            path: Path = (number, *piece.path)
            echoes: Echoes = tuple(((number, *place), json) for place, json in piece.echoes)
            first = joined.get(piece.channel) if piece.mode == DELTA else None
            if first is not None:
                first.texts.append(piece.text)
                first.echoes += [(path, b'""'), *echoes]
                continue
            found.add(piece.role, piece.kind, piece.text, path, echoes)
            if piece.mode == DELTA:
                first = joined[piece.channel] = _Joined(found.spans[-1])
                every.append(first)
                if piece.kind == ARGUMENTS:
                    end = call_end(piece.channel.rpartition(":")[2])
                    calls.setdefault(end, []).append(piece.channel)
        for channel in [*read.ends, *calls.pop(read.over, ())]:
            joined.pop(channel, None)
    for one in every:
        one.finish()


class _Joined:
    """The texts of one channel, which are one span."""

    __slots__ = ("echoes", "span", "texts")

    def __init__(self, span: Span) -> None:
        self.span = span
        self.texts = [span.text]
        self.echoes = list(span.echoes)

    def finish(self) -> None:
        if len(self.texts) > 1:
            self.span.text = "".join(self.texts)
            self.span.echoes = tuple(self.echoes)


def call_end(index: str) -> str:
    """How the names of the channels of a candidate's call end, which end together."""
    return ":call:" + index


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
                read_content(content, (*path, "content"), index, _tokens(candidate, path), read)
            if candidate.get("finishReason") or candidate.get("finish_reason"):
                read.ends.append("candidate:" + index)
                read.over = call_end(index)
            read.rest(candidate, path, _CANDIDATE)
        read.rest(event, (), _RESPONSE)
        return read

    def delta(self, template: Json, piece: Piece, text: str) -> Json:
        candidate = {
            "content": {"parts": [part_delta(template, piece, text)], "role": "model"},
            "index": int(piece.scope.rpartition(":")[2]),
        }
        kept = {key: value for key, value in template.items() if key in _RESPONSE}
        return kept | {"candidates": [candidate]}


def part_delta(template: Json, piece: Piece, text: str) -> Json:
    """A part that brings `text` and nothing else to the channel of `piece`."""
    if piece.kind == ARGUMENTS:
        return {str(piece.path[-4]): call_delta(template, piece, text)}
    return {"text": text, "thought": True} if piece.kind == "reasoning" else {"text": text}


def call_delta(template: Json, piece: Piece, text: str) -> Json:
    """The call that brings `text` to the argument that `piece` is a part of; it goes on."""
    call: Any = template
    for step in piece.path[:-3]:
        call = call[step]
    parts, number, key = piece.path[-3:]
    part = call[parts][number]
    kept: Json = {name: part[name] for name in (*JSON_PATH, *CONTINUES) if name in part}
    named: Json = {"id": call["id"]} if "id" in call else {}
    return named | {str(parts): [kept | {str(key): text}], "willContinue": True}


def read_content(content: Json, path: Path, index: str, echoes: Echoes, read: Event) -> None:
    """The content of a streamed candidate."""
    parts = content.get("parts")
    if isinstance(parts, list):
        for number, part in enumerate(parts):
            if isinstance(part, dict):
                read_part(part, (*path, "parts", number), index, echoes, read)
    elif isinstance(parts, dict):
        read_part(parts, (*path, "parts"), index, echoes, read)
    read.rest(content, path, _CONTENT)


def read_part(part: Json, path: Path, index: str, echoes: Echoes, read: Event) -> None:
    """One part of a streamed candidate."""
    text = part.get("text")
    if isinstance(text, str):
        thought = part.get("thought") is True
        channel, kind = ("reasoning:", "reasoning") if thought else ("content:", "text")
        scope = "candidate:" + index
        read.add(channel + index, scope, kind, text, (*path, "text"), DELTA, echoes)
    if not PART.issuperset(part):
        others: Json = {}
        for key, value in part.items():
            if key in CALLS and isinstance(value, dict):
                read_call(value, (*path, key), index, read)
            elif key != "text":
                others[key] = value
        found = Gatherer()
        add_part(others, path, "assistant", "text", found, ANSWER_PARTS)
        read.add_gathered(found)


def read_call(call: Json, path: Path, index: str, read: Event) -> None:
    """A call in a stream, or a part of it; one that does not continue has ended.

    A text goes on while parts with its JSON path come, as clients read it; an empty part that does
    not continue ends it.
    """
    found = Gatherer()
    add_arguments(call, path, "assistant", found)
    over = call_end(index)
    goes_on = continues(call)
    # A second call in one event is not what goes on from the events before.
    number = f"#{len(read.pieces)}" if read.over == over and not goes_on else ""
    for place, part in partial_arguments(call):
        at = (*path, *place)
        channel = f"tool:{json_path(part)}{number}{over}"
        said = False
        for key in STRING:
            text = part.get(key)
            read.add(channel, channel, ARGUMENTS, text, (*at, key))
            said = said or bool(text)
        if not said and not continues(part) and len(read.ends) < _ENDS_MAX:
            read.ends.append(channel)
        add_values(part, at, found)
    read.add_gathered(found)
    if not goes_on:
        read.over = over


GENERATE: Final = Form("gemini", request, response, GenerateStream(), "contents", add_message)
