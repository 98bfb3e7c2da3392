"""The messages of Gemini's live sessions (WebSockets), in both directions; JSON, often in bytes.

Channels of the server: `content:0`, `reasoning:0`, and what was said aloud, `transcript:0` by the
model and `input:0` by the user. A turn ends them all.
"""

from __future__ import annotations

from typing import Any, Final

from gateway.plugin.coverage import Gap
from gateway.plugin.text import Path
from gateway.providers.dialect import ALL, DELTA, Event, Form, Json, Piece, objects
from gateway.providers.gathering import Gatherer
from gateway.providers.gemini import add_message, add_request, read_part

_CLIENT: Final = frozenset({"setup", "clientContent", "realtimeInput", "toolResponse"})
_SERVER: Final = frozenset({"serverContent", "toolCall"})
_CONTENT: Final = frozenset({"modelTurn", "outputTranscription", "inputTranscription"})
_SOUNDS: Final = frozenset({"audio", "video", "mediaChunks"})
_TURN_ENDS: Final = ("turnComplete", "generationComplete", "interrupted")
_TRANSCRIPTS: Final = (
    ("outputTranscription", "transcript:0", "assistant"),
    ("inputTranscription", "input:0", "user"),
)
_SCOPE: Final = "candidate:0"


def gather(message: Any, found: Gatherer) -> None:
    """One message of either side."""
    if not isinstance(message, dict):
        found.leaves("unknown", "other", message, ())
        return
    setup = message.get("setup")
    if isinstance(setup, dict):
        add_request(setup, ("setup",), found)
    _add_turns(message.get("clientContent"), found)
    _add_input(message.get("realtimeInput"), found)
    _add_results(message.get("toolResponse"), found)
    found.rest("unknown", message, (), _CLIENT)


def _add_turns(content: Any, found: Gatherer) -> None:
    if isinstance(content, dict):
        for index, turn in objects(content.get("turns")):
            add_message(turn, ("clientContent", "turns", index), found)
        found.rest("unknown", content, ("clientContent",), ("turns",))


def _add_input(given: Any, found: Gatherer) -> None:
    if isinstance(given, dict):
        found.add("user", "text", given.get("text"), ("realtimeInput", "text"))
        if not _SOUNDS.isdisjoint(given):
            found.gap(Gap.BINARY)
        found.rest("user", given, ("realtimeInput",), {"text"} | _SOUNDS)


def _add_results(response: Any, found: Gatherer) -> None:
    if isinstance(response, dict):
        path: Path = ("toolResponse", "functionResponses")
        for index, result in objects(response.get("functionResponses")):
            at = (*path, index)
            found.data("tool", "tool_result", result.get("response"), (*at, "response"))
            found.rest("tool", result, at, ("response", "name"))
        found.rest("tool", response, ("toolResponse",), ("functionResponses",))


class LiveStream:
    """The messages of the server."""

    repeats = False

    def event(self, event: Json, name: bytes) -> Event:
        del name
        read = Event()
        content = event.get("serverContent")
        if isinstance(content, dict):
            _read_content(content, read)
        call = event.get("toolCall")
        if isinstance(call, dict):
            for index, function in objects(call.get("functionCalls")):
                found = Gatherer()
                path = ("toolCall", "functionCalls", index, "args")
                found.data("assistant", "tool_call_arguments", function.get("args"), path)
                read.add_gathered(found)
        read.rest(event, (), _SERVER)
        return read

    def delta(self, template: Json, piece: Piece, text: str) -> Json:
        del template
        for key, channel, _ in _TRANSCRIPTS:
            if piece.channel == channel:
                return {"serverContent": {key: {"text": text}}}
        part: Json = {"text": text}
        if piece.kind == "reasoning":
            part["thought"] = True
        return {"serverContent": {"modelTurn": {"role": "model", "parts": [part]}}}


def _read_content(content: Json, read: Event) -> None:
    turn = content.get("modelTurn")
    if isinstance(turn, dict):
        for number, part in objects(turn.get("parts")):
            read_part(part, ("serverContent", "modelTurn", "parts", number), "0", (), read)
    for key, channel, role in _TRANSCRIPTS:
        said = content.get(key)
        text = said.get("text") if isinstance(said, dict) else None
        if text and isinstance(text, str):
            path: Path = ("serverContent", key, "text")
            read.pieces.append(Piece(channel, _SCOPE, "text", text, path, DELTA, (), role))
    if any(content.get(key) for key in _TURN_ENDS):
        read.ends.append(ALL)
    read.rest(content, ("serverContent",), _CONTENT)


LIVE: Final = Form("gemini_live", gather, gather, LiveStream())
