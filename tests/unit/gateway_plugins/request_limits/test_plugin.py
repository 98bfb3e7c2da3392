"""What passes and what is refused, limit by limit."""

from __future__ import annotations

import gzip
from typing import Any

import orjson
import pytest

from gateway.plugin import Reason, Reject
from gateway.plugin.testing import make_exchange, play, running
from gateway_plugins.request_limits import RequestLimits
from gateway_plugins.request_limits import plugin as module

JSON = {"content-type": "application/json"}


async def reason_for(config: dict[str, Any], **exchange: Any) -> Reason | None:
    async with running(RequestLimits, config) as plugin:
        answer = (await play(plugin, make_exchange(**exchange))).answer
    return answer.reason if isinstance(answer, Reject) else None


@pytest.mark.parametrize(
    ("config", "exchange", "reason"),
    [
        ({"methods": ["GET", "POST"]}, {"method": "POST"}, None),
        ({"methods": ["GET", "POST"]}, {"method": "DELETE"}, Reason.METHOD_DENIED),
        ({"methods": ["GET"]}, {"method": "get"}, Reason.METHOD_DENIED),
        ({"query_bytes_max": 3}, {"target": "/v1/x"}, None),
        ({"query_bytes_max": 3}, {"target": "/v1/x?a=1"}, None),
        ({"query_bytes_max": 3}, {"target": "/v1/x?a=12"}, Reason.QUERY_TOO_LARGE),
        ({"query_bytes_max": 0}, {"target": "/v1/x?"}, None),
        ({"query_bytes_max": 0}, {"target": "/v1/x??"}, Reason.QUERY_TOO_LARGE),
        ({"body_bytes_max": 3}, {"body": b"abc"}, None),
        ({"body_bytes_max": 3}, {"body": b"abcd"}, Reason.BODY_TOO_LARGE),
        ({"body_bytes_max": 0}, {"method": "GET"}, None),
        ({"body_bytes_max": 3}, {"headers": {"content-length": "9" * 30}}, Reason.BODY_TOO_LARGE),
        ({"body_bytes_max": 3}, {"headers": {"content-length": "0" * 30}}, Reason.BODY_TOO_LARGE),
    ],
)
async def test_the_head_is_checked(
    config: dict[str, Any], exchange: dict[str, Any], reason: Reason | None
) -> None:
    assert await reason_for(config, **exchange) is reason


async def test_a_refused_method_is_told_which_are_allowed() -> None:
    """RFC 9110 section 15.5.6."""
    async with running(RequestLimits, {"methods": ["GET", "POST"]}) as plugin:
        answer = (await play(plugin, make_exchange("PUT"))).answer

    assert isinstance(answer, Reject)
    assert answer.headers == (("allow", "GET, POST"),)


@pytest.mark.parametrize(("already", "then"), [(None, 100), (50, 50), (500, 100)])
async def test_the_core_is_told_the_limit_for_bodies_of_unknown_length(
    already: int | None, then: int
) -> None:
    """The smallest limit of several plugins holds."""
    x = make_exchange(headers={"transfer-encoding": "chunked"})
    x.body_bytes_max = already
    async with running(RequestLimits, {"body_bytes_max": 100}) as plugin:
        await play(plugin, x)

    assert x.body_bytes_max == then


@pytest.mark.parametrize(
    ("value", "passes"),
    [
        ("application/json", True),
        ("application/json; charset=utf-8", True),
        ("Application/JSON ;charset=utf-8", True),
        ("image/png", True),
        ("text/plain", False),
        ("application/json, text/plain", False),
        ("application/jsonx", False),
        ("image/", False),
        ("image/png image/x", False),
        ("json", False),
        ("", False),
    ],
)
async def test_the_content_type_of_a_body_must_be_listed(value: str, passes: bool) -> None:
    config = {"content_types": ["application/json", "image/*"]}

    reason = await reason_for(config, headers={"content-type": value}, body=b"{}")

    assert reason is (None if passes else Reason.CONTENT_TYPE_DENIED)


@pytest.mark.parametrize(
    ("headers", "passes"),
    [
        ([], True),
        ([("content-length", "0")], True),
        ([("content-length", "2")], False),
        ([("transfer-encoding", "chunked")], False),
        ([("content-type", "text/plain")], True),
        ([("content-length", "2"), ("content-type", "a/b"), ("content-type", "a/c")], False),
        ([("content-length", "2"), ("content-type", "a/b")], True),
    ],
)
async def test_a_body_must_name_one_type(headers: list[tuple[str, str]], passes: bool) -> None:
    reason = await reason_for({"content_types": ["a/*"]}, headers=headers)

    assert reason is (None if passes else Reason.CONTENT_TYPE_DENIED)


ALLOW = {"models": ["gpt-4*", "claude-sonnet"]}
DENY = {"models_denied": ["*-preview", "O1*"]}
BOTH = {"models": ["gpt-*"], "models_denied": ["gpt-4-preview"]}
DENIED, TWO_WAYS, UNREAD = Reason.MODEL_DENIED, Reason.AMBIGUOUS_REQUEST, Reason.UNINSPECTABLE


@pytest.mark.parametrize(
    ("config", "body", "reason"),
    [
        (ALLOW, b'{"model":"gpt-4o"}', None),
        (ALLOW, b'{"model":"claude-sonnet"}', None),
        (ALLOW, b'{"model":"gpt-3.5"}', DENIED),
        (ALLOW, b'{"model":"GPT-4o"}', DENIED),
        (ALLOW, b'{"model":" gpt-4o"}', DENIED),
        (ALLOW, b'{"mod\\u0065l":"gpt-3.5"}', DENIED),
        (ALLOW, b'{"mod\\u0065l":"gpt-4o"}', None),
        (ALLOW, b'{"model":"gpt\\u002d4o"}', None),
        (ALLOW, b'{"model":null}', DENIED),
        (ALLOW, b'{"model":["gpt-4o"]}', DENIED),
        (ALLOW, b"{}", DENIED),
        ({"models": ["gpt-4o", ""]}, b"{}", None),
        (DENY, b"{}", None),
        (DENY, b'{"model":"gpt-4o"}', None),
        (DENY, b'{"model":"x-preview"}', DENIED),
        (DENY, b'{"model":"X-PREVIEW"}', DENIED),
        (DENY, b'{"model":"o1-mini"}', DENIED),
        (DENY, b'{"model":5}', DENIED),
        (BOTH, b'{"model":"gpt-4"}', None),
        (BOTH, b'{"model":"gpt-4-preview"}', DENIED),
        (ALLOW, b'{"model":"gpt-4o","models":["gpt-4","gpt-3.5"]}', DENIED),
        (ALLOW, b'{"models":["gpt-4"]}', None),
        (ALLOW, b'{"model":"gpt-4o","model":"gpt-4o"}', TWO_WAYS),
        (ALLOW, b'{"model":"gpt-4o","mod\\u0065l":"o1"}', TWO_WAYS),
        (ALLOW, b'{"model":"gpt-4o","MODEL":"o1"}', TWO_WAYS),
        (ALLOW, b'{"Model":"gpt-4o"}', TWO_WAYS),
        (ALLOW, b'{"model":"gpt-4o","a":{"model":"o1"},"b":[{"model":1}]}', None),
        (ALLOW, b'{"model":"gpt-4o","a":"\\"model\\":\\"o1\\""}', None),
        (ALLOW, b'{"model":"gpt-4o"} {"model":"o1"}', UNREAD),
        (ALLOW, b'{"model":"gpt-4o",}', UNREAD),
        (ALLOW, b'\xef\xbb\xbf{"model":"gpt-4o"}', UNREAD),
        (ALLOW, '{"model":"gpt-4o"}'.encode("utf-16"), UNREAD),
        (ALLOW, b'{"model":"gpt-4o","a":"\\ud83d"}', UNREAD),
        (ALLOW, b'{"model":"gpt-4o","a":NaN}', UNREAD),
        (ALLOW, b'[{"model":"gpt-4o"}]', UNREAD),
        (ALLOW, b"model=gpt-4o", UNREAD),
        (ALLOW, b'"gpt-4o"', UNREAD),
        (ALLOW, b"null", UNREAD),
        (ALLOW, b"", None),
        ({**ALLOW, "uninspectable": "pass"}, b"model=o1", None),
        ({**ALLOW, "uninspectable": "pass"}, b'{"model":"o1"}', DENIED),
        ({**ALLOW, "uninspectable": "pass"}, b'{"model":"gpt-4","model":"o1"}', TWO_WAYS),
    ],
)
async def test_the_model_of_the_body_is_the_one_that_every_parser_sees(
    config: dict[str, Any], body: bytes, reason: Reason | None
) -> None:
    assert await reason_for(config, body=body) is reason


@pytest.mark.parametrize(
    ("named", "body", "reason"),
    [
        ("gpt-4o", b'{"contents":[]}', None),
        ("gpt-3.5", b'{"contents":[]}', DENIED),
        ("gpt-4o", b'{"model":"gpt-3.5"}', DENIED),
        ("gpt-4o", None, None),
        ("gpt-3.5", None, DENIED),
    ],
)
async def test_a_model_named_by_the_path_is_judged_beside_the_body(
    named: str, body: bytes | None, reason: Reason | None
) -> None:
    assert await reason_for(ALLOW, model=named, body=body) is reason


@pytest.mark.parametrize("coding", ["gzip", "GZIP", "br", "gzip, identity"])
async def test_a_compressed_body_is_not_inspected(coding: str) -> None:
    body = gzip.compress(b'{"model":"gpt-4o"}')
    exchange = {"headers": {"content-encoding": coding}, "body": body}

    assert await reason_for(ALLOW, **exchange) is UNREAD
    assert await reason_for({"json_depth_max": 9}, **exchange) is UNREAD
    assert await reason_for({**ALLOW, "uninspectable": "pass"}, **exchange) is None


async def test_an_identity_coding_is_none() -> None:
    headers = {"content-encoding": "Identity"}

    assert await reason_for(ALLOW, headers=headers, body=b'{"model":"gpt-4o"}') is None


@pytest.mark.parametrize(
    ("config", "body", "reason"),
    [
        ({"json_depth_max": 3}, b"[[[]]]", None),
        ({"json_depth_max": 3}, b"[[[[]]]]", Reason.TOO_DEEP),
        ({"json_depth_max": 3}, b" \n\xef[[[[]]]]", None),
        ({"json_depth_max": 3}, b"\xef\xbb\xbf [[[[]]]]", Reason.TOO_DEEP),
        ({"json_depth_max": 3}, b"--boundary [[[[", None),
        ({"json_depth_max": 3}, b'{"a":"[[[[[[[["}', None),
        ({"json_depth_max": 1024}, b"[" * 400_000, Reason.TOO_DEEP),
        ({"json_containers_max": 3}, b"[[],[]]", None),
        ({"json_containers_max": 3}, b"[[],[],{}]", Reason.TOO_COMPLEX),
        (ALLOW, b'{"model":"gpt-4o","a":' + b"[" * 128 + b"]" * 128 + b"}", Reason.TOO_DEEP),
        (ALLOW, b'{"model":"gpt-4o","a":' + b"[" * 127 + b"]" * 127 + b"}", None),
        (ALLOW, b'{"model":"gpt-4o","a":[' + b"[]," * 99_999 + b"1]}", Reason.TOO_COMPLEX),
    ],
)
async def test_the_structure_is_bounded_before_it_is_parsed(
    config: dict[str, Any], body: bytes, reason: Reason | None
) -> None:
    assert await reason_for(config, body=body) is reason


async def test_a_large_body_is_checked_step_by_step() -> None:
    """The verdict is the same; other exchanges run in between."""
    text = "x[" * module.AT_ONCE_BYTES
    good = orjson.dumps({"model": "gpt-4o", "a": [{"model": text}]})
    async with running(RequestLimits, ALLOW) as plugin:
        waiting = plugin.on_request(make_exchange(body=good))
        twice = plugin.on_request(make_exchange(body=good[:-1] + b',"model":"o1"}'))

        assert waiting is not None
        assert not isinstance(waiting, Reject)
        assert await waiting is None
        assert not isinstance(twice, Reject)
        assert twice is not None
        answer = await twice
    assert answer is not None
    assert answer.reason is TWO_WAYS


@pytest.mark.parametrize(
    ("config", "skipped"),
    [
        ({"methods": ["GET"], "body_bytes_max": 9, "content_types": ["a/b"]}, {"on_request"}),
        ({"json_depth_max": 9}, {"on_request_headers"}),
        (ALLOW, set()),
    ],
)
async def test_only_the_hooks_that_the_limits_need_are_in_the_chain(
    config: dict[str, Any], skipped: set[str]
) -> None:
    """A limit on the head must not make the gateway buffer bodies."""
    async with running(RequestLimits, config) as plugin:
        assert plugin.skips_hooks == skipped


async def test_the_refusal_repeats_only_a_short_printable_name() -> None:
    async with running(RequestLimits, ALLOW) as plugin:
        told = [
            (await play(plugin, make_exchange(model=name))).answer
            for name in ("o1", "x" * 200, "o1\x1b[31m")
        ]

    assert [answer.message for answer in told if isinstance(answer, Reject)] == [
        "o1",
        "",
        "",
    ]


async def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TYPES_MAX", 10)
    monkeypatch.setattr("gateway_plugins.request_limits.models.MODELS_MAX", 10)
    async with running(RequestLimits, {**ALLOW, "content_types": ["*/*"]}) as plugin:
        for number in range(100):
            body = b'{"model":"%d"}' % number
            await play(plugin, make_exchange(headers={"content-type": f"a/{number}"}, body=body))
            await play(plugin, make_exchange(model="x" * 300 + str(number)))

        assert len(plugin._types_known) <= 10
        assert len(plugin._models._known) <= 10


@pytest.mark.parametrize(
    ("named", "body", "model"),
    [
        (None, b'{"model":"gpt-4o"}', "gpt-4o"),
        (None, b'{"model":"o1"}', "o1"),
        (None, b'{"model":5}', None),
        (None, b'{"model":"' + b"x" * 300 + b'"}', None),
        ("gpt-4", b'{"model":"gpt-4o"}', "gpt-4"),
    ],
)
async def test_the_model_of_the_body_is_known_from_then_on(
    named: str | None, body: bytes, model: str | None
) -> None:
    """For the log line of this exchange, and for later plugins."""
    x = make_exchange(body=body, model=named)
    async with running(RequestLimits, ALLOW) as plugin:
        await play(plugin, x)

    assert x.model == model
