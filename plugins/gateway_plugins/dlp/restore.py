"""Puts values back in the places of their placeholders, in whole texts and in streams. Sans-io.

Only exact placeholders that stand in the `Table` of the exchange count. Those that a model makes
up, cuts or alters stay as they are. A value is put in once and never looked at again, so that a
value which looks like a placeholder is not replaced a second time.

A text is read from left to right. At each place where a placeholder may begin:

    1. a whole placeholder stands there: the value goes out in its place
    2. the text ends within what may become one: it is held back from there, unless it is final
    3. else the character goes out

No placeholder is the beginning of another one (`Table.add` sees to it), so more text never changes
what was decided: however a stream is cut, it comes to the same as the whole text.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable
from typing import Final, TypeAlias

import orjson

from gateway.plugin import TextStream
from gateway.scan.fold import begins_json, may_be_json

_HEAD: Final = 4
"""Characters that tell most texts from a placeholder; every placeholder has more."""
# Where a placeholder may stand, as far as can be told at the speed of the pattern: a tag that is
# whole or reaches the end of the text, and whatever a lookalike may begin with, which is never
# within a word or a number. In JSON's source some servers write `<` and `>` as escapes, `\n` before
# a lookalike is no word, and an escaped backslash is read as one, so that its second half begins
# nothing.
_LABEL: Final = r"(?:[A-Z][A-Z0-9_]{0,40}+)?"
_TAG: Final = rf"<{_LABEL}(?:>|\Z)"
_BROKEN_OFF: Final = r"\\(?:u(?:0(?:03?)?)?)?\Z"
_TAG_IN_JSON: Final = (
    rf"\\\\|(?:<|\\u003[cC]){_LABEL}(?:>|\\u003[eE]|\Z|{_BROKEN_OFF})|{_BROKEN_OFF}"
)
_ALIKE: Final = r"[A-Z0-9+(](?<![A-Za-z0-9].)"
_TAGS: Final = re.compile(_TAG)
_ANY: Final = re.compile(f"{_TAG}|{_ALIKE}")
_TAGS_IN_JSON: Final = re.compile(_TAG_IN_JSON)
_ANY_IN_JSON: Final = re.compile(rf"{_TAG_IN_JSON}|{_ALIKE}|[A-Z0-9+(](?<=\\[bfnrt].)")
_QUOTE: Final = re.compile(r'["\\]')
_JSON_LEAD_CHARACTERS: Final = 256
_SPACE: Final = " \t\r\n"
_ARGUMENTS: Final = "tool_call_arguments"
_NUMBER: Final = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?")

Opener: TypeAlias = Callable[[], str | None]
"""Gives a value that is still sealed; None where it may not or cannot be read."""


class _Index:
    """What is looked for in texts: each spelling of a placeholder, and which one it is."""

    __slots__ = ("_ordered", "heads", "lengths", "spellings", "start")

    def __init__(self, placeholders: Iterable[str], *, json: bool) -> None:
        self.spellings = {placeholder: placeholder for placeholder in placeholders}
        tagged = [placeholder for placeholder in self.spellings if placeholder[0] == "<"]
        only_tags = len(tagged) == len(self.spellings)
        if json:
            # Go's encoding/json, and what is written in it, escapes these two.
            for less, greater in (("\\u003c", "\\u003e"), ("\\u003C", "\\u003E")):
                self.spellings |= {f"{less}{each[1:-1]}{greater}": each for each in tagged}
            self.start = _TAGS_IN_JSON if only_tags else _ANY_IN_JSON
        else:
            self.start = _TAGS if only_tags else _ANY
        self.heads = {spelling[:_HEAD] for spelling in self.spellings}
        self.lengths = tuple({len(spelling) for spelling in self.spellings})
        self._ordered = sorted(self.spellings)

    def may_begin(self, text: str) -> bool:
        """Whether more text could make a placeholder of `text`."""
        ordered = self._ordered
        place = bisect_right(ordered, text)
        return place < len(ordered) and ordered[place].startswith(text)


class Table:
    """The placeholders that one exchange may restore, and their values."""

    __slots__ = ("_alike", "_begun", "_indexes", "values")

    def __init__(self) -> None:
        self.values: dict[str, str | Opener] = {}
        self._alike: set[str] = set()
        self._begun: set[str] = set()
        """Every beginning of a lookalike."""
        self._indexes: dict[bool, _Index] = {}

    def __len__(self) -> int:
        return len(self.values)

    def __contains__(self, text: str) -> bool:
        return text in self.values

    def add(self, placeholder: str, value: str | Opener) -> bool:
        """Adds one; False where it begins another one, or is begun by it, or is another value's."""
        known = self.values.get(placeholder)
        if known is not None:
            return known == value or callable(known) or callable(value)
        if placeholder[0] != "<":  # tags end with the only `>` in them
            begun = [placeholder[:length] for length in range(1, len(placeholder))]
            if placeholder in self._begun or not self._alike.isdisjoint(begun):
                return False
            self._alike.add(placeholder)
            self._begun.update(begun)
        self.values[placeholder] = value
        if self._indexes:
            self._indexes = {}
        return True

    def keep_last(self, number: int) -> None:
        """Forgets all but those that were added last."""
        kept = list(self.values.items())[max(0, len(self.values) - number) :]
        self.values = {}
        self._alike, self._begun = set(), set()
        self._indexes = {}
        for placeholder, value in kept:
            self.add(placeholder, value)

    def index(self, *, json: bool) -> _Index:
        """What to look for in texts, made when first asked for."""
        index = self._indexes.get(json)
        if index is None:
            index = self._indexes[json] = _Index(self.values, json=json)
        return index

    def value_of(self, placeholder: str) -> str | None:
        """The value; None where it can no longer be read."""
        value = self.values.get(placeholder)
        if callable(value):
            opened = value()
            if opened is not None:
                self.values[placeholder] = opened
            return opened
        return value


class Restorer:
    """Restores the texts of one answer; keeps what a stream holds back, by channel."""

    __slots__ = ("_channels", "_table", "restored")

    def __init__(self, table: Table) -> None:
        self._table = table
        self._channels: dict[str, _Reading] = {}
        self.restored = 0
        """Placeholders that a value took the place of."""

    def whole(self, kind: str, text: str) -> str:
        """A whole text with its values."""
        if not self._table.values:
            return text
        return _Reading(self, self._table, kind).feed(text, final=True)

    def feed(self, channel: str, kind: str, text: str, *, final: bool) -> str:
        """What goes out of a channel for its next text; at its end, everything."""
        reading = self._channels.get(channel)
        if reading is None:
            if not self._table.values:
                return text
            reading = self._channels[channel] = _Reading(self, self._table, kind)
        out = reading.feed(text, final=final)
        if final:
            del self._channels[channel]
        return out

    def pass_piece(self, text: TextStream) -> None:
        """Restores a piece of a stream that nothing else of this use edits or holds back."""
        fresh = text.text[text.fresh :]
        out = self.feed(text.channel, text.kind, fresh, final=text.final)
        held = self.held(text.channel)
        if out or text.fresh:
            text.replace(out + held)
        text.hold(len(held))

    def held(self, channel: str) -> str:
        """What is held back of a channel: the beginning of a placeholder, or nothing."""
        reading = self._channels.get(channel)
        return "" if reading is None else reading.pending


class _Reading:
    """One text as it comes in."""

    __slots__ = (
        "_before",
        "_brace",
        "_is_arguments",
        "_may_be_json",
        "_restorer",
        "_state",
        "_table",
        "json",
        "pending",
    )  # fmt: skip

    def __init__(self, restorer: Restorer, table: Table, kind: str) -> None:
        self._restorer = restorer
        self._table = table
        self._is_arguments = kind == _ARGUMENTS
        self._may_be_json = may_be_json(kind)
        self.pending = ""
        self._before = ""
        """The last two characters that were read, for what may stand before a placeholder."""
        self.json: bool | None = None
        """Whether the text is JSON's source; None while there was nothing but space."""
        self._brace = False
        self._state = _JsonState()

    def feed(self, text: str, *, final: bool) -> str:
        """What may go out now that `text` has come."""
        if self.json is None:
            self._tell_json(text)
        # What was read before stands in front, because a pattern may look back at it.
        first = len(self._before)
        text = self._before + self.pending + text
        out: list[str] = []
        done = read = first
        end = len(text)
        index = self._table.index(json=bool(self.json))
        for match in index.start.finditer(text, first):
            place = match.start()
            if place < done:
                continue
            found = _at(index, text, place, final=final)
            if found is None:
                continue
            if not found:
                end = place
                break
            if self.json:
                self._state.read(text[read:place])
                read = place
            value = self._value(index.spellings[found])
            if value is not None:
                out += (text[done:place], value)
                done = place + len(found)
                self._restorer.restored += 1
        out.append(text[done:end])
        if self.json:
            self._state.read(text[read:end])
        self.pending = text[end:]
        self._before = text[max(0, end - 2) : end]
        return "".join(out)

    def _value(self, placeholder: str) -> str | None:
        """What takes the place of a placeholder; None where it stays."""
        value = self._table.value_of(placeholder)
        if value is None or not self.json:
            return value
        if self._state.in_string:
            return orjson.dumps(value).decode()[1:-1]
        bare = self._is_arguments and _NUMBER.fullmatch(placeholder)
        return orjson.dumps(value).decode() if bare and not _NUMBER.fullmatch(value) else value

    def _tell_json(self, text: str) -> None:
        """Whether this is JSON's source: as the scan says, or in prose an object."""
        rest = text.lstrip(_SPACE)
        if self._may_be_json:
            self.json = begins_json(rest) if rest else None
            return
        if not self._brace and rest.startswith("{"):
            self._brace = True
            rest = rest[1:].lstrip(_SPACE)
        if rest:
            self.json = self._brace and rest[0] in '"}'


def _at(index: _Index, text: str, place: int, *, final: bool) -> str | None:
    """The spelling that stands at `place`; "" where more text may make one, else None."""
    head = text[place : place + _HEAD]
    if len(head) < _HEAD:
        return "" if not final and index.may_begin(head) else None
    if head not in index.heads:
        return None
    for length in index.lengths:
        found = text[place : place + length]
        if len(found) == length and found in index.spellings:
            return _if_alone(text, found, place + length, final=final)
    return "" if not final and index.may_begin(text[place:]) else None


def _if_alone(text: str, found: str, stop: int, *, final: bool) -> str | None:
    """A lookalike that goes on as a word or number is another one, by chance."""
    if found[0] in "<\\":
        return found
    if stop == len(text):
        return found if final else ""
    after = text[stop]
    return None if after.isascii() and after.isalnum() else found


class _JsonState:
    """Whether JSON's source, as far as it was read, ends within a string."""

    __slots__ = ("_escaped", "in_string")

    def __init__(self) -> None:
        self.in_string = False
        self._escaped = False

    def read(self, text: str) -> None:
        place = 0
        if self._escaped and text:
            self._escaped = False
            place = 1
        while (found := _QUOTE.search(text, place)) is not None:
            place = found.end()
            if found[0] == '"':
                self.in_string = not self.in_string
            elif place < len(text):
                place += 1
            else:
                self._escaped = True


def is_json_source(kind: str, text: str) -> bool:
    """Whether a whole text is written as JSON, as arguments of tools are."""
    if may_be_json(kind):
        return begins_json(text)
    reading = _Reading(Restorer(Table()), Table(), kind)
    reading.feed(text[:_JSON_LEAD_CHARACTERS], final=True)
    return bool(reading.json)


def unescaped(kind: str, text: str, value: str) -> str:
    """A value that was found in `text`, as it reads: in JSON's source it may be escaped."""
    if "\\" not in value:
        return value
    if not is_json_source(kind, text):
        return value
    try:
        plain = orjson.loads(f'"{value}"')
    except orjson.JSONDecodeError:
        return value
    return plain if isinstance(plain, str) else value
