"""What placeholders look like, and that nothing real looks like them."""

from __future__ import annotations

import ipaddress

import pytest
import stdnum.iban
import stdnum.luhn
import stdnum.us.ssn
from hypothesis import given
from hypothesis import strategies as st

from gateway.scan.fold import begins_json
from gateway_plugins.dlp.restore import Restorer, Table, is_json_source, unescaped
from gateway_plugins.dlp.tokens import TAGGED, Minter, label_of

KEY = b"k" * 32
TAGGED_ONES = Minter(KEY, "tagged")
ALIKE = Minter(KEY, "lookalike")
keys = st.binary(min_size=32, max_size=32)


@pytest.mark.parametrize(
    ("sort", "label"),
    [
        ("email", "EMAIL"),
        ("us_ssn", "US_SSN"),
        ("aws-key id", "AWS_KEY_ID"),
        ("2fa", "X2FA"),
        ("имя", "X"),
        ("x" * 50, "X" * 32),
    ],
)
def test_a_class_as_a_placeholder_names_it(sort: str, label: str) -> None:
    assert label_of(sort) == label
    assert TAGGED.fullmatch(TAGGED_ONES.mint(sort, "value"))


def test_class_value_key_and_attempt_each_make_another_one() -> None:
    made = {
        TAGGED_ONES.mint("email", "a"),
        TAGGED_ONES.mint("email", "b"),
        TAGGED_ONES.mint("email", "a", 1),
        Minter(b"j" * 32, "tagged").mint("email", "a"),
        TAGGED_ONES.mint("phone", "a"),
    }
    assert len({text.partition("_")[2] for text in made}) == 5
    assert TAGGED_ONES.mint("email", "a") in made


@given(keys, st.sampled_from(["4111 1111 1111 1111", "378282246310005", "5555-5555-5555-4444"]))
def test_a_card_has_its_form_and_fails_the_check(key: bytes, value: str) -> None:
    made = Minter(key, "lookalike").mint("card", value)
    assert [c.isdigit() for c in made] == [c.isdigit() for c in value]
    digits = "".join(filter(str.isdigit, made))
    assert digits[0] == value[0]
    assert not stdnum.luhn.is_valid(digits)


@given(keys)
def test_an_iban_has_its_form_and_cannot_be_one(key: bytes) -> None:
    made = Minter(key, "lookalike").mint("iban", "DE89 3704 0044 0532 0130 00")
    assert made.startswith(("DE00 ", "DE01 "))
    assert len(made) == 27
    assert not stdnum.iban.is_valid(made)


@given(keys)
def test_an_ssn_has_its_form_and_was_never_issued(key: bytes) -> None:
    made = Minter(key, "lookalike").mint("ssn", "078-05-1120")
    assert made[0] == "9"
    assert made[3:7] == "-00-"
    assert not stdnum.us.ssn.is_valid(made)


@given(keys, st.sampled_from(["10.20.30.40", "2001:db8::1"]))
def test_an_address_is_one_that_nobody_has(key: bytes, value: str) -> None:
    made = ipaddress.ip_address(Minter(key, "lookalike").mint("ip", value))
    assert made.version == ipaddress.ip_address(value).version
    assert made.is_reserved or made in ipaddress.ip_network("2001:db8::/32")


@pytest.mark.parametrize(
    ("value", "start"), [("+49 30 901820", "+99 9"), ("(212) 555-7788", "(000) ")]
)
def test_a_telephone_number_is_in_no_plan(value: str, start: str) -> None:
    made = ALIKE.mint("phone", value)
    assert made.startswith(start)
    assert len(made) == len(value)


@pytest.mark.parametrize(
    ("sort", "value"),
    [
        ("secret", "AKIAIOSFODNN7EXAMPLE"),
        ("phone", "12345"),
        ("card", "4111 1111 1111 1111 1111 1111"),
        ("iban", "de89370400440532013000"),
        ("ssn", "078-05"),
        ("phone", "ring me: 0301234567"),
    ],
)
def test_what_has_not_the_form_is_tagged(sort: str, value: str) -> None:
    assert TAGGED.fullmatch(ALIKE.mint(sort, value))


def test_no_placeholder_begins_another_one() -> None:
    table = Table()
    assert table.add("1234-5678", "a")
    assert not table.add("1234-56", "b")
    assert not table.add("1234-56789", "b")
    assert not table.add("1234-5678", "b")
    assert table.add("1234-5678", "a")
    assert table.add("1234-5679", "b")


@pytest.mark.parametrize(
    ("text", "restored"),
    [
        ("at 1234-5678.", "at abc."),
        ("1234-5678", "abc"),
        ("91234-5678", "91234-5678"),
        ("1234-56789", "1234-56789"),
        ("x1234-5678", "x1234-5678"),
        ("1234-5678x", "1234-5678x"),
        ("1234 5678", "1234 5678"),
    ],
)
def test_a_lookalike_within_a_word_or_number_is_another_one(text: str, restored: str) -> None:
    table = Table()
    table.add("1234-5678", "abc")
    assert Restorer(table).whole("text", text) == restored


@pytest.mark.parametrize(
    ("kind", "text", "restored"),
    [
        ("tool_call_arguments", '{"a": "<N_00000000>"}', '{"a": "o\\"b\\nc"}'),
        ("tool_call_arguments", '["<N_00000000>"]', '["o\\"b\\nc"]'),
        ("tool_call_arguments", "say <N_00000000>", 'say o"b\nc'),
        ("tool_call_arguments", "{x} <N_00000000>", '{x} o"b\nc'),
        ("text", '{"a": "<N_00000000>"}', '{"a": "o\\"b\\nc"}'),
        ("text", '["<N_00000000>"]', '["o"b\nc"]'),
        ("tool_result", '["<N_00000000>"]', '["o\\"b\\nc"]'),
        ("tool_result", ' [{"a": "<N_00000000>"}]', ' [{"a": "o\\"b\\nc"}]'),
        ("tool_result", "say <N_00000000>", 'say o"b\nc'),
        ("raw", '"<N_00000000>"', '"o\\"b\\nc"'),
        ("text", "<N_00000000>", 'o"b\nc'),
        ("text", "\\u003cN_00000000\\u003e", "\\u003cN_00000000\\u003e"),
        ("tool_call_arguments", '{"a": 123456789}', '{"a": "+49 30"}'),
        ("tool_call_arguments", '{"a":"\\n123456789"}', '{"a":"\\n+49 30"}'),
        ("tool_call_arguments", '{"a":"\\\\u003cN_00000000\\\\u003e"}', None),
    ],
)
def test_json_stays_json_and_other_text_gets_the_value_as_it_is(
    kind: str, text: str, restored: str | None
) -> None:
    table = Table()
    table.add("<N_00000000>", 'o"b\nc')
    table.add("123456789", "+49 30")
    assert Restorer(table).whole(kind, text) == (text if restored is None else restored)


@pytest.mark.parametrize(
    ("text", "value", "plain"),
    [
        ('{"key": "a\\nb"}', "a\\nb", "a\nb"),
        ('{"key": "a\\u0040b"}', "a\\u0040b", "a@b"),
        (' [{"key": "a\\u0040b"}]', "a\\u0040b", "a@b"),
        ('"a\\u0040b"', "a\\u0040b", "a@b"),
        ("key a\\nb", "a\\nb", "a\\nb"),
        ('{"key": "a\\nb"}', "a\\", "a\\"),
    ],
)
@pytest.mark.parametrize("kind", ["tool_call_arguments", "tool_result", "raw"])
def test_a_value_in_what_tools_are_given_and_give_is_taken_as_it_reads(
    kind: str, text: str, value: str, plain: str
) -> None:
    """So it has one placeholder, wherever it stands."""
    assert unescaped(kind, text, value) == plain


@given(
    st.sampled_from(["tool_call_arguments", "tool_result", "raw"]),
    st.text('{}[]" \n\ta1', max_size=8),
    st.integers(0, 8),
)
def test_what_is_scanned_as_json_is_restored_as_json_however_it_comes(
    kind: str, head: str, cut: int
) -> None:
    table = Table()
    table.add("<N_00000000>", '"')
    text = f'{head}"<N_00000000>"<N_00000000>'
    restorer = Restorer(table)
    out = restorer.feed("c", kind, text[:cut], final=False)
    out += restorer.feed("c", kind, text[cut:], final=True)

    assert is_json_source(kind, text) == begins_json(text)
    assert out == Restorer(table).whole(kind, text)
    assert ('\\"' in out) == begins_json(text)
