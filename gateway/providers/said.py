"""What a person said last in a request, and what a model said in an answer: the plain text of both.

For digests of what was said, which anybody who holds the text can compute. So it is the visible
text alone, without what frames it: no reasoning, no arguments of tools, no system prompt.

    prompt   the texts of the last messages of the user that stand together, joined by a line feed;
             messages without a text (results of tools, pictures) are passed over
    answer   the text of the first choice, as one

Told by structure and not by dialect: a body of an unknown form says nothing.
"""

from __future__ import annotations

from typing import Any, Final

from gateway.plugin.text import Path

_TEXT_PARTS: Final = frozenset({None, "text", "input_text", "output_text"})
_PROMPTS: Final = ("prompt", "inputText")
_ROLE: Final = "user"
_PLACES: Final[tuple[Path, ...]] = (
    ("choices", 0, "delta", "content"),
    ("choices", 0, "text"),
    ("delta", "text"),
    ("delta",),
    ("message", "content"),
    ("response",),
    ("candidates", 0, "content", "parts", 0, "text"),
    ("contentBlockDelta", "delta", "text"),
)
"""Where events hold what was said as one text."""
_ANOTHER: Final = "\0another text\0"


def prompt_said(body: Any) -> str:
    """What the user said last in the JSON value of a request."""
    if type(body) is not dict:
        return ""
    for key in ("messages", "input", "contents"):
        turns = body.get(key)
        if type(turns) is list:
            return _last_turns(turns)
        if type(turns) is str:
            return turns
    for key in _PROMPTS:
        value = body.get(key)
        if type(value) is str:
            return value
        if type(value) is list:
            return "\n".join([text for text in value if type(text) is str])
    return ""


def answer_said(body: Any) -> str:
    """What the model said in the JSON value of a whole answer."""
    if type(body) is list:  # Gemini's stream as one array
        return "".join([event_said(event) for event in body])
    if type(body) is not dict:
        return ""
    content = body.get("content")
    if type(content) is list:
        return _parts(content)
    output = body.get("output")
    if type(output) is list:
        return "".join([_content(item) for item in output if _is_message(item)])
    if type(output) is dict:
        return _content(output.get("message"))
    return event_said(body)


def event_said(event: Any) -> str:
    """What the model said in the JSON value of one event of a stream."""
    if type(event) is not dict:
        return ""
    choices = event.get("choices")
    if choices is not None:
        return _choice(choices)
    delta = event.get("delta")
    if delta is not None:
        if type(delta) is str:
            return delta if event.get("type") == "response.output_text.delta" else ""
        return _text_of(delta)
    candidates = event.get("candidates")
    if candidates is not None:
        first = candidates[0] if type(candidates) is list and candidates else None
        return _content(first)
    if "contentBlockDelta" in event:
        return event_said(event["contentBlockDelta"])
    if "done" in event:  # Ollama
        said = event.get("response")
        return said if type(said) is str else _content(event.get("message"))
    for key in ("outputText", "generation", "completion"):
        said = event.get(key)
        if type(said) is str:
            return said
    return ""


def said_path(event: Any) -> Path | None:
    """Where in the JSON value of an event the text stands that `event_said` gives, if it is one.

    Told by putting another one there for a moment: so nothing else is read as what was said.
    """
    for path in _PLACES:
        holder = event
        for step in path[:-1]:
            holder = _step(holder, step)
        text = _step(holder, path[-1])
        if type(text) is not str or not text:
            continue
        holder[path[-1]] = _ANOTHER
        is_said = event_said(event) == _ANOTHER
        holder[path[-1]] = text
        if is_said:
            return path
    return None


def _step(value: Any, step: str | int) -> Any:
    """The member or element of that name or number; None where there is none."""
    if type(value) is dict:
        return value.get(step)
    return value[step] if type(value) is list and type(step) is int and value else None


def _choice(choices: Any) -> str:
    if type(choices) is not list:
        return ""
    for choice in choices:
        if type(choice) is dict and not choice.get("index"):
            inner = choice.get("delta") or choice.get("message")
            if type(inner) is dict:
                content = inner.get("content")
                return content if type(content) is str else _parts(content)
            return _text_of(choice)
    return ""


def _is_message(item: Any) -> bool:
    return type(item) is dict and item.get("type", "message") == "message"


def _last_turns(turns: list[Any]) -> str:
    said: list[str] = []
    for turn in turns[::-1]:
        user = type(turn) is dict and turn.get("role", _ROLE) == _ROLE
        text = _content(turn) if user else ""
        if text:
            said.append(text)
        elif said:
            break
    said.reverse()
    return "\n".join(said)


def _content(message: Any) -> str:
    """The text of a message, whose content is a text or a list of parts."""
    if type(message) is not dict:
        return ""
    content = message.get("content")
    if type(content) is str:
        return content
    if type(content) is dict:  # Gemini's candidate
        return _parts(content.get("parts"))
    return _parts(content if content is not None else message.get("parts"))


def _parts(parts: Any) -> str:
    if type(parts) is not list:
        return ""
    return "".join([_part(part) for part in parts])


def _part(part: Any) -> str:
    if type(part) is str:
        return part
    if type(part) is not dict or part.get("type") not in _TEXT_PARTS or part.get("thought"):
        return ""
    return _text_of(part)


def _text_of(value: Any) -> str:
    text = value.get("text") if type(value) is dict else None
    return text if type(text) is str else ""
