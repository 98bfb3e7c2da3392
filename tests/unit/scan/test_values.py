"""What is told of a value is the same in C and in Python, and what the two agree on is right."""

from __future__ import annotations

from collections.abc import Callable
from zlib import crc32

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.scan.library import contexts
from gateway.scan.library.checks import (
    NATIVE,
    _base62,
    github_token,
    has_entropy_plainly,
    is_placeholder,
    is_placeholder_plainly,
    is_random_plainly,
    with_digits,
)
from gateway.scan.library.contexts import (
    is_header_plainly,
    is_strict_plainly,
    looks_assigned,
    looks_assigned_plainly,
    looks_like_password,
    looks_like_password_plainly,
    names_id_plainly,
)
from gateway.scan.library.private_keys import is_material_plainly

PLACEHOLDERS = [
    "example", "placeholder", "changeme", "change_me", "Replace", "your_", "your-", "your ",
    "redacted", "dummy", "xxxx", "***", "...", "aaaaaaaa", "abcdefgh", "sample", "\u017fample",
    "\u212asample",
]  # fmt: skip
CODE = [
    "${", "$(", "$abc", "%ab%", "%", "{", "[", "<", "(", ")", "os.", "self.", "settings.", "http://",
    "s3://", "/", "./", "/usr/", ".", "C:\\", "::", "->", "\\n", "@", "&amp;", "&", "foo", "BAR",
    "-", "_", " ", ":", "=", "\n", "\0", "?", "~", "+",
]  # fmt: skip
RUNS = [
    "a" * 11,
    "A",
    "i" * 11,
    "\u0130",
    "\u0307" * 11,
    "\u03a9" * 6,
    "\u03c3" * 6,
    "*" * 12,
    "\n" * 12,
]
OTHERS = [
    "2024-01-02", "12:30", "1:30", "1234567890", "12345678-1234-1234-1234-123456789abc", "deadbeef",
    "9f86d081", "aB3", "xY", "Q1w2e3", "é", "ß", "½", "²", "\u0663", "\u2167", "中文", "\ud800",
    "\U0001f600",
]  # fmt: skip
CHARACTERS = st.sampled_from(
    [
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789",
        "0123456789abcdef",
        "0123456789",
        "abcdEFGH_.-/=:",
        "aAbBcCdDeEfF",
        "exyourdmplc. _-*a",
        "".join(map(chr, range(33, 127))),
    ]
)
VALUES = st.one_of(
    st.lists(st.sampled_from(PLACEHOLDERS + CODE + RUNS + OTHERS), max_size=7).map("".join),
    CHARACTERS.flatmap(lambda those: st.text(st.sampled_from(those), max_size=140)),
    # Often on the bound: as many of each character as of the next one.
    st.lists(st.sampled_from([1, 2, 3, 4, 6, 12]), max_size=16).map(
        lambda many: "".join(chr(97 + i) * count for i, count in enumerate(many))
    ),
    st.builds(
        lambda first, at, part: first[:at] + part + first[at:],
        st.from_regex(r"\A[a-zA-Z0-9]{12,40}\Z"),
        st.integers(0, 12),
        st.sampled_from(PLACEHOLDERS + CODE + OTHERS),
    ),
)
BEFORE = st.lists(
    st.sampled_from(
        ["id", "ID", "ids", "id\u017f", "token", "to\u212aen", "Secret", "secrets", "credentials",
         "s", "_", "-", '"', "'", "> ", "::", " = ", " " * 11, "\n", "é", "x", "1"]
    ),
    max_size=6,
).map("".join)  # fmt: skip
BITS = st.sampled_from([0.0, 2.0, 2.2, 2.6, 3.0, 3.2, 3.5, 4.4])

native = pytest.mark.skipif(not NATIVE, reason="not compiled")


@native
@settings(deadline=None, max_examples=300)
@given(VALUES)
@pytest.mark.parametrize(
    ("name", "plainly"),
    [
        ("placeholder", is_placeholder_plainly),
        ("password", looks_like_password_plainly),
        ("assigned", looks_assigned_plainly),
        ("strictly_assigned", is_strict_plainly),
        ("header", is_header_plainly),
        ("material", is_material_plainly),
    ],
)
def test_both_forms_say_the_same(name: str, plainly: Callable[[str], bool], value: str) -> None:
    from gateway.scan import _values  # noqa: PLC0415  # only in a compiled build

    assert getattr(_values, name)(value) in {plainly(value), None}


@native
@settings(deadline=None, max_examples=300)
@given(VALUES, BITS, st.integers(0, 3))
def test_both_forms_compare_entropy_alike(value: str, bits: float, digits: int) -> None:
    from gateway.scan import _values  # noqa: PLC0415  # only in a compiled build

    assert _values.entropic(value, bits) in {has_entropy_plainly(value, bits), None}
    assert _values.random(value, bits, digits) in {is_random_plainly(value, bits, digits), None}


@native
@settings(deadline=None, max_examples=300)
@given(BEFORE)
def test_both_forms_know_what_only_names_a_secret(before: str) -> None:
    from gateway.scan import _values  # noqa: PLC0415  # only in a compiled build

    assert _values.names_id(before) in {names_id_plainly(before), None}


@native
@pytest.mark.parametrize("value", ["", "q" * 2000, "é", "Xy7" * 40 + "é"])
def test_few_values_are_left_to_the_plain_form(value: str) -> None:
    from gateway.scan import _values  # noqa: PLC0415  # only in a compiled build

    is_plain = value.isascii() and len(value) <= 1024
    assert (_values.entropic(value, 3.1) is None) == (not is_plain)
    assert (_values.assigned(value) is None) == (not is_plain)
    assert (_values.password(value) is None) == (len(value) > 1024)
    assert _values.placeholder(value) is False


@native
def test_sums_that_their_order_may_change_are_left_to_the_plain_form() -> None:
    from gateway.scan import _values  # noqa: PLC0415  # only in a compiled build

    assert _values.entropic("a" * 12 + "bbbcccdddeee", 2.0) is None
    assert _values.entropic("aaabbbcccdddeeefffggghhh", 3.0) is not None
    assert _values.entropic("abcdefgh", 3.0) is True


@native
@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("placeholder", (b"abc",)),
        ("password", (1,)),
        ("entropic", ("abc", 3)),
        ("entropic", ("abc",)),
        ("random", ("abc", 3.0)),
        ("random", (None, 3.0, 1)),
        ("random", ("abc", 3.0, "1")),
        ("names_id", (None,)),
    ],
)
def test_what_is_no_value_is_refused(name: str, arguments: tuple[object, ...]) -> None:
    from gateway.scan import _values  # noqa: PLC0415  # only in a compiled build

    with pytest.raises(TypeError):
        getattr(_values, name)(*arguments)


@pytest.mark.parametrize(
    ("value", "is_one"),
    [
        ("hunter22", True),
        ("$x1y2z3", True),
        ("correct-horse", False),
        ("abc/def ghi", False),
        ("$password", False),
        ("{password1}", False),
        ("getenv(xx)", False),
        ("Tr0ub4dor&3", True),
        ("<x1!>&23", False),
        ("ab1ab1ab", False),
        ("\u043f\u0430\u0440\u043e\u043b\u044c1", True),
        ("123456", False),
        ("x" * 12 + "1y!", False),
        ("9f86d081-1234-4321-8765-123456789abc", False),
    ],
)
def test_a_password_is_told_from_words_and_code(value: str, is_one: bool) -> None:
    assert looks_like_password(value, "") is is_one


@pytest.mark.parametrize(
    ("value", "before", "is_one"),
    [
        ("Zk9q2LmX71pTv", "token = ", True),
        ("Zk9q2LmX71pTv", "token_id = ", False),
        ("Zk9q2LmX71pTv", 'secrets-ids": ', False),
        ("Zk9q2LmX71pTv", "valid = ", True),
        ("2024-01-02T10:11:12Z", "token: ", False),
        ("12:30 is the time", "token: ", False),
        ("user.name.of.the1.2", "token: ", False),
        ("9f86d081-1234-4321-8765-123456789abc", "token: ", True),
        ("1234567890123456", "token: ", True),
        ("Ab1234567890", "token: ", False),
    ],
)
def test_what_is_assigned_is_told_by_value_and_name(value: str, before: str, is_one: bool) -> None:
    assert looks_assigned(value, before) is is_one


def test_a_name_that_means_little_asks_for_one_piece() -> None:
    assert looks_assigned("Zk9q2L.mX71pTv", "") is True
    assert contexts._strict("Zk9q2L.mX71pTv", "") is False
    assert contexts._strict("Zk9q2LmX71pTv", "") is True
    assert contexts._strict("9f86d081-1234-4321-8765-123456789abc", "") is True


@given(st.from_regex(r"\A[a-zA-Z0-9]{30}\Z"))
def test_a_token_with_its_checksum_is_one_however_it_looks(random: str) -> None:
    for body in (random, "a" * 30):
        check = _base62(crc32(body.encode()))
        assert github_token(f"ghp_{body}{check}", "")
        assert not github_token("ghp_" + "a" * 30 + "b" * 6, "")


def test_a_name_has_no_digits() -> None:
    assert with_digits("s.abcdefQhijklmnopZrstuvw12", "")
    assert not with_digits("s.abcdefQhijklmnopZrstuvwx2", "")


def test_a_long_text_is_no_placeholder() -> None:
    assert is_placeholder("sample" + "1" * 114)
    assert not is_placeholder("sample" + "1" * 115)
