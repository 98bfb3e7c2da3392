"""Turns what pydantic found wrong into sentences for the person who wrote the file."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from typing import Any, NamedTuple, get_args

from pydantic import BaseModel
from pydantic_core import ErrorDetails

Path = tuple[str | int, ...]


class Finding(NamedTuple):
    """One fault: the path of the value, what is wrong, what to write instead.

    `key` is true where the key itself is the fault and not its value.
    """

    path: Path
    message: str
    hint: str
    key: bool = False


def nearest(word: str, known: Iterable[str]) -> str | None:
    """The known word that `word` is most likely meant to be, in any case, or None."""
    lowered = {each.lower(): each for each in known}
    near = difflib.get_close_matches(word.lower(), lowered, n=1, cutoff=0.6)
    return lowered[near[0]] if near else None


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`did you mean "x"?`, or the list of what is known where nothing is near and it is short."""
    names = sorted(known)
    near = nearest(word, names)
    if near is not None:
        return f'did you mean "{near}"?'
    return f"known: {', '.join(names)}" if 0 < len(names) <= 16 else ""  # noqa: PLR2004  # one line


def dotted(path: Path) -> str:
    """The path as people write it: `listener.limits.head_bytes_max`, `chain[0].allow`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def explain(
    model: type[BaseModel], errors: Iterable[ErrorDetails], noun: str, data: Any = None
) -> list[Finding]:
    """One finding for each of pydantic's `errors` about data meant for `model`.

    `noun` is what a key of this file is called: "setting", "key". Values are never quoted,
    because a value may be a secret. With `data`, what pydantic adds to a path is told from keys by
    looking, and not by its form.
    """
    findings: dict[Path, Finding] = {}
    found = [
        (error, _real_path(error["loc"]) if data is None else _path_in(data, error))
        for error in errors
    ]
    for error, path in found:
        if _follows_from_others(error, path, found):
            continue
        finding = _finding(model, error, path, noun)
        before = findings.get(path)
        if before is not None:
            # The branches of a union each report the same place.
            _, _, also = finding.message.partition(" must be ")
            joined = f"{before.message} or {also}" if also else before.message
            finding = before._replace(message=joined, hint=before.hint or finding.hint)
        findings[path] = finding
    return list(findings.values())


def _real_path(location: tuple[str | int, ...]) -> Path:
    """Pydantic adds the branch of a union (`int`, `literal['auto']`) to the path; it is no key."""
    return tuple(p for p in location if not (isinstance(p, str) and _BRANCH.match(p)))


def _follows_from_others(
    error: ErrorDetails, path: Path, found: Iterable[tuple[ErrorDetails, Path]]
) -> bool:
    """Whether a fault is gone with another one: an emptied list, a key that is there misspelt."""
    for other, place in found:
        if error["type"] == "missing":
            misspelt = other["type"] == "extra_forbidden" and place[:-1] == path[:-1]
            if misspelt and nearest(str(place[-1]), [str(path[-1])]):
                return True
        elif len(place) > len(path) and place[: len(path)] == path:
            return True
    return False


def _path_in(data: Any, error: ErrorDetails) -> Path:
    """The part of an error's location that stands in `data`, and the key that is missing there."""
    *parts, last = error["loc"] or ("",)
    path: Path = ()
    for part in (*parts, last):
        found = isinstance(data, dict) and part in data
        if found or (isinstance(data, list) and isinstance(part, int) and part < len(data)):
            path, data = (*path, part), data[part]
    return (*path, last) if error["type"] == "missing" else path


_BRANCH = re.compile(
    r"(int|float|bool|str|bytes|constrained-(int|str|float)|literal\[.*\]|function-.*|nullable.*)\Z"
)


def _finding(model: type[BaseModel], error: ErrorDetails, path: Path, noun: str) -> Finding:
    name = dotted(path)
    if error["type"] == "extra_forbidden":
        known = fields_at(model, path[:-1])
        where = f" in {dotted(path[:-1])}" if len(path) > 1 else ""
        message = f'unknown {noun} "{path[-1]}"{where}'
        return Finding(path, message, did_you_mean(str(path[-1]), known), key=True)
    if error["type"] == "missing":
        return Finding(path[:-1], f'"{path[-1]}" is missing', f'add "{path[-1]}"')
    said = error["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    key = error["loc"][-1:] == ("[key]",)
    before = f"{name}: " if name else ""
    if error["type"] in {"too_short", "string_too_short"}:
        return Finding(path, f"{name} must not be empty", "")
    if said == error["msg"]:
        return Finding(path, f"{before}{said[:1].lower()}{said[1:]}", "")
    if error["type"] == "value_error":
        return Finding(path, f"{before}{said}", "", key=key)
    for pydantics, ours in _WORDS.items():
        said = said.replace(pydantics, ours)
    message = f"{name} must be {said.partition(', unable to ')[0]}"
    return Finding(path, message, _hint(error, said), key=key)


_WORDS = {
    "a valid integer": "a whole number",
    "a valid number": "a number",
    "a valid string": "text",
    "a valid boolean": "true or false",
    "a valid array": "a list",
    "a valid tuple": "a list",
    "a valid list": "a list",
    "a valid dictionary": "a mapping",
    "an object": "a mapping",
    "greater than or equal to": "at least",
    "less than or equal to": "at most",
}
"""Pydantic's words, which are a programmer's, and those of people who write YAML."""


def _hint(error: ErrorDetails, said: str) -> str:
    given = error["input"]
    if not isinstance(given, str):
        return ""
    if error["type"] in {"literal_error", "enum"}:
        near = nearest(given, re.findall(r"'([^']*)'", said))
        if near is not None:
            return f'did you mean "{near}"?'
        return "without quotes" if given == said else ""
    if error["type"].startswith(("int_", "float_")):
        return "without quotes and without a unit" if given[:1].isdigit() else ""
    return "put it into [ ]" if error["type"] in {"tuple_type", "list_type"} else ""


def fields_at(model: type[BaseModel], path: Path) -> set[str]:
    """The keys that are legal below `path`; empty where the path leaves the models."""
    current: Any = model
    for part in path:
        if isinstance(current, type) and issubclass(current, BaseModel):
            info = current.model_fields.get(str(part))
            current = info.annotation if info else None
        else:
            current = _inner(current)
        current = _unwrap(current)
    if isinstance(current, type) and issubclass(current, BaseModel):
        return set(current.model_fields)
    return set()


def _unwrap(annotation: Any) -> Any:
    """`X | None` is X."""
    models = [a for a in get_args(annotation) if isinstance(a, type) and issubclass(a, BaseModel)]
    is_container = getattr(annotation, "__origin__", None) in {dict, tuple, list}
    return models[0] if models and not is_container else annotation


def _inner(annotation: Any) -> Any:
    """`dict[str, X]`, `tuple[X, ...]`, `list[X]` hold X."""
    args = [a for a in get_args(annotation) if a is not Ellipsis]
    return args[-1] if args else None
