"""The signs of an encoding are the same in C and in Python."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.scan.views import NATIVE, signs_of

if NATIVE:
    from gateway.scan import _signs

WORDS = ["ERONGI", "snoitc", "tpmorp", "tegrof", "vafgeh", "vtaber", "cebzcg", "sbetrg"]
ENCODED = ["%41%41%41", "&lt;", "\\x", "\\u", "a" * 24, "aa " * 8, "aaaaaaaa " * 4, "a-" * 5]
RUNS = ["a ", "aa ", "a-", "aaaaaaaa", "aaaaaaaa "]
PARTS = st.sampled_from([*"aZ9%&;xu:!+/= \n\x00\x7f\\", *RUNS, *WORDS])
TEXTS = st.lists(PARTS, max_size=40).map("".join)


in_c = pytest.mark.skipif(not NATIVE, reason="this build has no C")


@pytest.fixture(params=[True, False], ids=["wide", "narrow"])
def wide(request: pytest.FixtureRequest) -> Iterator[None]:
    """Each form that the machine can run."""
    _signs.use_wide(request.param)
    yield
    _signs.use_wide(True)


@in_c
@pytest.mark.usefixtures("wide")
@settings(
    deadline=None,
    max_examples=1000,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(TEXTS | st.text(st.characters(max_codepoint=127)))
def test_both_find_the_same_signs(text: str) -> None:
    assert _signs.signs(text) == signs_of(text)


@in_c
@pytest.mark.usefixtures("wide")
@pytest.mark.parametrize("sign", [*WORDS, *ENCODED])
def test_a_sign_is_found_wherever_it_stands(sign: str) -> None:
    """Texts are read 64 characters at a time; nothing may be lost at a seam."""
    for before in range(140):
        for behind in (0, 1, 6, 64):
            text = "." * before + sign + "." * behind
            assert _signs.signs(text) == signs_of(text) != 0


@in_c
@pytest.mark.usefixtures("wide")
@pytest.mark.parametrize("sign", [*WORDS, *ENCODED])
def test_what_is_almost_a_sign_is_told_as_it_is(sign: str) -> None:
    for before in (0, 40, 60):
        for at in range(len(sign)):
            for other in "aZ9/ ,.@[`{\x00\x7f":
                text = "!" * before + sign[:at] + other + sign[at + 1 :]
                assert _signs.signs(text) == signs_of(text)


@pytest.mark.parametrize(
    ("text", "sign"),
    [
        ("%41%41%41", 1),
        ("&lt;", 2),
        ("\\x41", 4),
        ("snoitcurtsni", 8),
        ("vafgehpgvbaf", 16),
        ("QUJDQUJDQUJDQUJDQUJDQUJD", 32),
        ("41 42 43 44 45 46 47 48 ", 64),
        ("01000001 01000001 01000001 01000001 ", 128),
        ("i g n o r e", 256),
        ("Plain words, with a sign or two; and 100 % of it.", 0),
    ],
)
def test_each_encoding_has_a_sign(text: str, sign: int) -> None:
    assert signs_of(text) & sign == sign
    assert bool(signs_of(text)) == bool(sign)
