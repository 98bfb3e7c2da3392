"""What C takes for no header of a token is none."""

from __future__ import annotations

from base64 import urlsafe_b64encode

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.scan.library.checks import NATIVE, jwt_header, names_algorithm

native = pytest.mark.skipif(not NATIVE, reason="not compiled")

NAMES = st.sampled_from(["alg", "typ", "enc", "kid", "ALG", "", "é", 'a"', "\\", "\n"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False) | NAMES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)
PARTS = st.sampled_from(
    [b"{", b"}", b"[", b"]", b",", b":", b'"alg"', b'"typ":1', b'"x"', b'"', b"1", b"01", b"-",
     b"1.5", b"1e5", b"1E+", b".", b"true", b"nul", b'"\\u0061lg"', b'"\\u006"', b'"\\x"', b"\\",
     b" ", b"\n", b"\x0b", b"\0", b"\xc3\xa9", b"\xff", b"{}", b"[]", b'"\x1f"', b'"\\ud800"',
     b"1e999", b"NaN"]
)  # fmt: skip


def part_of(data: bytes) -> str:
    return urlsafe_b64encode(data).decode().rstrip("=")


@native
@settings(deadline=None, max_examples=500)
@given(st.one_of(
    JSON.map(orjson.dumps).map(part_of),
    JSON.map(lambda value: orjson.dumps({"alg": value}, option=orjson.OPT_INDENT_2)).map(part_of),
    st.lists(PARTS, max_size=9).map(b"".join).map(part_of),
    st.lists(PARTS, max_size=9).map(lambda parts: part_of(b'{"alg":' + b"".join(parts) + b"}")),
    st.text(st.sampled_from("eyJabc019-_+/= é"), max_size=20),
))  # fmt: skip
def test_no_header_is_refused(part: str) -> None:
    from gateway.scan import _jose  # noqa: PLC0415  # only in a compiled build

    assert _jose.may_name_algorithm(part) or not names_algorithm(part)


@native
@pytest.mark.parametrize(
    ("json", "may"),
    [
        (b'{"alg":"none"}', True),
        (b' {"x" : [{}, [], 1.5e-3, true] , "typ" : null}\n', True),
        (b'{"\\u0061lg":1}', True),
        (b'{"x":{"alg":1}}', False),
        (b'{"alg":1', False),
        (b'{"alg":1}}', False),
        (b'{"alg":1,}', False),
        (b'{"alg":01}', False),
        (b'{"alg":[1}]', False),
        (b'{"alg":"\\x"}', False),
        (b'{"alg" 1}', False),
        (b'["alg"]', False),
        (b"", False),
    ],
)
def test_most_that_is_no_header_is_told_without_an_exception(json: bytes, may: bool) -> None:
    from gateway.scan import _jose  # noqa: PLC0415  # only in a compiled build

    assert _jose.may_name_algorithm(part_of(json)) is may


@native
def test_what_it_cannot_read_may_be_one() -> None:
    from gateway.scan import _jose  # noqa: PLC0415  # only in a compiled build

    assert _jose.may_name_algorithm("é")
    assert _jose.may_name_algorithm("A" * 1025)
    assert not _jose.may_name_algorithm("A" * 1024)
    with pytest.raises(TypeError):
        _jose.may_name_algorithm(b"e30")  # type: ignore[arg-type]  # refused


@pytest.mark.parametrize(
    ("json", "is_one"),
    [
        (b'{"kty":1,"alg":"HS256"}', True),
        (b'{"enc":"A128GCM"}', True),
        (b'{"x":1}', False),
        (b'{"x":1', False),
        (b'{"alg" 1}', False),
        (b"[1]", False),
    ],
)
def test_a_header_names_what_it_is_signed_or_encrypted_with(json: bytes, is_one: bool) -> None:
    assert jwt_header(part_of(json) + ".e30.x", "") is is_one


def test_a_header_that_was_cut_is_one() -> None:
    assert jwt_header("eyJhbGciOiJIUz.e30", "")
