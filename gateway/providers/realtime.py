"""The JSON events of realtime sessions (WebSockets), in both directions.

The server's events have the types and channels of the responses API; because a session has many
answers, some at once, the channel's name ends with the answer's id. What the user said is written
down by the server as well (`conversation.item.input_audio_transcription.*`, channel `input:ITEM`).
A client's events configure the session, add items, and ask for answers.
"""

from __future__ import annotations

from typing import Any, Final

from gateway.plugin.coverage import Gap
from gateway.plugin.text import Path
from gateway.providers.dialect import ALL, DELTA, REPEAT, Echoes, Event, Form, Json, Piece, word
from gateway.providers.gathering import Gatherer
from gateway.providers.openai_parts import add_prompt_template, add_tools
from gateway.providers.openai_responses import ResponsesStream, add_item, add_items

_EVENT: Final = frozenset({"session", "item", "response", "audio", "delta"})
_TRANSCRIPTION: Final = "conversation.item.input_audio_transcription."
_SESSION: Final = frozenset({"instructions", "tools", "input", "prompt"})


def gather(event: Any, found: Gatherer) -> None:
    """One event of either side."""
    if not isinstance(event, dict):
        found.leaves("unknown", "other", event, ())
        return
    for key in ("session", "response"):
        inner = event.get(key)
        if isinstance(inner, dict):
            _add_session(inner, (key,), found)
    item = event.get("item")
    if isinstance(item, dict):
        add_item(item, ("item",), found)
    if "audio" in event:
        found.gap(Gap.BINARY)
    found.leaves("assistant", "text", event.get("delta"), ("delta",))
    found.rest("unknown", event, (), _EVENT)


def _add_session(session: Json, path: Path, found: Gatherer) -> None:
    instructions = session.get("instructions")
    found.leaves("system", "system", instructions, (*path, "instructions"))
    add_prompt_template(session.get("prompt"), (*path, "prompt"), found)
    add_tools(session.get("tools"), (*path, "tools"), found)
    add_items(session.get("input"), (*path, "input"), found)
    found.rest("unknown", session, path, _SESSION)


class RealtimeStream:
    """The events of the server of a realtime session."""

    repeats = True

    def __init__(self) -> None:
        self._responses = ResponsesStream()

    def event(self, event: Json, name: bytes) -> Event:
        sort = word(event.get("type"))
        if sort.startswith(_TRANSCRIPTION):
            return _transcription(event, sort.removeprefix(_TRANSCRIPTION))
        if sort.startswith(("conversation.item.", "session.")):
            read = Event()
            found = Gatherer()
            gather(event, found)
            read.add_gathered(found)
            return read
        read = self._responses.event(event, name)
        answer = _answer_of(event)
        if answer:
            for piece in read.pieces:
                if piece.scope:
                    piece.channel = f"{piece.channel}:{answer}"
                    piece.scope = f"{piece.scope}:{answer}"
            read.ends = [f"{scope}:{answer}" for scope in read.ends if scope != ALL]
            if sort == "response.done":
                read.over = f":{answer}"
        return read

    def delta(self, template: Json, piece: Piece, text: str) -> Json:
        return self._responses.delta(template, piece, text)


def _answer_of(event: Json) -> str:
    """The id of the answer to which an event of the server belongs, or ""."""
    response = event.get("response")
    inner = response.get("id") if isinstance(response, dict) else None
    return word(event.get("response_id")) or word(inner)


def _transcription(event: Json, last: str) -> Event:
    """What the user said, in parts and then once more as a whole."""
    read = Event()
    channel = f"input:{word(event.get('item_id'))}"
    key, mode = ("delta", DELTA) if last == "delta" else ("transcript", REPEAT)
    text = event.get(key)
    if text and isinstance(text, str):
        read.pieces.append(
            Piece(channel, channel, "text", text, (key,), mode, _echo_of(event), "user")
        )
    if last == "completed":
        read.ends.append(channel)
        read.over = channel
    read.rest(event, (), frozenset({key}))
    return read


def _echo_of(event: Json) -> Echoes:
    return ((("logprobs",), b"[]"),) if event.get("logprobs") else ()


REALTIME: Final = Form("realtime", gather, gather, RealtimeStream())
