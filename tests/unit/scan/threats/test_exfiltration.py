"""What an address takes along, and that an image is judged as one whatever rule meets it."""

from __future__ import annotations

import pytest

from gateway.scan.threats.exfiltration import carries_data, rules
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
