"""A header section keeps what came, and its index stays right through every change."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.plugin import Headers

RAW = [(b"Host", b"a"), (b"X-A", b"1"), (b"x-a", b"2"), (b"X_A", b"3"), (b"B", b"\xff")]


def test_lookups_ignore_case_and_keep_order() -> None:
    headers = Headers(list(RAW))

    assert headers.first(b"x-a") == b"1"
    assert headers.get("HOST") == "a"
    assert headers.get("none", "d") == "d"
    assert headers.get_all("X-a") == ["1", "2"]
    assert headers.get_all("none") == []
    assert headers.get("b") == "\xff"
    assert list(headers)[1] == ("X-A", "1")
    assert len(headers) == 5
    assert "x_a" in headers


def test_a_repeated_field_is_seen_in_any_case() -> None:
    headers = Headers(list(RAW))

    assert headers.repeated(b"x-a")
    assert not headers.repeated(b"x_a")
    assert not headers.repeated(b"none")
    assert not Headers(RAW[3:]).repeated(b"b")


def test_set_replaces_at_the_place_of_the_first_and_else_appends() -> None:
    headers = Headers(list(RAW))
    headers.set("x-a", "9")
    headers.set("New", "1")

    assert headers.raw == [
        (b"Host", b"a"), (b"x-a", b"9"), (b"X_A", b"3"), (b"B", b"\xff"), (b"New", b"1")
    ]  # fmt: skip


def test_remove_takes_the_look_alike_too() -> None:
    """`X_A` reaches some servers as `X-A`: a header that is removed must not return as its twin."""
    headers = Headers(list(RAW))
    headers.remove("X-A")

    assert headers.raw == [(b"Host", b"a"), (b"B", b"\xff")]


@pytest.mark.parametrize("value", ["a\rb", "a\nb", "a\0b"])
def test_a_value_cannot_end_its_line(value: str) -> None:
    headers = Headers([])
    for change in (headers.set, headers.add):
        with pytest.raises(ValueError, match="cannot hold CR, LF or NUL"):
            change("a", value)


@pytest.mark.parametrize("name", ["", "a b", "a:", "\xe4", "a\n"])
def test_a_name_is_a_token(name: str) -> None:
    with pytest.raises(ValueError, match="not a header name"):
        Headers([]).add(name, "x")


def test_its_text_form_shows_no_value() -> None:
    assert repr(Headers([(b"Authorization", b"secret")])) == "<Headers ['Authorization']>"


def test_a_copy_is_its_own() -> None:
    headers = Headers(list(RAW))
    headers.copy().remove("Host")

    assert headers.raw == RAW


names = st.sampled_from(["a", "A", "b-c", "b_c", "B-C"])
changes = st.tuples(st.sampled_from(["set", "add", "add_raw", "remove", "drop_field"]), names)


@given(st.lists(changes, max_size=8))
def test_the_index_agrees_with_the_fields_after_any_change(made: list[tuple[str, str]]) -> None:
    headers = Headers([(b"A", b"0"), (b"b_c", b"1")])
    for number, (change, name) in enumerate(made):
        headers.first(b"a")  # the index exists before each change
        if change == "add_raw":
            headers.add_raw(name.lower().encode(), b"%d" % number)
        elif change == "remove":
            headers.remove(name)
        elif change == "drop_field":
            before, wanted = headers.raw, name.lower().encode()
            held = list(before)
            headers.drop_field(wanted)
            assert headers.raw == [field for field in held if field[0].lower() != wanted]
            assert (headers.raw is before) == (len(headers.raw) == len(held))
        else:
            getattr(headers, change)(name, str(number))

    for name in (b"a", b"b-c", b"b_c"):
        fresh = [value for field, value in headers.raw if field.lower() == name]
        assert headers.first(name) == (fresh[0] if fresh else None)
