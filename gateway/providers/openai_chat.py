"""OpenAI's chat completions, which many servers speak, and its older completions.

Channels of a stream, by choice: `content:0`, `refusal:0`, `reasoning:0`, `transcript:0`, and
`tool:0:1` for the arguments of the choice's second tool call.
"""

from __future__ import annotations

from typing import Any, Final

from gateway.plugin.coverage import Gap
from gateway.plugin.text import Path
from gateway.providers.dialect import DELTA, Echoes, Event, Form, Json, Piece, label, objects
from gateway.providers.gathering import Gatherer
from gateway.providers.openai_parts import (
    KINDS,
    add_content,
    add_function,
    add_part,
    add_prompt_template,
    add_tool_calls,
    add_tools,
    role_of,
)

_REASONING: Final = ("reasoning_content", "reasoning", "reasoning_details")
_MESSAGE: Final = frozenset(
    {"content", "tool_calls", "function_call", "refusal", "audio", *_REASONING}
)
_REQUEST: Final = frozenset({"messages", "tools", "functions", "prompt", "suffix"})
_RESPONSE: Final = frozenset({"choices"})
_NAMING: Final = frozenset({"type", "index", "format"})
_CHOICE: Final = frozenset({"message", "text", "delta"})


def request(body: Json, found: Gatherer) -> None:
    """`POST /v1/chat/completions`, `POST /v1/completions`."""
    for index, message in objects(body.get("messages")):
        add_message(message, ("messages", index), found)
    add_prompt(body.get("prompt"), ("prompt",), found)
    found.add("user", "text", body.get("suffix"), ("suffix",))
    for key in ("tools", "functions"):
        add_tools(body.get(key), (key,), found)
    found.rest("unknown", body, (), _REQUEST)


def add_message(message: Json, path: Path, found: Gatherer, echoes: Echoes = ()) -> None:
    """One message of a chat, in either direction."""
    role = role_of(message)
    kind = KINDS.get(role, "text")
    content = message.get("content")
    if isinstance(content, str):
        found.add(role, kind, content, (*path, "content"), echoes)
    else:
        add_content(content, (*path, "content"), role, kind, found)
    if len(message) == 2 and "content" in message and "role" in message:  # noqa: PLR2004  # the two
        return
    found.add(role, "refusal", message.get("refusal"), (*path, "refusal"), echoes)
    for key in _REASONING:
        found.leaves(role, "reasoning", message.get(key), (*path, key))
    add_tool_calls(message.get("tool_calls"), (*path, "tool_calls"), found)
    add_function(message.get("function_call"), (*path, "function_call"), found)
    audio = message.get("audio")
    if isinstance(audio, dict):
        found.gap(Gap.BINARY)
        found.add(role, kind, audio.get("transcript"), (*path, "audio", "transcript"))
    found.rest(role, message, path, _MESSAGE)


def add_prompt(prompt: Any, path: Path, found: Gatherer) -> None:
    """A text, several, or numbers of tokens, which nobody can read; or one that is kept."""
    if isinstance(prompt, dict):
        if "variables" in prompt or "id" in prompt:
            add_prompt_template(prompt, path, found)
        else:
            add_part(prompt, path, "user", "text", found)
        return
    found.texts("user", "text", prompt, path)
    if isinstance(prompt, list) and any(not isinstance(part, (str, dict)) for part in prompt):
        found.gap(Gap.BINARY)
    for index, part in objects(prompt):
        add_part(part, (*path, index), "user", "text", found)


def response(body: Any, found: Gatherer) -> None:
    """A whole completion; what has no choices, such as an error, is gathered as it is."""
    if not isinstance(body, dict):
        found.leaves("unknown", "other", body, ())
        return
    for index, choice in objects(body.get("choices")):
        path: Path = ("choices", index)
        echoes: Echoes = (((*path, "logprobs"), b"null"),) if choice.get("logprobs") else ()
        message = choice.get("message")
        if isinstance(message, dict):
            add_message(message, (*path, "message"), found, echoes)
        found.add("assistant", "text", choice.get("text"), (*path, "text"), echoes)
        found.rest("assistant", choice, path, _CHOICE)
    found.rest("unknown", body, (), _RESPONSE)


class ChatStream:
    """The events of a streamed completion."""

    repeats = False

    def event(self, event: Json, name: bytes) -> Event:
        del name
        read = Event()
        choices = event.get("choices")
        if isinstance(choices, list):
            for place, choice in objects(choices):
                _read_choice(choice, place, read)
        read.rest(event, (), _RESPONSE)
        return read

    def delta(self, template: Json, piece: Piece, text: str) -> Json:
        _, _, index = piece.scope.partition(":")
        sort, *numbers = piece.channel.split(":")
        choice: Json = {"index": int(index or 0)}
        if piece.path[2] == "text":
            choice["text"] = text
        elif sort == "tool":
            call = {"index": int(numbers[1]), piece.path[-2]: {piece.path[-1]: text}}
            choice["delta"] = {"tool_calls": [call]}
        else:
            choice["delta"] = _only(template, piece.path, text)
        choice["finish_reason"] = None
        frame = {key: value for key, value in template.items() if key not in {"usage", "choices"}}
        return frame | {"choices": [choice]}


def _only(template: Json, path: Path, text: str) -> Any:
    """The delta on `path` with `text` and what names the kind of it, without any other text."""
    inner: Any = template
    containers: list[Any] = []
    for step in path[:-1]:
        inner = inner[step]
        containers.append(inner)
    value: Any = text
    for step, container in zip(reversed(path[3:]), reversed(containers[2:]), strict=True):
        if isinstance(step, int):
            value = [value]
        else:
            value = {k: v for k, v in container.items() if k in _NAMING} | {step: value}
    return value


def _read_choice(choice: Json, place: int, read: Event) -> None:
    index = label(choice.get("index"), place)
    scope = "choice:" + index
    path: Path = ("choices", place)
    echoes: Echoes = (((*path, "logprobs"), b"null"),) if choice.get("logprobs") else ()
    delta = choice.get("delta")
    if isinstance(delta, dict):
        for key, value in delta.items():
            if value and key != "role":
                _read_member(key, value, (*path, "delta", key), index, scope, echoes, read)
    text = choice.get("text")
    if text:
        read.add("content:" + index, scope, "text", text, (*path, "text"), DELTA, echoes)
    message = choice.get("message")
    if message:
        read.leaves(message, (*path, "message"), "text")
    if choice.get("finish_reason") is not None:
        read.ends.append(scope)


def _read_member(  # noqa: PLR0917  # called for each text: keywords would cost
    key: str, value: Any, path: Path, index: str, scope: str, echoes: Echoes, read: Event
) -> None:
    if key == "content":
        if isinstance(value, str):
            read.add("content:" + index, scope, "text", value, path, DELTA, echoes)
        else:
            _read_parts(value, path, index, scope, read)
    elif key == "tool_calls":
        for place, call in objects(value):
            _read_call(call, (*path, place), index, label(call.get("index"), place), scope, read)
    elif key == "reasoning_content":
        read.add("reasoning:" + index, scope, "reasoning", value, path, DELTA, echoes)
    elif key == "reasoning":
        read.add(f"reasoning:{index}:1", scope, "reasoning", value, path, DELTA, echoes)
    elif key == "refusal":
        read.add("refusal:" + index, scope, "refusal", value, path, DELTA, echoes)
    elif key == "function_call" and isinstance(value, dict):
        inner = (*path, "arguments")
        channel = f"call:{index}"
        read.add(channel, scope, "tool_call_arguments", value.get("arguments"), inner)
    elif key == "audio" and isinstance(value, dict):
        read.gaps.add(Gap.BINARY)
        inner = (*path, "transcript")
        read.add("transcript:" + index, scope, "text", value.get("transcript"), inner)
    elif key == "reasoning_details":
        for place, detail in objects(value):
            for name in ("text", "summary"):
                channel = f"reasoning:{index}:{name}:{label(detail.get('index'), place)}"
                inner = (*path, place, name)
                read.add(channel, scope, "reasoning", detail.get(name), inner)
    else:
        read.leaves(value, path)


def _read_parts(value: Any, path: Path, index: str, scope: str, read: Event) -> None:
    """A content in parts, as Mistral's reasoning models stream it."""
    for place, part in objects(value):
        inner = (*path, place)
        text = part.get("text")
        if part.get("type") == "text" and isinstance(text, str):
            read.add("content:" + index, scope, "text", text, (*inner, "text"))
        elif part.get("type") == "thinking":
            for number, thought in objects(part.get("thinking")):
                place_of = (*inner, "thinking", number, "text")
                channel = "reasoning:" + index
                read.add(channel, scope, "reasoning", thought.get("text"), place_of)
        else:
            read.leaves(part, inner, "text")


def _read_call(  # noqa: PLR0917  # called for each text: keywords would cost
    call: Json, path: Path, index: str, number: str, scope: str, read: Event
) -> None:
    for key in ("function", "custom"):
        inner = call.get(key)
        if isinstance(inner, dict):
            for name in ("arguments", "input"):
                value = inner.get(name)
                place = (*path, key, name)
                if isinstance(value, str):
                    channel = f"tool:{index}:{number}"
                    read.add(channel, scope, "tool_call_arguments", value, place)
                elif value:
                    read.leaves(value, place, "tool_call_arguments")


CHAT: Final = Form("openai_chat", request, response, ChatStream(), "messages", add_message)
