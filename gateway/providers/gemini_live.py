"""The messages of Gemini's live sessions (WebSockets), in both directions; JSON, often in bytes.

Channels of the server: `content:0`, `reasoning:0`, `tool:$.to:call:0` for an argument of a call
that comes in parts, and what was said aloud, `transcript:0` by the model and `input:0` by the user.
A turn ends them all. Members are read in both spellings, since Google's own client mixes them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias

from gateway.plugin.coverage import Gap
from gateway.plugin.text import Path
from gateway.providers.dialect import ALL, DELTA, Echoes, Event, Form, Json, Piece
from gateway.providers.gathering import Gatherer
from gateway.providers.gemini import (
    add_message,
    add_request,
    call_delta,
    call_end,
    part_delta,
    read_call,
    read_content,
)
from gateway.providers.gemini_parts import ARGUMENTS, add_file, add_result, members, spellings

Reader: TypeAlias = Callable[[Json, Path, Gatherer], None]

_SERVER_CONTENT: Final = spellings("serverContent")
_TOOL_CALL: Final = spellings("toolCall")
_FUNCTION_CALLS: Final = spellings("functionCalls")
_FUNCTION_RESPONSES: Final = spellings("functionResponses")
_MODEL_TURN: Final = spellings("modelTurn")
_SERVER: Final = frozenset({*_SERVER_CONTENT, *_TOOL_CALL, *spellings("usageMetadata")})
_SOUNDS: Final = spellings("audio", "video", "mediaChunks")
_INPUT: Final = frozenset({"text", *_SOUNDS})
_TURN_ENDS: Final = spellings("turnComplete", "generationComplete", "interrupted")
_SAID: Final = frozenset({"text", "words", *spellings("languageCode", "startOffset", "endOffset")})
_TRANSCRIPTS: Final = tuple(
    [
        (key, channel, role)
        for name, channel, role in (
            ("outputTranscription", "transcript:0", "assistant"),
            ("inputTranscription", "input:0", "user"),
        )
        for key in spellings(name)
    ]
)
_CONTENT: Final = frozenset({*_MODEL_TURN, *(key for key, _, _ in _TRANSCRIPTS)})
_SCOPE: Final = "candidate:0"


def gather(message: Any, found: Gatherer) -> None:
    """One message of either side."""
    if not isinstance(message, dict):
        found.leaves("unknown", "other", message, ())
        return
    for key, value in message.items():
        reader = _CLIENT.get(key)
        if reader is not None and isinstance(value, dict):
            reader(value, (key,), found)
        else:
            found.rest("unknown", {key: value}, (), ())


def _add_turns(content: Json, path: Path, found: Gatherer) -> None:
    for at, turn in members(content.get("turns"), (*path, "turns")):
        add_message(turn, at, found)
    found.rest("unknown", content, path, ("turns",))


def _add_input(given: Json, path: Path, found: Gatherer) -> None:
    found.add("user", "text", given.get("text"), (*path, "text"))
    for key in _SOUNDS:
        if key not in given:
            continue
        sounds = members(given[key], (*path, key))
        for at, sound in sounds:
            add_file(sound, at, "user", found)
        if not sounds:
            found.gap(Gap.BINARY)
    found.rest("user", given, path, _INPUT)


def _add_results(response: Json, path: Path, found: Gatherer) -> None:
    for key in _FUNCTION_RESPONSES:
        for at, result in members(response.get(key), (*path, key)):
            add_result(result, at, "tool", found)
    found.rest("tool", response, path, _FUNCTION_RESPONSES)


_CLIENT: Final[dict[str, Reader]] = {
    key: reader
    for name, reader in {
        "setup": add_request,
        "contextUpdate": add_request,
        "clientContent": _add_turns,
        "realtimeInput": _add_input,
        "toolResponse": _add_results,
    }.items()
    for key in spellings(name)
}


class LiveStream:
    """The messages of the server."""

    repeats = False

    def event(self, event: Json, name: bytes) -> Event:
        del name
        read = Event()
        for key in _SERVER_CONTENT:
            content = event.get(key)
            if isinstance(content, dict):
                _read_content(content, (key,), read)
        for key in _TOOL_CALL:
            call = event.get(key)
            if isinstance(call, dict):
                _read_calls(call, (key,), read)
        read.rest(event, (), _SERVER)
        return read

    def delta(self, template: Json, piece: Piece, text: str) -> Json:
        for key, channel, _ in _TRANSCRIPTS:
            if piece.channel == channel:
                return {"serverContent": {key: {"text": text}}}
        if piece.kind == ARGUMENTS and piece.path[0] in _TOOL_CALL:
            call = call_delta(template, piece, text)
            return {str(piece.path[0]): {str(piece.path[1]): [call]}}
        part = part_delta(template, piece, text)
        return {"serverContent": {"modelTurn": {"role": "model", "parts": [part]}}}


def _read_content(content: Json, path: Path, read: Event) -> None:
    for key in _MODEL_TURN:
        turn = content.get(key)
        if isinstance(turn, dict):
            read_content(turn, (*path, key), "0", (), read)
    for key, channel, role in _TRANSCRIPTS:
        said = content.get(key)
        if isinstance(said, dict):
            _read_transcript(said, (*path, key), channel, role, read)
    if any(content.get(key) for key in _TURN_ENDS):
        read.ends.append(ALL)
        read.over = call_end("0")
    read.rest(content, path, _CONTENT)


def _read_transcript(said: Json, path: Path, channel: str, role: str, read: Event) -> None:
    """What was said aloud; its words say it once more."""
    text = said.get("text")
    if text and isinstance(text, str):
        echoes: Echoes = (((*path, "words"), b"[]"),) if said.get("words") else ()
        piece = Piece(channel, _SCOPE, "text", text, (*path, "text"), DELTA, echoes, role)
        read.pieces.append(piece)
    elif said.get("words"):
        read.leaves(said["words"], (*path, "words"), "text", role)
    read.rest(said, path, _SAID)


def _read_calls(call: Json, path: Path, read: Event) -> None:
    for key in _FUNCTION_CALLS:
        for at, function in members(call.get(key), (*path, key)):
            read_call(function, at, "0", read)
    read.rest(call, path, frozenset(_FUNCTION_CALLS))


LIVE: Final = Form("gemini_live", gather, gather, LiveStream())
