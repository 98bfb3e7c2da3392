"""OpenAI's chat completions, which many servers speak, and its older completions.

Channels of a stream, by choice: `content:0`, `refusal:0`, `reasoning:0`, `transcript:0`, `tool:0:1`
for the arguments of the choice's second tool call, and `other:0:NAME` for what has another name.

Some servers send the message so far next to each delta. It is shown as it is, and emptied in an
event whose delta is edited: what is held back of the one would be read in the other. A message
without a delta is taken for one, but for the last, which is whole.
"""

from __future__ import annotations

from typing import Any, Final

from gateway.plugin.coverage import Gap
from gateway.plugin.text import Path
from gateway.providers.delta_texts import DeltaTexts, frame_of, only
from gateway.providers.dialect import DELTA, Echoes, Event, Form, Json, Piece, label, objects
from gateway.providers.gathering import Gatherer
from gateway.providers.openai_parts import (
    CALL_KNOWN,
    FUNCTION_KNOWN,
    KINDS,
    PICTURES,
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
    {"content", "tool_calls", "function_call", "refusal", "audio", "images", *_REASONING}
)
_REQUEST: Final = frozenset({"messages", "tools", "functions", "prompt", "suffix", "documents"})
_RESPONSE: Final = frozenset({"choices"})
_CHOICE: Final = frozenset({"message", "text"})
_EVENT_CHOICE: Final = frozenset({"index", "delta", "text", "message", "finish_reason", "logprobs"})
_AUDIO: Final = frozenset({"id", "data", "expires_at", "transcript"})
_DETAIL: Final = frozenset({"type", "id", "index", "format", "text", "summary", "data"})
_RUNNING: Final = {
    "reasoning_content": ("reasoning", "reasoning", ""),
    "reasoning": ("reasoning", "reasoning", ":1"),
    "refusal": ("refusal", "refusal", ""),
}
"""Members of a delta that are text: the channel's name, its kind, and how its name ends."""
_THINKING: Final = frozenset({"type", "thinking", "index"})
_TEXT: Final = frozenset({"type", "text", "index"})
_SO_FAR: Final = b'{"role":"assistant","content":""}'


def request(body: Json, found: Gatherer) -> None:
    """`POST /v1/chat/completions`, `POST /v1/completions`."""
    messages = body.get("messages")
    if isinstance(messages, list):
        for index, message in enumerate(messages):
            if isinstance(message, dict):
                add_message(message, ("messages", index), found)
            else:
                found.leaves("unknown", "text", message, ("messages", index))
    else:
        found.leaves("unknown", "text", messages, ("messages",))
    add_prompt(body.get("prompt"), ("prompt",), found)
    found.add("user", "text", body.get("suffix"), ("suffix",))
    found.leaves("user", "document", body.get("documents"), ("documents",))
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
    refusal = message.get("refusal")
    if isinstance(refusal, str):
        found.add(role, "refusal", refusal, (*path, "refusal"), echoes)
    elif refusal is not None:
        found.leaves(role, "refusal", refusal, (*path, "refusal"))
    for key in _REASONING:
        found.leaves(role, "reasoning", message.get(key), (*path, key))
    calls = message.get("tool_calls")
    if calls is not None:
        add_tool_calls(calls, (*path, "tool_calls"), found)
    function = message.get("function_call")
    if function is not None:
        add_function(function, (*path, "function_call"), found)
    audio = message.get("audio")
    if isinstance(audio, dict):
        found.gap(Gap.BINARY)
        found.add(role, kind, audio.get("transcript"), (*path, "audio", "transcript"))
        found.rest(role, audio, (*path, "audio"), _AUDIO)
    elif audio is not None:
        found.leaves(role, "other", audio, (*path, "audio"))
    if message.get("images"):
        found.gap(Gap.IMAGE)
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
    choices = body.get("choices")
    if isinstance(choices, list):
        for index, choice in enumerate(choices):
            if isinstance(choice, dict):
                _add_choice(choice, ("choices", index), found)
            else:
                found.leaves("assistant", "other", choice, ("choices", index))
    else:
        found.leaves("assistant", "other", choices, ("choices",))
    found.rest("unknown", body, (), _RESPONSE)


def _add_choice(choice: Json, path: Path, found: Gatherer) -> None:
    echoes: Echoes = (((*path, "logprobs"), b"null"),) if choice.get("logprobs") else ()
    message = choice.get("message")
    if isinstance(message, dict):
        add_message(message, (*path, "message"), found, echoes)
    else:
        found.leaves("assistant", "text", message, (*path, "message"))
    text = choice.get("text")
    if isinstance(text, str):
        found.add("assistant", "text", text, (*path, "text"), echoes)
    else:
        found.leaves("assistant", "text", text, (*path, "text"))
    found.rest("assistant", choice, path, _CHOICE)


class ChatStream:
    """The events of a streamed completion."""

    repeats = False

    def event(self, event: Json, name: bytes) -> Event:
        del name
        read = Event()
        choices = event.get("choices")
        if isinstance(choices, list):
            for place, choice in enumerate(choices):
                if isinstance(choice, dict):
                    _read_choice(choice, place, read)
                else:
                    read.leaves(choice, ("choices", place))
        elif choices:
            read.leaves(choices, ("choices",))
        read.rest(event, (), _RESPONSE)
        return read

    def delta(self, template: Json, piece: Piece, text: str) -> Json:
        _, _, index = piece.scope.partition(":")
        sort, *numbers = piece.channel.split(":")
        choice: Json = {"index": int(index or 0)}
        member = str(piece.path[2])
        if sort == "tool":
            call = {"index": int(numbers[1]), piece.path[-2]: {piece.path[-1]: text}}
            choice[member] = {"tool_calls": [call]}
        else:
            choice[member] = only(template, piece.path, 3, text)
        if member != "delta" and "delta" in template["choices"][piece.path[1]]:
            choice["delta"] = {}
        choice["finish_reason"] = None
        return frame_of(template) | {"choices": [choice]}


def _read_choice(choice: Json, place: int, read: Event) -> None:
    index = label(choice.get("index"), place)
    scope = "choice:" + index
    path: Path = ("choices", place)
    first = len(read.pieces)
    echoes: Echoes = (((*path, "logprobs"), b"null"),) if choice.get("logprobs") else ()
    delta = choice.get("delta")
    if isinstance(delta, dict):
        for key, value in delta.items():
            if value and key != "role":
                _read_member(key, value, (*path, "delta", key), index, scope, echoes, read)
    elif delta:
        DeltaTexts(read, scope, "text").value(delta, (*path, "delta"), "content:" + index)
    text = choice.get("text")
    if isinstance(text, str):
        read.add("content:" + index, scope, "text", text, (*path, "text"), DELTA, echoes)
    elif text:
        DeltaTexts(read, scope, "text").value(text, (*path, "text"), "content:" + index)
    message = choice.get("message")
    if message:
        if _is_next(choice, message):
            for key, value in message.items():
                if value and key != "role":
                    _read_member(key, value, (*path, "message", key), index, scope, (), read)
        else:
            _read_message(message, (*path, "message"), read, first)
    if not _EVENT_CHOICE.issuperset(choice):
        unnamed = {key: value for key, value in choice.items() if key not in _EVENT_CHOICE}
        DeltaTexts(read, scope).inner(unnamed, path, (), "other:" + index)
    if choice.get("finish_reason") is not None:
        read.ends.append(scope)


def _is_next(choice: Json, message: Any) -> bool:
    """Whether a message is the next part of one: there is no delta, and no end."""
    return (
        isinstance(message, dict) and "delta" not in choice and choice.get("finish_reason") is None
    )


def _read_message(message: Any, path: Path, read: Event, first: int) -> None:
    """The message so far, or the whole one; `first` is the number of the choice's first piece."""
    emptied: Echoes = ((path, _SO_FAR),)
    for piece in read.pieces[first:]:
        piece.echoes += emptied
    found = Gatherer()
    if isinstance(message, dict):
        add_message(message, path, found)
    else:
        found.leaves("assistant", "text", message, path)
    read.add_gathered(found)


def _read_member(  # noqa: PLR0917  # called for each text: keywords would cost
    key: str, value: Any, path: Path, index: str, scope: str, echoes: Echoes, read: Event
) -> None:
    if key == "content":
        if isinstance(value, str):
            read.add("content:" + index, scope, "text", value, path, DELTA, echoes)
        else:
            _read_parts(value, path, index, scope, read)
    elif key == "tool_calls":
        _read_calls(value, path, index, scope, read)
    elif key in _RUNNING:
        name, kind, last = _RUNNING[key]
        channel = f"{name}:{index}{last}"
        if isinstance(value, str):
            read.add(channel, scope, kind, value, path, DELTA, echoes)
        else:
            DeltaTexts(read, scope, kind).value(value, path, channel)
    elif key == "function_call" and isinstance(value, dict):
        _read_function(value, path, "call:" + index, "other:" + index, scope, read)
    elif key == "audio" and isinstance(value, dict):
        read.gaps.add(Gap.BINARY)
        inner = (*path, "transcript")
        read.add("transcript:" + index, scope, "text", value.get("transcript"), inner)
        if not _AUDIO.issuperset(value):
            DeltaTexts(read, scope).inner(value, path, _AUDIO, f"other:{index}:audio")
    elif key == "reasoning_details" and isinstance(value, list):
        for place, detail in enumerate(value):
            _read_detail(detail, place, (*path, place), index, scope, read)
    else:
        if key == "images":
            read.gaps.add(Gap.IMAGE)
            return
        DeltaTexts(read, scope).member(key, value, path, f"other:{index}:{key}")


def _read_parts(value: Any, path: Path, index: str, scope: str, read: Event) -> None:
    """A content in parts, as Mistral's reasoning models stream it."""
    channel = "content:" + index
    texts = DeltaTexts(read, scope, "text")
    if not isinstance(value, list):
        texts.value(value, path, channel)
        return
    for place, part in enumerate(value):
        inner = (*path, place)
        if not isinstance(part, dict):
            texts.value(part, inner, channel)
            continue
        sort = part.get("type")
        if sort == "thinking":
            thoughts = DeltaTexts(read, scope, "reasoning")
            thoughts.value(part.get("thinking"), (*inner, "thinking"), "reasoning:" + index)
            texts.inner(part, inner, _THINKING, f"other:{index}:content")
        elif isinstance(sort, str) and sort in PICTURES:
            read.gaps.add(Gap.IMAGE)
        elif sort == "text" and isinstance(part.get("text"), str):
            texts.part(part["text"], (*inner, "text"), channel)
            texts.inner(part, inner, _TEXT, f"other:{index}:content")
        else:
            texts.inner(part, inner, (), channel)


def _read_detail(  # noqa: PLR0917  # called for each text: keywords would cost
    detail: Any, place: int, path: Path, index: str, scope: str, read: Event
) -> None:
    texts = DeltaTexts(read, scope, "reasoning")
    if not isinstance(detail, dict):
        texts.value(detail, path, f"reasoning:{index}:text:0")
        return
    number = label(detail.get("index"), place)
    for name in ("text", "summary"):
        texts.value(detail.get(name), (*path, name), f"reasoning:{index}:{name}:{number}")
    if not _DETAIL.issuperset(detail):
        texts.inner(detail, path, _DETAIL, f"other:{index}:reasoning_details")


def _read_calls(value: Any, path: Path, index: str, scope: str, read: Event) -> None:
    other = f"other:{index}:tool_calls"
    if not isinstance(value, list):
        DeltaTexts(read, scope, "tool_call_arguments").value(value, path, other)
        return
    for place, call in enumerate(value):
        at = (*path, place)
        if not isinstance(call, dict):
            DeltaTexts(read, scope, "tool_call_arguments").value(call, at, other)
            continue
        number = label(call.get("index"), place)
        for key in ("function", "custom"):
            function = call.get(key)
            if function:
                channel = f"tool:{index}:{number}"
                _read_function(function, (*at, key), channel, other, scope, read)
        if not CALL_KNOWN.issuperset(call):
            DeltaTexts(read, scope).inner(call, at, CALL_KNOWN, other)


def _read_function(  # noqa: PLR0917  # called for each text: keywords would cost
    function: Any, path: Path, channel: str, other: str, scope: str, read: Event
) -> None:
    """What is called; arguments that are no text come whole."""
    if not isinstance(function, dict):
        _read_data(function, path, read)
        return
    for name in ("arguments", "input"):
        value = function.get(name)
        if isinstance(value, str):
            read.add(channel, scope, "tool_call_arguments", value, (*path, name))
        elif value:
            _read_data(value, (*path, name), read)
    if not FUNCTION_KNOWN.issuperset(function):
        DeltaTexts(read, scope).inner(function, path, FUNCTION_KNOWN, other)


def _read_data(value: Any, path: Path, read: Event) -> None:
    found = Gatherer()
    found.data("assistant", "tool_call_arguments", value, path)
    read.add_gathered(found)


CHAT: Final = Form("openai_chat", request, response, ChatStream(), "messages", add_message)
