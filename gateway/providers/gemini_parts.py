"""The parts of Gemini's contents: texts, calls, results, files.

Members are read in both spellings of protobuf's JSON, `functionCall` and `function_call`, because
the provider takes both.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeAlias

from gateway.plugin.coverage import Gap
from gateway.plugin.text import Path
from gateway.providers.dialect import Echoes, Json, objects
from gateway.providers.gathering import Gatherer

Reader: TypeAlias = Callable[[Json, Path, str, Gatherer], None]
"""Reads the value of one member of a part; the text is the role of the part."""


def spellings(*names: str) -> tuple[str, ...]:
    """The names as they are, and in snake_case."""
    snakes = ["".join(["_" + c.lower() if c.isupper() else c for c in name]) for name in names]
    return tuple(dict.fromkeys([*names, *snakes]))


ARGUMENTS: Final = "tool_call_arguments"
PART: Final = frozenset(spellings("text", "thought", "videoMetadata"))
CALLS: Final = spellings("functionCall")
_PARTIAL: Final = spellings("partialArgs")
_CALL: Final = frozenset(spellings("args", "partialArgs", "name", "toolType"))
_PLAIN_CALL: Final = frozenset({"args", "name", "id"})
STRING: Final = spellings("stringValue")
JSON_PATH: Final = spellings("jsonPath")
CONTINUES: Final = spellings("willContinue")
_NO_VALUE: Final = frozenset(spellings("willContinue", "nullValue"))
_RESULT: Final = frozenset(spellings("response", "name", "parts", "toolType", "scheduling"))
_PLAIN_RESULT: Final = frozenset({"response", "name", "id"})
_FILES: Final = spellings("inlineData", "fileData")
_TIMES: Final = frozenset(spellings("text", "languageCode", "startOffset", "endOffset"))
_SAID: Final = _TIMES | {"words"}
_MIME_TYPE: Final = spellings("mimeType")
_FILE_NAME: Final = spellings("displayName")


def members(value: Any, path: Path) -> list[tuple[Path, Json]]:
    """The objects of a list, or the one object in its place, with their paths."""
    if isinstance(value, dict):
        return [(path, value)]
    return [((*path, index), inner) for index, inner in objects(value)]


def add_content(  # noqa: PLR0917  # called for each content: keywords would cost
    content: Json,
    path: Path,
    role: str,
    kind: str,
    found: Gatherer,
    readers: dict[str, Reader] | None = None,
) -> None:
    """One content with its parts."""
    parts = content.get("parts")
    if isinstance(parts, list):
        for index, part in enumerate(parts):
            if isinstance(part, dict):
                add_part(part, (*path, "parts", index), role, kind, found, readers)
    elif isinstance(parts, dict):
        add_part(parts, (*path, "parts"), role, kind, found, readers)
    found.rest(role, content, path, ("parts",))


def add_part(  # noqa: PLR0917  # called for each part: keywords would cost
    part: Json,
    path: Path,
    role: str,
    kind: str,
    found: Gatherer,
    readers: dict[str, Reader] | None = None,
) -> None:
    """One part: a text, a thought, a call, a result, a file; `readers` are those of a request."""
    sort = "reasoning" if part.get("thought") is True else kind
    found.add(role, sort, part.get("text"), (*path, "text"))
    if PART.issuperset(part):
        return
    if readers is None:
        readers = _REQUEST_PARTS
    others: Json = {}
    for key, value in part.items():
        reader = readers.get(key)
        if reader is not None and isinstance(value, dict):
            reader(value, (*path, key), role, found)
        elif key not in PART:
            others[key] = value
    if others:
        found.rest(role, others, path, ())


def _add_call(call: Json, path: Path, role: str, found: Gatherer) -> None:
    """A call; the parts of an argument are one text, since a client puts them together."""
    if _PLAIN_CALL.issuperset(call):
        found.data("assistant", ARGUMENTS, call.get("args"), (*path, "args"))
        return
    add_arguments(call, path, role, found)
    texts: dict[str, list[tuple[str, Path]]] = {}
    for place, part in partial_arguments(call):
        at = (*path, *place)
        add_values(part, at, found)
        for key in STRING:
            text = part.get(key)
            if text and isinstance(text, str):
                texts.setdefault(json_path(part), []).append((text, (*at, key)))
    for parts in texts.values():
        echoes: Echoes = tuple([(at, b'""') for _, at in parts[1:]])
        joined = "".join([text for text, _ in parts])
        found.add("assistant", ARGUMENTS, joined, parts[0][1], echoes)


def add_arguments(call: Json, path: Path, role: str, found: Gatherer) -> None:
    """All of a call but the arguments that come in parts."""
    found.data("assistant", ARGUMENTS, call.get("args"), (*path, "args"))
    for key in _PARTIAL:
        if not isinstance(call.get(key), list):
            found.data("assistant", ARGUMENTS, call.get(key), (*path, key))
    found.rest(role, call, path, _CALL)


def partial_arguments(call: Json) -> list[tuple[Path, Json]]:
    """The parts of arguments, with their places in the call."""
    return [((key, place), part) for key in _PARTIAL for place, part in objects(call.get(key))]


def add_values(part: Json, path: Path, found: Gatherer) -> None:
    """Where a part of an argument belongs, and values that are no texts: these come whole."""
    for key, value in part.items():
        if key not in _NO_VALUE and not (key in STRING and isinstance(value, str)):
            found.data("assistant", ARGUMENTS, value, (*path, key))


def json_path(part: Json) -> str:
    """Which argument it is a part of."""
    for key in JSON_PATH:
        path = part.get(key)
        if isinstance(path, str):
            return path
    return ""


def continues(value: Json) -> bool:
    """Whether a call, or a part of an argument, says that another part follows."""
    return any(value.get(key) is True for key in CONTINUES)


def add_result(result: Json, path: Path, role: str, found: Gatherer) -> None:
    """What a function gave back: data, and files."""
    del role
    found.data("tool", "tool_result", result.get("response"), (*path, "response"))
    if _PLAIN_RESULT.issuperset(result):
        return
    for at, part in members(result.get("parts"), (*path, "parts")):
        for key in _FILES:
            file = part.get(key)
            if isinstance(file, dict):
                add_file(file, (*at, key), "tool", found)
        found.rest("tool", part, at, _FILES)
    found.rest("tool", result, path, _RESULT)


def add_file(file: Json, path: Path, role: str, found: Gatherer) -> None:
    """A file: its name, and that it is not shown."""
    picture = any(str(file.get(key)).startswith("image/") for key in _MIME_TYPE)
    found.gap(Gap.IMAGE if picture else Gap.BINARY, tool=role == "tool")
    for key in _FILE_NAME:
        found.add(role, "file_name", file.get(key), (*path, key))


def _add_output(result: Json, path: Path, role: str, found: Gatherer) -> None:
    """What code printed that the provider ran."""
    del role
    found.add("tool", "tool_result", result.get("output"), (*path, "output"))
    found.rest("tool", result, path, ("output", "outcome"))


def _add_transcription(said: Json, path: Path, role: str, found: Gatherer) -> None:
    """What was said aloud; its words say it once more."""
    words: Echoes = (((*path, "words"), b"[]"),) if said.get("words") else ()
    found.add(role, "text", said.get("text"), (*path, "text"), words)
    found.rest(role, said, path, _SAID if said.get("text") else _TIMES)


def _add_metadata(custom: Json, path: Path, role: str, found: Gatherer) -> None:
    """What the client notes of a part: data of its own."""
    found.data(role, "other", custom, path)


def _readers(by_name: dict[str, Reader]) -> dict[str, Reader]:
    return {key: reader for name, reader in by_name.items() for key in spellings(name)}


ANSWER_PARTS: Final = _readers(
    {
        "functionCall": _add_call,
        "functionResponse": add_result,
        "toolCall": _add_call,
        "toolResponse": add_result,
        "inlineData": add_file,
        "fileData": add_file,
        "audioTranscription": _add_transcription,
        "partMetadata": _add_metadata,
    }
)
_REQUEST_PARTS: Final = ANSWER_PARTS | _readers({"codeExecutionResult": _add_output})
"""In an answer, what code printed is what the model says: a client shows it."""
