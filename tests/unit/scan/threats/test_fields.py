"""The names of arguments say what their values are written in."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.scan.threats.fields import VALUES_MAX, Language, language_of, values_of


@pytest.mark.parametrize(
    ("name", "language"),
    [
        ("code", Language.CODE), ("sourceCode", Language.CODE), ("new_string", Language.CODE),
        ("bash_command", Language.SHELL), ("cmd", Language.SHELL), ("sql", Language.SQL),
        ("imageUrl", Language.URL), ("query", Language.NONE), ("name", Language.NONE),
        ("", Language.NONE), ("codec", Language.NONE), ("HTMLBody", Language.CODE),
        ("bodyHTML", Language.CODE),
    ],
)  # fmt: skip
def test_a_name_tells_a_language(name: str, language: Language) -> None:
    assert language_of(name) is language


def test_every_text_is_a_value_with_the_nearest_name() -> None:
    arguments = orjson.dumps({"a": "x", "b": {"c": ["y", {"d": "z"}]}, "n": 1}).decode()

    assert values_of(arguments) == [("a", "x"), ("c", "y"), ("d", "z")]


def test_a_long_key_is_looked_at_too() -> None:
    assert ("", "' or '1'='1' --") in values_of("{\"' or '1'='1' --\":1}")


@pytest.mark.parametrize("text", ["plain text", "{broken", "*** Begin Patch", ""])
def test_what_is_no_json_is_one_value(text: str) -> None:
    assert [value.text for value in values_of(text)] == [text]


def test_more_values_than_are_looked_at_one_by_one_are_one_text() -> None:
    many = orjson.dumps([str(number) for number in range(VALUES_MAX + 1)]).decode()

    [value] = values_of(many)
    assert value.text.startswith("0\n1\n2\n")


@given(st.text(max_size=100))
def test_no_text_makes_it_fail(text: str) -> None:
    for value in values_of(text):
        language_of(value.name)
