"""What OpenAI's APIs have in common: roles, content parts, tools."""

from __future__ import annotations

from typing import Any, Final

from gateway.plugin.coverage import Gap
from gateway.plugin.text import Path
from gateway.providers.dialect import Json, word
from gateway.providers.gathering import Gatherer

ROLES: Final = {
    "user": "user",
    "assistant": "assistant",
    "system": "system",
    "developer": "system",
    "tool": "tool",
    "function": "tool",
    "critic": "assistant",
    "discriminator": "assistant",
}
KINDS: Final = {"system": "system", "tool": "tool_result"}
"""The kind of what a role says; else it is `text`."""

_TEXTS: Final = frozenset({"text", "input_text", "output_text", "summary_text", "reasoning_text"})
PICTURES: Final = frozenset(
    {"image_url", "input_image", "image_file", "image", "computer_screenshot"}
)
_SOUNDS: Final = frozenset(
    {"input_audio", "output_audio", "audio", "video_url", "input_video", "video"}
)
_FILES: Final = frozenset({"file", "input_file"})
_INPUTS: Final = frozenset({*_TEXTS, *PICTURES, *_SOUNDS, *_FILES})
_PART_KNOWN: Final = frozenset({"type", "text", "logprobs"})
CALL_KNOWN: Final = frozenset({"id", "type", "index", "function", "custom"})
FUNCTION_KNOWN: Final = frozenset({"name", "arguments", "input"})


def role_of(message: Json) -> str:
    """The role of a message in the words of a `Span`."""
    role = message.get("role")
    return ROLES.get(role, "unknown") if isinstance(role, str) else "unknown"


def add_content(content: Any, path: Path, role: str, kind: str, found: Gatherer) -> None:
    """The content of a message: a text, a list of parts, or one part."""
    if isinstance(content, str):
        found.add(role, kind, content, path)
    elif isinstance(content, list):
        for index, part in enumerate(content):
            add_part(part, (*path, index), role, kind, found)
    elif content is not None:
        add_part(content, path, role, kind, found)


def add_part(part: Any, path: Path, role: str, kind: str, found: Gatherer) -> None:
    """One part of a content."""
    if not isinstance(part, dict):
        found.leaves(role, kind, part, path)
        return
    sort = word(part.get("type"))
    tool = kind == "tool_result"
    if sort in _TEXTS:
        echoes = _logprobs(part, path)
        text = part.get("text")
        if isinstance(text, str):
            found.add(role, kind, text, (*path, "text"), echoes)
        else:
            found.leaves(role, kind, text, (*path, "text"))  # assistants: {"value": ...}
        if len(part) > 2 or "text" not in part:  # noqa: PLR2004  # type and text
            found.rest(role, part, path, _PART_KNOWN)
    elif sort == "refusal":
        found.add(role, "refusal", part.get("refusal"), (*path, "refusal"))
    elif sort in PICTURES:
        found.gap(Gap.IMAGE, tool=tool)
    elif sort in _SOUNDS:
        found.gap(Gap.BINARY, tool=tool)
        audio = part.get("audio") if isinstance(part.get("audio"), dict) else part
        found.add(role, kind, part.get("transcript"), (*path, "transcript"))
        if audio is not part and isinstance(audio, dict):
            found.add(role, kind, audio.get("transcript"), (*path, "audio", "transcript"))
    elif sort in _FILES:
        inner = (*path, "file") if isinstance(part.get("file"), dict) else path
        file = part["file"] if isinstance(part.get("file"), dict) else part
        found.gap(Gap.BINARY, tool=tool)
        found.add(role, "file_name", file.get("filename"), (*inner, "filename"))
    elif sort == "thinking":
        found.leaves(role, "reasoning", part.get("thinking"), (*path, "thinking"))
    else:
        found.leaves(role, kind, part, path)


def _logprobs(part: Json, path: Path) -> tuple[tuple[Path, bytes], ...]:
    """The tokens of a text, which say it once more."""
    return (((*path, "logprobs"), b"[]"),) if part.get("logprobs") else ()


def add_tools(tools: Any, path: Path, found: Gatherer) -> None:
    """Descriptions of tools, with those of their parameters."""
    found.leaves("tool", "tool_description", tools, path)


def add_prompt_template(prompt: Any, path: Path, found: Gatherer) -> None:
    """A prompt that the provider keeps, with the values of its variables: texts, or parts."""
    if not isinstance(prompt, dict):
        found.leaves("unknown", "other", prompt, path)
        return
    found.rest("unknown", prompt, path, ("variables",))
    variables = prompt.get("variables")
    if isinstance(variables, dict):
        for name, value in variables.items():
            at = (*path, "variables", name)
            if isinstance(value, dict) and word(value.get("type")) in _INPUTS:
                add_part(value, at, "user", "text", found)
            else:
                found.every("user", "text", value, at)
    else:
        found.every("user", "text", variables, (*path, "variables"))


def add_tool_calls(calls: Any, path: Path, found: Gatherer) -> None:
    """The calls in a chat message; their arguments are JSON within a text."""
    if not isinstance(calls, list):
        found.data("assistant", "tool_call_arguments", calls, path)
        return
    for index, call in enumerate(calls):
        at = (*path, index)
        if not isinstance(call, dict):
            found.data("assistant", "tool_call_arguments", call, at)
            continue
        for key in ("function", "custom"):
            function = call.get(key)
            if function is not None:
                add_function(function, (*at, key), found)
        if not CALL_KNOWN.issuperset(call):
            found.rest("assistant", call, at, CALL_KNOWN)


def add_function(function: Any, path: Path, found: Gatherer) -> None:
    """What is called, and with what."""
    if not isinstance(function, dict):
        found.data("assistant", "tool_call_arguments", function, path)
        return
    for name in ("arguments", "input"):
        value = function.get(name)
        if value is not None:
            found.data("assistant", "tool_call_arguments", value, (*path, name))
    if not FUNCTION_KNOWN.issuperset(function):
        found.rest("assistant", function, path, FUNCTION_KNOWN)
