"""Heads and indexes of fields in C are those of the plain forms."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.plugin.headers import RawHeader, indexed
from gateway.proxy.headers import joined

heads: Any = pytest.importorskip("gateway.proxy._heads")
fields_of: Any = pytest.importorskip("gateway.plugin._fields")

NAMES = st.sampled_from(
    [b"Host", b"host", b"HOST", b"X-A", b"x-b", b"Content-Length", b"TE", b"\xc4"]
)
VALUES = st.binary(max_size=6)
FIELDS = st.lists(st.tuples(NAMES, VALUES), max_size=12)


@given(FIELDS)
def test_an_index_is_that_of_the_plain_form(fields: list[RawHeader]) -> None:
    found = fields_of.indexed(fields)
    plain = indexed(fields)

    assert found == plain
    if len(found) == len(fields):
        assert list(found) == list(plain)


@given(
    FIELDS,
    st.frozensets(NAMES.map(bytes.lower)),
    st.dictionaries(NAMES.map(bytes.lower), VALUES),
    VALUES,
)
def test_a_head_is_that_of_the_plain_form(
    fields: list[RawHeader], dropped: frozenset[bytes], changed: dict[bytes, bytes], added: bytes
) -> None:
    index = indexed(fields)

    head = heads.joined(b"GET / HTTP/1.1\r\n", index, dropped, changed, added)

    assert head == joined(b"GET / HTTP/1.1\r\n", index, dropped, changed, added)


def test_a_head_has_as_many_fields_as_it_may() -> None:
    index = {b"x-%d" % number: (b"X-%d" % number, b"v") for number in range(1000)}

    head = heads.joined(b"", index, frozenset({b"x-1"}), {b"x-2": b"w"}, b"a: b\r\n")

    assert head == joined(b"", index, frozenset({b"x-1"}), {b"x-2": b"w"}, b"a: b\r\n")


@pytest.mark.parametrize(
    "index",
    [{b"a": (b"a",)}, {b"a": (b"a", "b")}, {b"a": [b"a", b"b"]}, {"a": (b"a", b"b")}, [], None],
)
def test_what_is_no_field_is_refused(index: object) -> None:
    with pytest.raises(TypeError):
        heads.joined(b"", index, frozenset(), {}, b"")


@pytest.mark.parametrize("fields", [[(b"a",)], [("a", b"b")], [b"ab"], (), None])
def test_what_is_no_list_of_fields_is_refused(fields: object) -> None:
    with pytest.raises(TypeError):
        fields_of.indexed(fields)
