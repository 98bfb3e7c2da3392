"""The values of a tool's arguments, and what language the name of each says it is written in."""

from __future__ import annotations

import re
from enum import Enum
from typing import Any, Final, NamedTuple

import orjson

VALUES_MAX: Final = 4096
"""Values of one call that are looked at one by one; the rest is one text."""
DEPTH_MAX: Final = 64
LONG_CHARACTERS: Final = 400
LONG_LINES: Final = 4


class Language(Enum):
    """What a value is meant to be."""

    NONE = "none"
    CODE = "code"
    SHELL = "shell"
    SQL = "sql"
    URL = "url"
    PATH = "a path"


class Value(NamedTuple):
    """One text in the arguments; `name` is the nearest key above it."""

    name: str
    text: str


_LANGUAGES: Final = {
    **dict.fromkeys(
        ("code", "script", "patch", "diff", "source", "html", "css", "svg", "xml", "markdown",
         "template", "snippet", "regex", "regexp", "pattern", "edits", "replacement", "cell"),
        Language.CODE,
    ),
    **dict.fromkeys(("new_string", "old_string", "new_str", "old_str", "file_text", "insert_text",
                     "new_source", "file_content", "new_content", "tool_code"), Language.CODE),
    **dict.fromkeys(("command", "commands", "cmd", "shell", "bash", "argv", "exec", "powershell"),
                    Language.SHELL),
    **dict.fromkeys(("sql", "statement", "statements"), Language.SQL),
    **dict.fromkeys(("url", "uri", "href", "link", "endpoint", "urls", "address", "webhook"),
                    Language.URL),
    **dict.fromkeys(("path", "paths", "file", "files", "filename", "filenames", "filepath", "dir",
                     "directory", "folder", "cwd", "root", "log", "logs", "location", "dest",
                     "destination", "src"), Language.PATH),
}  # fmt: skip
_WORD: Final = re.compile(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])")


def language_of(name: str) -> Language:
    """What a value called so is written in."""
    known = _LANGUAGES.get(name.lower())
    if known is not None:
        return known
    for word in reversed(_WORD.findall(name[:64])):
        known = _LANGUAGES.get(word.lower())
        if known is not None:
            return known
    return Language.NONE


def is_long(text: str) -> bool:
    """Whether a text is a document or a program rather than a value."""
    return len(text) > LONG_CHARACTERS or text.count("\n") >= LONG_LINES


def values_of(arguments: str) -> list[Value]:
    """Every text in the arguments of a call; what is no JSON is one text without a name."""
    head = arguments.lstrip()[:1]
    if head not in {"{", "[", '"'}:
        return [Value("", arguments)]
    try:
        parsed = orjson.loads(arguments)
    except orjson.JSONDecodeError:
        return [Value("", arguments)]
    found: list[Value] = []
    _add(parsed, "", found, 0)
    if len(found) > VALUES_MAX:
        return [Value("", "\n".join(value.text for value in found))]
    return found


def _add(value: Any, name: str, found: list[Value], depth: int) -> None:
    if isinstance(value, str):
        if value:
            found.append(Value(name, value))
    elif depth > DEPTH_MAX:
        found.append(Value(name, orjson.dumps(value).decode()))
    elif isinstance(value, dict):
        for key, inner in value.items():
            if len(key) > _NAME_CHARACTERS:
                found.append(Value("", key))
            _add(inner, key, found, depth + 1)
    elif isinstance(value, list):
        for inner in value:
            _add(inner, name, found, depth + 1)


_NAME_CHARACTERS: Final = 12
"""A longer key may be more than a name, and is looked at as well."""
