"""Reads YAML strictly and remembers where every value stands, so that errors can point at it.

Differences from a plain YAML 1.1 loader, each of which has bitten somebody:

* only `true` and `false` are booleans, so that `mode: off` is a word and `NO` is Norway;
  numbers are decimal, `0x` or `0o`; there are no dates and no base-60 numbers
  (the core schema of YAML 1.2, section 10.3.2);
* a key that stands twice in one mapping is an error, and so are tags and merge keys;
* size, depth, aliases and the number of nodes after expansion are bounded before anything is
  built: libyaml's own composer overflows the C stack on deep nesting.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple, NoReturn

import yaml

from gateway.errors import ConfigError, Problem

BYTES_MAX = 1_048_576
DEPTH_MAX = 64
ALIASES_MAX = 100
NODES_MAX = 100_000

Path = tuple[str | int, ...]

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_INTEGER = re.compile(r"[-+]?[0-9]+\Z")
_DIGITS_MAX = 19
_BASED = re.compile(r"0x[0-9a-fA-F]+\Z|0o[0-7]+\Z")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\Z")
_WORDS: dict[str, Any] = {
    "": None,
    "~": None,
    "null": None,
    "Null": None,
    "NULL": None,
    "true": True,
    "True": True,
    "TRUE": True,
    "false": False,
    "False": False,
    "FALSE": False,
}


class Position(NamedTuple):
    """A place in a file; both count from 1."""

    line: int
    column: int


@dataclass(slots=True)
class Document:
    """One YAML document: its plain data, and where each value and each key stands.

    `values` and `keys` map a path such as `("chain", 0, "ip_allowlist")` to a position.
    """

    file: str
    data: Any = None
    values: dict[Path, Position] = field(default_factory=dict)
    keys: dict[Path, Position] = field(default_factory=dict)

    def position(self, path: Path, *, key: bool = False) -> Position:
        """Where `path` stands, or the nearest thing around it that is in the file.

        `key` asks for the key of a mapping's entry and not for its value.
        """
        if key and path in self.keys:
            return self.keys[path]
        while path:
            if path in self.values:
                return self.values[path]
            path = path[:-1]
        return self.values.get((), Position(1, 1))

    def problem(self, path: Path, message: str, hint: str = "", *, key: bool = False) -> Problem:
        """A fault of the value (or the key) at `path`."""
        line, column = self.position(path, key=key)
        return Problem(self.file, line, column, message, hint)


def read_yaml(text: str, file: str) -> Document:
    """Parses one document; an empty one has the data None.

    `file` is the name that errors show. Raises ConfigError with the line and column.
    """
    document = Document(file)
    if len(text.encode("utf-8", "surrogatepass")) > BYTES_MAX:
        raise ConfigError([Problem(file, 0, 0, f"the file is larger than {BYTES_MAX} bytes")])
    try:
        _Builder(document, yaml.parse(text, Loader=_Loader)).build()
    except yaml.MarkedYAMLError as error:
        raise ConfigError([_syntax_problem(file, error)]) from None
    except yaml.reader.ReaderError as error:
        before = text[: error.position]
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        message = "the file holds a character that YAML does not allow"
        raise ConfigError([Problem(file, line, column, message)]) from None
    return document


def _syntax_problem(file: str, error: yaml.MarkedYAMLError) -> Problem:
    mark = error.problem_mark or error.context_mark
    line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
    said = error.problem or error.context or "cannot be read"
    hint = ""
    if "did not find expected key" in said:
        hint = "check the indentation of this line and of those above"
    elif "\\t" in said or "cannot start any token" in said:
        hint = "indent with spaces, and quote values that start with a special character"
    elif "mapping values are not allowed" in said:
        hint = "check the indentation, and quote values that hold ': '"
    return Problem(file, line, column, f"not valid YAML: {said}", hint)


def resolve_scalar(text: str) -> Any:
    """The value of an unquoted scalar in the core schema of YAML 1.2."""
    if text in _WORDS:
        return _WORDS[text]
    if _INTEGER.match(text):
        # More digits than a 64-bit number has are an identifier that somebody forgot to quote.
        return int(text) if len(text.lstrip("+-")) <= _DIGITS_MAX else text
    if _BASED.match(text):
        return int(text, 0)
    if _FLOAT.match(text):
        return float(text)
    return text


def _place(event: Any) -> Position:
    return Position(event.start_mark.line + 1, event.start_mark.column + 1)


class _Builder:
    """Builds plain data from parser events; recursion is bounded by DEPTH_MAX."""

    def __init__(self, document: Document, events: Iterator[Any]) -> None:
        self._document = document
        self._events = events
        self._anchors: dict[str, tuple[Any, int]] = {}
        self._nodes = 0
        self._aliases = 0

    def build(self) -> None:
        for event in self._events:
            if isinstance(event, yaml.DocumentStartEvent):
                if self._document.values:
                    self._refuse(event, "only one document is allowed", "remove the second '---'")
                self._document.data = self._node(next(self._events), ())
                next(self._events)  # the end of the document

    def _refuse(self, event: Any, message: str, hint: str = "") -> NoReturn:
        raise ConfigError([Problem(self._document.file, *_place(event), message, hint)])

    def _count(self, event: Any, nodes: int) -> None:
        self._nodes += nodes
        if self._nodes > NODES_MAX:
            self._refuse(event, f"the file holds more than {NODES_MAX} values")

    def _node(self, event: Any, path: Path) -> Any:
        if len(path) > DEPTH_MAX:
            self._refuse(event, f"nested deeper than {DEPTH_MAX} levels")
        self._document.values[path] = _place(event)
        if isinstance(event, yaml.AliasEvent):
            return self._alias(event)
        if event.tag is not None and event.tag != "!":
            self._refuse(event, f"the tag {event.tag} is not supported", "write the plain value")
        before = self._nodes
        self._count(event, 1)
        if isinstance(event, yaml.ScalarEvent):
            value = resolve_scalar(event.value) if event.implicit[0] else event.value
        elif isinstance(event, yaml.SequenceStartEvent):
            value = self._sequence(path)
        else:
            value = self._mapping(path)
        if event.anchor is not None:
            self._anchors[event.anchor] = (value, self._nodes - before)
        return value

    def _alias(self, event: Any) -> Any:
        self._aliases += 1
        if self._aliases > ALIASES_MAX:
            self._refuse(event, f"more than {ALIASES_MAX} aliases")
        if event.anchor not in self._anchors:
            # Also an alias inside of what it names: that would be an endless value.
            self._refuse(event, f"the alias *{event.anchor} names nothing above it")
        value, nodes = self._anchors[event.anchor]
        self._count(event, nodes)
        return value

    def _sequence(self, path: Path) -> list[Any]:
        items: list[Any] = []
        while not isinstance(event := next(self._events), yaml.SequenceEndEvent):
            items.append(self._node(event, (*path, len(items))))
        return items

    def _mapping(self, path: Path) -> dict[str, Any]:
        entries: dict[str, Any] = {}
        while not isinstance(event := next(self._events), yaml.MappingEndEvent):
            if not isinstance(event, yaml.ScalarEvent):
                self._refuse(event, "a key must be a plain word")
            key: str = event.value
            if key == "<<" and event.implicit[0]:
                self._refuse(event, "merge keys are not supported", "write the keys out")
            if key in entries:
                first = self._document.keys[(*path, key)]
                self._refuse(event, f'the key "{key}" stands twice', f"first in line {first.line}")
            self._document.keys[(*path, key)] = _place(event)
            self._count(event, 1)
            entries[key] = self._node(next(self._events), (*path, key))
        return entries
