"""Conditions: what matches, byte for byte."""

from __future__ import annotations

import pytest

from gateway.chain.matching import (
    Conditions,
    Matcher,
    host_without_port,
)
from gateway.plugin import Headers, RequestView


def request(
    target: str = "/v1/chat",
    method: str = "POST",
    host: str = "",
    headers: tuple[tuple[bytes, bytes], ...] = (),
) -> RequestView:
    return RequestView(method, target, Headers(list(headers)), host=host)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("LLM.example.com", "llm.example.com"),
        ("llm.example.com:8080", "llm.example.com"),
        ("llm.example.com.", "llm.example.com"),
        ("[::1]:8080", "[::1]"),
        ("[::1]", "[::1]"),
        ("::1", "::1"),
        ("", ""),
    ],
)
def test_the_port_is_no_part_of_the_host(host: str, expected: str) -> None:
    assert host_without_port(host) == expected


def test_all_conditions_must_hold() -> None:
    matcher = Matcher(
        Conditions(
            hosts=("LLM.example.com",),
            paths=("/v1/*",),
            methods=("post",),
            headers={"X-Team": "b*"},
        )
    )
    good = {"host": "llm.EXAMPLE.com:443", "headers": ((b"x-team", b"blue"),)}

    def matches(**changes: object) -> bool:
        view = request(**{**good, **changes})  # type: ignore[arg-type]  # a table of arguments
        return matcher.matches_head(view, view.path)

    assert matches()
    assert not matches(host="other.example.com")
    assert not matches(target="/v2/chat")
    assert not matches(method="GET")
    assert not matches(headers=((b"x-team", b"red"),))
    assert not matches(headers=())


def test_any_field_of_a_repeated_header_may_match() -> None:
    matcher = Matcher(Conditions(headers={"x-team": "blue"}))
    view = request(headers=((b"X-Team", b"red"), (b"x-TEAM", b"blue")))

    assert matcher.matches_head(view, view.path)


def test_a_star_as_the_value_asks_only_for_the_header() -> None:
    matcher = Matcher(Conditions(headers={"x-team": "*"}))

    assert not matcher.always
    assert matcher.matches_head(request(headers=((b"x-team", b""),)), "/")
    assert not matcher.matches_head(request(), "/")


def test_the_path_is_the_one_that_is_given_and_not_the_one_received() -> None:
    matcher = Matcher(Conditions(paths=("/v1/chat",)))

    assert matcher.matches_head(request("/openai/v1/chat"), "/v1/chat")
    assert matcher.reads_path


def test_the_model_is_asked_for_apart() -> None:
    matcher = Matcher(Conditions(models=("gpt-*",)))

    assert matcher.needs_model
    assert not matcher.always
    assert matcher.matches_head(request(), "/")
    assert matcher.matches_model("gpt-4")
    assert not matcher.matches_model("")


def test_without_conditions_everything_matches() -> None:
    matcher = Matcher(Conditions(models=("*",), paths=("*",)))

    assert matcher.always
    assert matcher.matches_head(request(), "/")
    assert matcher.matches_model("")
    assert not matcher.needs_model
    assert not matcher.reads_path
