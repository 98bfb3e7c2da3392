"""The scan counts as a parser would, wherever its windows happen to be cut."""

from __future__ import annotations

import json  # noqa: TID251  # shows duplicate keys, which orjson does not
from collections.abc import Generator
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.providers import json_structure
from gateway.providers.json_structure import exceeds, member_span, names_model_twice


def ended(scan: Generator[None, None, Any]) -> Any:
    while True:
        try:
            next(scan)
        except StopIteration as end:
            return end.value


def broken(body: bytes, depth: int = 10**9, containers: int = 10**9) -> str:
    answer: str = ended(exceeds(body, depth_max=depth, containers_max=containers))
    return answer


@pytest.mark.parametrize(
    ("body", "depth"),
    [
        (b"{}", 1),
        (b"[[],[]]", 2),
        (b'{"a":{"b":[1]}}', 3),
        (b'["[[[["]', 1),
        (rb'["\"[[[["]', 1),
        (rb'["\\",[[]]]', 3),
        (rb'["\\\"[[[",[]]', 2),
        (b'{"a[[":"]]","b":[{}]}', 3),
        (b"[" * 500 + b"]" * 500, 500),
    ],
)
def test_the_deepest_level_is_found(body: bytes, depth: int) -> None:
    assert broken(body, depth=depth) == ""
    assert broken(body, depth=depth - 1) == "depth"


def test_containers_are_counted_outside_strings() -> None:
    body = b'[[],{},"[[[{{{"]'

    assert broken(body, containers=3) == ""
    assert broken(body, containers=2) == "containers"


@pytest.mark.parametrize(
    "body", [b"[", b'["[[[[', b"]]]]", b'"', b"\\", b"", b'[\\"[[[', b"\xff[["]
)
def test_a_text_that_is_no_json_is_scanned_as_well(body: bytes) -> None:
    broken(body, depth=1, containers=1)


def depth_of(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + max(map(depth_of, value.values()), default=0)
    if isinstance(value, list):
        return 1 + max(map(depth_of, value), default=0)
    return 0


texts = st.text(st.sampled_from('ab"\\[]{},: \n\u00e9'), max_size=12)
values = st.recursive(
    st.none() | st.integers(0, 9) | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=20,
)


@pytest.fixture(autouse=True, params=[7, json_structure.WINDOW_BYTES])
def window(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows of seven bytes cut everything: keys, escapes, strings."""
    monkeypatch.setattr(json_structure, "WINDOW_BYTES", request.param)


@given(values)
def test_the_depth_is_the_depth_of_what_is_parsed(value: Any) -> None:
    body = orjson.dumps(value)
    depth = depth_of(value)

    assert broken(body, depth=max(depth, 1)) == ""
    if depth > 1:
        assert broken(body, depth=depth - 1) == "depth"


# Keys in every spelling that parsers take for `model`, and near misses.
keys = st.sampled_from(
    ['"model"', r'"mod\u0065l"', r'"\u006dodel"', r'"\u006D\u006F\u0064\u0065\u006C"', '"models"',
     r'"\"model"', r'"model\""', '"Model"', '"x"', r'"\\model"', r'"mo\\u0064el"']
)  # fmt: skip
spaces = st.sampled_from(["", " ", "\n\t", " " * 9])
members = st.deferred(lambda: st.tuples(keys, spaces, json_texts))
json_texts = st.deferred(
    lambda: (
        st.sampled_from(['"model"', "1", '"a\\"model\\": "', '"model\\\\"', "[]", "{}"])
        | st.lists(members, max_size=3).map(written_object)
        | st.lists(json_texts, max_size=3).map(lambda items: "[" + ",".join(items) + "]")
    )
)


def written_object(pairs: list[tuple[str, str, str]]) -> str:
    return "{" + ",".join(f"{key}{space}:{space}{value}" for key, space, value in pairs) + "}"


@given(st.lists(members, max_size=5).map(written_object))
def test_two_top_level_keys_are_seen_in_any_spelling_and_at_no_other_level(text: str) -> None:
    pairs: list[tuple[str, Any]] = json.loads(text, object_pairs_hook=list)

    twice = sum(key == "model" for key, _ in pairs) > 1
    assert ended(names_model_twice(text.encode())) == twice


def test_more_keys_than_are_looked_at_count_as_two() -> None:
    nested = b",".join([b'{"model":1}'] * (json_structure.MODEL_KEYS_MAX + 1))

    assert ended(names_model_twice(b'{"a":[' + nested + b"]}"))
    assert not ended(names_model_twice(b'{"a":[' + nested[: 12 * 100 - 1] + b"]}"))


@pytest.mark.parametrize(
    ("body", "value"),
    [
        (b'{"a":1,"k":{"x":[1,"}"]},"b":2}', b'{"x":[1,"}"]}'),
        (b'{"k" : null }', b"null"),
        (b'{"k":"a\\"b"}', b'"a\\"b"'),
        (b'{"k":-1.5e3}', b"-1.5e3"),
        (b'{"k":[]}', b"[]"),
        (b'{"a":{"k":1},"k":2}', b"2"),
        (b'{"a":"\\"k\\":1","k":2}', b"2"),
        (b'{"a":"k","b":["k"]}', None),
        (b'{"k":1,"k":2}', None),
        (b'{"a":{"k":1}}', None),
        (b'{"\\u006b":1}', None),
        (b"[]", None),
    ],
)
def test_a_member_is_found_where_it_stands_once_at_the_top(
    body: bytes, value: bytes | None
) -> None:
    span = member_span(body, "k")

    assert (None if span is None else body[slice(*span)]) == value
