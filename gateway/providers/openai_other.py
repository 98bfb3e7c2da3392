"""OpenAI's smaller APIs: embeddings, moderations, assistants and threads, and whatever is new.

A member is known by its name, in whatever object it stands: `messages`, `input`, `items`,
`instructions`, `tools`. Everything else is gathered as it is.
"""

from __future__ import annotations

from typing import Any, Final

from gateway.plugin.text import Path
from gateway.providers.delta_texts import DeltaTexts, frame_of, only
from gateway.providers.dialect import ALL, REPEAT, Event, Form, Json, Piece, label, objects, word
from gateway.providers.gathering import Gatherer
from gateway.providers.openai_chat import add_message, add_prompt
from gateway.providers.openai_parts import KINDS, add_content, add_tools, role_of
from gateway.providers.openai_responses import add_item, add_items, is_item

_INSTRUCTIONS: Final = ("instructions", "additional_instructions")
_MESSAGES: Final = ("messages", "additional_messages")
_PROMPTS: Final = ("input", "prompt", "query", "text")
_WITHIN: Final = ("thread", "session")
"""Objects that hold what a request may hold itself."""
_REQUEST: Final = frozenset(
    {*_INSTRUCTIONS, *_MESSAGES, *_PROMPTS, *_WITHIN, "items", "documents", "tools", "content"}
)
_ENDS: Final = frozenset({"done", "completed", "failed", "cancelled", "expired"})
_DELTA: Final = frozenset({"delta"})
_CONTENT: Final = frozenset({"content"})
_TEXT: Final = frozenset({"text"})
_ITEM: Final = frozenset({"embedding", "b64_json", "content"})


def request(body: Json, found: Gatherer, path: Path = ()) -> None:
    """Any request with a JSON body."""
    for key in _INSTRUCTIONS:
        found.leaves("system", "system", body.get(key), (*path, key))
    for key in _MESSAGES:
        for index, message in objects(body.get(key)):
            add_message(message, (*path, key, index), found)
    for key in _PROMPTS:
        add_prompt(body.get(key), (*path, key), found)
    add_items(body.get("items"), (*path, "items"), found)
    found.leaves("user", "document", body.get("documents"), (*path, "documents"))
    add_tools(body.get("tools"), (*path, "tools"), found)
    role = role_of(body)
    add_content(body.get("content"), (*path, "content"), role, KINDS.get(role, "text"), found)
    for key in _WITHIN:
        inner = body.get(key)
        if isinstance(inner, dict) and not path:
            request(inner, found, (key,))
        else:
            found.leaves("unknown", "other", inner, (*path, key))
    found.rest("unknown", body, path, _REQUEST)


def response(body: Any, found: Gatherer) -> None:
    """Any answer with a JSON body."""
    if not isinstance(body, dict):
        found.leaves("unknown", "other", body, ())
        return
    if is_item(body):
        add_item(body, (), found)
        return
    _add_object(body, (), found)
    data = body.get("data")
    if isinstance(data, list):
        for index, item in enumerate(data):
            if isinstance(item, dict) and is_item(item):
                add_item(item, ("data", index), found)
            elif isinstance(item, dict):
                _add_object(item, ("data", index), found)
            else:
                found.leaves("unknown", "other", item, ("data", index))


def _add_object(item: Json, path: Path, found: Gatherer) -> None:
    role = role_of(item)
    add_content(item.get("content"), (*path, "content"), role, KINDS.get(role, "text"), found)
    found.rest(role, item, path, _ITEM | {"data"} if not path else _ITEM)


class ThreadStream:
    """The events of an assistant's run: `thread.message.delta` and its like; other deltas as well.

    Of these a type says what they go on with (`transcript.text.delta`), and what ends it.
    """

    repeats = True

    def event(self, event: Json, name: bytes) -> Event:
        read = Event()
        delta = event.get("delta")
        if name == b"thread.message.delta" and isinstance(delta, dict):
            _read_parts(delta, ("delta", "content"), read, repeat=False)
            read.rest(delta, ("delta",), _CONTENT)
            read.rest(event, (), _DELTA)
        elif name in {b"thread.message.completed", b"thread.message.incomplete"}:
            _read_parts(event, ("content",), read, repeat=True)
            read.rest(event, (), _CONTENT)
            read.ends.append(ALL)
        elif isinstance(delta, (str, dict)):
            _read_delta(event, name, read)
        else:
            _read_whole(event, name, read)
        return read

    def delta(self, template: Json, piece: Piece, text: str) -> Json:
        if piece.path[:2] != ("delta", "content"):
            return frame_of(template) | {"delta": only(template, piece.path, 1, text)}
        index = int(piece.scope.partition(":")[2])
        part = {"index": index, "type": "text", "text": {"value": text}}
        return frame_of(template) | {"delta": {"content": [part]}}


def _sort(event: Json, name: bytes) -> tuple[str, str]:
    """The channel of what an event is about, and what happens to it.

    By its type, or its name in the framing; a server chooses both, so the channel cannot be that of
    a kind.
    """
    sort = word(event.get("type")) or name.decode("utf-8", "replace")
    about, _, happens = sort.rpartition(".")
    return f"delta:{about}" if about else "delta", happens


def _read_delta(event: Json, name: bytes, read: Event) -> None:
    about = _sort(event, name)[0]
    delta = event["delta"]
    texts = DeltaTexts(read, about)
    if isinstance(delta, str):
        texts.part(delta, ("delta",), about)
    else:
        texts.members(delta, ("delta",), (), about)
    read.rest(event, (), _DELTA)


def _read_whole(event: Json, name: bytes, read: Event) -> None:
    """An event that goes on with nothing; the last one says once more what came in parts."""
    about, happens = _sort(event, name)
    text = event.get("text")
    if happens == "done" and isinstance(text, str):
        read.add(about, about, "other", text, ("text",), REPEAT)
        read.rest(event, (), _TEXT)
    else:
        read.leaves(event, ())
    if name in {b"done", b"thread.run.completed"}:
        read.ends.append(ALL)
    elif happens in _ENDS and about != "delta":
        read.ends.append(about)


def _read_parts(holder: Json, path: Path, read: Event, *, repeat: bool) -> None:
    for place, part in objects(holder.get("content")):
        text = part.get("text")
        if part.get("type") != "text" or not isinstance(text, dict):
            read.leaves(part, (*path, place), "text")
            continue
        index = label(part.get("index"), place)
        scope = "part:" + index
        value = text.get("value")
        inner = (*path, place, "text", "value")
        if repeat:
            read.add("content:" + index, scope, "text", value, inner, REPEAT)
        else:
            read.add("content:" + index, scope, "text", value, inner)
        read.rest(text, (*path, place, "text"), frozenset({"value"}))


OTHER: Final = Form("openai", request, response, ThreadStream())
