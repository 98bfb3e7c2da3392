"""OpenAI's responses API.

Channels of a stream, by output index and index within: `content:0:0`, `refusal:0:0`,
`reasoning:0:0`, `summary:0:0`, `transcript:0:0`, `command:0:0`, and `tool:1` for arguments, input
or code of the second item. Where a delta is an object, each text in it has a channel
(`shell_call_output_content:0:0:stdout`). The end of a channel brings its whole text several times
more (`*.done`, `response.output_item.done`, `response.completed`).

`response.created` and its like repeat what the request said (`instructions`, `tools`); that was
inspected there.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any, Final

from gateway.plugin.coverage import Gap
from gateway.plugin.text import Path
from gateway.providers.delta_texts import DeltaTexts, frame_of, only
from gateway.providers.dialect import (
    ALL,
    DELTA,
    REPEAT,
    Echoes,
    Event,
    Form,
    Json,
    Piece,
    label,
    objects,
    word,
)
from gateway.providers.gathering import STRUCTURAL, Gatherer
from gateway.providers.openai_parts import (
    KINDS,
    add_content,
    add_prompt_template,
    add_tools,
    role_of,
)

_REQUEST: Final = frozenset({"input", "instructions", "tools", "include", "prompt"})
_LISTED: Final = frozenset({"data"})
"""The items of an input, which one may ask for."""
_REPEATED: Final = frozenset(
    {"output", "instructions", "tools", "tool_choice", "metadata", "prompt", "text", "reasoning",
     "include", "user", "safety_identifier", "prompt_cache_key", "truncation", "billing"}
)  # fmt: skip
_MESSAGE: Final = frozenset({"content", "phase"})
_RESULTS: Final = ("output", "outputs", "result", "results", "error")
_REASONING: Final = ("summary", "content")
_CALL_KNOWN: Final = frozenset({"arguments", "input", "name", "namespace", *_RESULTS})
_OUTPUT_KNOWN: Final = _CALL_KNOWN | {"tools"}
_CALLS: Final = frozenset({"function_call", "custom_tool_call", "mcp_call", "mcp_approval_request"})
_ECHO: Final = ((("logprobs",), b"[]"),)

_CHANNELS: Final = {
    "output_text": ("content", "text"),
    "refusal": ("refusal", "refusal"),
    "reasoning_text": ("reasoning", "reasoning"),
    "reasoning_summary_text": ("summary", "reasoning"),
    "audio.transcript": ("transcript", "text"),
    "audio_transcript": ("transcript", "text"),
    "function_call_arguments": ("tool", "tool_call_arguments"),
    "custom_tool_call_input": ("tool", "tool_call_arguments"),
    "mcp_call_arguments": ("tool", "tool_call_arguments"),
    "mcp_call.arguments": ("tool", "tool_call_arguments"),
    "shell_call_command": ("command", "tool_call_arguments"),
    "code_interpreter_call_code": ("tool", "tool_call_arguments"),
    "output_audio_transcript": ("transcript", "text"),
    "text": ("content", "text"),
}
"""The middle of an event's type, with the channel's name and kind."""
_SHELL_OUTPUT: Final = "shell_call_output_content"
_DONE_TEXTS: Final = ("text", "refusal", "arguments", "input", "code", "transcript", "command")
_FRAME: Final = frozenset(
    {"type", "event_id", "response_id", "stream_id", "item_id", "previous_item_id", "delta",
     "output_index", "content_index", "summary_index", "command_index", "sequence_number",
     "logprobs", "obfuscation"}
)  # fmt: skip
_DONE: Final = frozenset({*_FRAME, *_DONE_TEXTS, "name", "output"})
_SHELL_TEXTS: Final = frozenset({"stdout", "stderr"})
_HOLDING: Final = _FRAME | {"item", "part", "response"}
_PART_CHANNELS: Final = {
    "output_text": ("content", "text", "text"),
    "refusal": ("refusal", "refusal", "refusal"),
    "reasoning_text": ("reasoning", "text", "reasoning"),
    "summary_text": ("summary", "text", "reasoning"),
}
_LAST: Final = frozenset(
    {"response.completed", "response.incomplete", "response.failed", "response.done"}
)


def request(body: Json, found: Gatherer) -> None:
    """`POST /v1/responses`."""
    found.leaves("system", "system", body.get("instructions"), ("instructions",))
    add_items(body.get("input"), ("input",), found)
    add_prompt_template(body.get("prompt"), ("prompt",), found)
    add_tools(body.get("tools"), ("tools",), found)
    found.rest("unknown", body, (), _REQUEST)


def add_items(items: Any, path: Path, found: Gatherer) -> None:
    """What a conversation is given: a text, or a list of items."""
    if isinstance(items, str):
        found.add("user", "text", items, path)
    elif isinstance(items, dict):
        add_item(items, path, found)
    elif isinstance(items, list):
        for index, item in enumerate(items):
            if isinstance(item, dict):
                add_item(item, (*path, index), found)
            else:
                found.leaves("user", "text", item, (*path, index))


def is_item(value: Json) -> bool:
    """Whether an object is an item by its type, and no message, which other APIs have as well."""
    sort = word(value.get("type"))
    return sort == "reasoning" or sort in _CALLS or sort.endswith(("_call", "_output"))


def add_item(item: Json, path: Path, found: Gatherer) -> None:
    """One item of an input or output."""
    sort = word(item.get("type"))
    if "role" in item:
        role = role_of(item)
        add_content(item.get("content"), (*path, "content"), role, KINDS.get(role, "text"), found)
        if sort == "additional_tools":
            add_tools(item.get("tools"), (*path, "tools"), found)
            found.rest(role, item, path, _MESSAGE | {"tools"})
        else:
            found.rest(role, item, path, _MESSAGE)
    elif sort in _CALLS:
        for key in ("arguments", "input"):
            found.data("assistant", "tool_call_arguments", item.get(key), (*path, key))
        _add_results(item, path, found)
        found.rest("tool", item, path, _CALL_KNOWN)
    elif sort.endswith("_output"):
        _add_results(item, path, found)
        add_tools(item.get("tools"), (*path, "tools"), found)
        found.rest("tool", item, path, _OUTPUT_KNOWN)
    elif sort == "reasoning":
        for key in _REASONING:
            add_content(item.get(key), (*path, key), "assistant", "reasoning", found)
        found.rest("assistant", item, path, _REASONING)
    elif sort == "image_generation_call":
        found.gap(Gap.IMAGE)
        found.rest("assistant", item, path, ("result",))
    elif sort.endswith("_call"):
        _add_results(item, path, found)
        add_call(item, path, _RESULTS, found)
    elif sort == "mcp_list_tools":
        add_tools(item.get("tools"), (*path, "tools"), found)
        found.rest("tool", item, path, ("tools",))
    else:
        found.leaves("unknown", "text", item, path)


def _add_results(item: Json, path: Path, found: Gatherer) -> None:
    """What a tool answered, in whichever member its kind of item has it."""
    for key in _RESULTS:
        if key in item:
            add_content(item[key], (*path, key), "tool", "tool_result", found)


def add_call(item: Json, path: Path, known: Collection[str], found: Gatherer) -> None:
    """What one of the provider's own tools is called with: members of its own."""
    for key, value in item.items():
        if key in known:
            continue
        if key == "arguments":
            found.data("assistant", "tool_call_arguments", value, (*path, key))
        elif key not in STRUCTURAL:
            found.leaves("assistant", "tool_call_arguments", value, (*path, key))


def response(body: Any, found: Gatherer) -> None:
    """A whole response, a list of items, or an error."""
    if not isinstance(body, dict):
        found.leaves("unknown", "other", body, ())
        return
    output = body.get("output")
    if isinstance(output, list):
        for index, item in enumerate(output):
            if isinstance(item, dict):
                add_item(item, ("output", index), found)
            else:
                found.leaves("assistant", "text", item, ("output", index))
    else:
        found.leaves("assistant", "text", output, ("output",))
    add_items(body.get("data"), ("data",), found)
    found.rest("unknown", body, (), _REPEATED | _LISTED if "output" in body else _LISTED)


class ResponsesStream:
    """The events of a streamed response, and of a realtime session."""

    repeats = True

    def event(self, event: Json, name: bytes) -> Event:
        del name
        read = Event()
        sort = event.get("type")
        if not isinstance(sort, str):
            read.leaves(event, ())
            return read
        head, _, last = sort.rpartition(".")
        middle = head.removeprefix("response.")
        known = _CHANNELS.get(middle)
        if last == "delta":
            _read_delta(event, middle, known, read)
        elif last == "done" and known is not None:
            _read_done(event, known, read)
        elif last == "done" and middle == _SHELL_OUTPUT:
            _read_shell_output(event, read)
        elif "item" in event:
            item = event["item"]
            if isinstance(item, dict):
                _read_item(item, ("item",), label(event.get("output_index")), read)
            read.rest(event, (), _HOLDING)
        elif "part" in event:
            part = event["part"]
            if isinstance(part, dict):
                _read_part(part, ("part",), event, read)
            read.rest(event, (), _HOLDING)
        elif isinstance(event.get("response"), dict):
            _read_response(event["response"], read)
            read.rest(event, (), _HOLDING)
        elif sort.endswith("partial_image"):
            read.gaps.add(Gap.IMAGE)
        else:
            read.leaves(event, ())
        if sort in _LAST:
            read.ends.append(ALL)
        return read

    def delta(self, template: Json, piece: Piece, text: str) -> Json:
        fresh = frame_of(template)
        fresh.pop("obfuscation", None)
        if "logprobs" in template:
            fresh["logprobs"] = []
        return fresh | {"delta": only(template, piece.path, 1, text)}


def _channel(name: str, event: Json) -> str:
    output = label(event.get("output_index"))
    if name == "tool":
        return f"tool:{output}"
    inner = event.get("content_index")
    if inner is None:
        inner = event.get("summary_index")
    return f"{name}:{output}:{label(event.get('command_index') if inner is None else inner)}"


def _read_delta(event: Json, middle: str, known: tuple[str, str] | None, read: Event) -> None:
    delta = event.get("delta")
    if middle in {"audio", "output_audio"}:
        read.gaps.add(Gap.BINARY)
    elif isinstance(delta, str):
        name, kind = known or (middle.replace(".", "_"), "other")
        channel = _channel(name, event)
        echoes: Echoes = _ECHO if event.get("logprobs") else ()
        read.add(channel, channel, kind, delta, ("delta",), DELTA, echoes)
        if not _FRAME.issuperset(event):
            read.rest(event, (), _FRAME)
    elif isinstance(delta, dict):
        name, kind = known or (middle.replace(".", "_"), "other")
        channel = _channel(name, event)
        if middle == _SHELL_OUTPUT:
            texts = DeltaTexts(read, channel, "tool_result", "tool")
        else:
            texts = DeltaTexts(read, channel, kind)
        texts.members(delta, ("delta",), (), channel)
        read.rest(event, (), _FRAME)
    else:
        read.leaves(event, ())


def _read_shell_output(event: Json, read: Event) -> None:
    """What a command said, once more: by each part of it, where there are several."""
    scope = _channel(_SHELL_OUTPUT, event)
    read.ends.append(scope)
    for place, part in objects(event.get("output")):
        path = ("output", place)
        for key in ("stdout", "stderr"):
            text = part.get(key)
            if text and isinstance(text, str):
                channel, at = f"{scope}:{key}", (*path, key)
                read.pieces.append(
                    Piece(channel, scope, "tool_result", text, at, REPEAT, (), "tool")
                )
        read.rest(part, path, _SHELL_TEXTS)
    read.rest(event, (), _DONE)


def _read_done(event: Json, known: tuple[str, str], read: Event) -> None:
    name, kind = known
    channel = _channel(name, event)
    read.ends.append(channel)
    echoes: Echoes = _ECHO if event.get("logprobs") else ()
    for key in _DONE_TEXTS:
        read.add(channel, channel, kind, event.get(key), (key,), REPEAT, echoes)
    read.rest(event, (), _DONE)


def _read_part(part: Json, path: Path, event: Json, read: Event) -> None:
    known = _PART_CHANNELS.get(str(part.get("type")))
    if known is None:
        read.leaves(part, path, "text")
        return
    name, key, kind = known
    channel = _channel(name, event)
    echoes: Echoes = (((*path, "logprobs"), b"[]"),) if part.get("logprobs") else ()
    read.add(channel, channel, kind, part.get(key), (*path, key), REPEAT, echoes)
    read.rest(part, path, frozenset({key}))


def _read_item(item: Json, path: Path, output: str, read: Event) -> None:
    sort = word(item.get("type"))
    at = {"output_index": int(output)}
    if sort == "message":
        for index, part in objects(item.get("content")):
            _read_part(part, (*path, "content", index), at | {"content_index": index}, read)
        read.rest(item, path, _MESSAGE)
    elif sort == "reasoning":
        for key, inner in (("summary", "summary_index"), ("content", "content_index")):
            for index, part in objects(item.get(key)):
                _read_part(part, (*path, key, index), at | {inner: index}, read)
        read.rest(item, path, frozenset(_REASONING))
    elif sort.endswith("_call"):
        channel = f"tool:{output}"
        known = {"result"} if sort == "image_generation_call" else set()
        for key in ("arguments", "input", "code"):
            if isinstance(item.get(key), str):
                known.add(key)
                text = item[key]
                read.add(channel, channel, "tool_call_arguments", text, (*path, key), REPEAT)
        found = Gatherer()
        if sort != "image_generation_call":
            _add_results(item, path, found)
        if sort in _CALLS or sort == "image_generation_call":
            found.rest("assistant", item, path, known | _CALL_KNOWN)
        else:
            add_call(item, path, known | _CALL_KNOWN, found)
        read.add_gathered(found)
        if "result" in known:
            read.gaps.add(Gap.IMAGE)
    else:
        found = Gatherer()
        add_item(item, path, found)
        read.add_gathered(found)


def _read_response(body: Json, read: Event) -> None:
    for index, item in objects(body.get("output")):
        _read_item(item, ("response", "output", index), str(index), read)
    read.rest(body, ("response",), _REPEATED)


RESPONSES: Final = Form("openai_responses", request, response, ResponsesStream(), "input", add_item)
