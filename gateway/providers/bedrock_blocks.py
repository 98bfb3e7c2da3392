"""The blocks of a message in Bedrock's converse: texts, documents, calls and results of tools."""

from __future__ import annotations

from typing import Any, Final

from gateway.plugin.coverage import Gap
from gateway.plugin.text import Path
from gateway.providers.dialect import Json
from gateway.providers.gathering import Gatherer
from gateway.providers.json_text import DEPTH_MAX
from gateway.providers.openai_parts import add_part

_MEDIA: Final = {"image": Gap.IMAGE, "video": Gap.BINARY, "audio": Gap.BINARY}
_STORED: Final = frozenset({"bytes", "s3Location"})
_BLOCK: Final = frozenset(
    {
        "toolUse",
        "toolResult",
        "reasoningContent",
        "guardContent",
        "searchResult",
        "citationsContent",
        "document",
        *_MEDIA,
    }
)


def add_blocks(content: Any, path: Path, role: str, kind: str, found: Gatherer) -> None:
    """A list of content blocks; of invoke also a text, or parts as a chat has them."""
    if not isinstance(content, list):
        found.leaves(role, kind, content, path)
    elif len(path) > DEPTH_MAX:
        found.gap(Gap.TOO_DEEP)
    else:
        for index, block in enumerate(content):
            add_block(block, (*path, index), role, kind, found)


def add_block(block: Any, path: Path, role: str, kind: str, found: Gatherer) -> None:
    """One block."""
    if isinstance(block, dict):
        _add_members(block, path, role, kind, found)
    else:
        found.leaves(role, kind, block, path)


def _add_members(block: Json, path: Path, role: str, kind: str, found: Gatherer) -> None:
    others: Json = {}
    for key, value in block.items():
        if key == "text":
            found.leaves(role, kind, value, (*path, key))
        elif key == "json":
            found.data(role, kind, value, (*path, key))
        elif key in _BLOCK and isinstance(value, dict):
            _add_member(key, value, (*path, key), role, kind, found)
        else:
            others[key] = value
    if not others:
        return
    if isinstance(others.get("type"), str) and others["type"] != "text":
        add_part(others, path, role, kind, found)
    else:
        found.rest(role, others, path, ())


def _add_member(  # noqa: PLR0917  # called for each block: keywords would cost
    key: str, member: Json, path: Path, role: str, kind: str, found: Gatherer
) -> None:
    tool = kind == "tool_result"
    if key == "toolUse":
        found.data("assistant", "tool_call_arguments", member.get("input"), (*path, "input"))
        found.rest("assistant", member, path, ("input", "name"))
    elif key == "toolResult":
        add_blocks(member.get("content"), (*path, "content"), "tool", "tool_result", found)
        found.rest("tool", member, path, ("content",))
    elif key == "reasoningContent":
        thought = (*path, "reasoningText")
        found.leaves(role, "reasoning", member.get("reasoningText"), thought)
        if "redactedContent" in member:
            found.gap(Gap.BINARY)
        found.rest(role, member, path, ("reasoningText", "redactedContent"))
    elif key == "document":
        _add_document(member, path, role, found, tool=tool)
    elif key == "citationsContent":
        add_blocks(member.get("content"), (*path, "content"), role, kind, found)
        found.rest(role, member, path, ("content",))
    elif key in _MEDIA:
        found.gap(_MEDIA[key], tool=tool)
        _add_media(member, path, role, found)
    elif key == "guardContent":
        _add_guarded(member, path, role, kind, found)
    else:  # searchResult
        found.leaves(role, kind, member, path)


def _add_guarded(member: Json, path: Path, role: str, kind: str, found: Gatherer) -> None:
    """What a guardrail looks at is said as any other text or picture is."""
    text = member.get("text")
    inner = (*path, "text")
    if isinstance(text, dict):
        found.leaves(role, kind, text.get("text"), (*inner, "text"))
        found.rest(role, text, inner, ("text",))
    else:
        found.leaves(role, kind, text, inner)
    if "image" in member:
        found.gap(Gap.IMAGE, tool=kind == "tool_result")
    found.rest(role, member, path, ("text", "image"))


def _add_document(document: Json, path: Path, role: str, found: Gatherer, *, tool: bool) -> None:
    found.leaves(role, "file_name", document.get("name"), (*path, "name"))
    found.leaves(role, "document", document.get("context"), (*path, "context"))
    source = document.get("source")
    inner = (*path, "source")
    if isinstance(source, dict):
        if not _STORED.isdisjoint(source):
            found.gap(Gap.BINARY, tool=tool)
        told = {key: value for key, value in source.items() if key not in _STORED}
        found.leaves(role, "document", told, inner)
    else:
        found.leaves(role, "document", source, inner)
    found.rest(role, document, path, ("name", "context", "source"))


def _add_media(member: Json, path: Path, role: str, found: Gatherer) -> None:
    """What is said about a picture, a video or a sound."""
    source = member.get("source")
    if isinstance(source, dict):
        found.rest(role, source, (*path, "source"), _STORED)
        found.rest(role, member, path, ("source",))
    else:
        found.rest(role, member, path, ())
