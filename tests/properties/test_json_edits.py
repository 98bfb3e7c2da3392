"""Values are found, and replaced, in any JSON text, however it is written."""

from __future__ import annotations

import json  # noqa: TID251  # writes JSON in ways that orjson does not
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.plugin.coverage import Gap
from gateway.plugin.text import UNPARSED, Path
from gateway.providers.document import is_compact, read_json
from gateway.providers.gathering import Gatherer
from gateway.providers.json_places import KEY, Places, edited_string, json_string, splice
from gateway.providers.json_text import ambiguity, parse

TEXTS = st.text(max_size=8) | st.sampled_from(
    ['"', "\\", "{", "]", ":", ",", "\u2028", "\U0001f600"]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=20,
)
WRITERS = st.sampled_from(
    [
        orjson.dumps,
        lambda value: orjson.dumps(value, option=orjson.OPT_INDENT_2),
        lambda value: json.dumps(value).encode(),
        lambda value: (
            b" \n" + json.dumps(value, ensure_ascii=False, indent="\t").encode() + b"\r\n"
        ),
    ]
)


def paths(value: Any, path: Path = ()) -> Iterator[tuple[Path, Any]]:
    yield path, value
    if isinstance(value, dict):
        for key, inner in value.items():
            yield (*path, key, KEY), key
            yield from paths(inner, (*path, key))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from paths(inner, (*path, index))


def gather_all(value: Any, found: Gatherer) -> None:
    for path, inner in paths(value):
        found.add("user", "text", inner, path)


@given(VALUES, WRITERS)
def test_every_value_is_found_where_it_stands(value: Any, write: Any) -> None:
    body = write(value)
    places = Places(body, value if is_compact(body, value) else None)

    for path, inner in paths(value):
        start, stop = places.of(path)
        assert orjson.loads(body[start:stop]) == inner
        assert body[start : start + 1] not in {b" ", b"\n"}


@given(VALUES, WRITERS, st.data())
def test_an_edit_changes_the_texts_and_no_other_byte(
    value: Any, write: Any, data: st.DataObject
) -> None:
    document = read_json(gather_all, write(value))
    if not document.spans:
        return
    # Keys are left alone here: two that become one would make another document.
    spans = [span for span in document.spans if not span.path or span.path[-1] != KEY]
    if not spans:
        return
    chosen = data.draw(st.lists(st.sampled_from(spans), min_size=1, max_size=3, unique_by=id))
    edits = [(span, data.draw(TEXTS)) for span in chosen]

    edited = document.edited(edits)

    kept = splice(document.body, [((span.start, span.stop), b"?") for span in chosen])
    fresh = {span.path: span for span in edited.spans}
    places = [(fresh[span.path].start, fresh[span.path].stop) for span in chosen]
    assert splice(edited.body, [(place, b"?") for place in places]) == kept
    again = read_json(gather_all, edited.body)
    assert [span.text for span in again.spans] == [s.text for s in edited.spans if s.text]
    for span, text in edits:
        assert fresh[span.path].text == text


@given(VALUES, WRITERS)
def test_an_honest_text_is_never_called_ambiguous(value: Any, write: Any) -> None:
    body = write(value)

    assert ambiguity(body, orjson.loads(body)) is None


@given(st.lists(st.sampled_from(["a", "b", "\\u0061", "c:", "c\\u003a"]), max_size=4), TEXTS)
def test_a_key_that_stands_twice_is_always_found(keys: list[str], text: str) -> None:
    value = orjson.dumps(text).decode()
    body = ("{" + ",".join(f'"{key}": {value}' for key in keys) + "}").encode()
    names = [orjson.loads(f'"{key}"') for key in keys]

    found = ambiguity(body, orjson.loads(body))

    assert (found is Gap.DUPLICATE_KEYS) == (len(set(names)) < len(names))


@given(st.text(alphabet=st.characters(), max_size=12), st.booleans())
def test_a_text_is_written_as_json_that_reads_the_same(text: str, ascii_only: bool) -> None:
    written = json_string(text, ascii_only=ascii_only)

    assert json.loads(written) == text
    assert not ascii_only or written.isascii()
    assert "\u2028".encode() not in written


@given(st.text(alphabet=st.characters(max_codepoint=0x10CFFF), max_size=12))
def test_halves_of_characters_are_read_as_they_are(text: str) -> None:
    body = json.dumps({"a": text}).encode()

    # Two halves side by side are one character in JSON, whatever they were in Python.
    assert parse(body)[0] == json.loads(body)


@given(st.binary(max_size=60))
def test_no_bytes_make_the_reader_fail(body: bytes) -> None:
    read_json(gather_all, body, UNPARSED)


@pytest.mark.parametrize("depth", [1, 16, 17, 40, 127])
def test_depth_makes_no_difference_to_what_is_found(depth: int) -> None:
    body = b" " + b"[0, " * depth + b'{"a": ["x"], "b": 1}' + b"]" * depth
    inner = (1,) * (depth - 1) + (1,)

    start, stop = Places(body).of((*inner, "a", 0))

    assert body[start:stop] == b'"x"'


WRITTEN = st.sampled_from(
    [
        orjson.dumps,
        lambda text: json.dumps(text).encode(),
        lambda text: json.dumps(text).replace("/", "\\/").encode(),
        lambda text: ('"' + "".join(f"\\u{unit:04X}" for unit in units_of(text)) + '"').encode(),
    ]
)


def units_of(text: str) -> list[int]:
    data = text.encode("utf-16-be")
    return [int.from_bytes(data[at : at + 2]) for at in range(0, len(data), 2)]


PARTS = TEXTS.filter(lambda text: not set(text) & set("xyz"))
CHANGED = st.text("xyz", max_size=4)


@given(PARTS, CHANGED, CHANGED, PARTS, WRITTEN, st.booleans())
def test_an_edit_leaves_what_stands_around_it_as_it_was_written(  # noqa: PLR0917  # drawn
    before: str, old: str, new: str, after: str, write: Any, ascii_only: bool
) -> None:
    def inner(text: str) -> bytes:
        written: bytes = write(text)
        return written[1:-1]

    edited = edited_string(write(before + old + after), before + new + after, ascii_only=ascii_only)

    assert orjson.loads(edited) == before + new + after
    assert edited.startswith(b'"' + inner(before)) or b"\\" not in write(before + old + after)
    assert edited.endswith(inner(after) + b'"') or b"\\" not in write(before + old + after)


def test_a_text_that_is_not_changed_is_not_written_anew() -> None:
    old = b'"\\u00e9 \\/ \\u0041 \\ud83d\\ude00 \\u2028"'

    assert edited_string(old, "\u00e9 / A \U0001f600 \u2028") == old
    assert edited_string(old, "\u00e9 / x \U0001f600 \u2028") == old.replace(b"\\u0041", b"x")
    assert edited_string(b'"\\ud83d"', "x") == b'"x"'
    assert edited_string(b"100000", "x") == b'"x"'


def test_what_is_too_deep_is_told_whatever_else_the_body_has() -> None:
    body = b'{"id":"\\u003a","x":' + b"[" * 600 + b"]" * 600 + b"}"

    assert ambiguity(body, orjson.loads(body)) is Gap.TOO_DEEP
