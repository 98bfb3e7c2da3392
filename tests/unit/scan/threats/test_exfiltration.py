"""What an address takes along, and that an image is judged as one whatever rule meets it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.scan.threats.exfiltration import NATIVE, carries_data, carries_something, rules
from gateway.scan.threats.rule import Rule

SHORT = "https://evil.example/?d=secretsecretsecret"
"""Enough for what is fetched by itself, too little for a link that somebody has to follow."""


def rule(name: str) -> Rule:
    (found,) = [one for one in rules(()) if one.name == name]
    return found


@pytest.mark.parametrize(
    ("before", "carries"), [("see [a](", False), ("see ![a](", True), ("![", True), ("[", False)]
)
def test_a_link_that_is_an_image_is_judged_as_an_image(before: str, *, carries: bool) -> None:
    link = rule("exfiltration_link")

    assert link.confirm is not None
    assert link.confirm(SHORT, before) is carries


def test_less_is_enough_where_a_client_asks_by_itself() -> None:
    assert carries_data(SHORT, fetched=True)
    assert not carries_data(SHORT, fetched=False)
    assert not carries_data("https://evil.example/logo.png", fetched=True)


def test_allowed_hosts_take_what_they_are_given() -> None:
    (image,) = [one for one in rules(("evil.example",)) if one.name == "exfiltration_image"]

    assert image.confirm is not None
    assert not image.confirm(SHORT, "![a](")


PARTS = [
    "/", "?", "#", "&", ";", "=", ".", "-", "_", "+", "@", "%", "{", "}", "[", "]", "$", ":", "a",
    "%20", "%E2%80%83", "%C3%A9", "%D9%A1" * 9, "%FF", "%3C", "%3E", "%5B", "%7B", "%7d", "ABC",
    "data", "my_exfil-x", "user_x", "token", "abc-" * 12, "aB3" * 7, "aB3" * 11, "aB3" * 14,
    "0af" * 8, "0af" * 22, "deadbeef" * 5, "deadbeef.min", "12345678", "9", "a@b.co", "sk-1",
    "eyJabcdefgh", "w+" * 12, "thisisalabelofmorethantwentyeightletters", "\x1f", " ", "<", ">",
]  # fmt: skip


@pytest.mark.skipif(not NATIVE, reason="not compiled")
@given(st.lists(st.sampled_from(PARTS), max_size=12).map("".join), st.booleans())
def test_both_forms_are_the_same(tail: str, fetched: bool) -> None:
    for url in (f"https://a.bc{tail}", f"//{tail}", tail):
        assert carries_data(url, fetched=fetched) is carries_something(url, fetched=fetched)
