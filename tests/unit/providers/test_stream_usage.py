"""Asking a stream for its usage: what is spliced in, and what is taken out again."""

from __future__ import annotations

import orjson
import pytest

from gateway.plugin.testing import make_exchange
from gateway.providers.stream_usage import ask_for_usage, is_usage_event, without_null_usage
from gateway.settings import Dialect

ASKED = b'"stream_options":{"include_usage":true},'
BASE = b'"model":"gpt-4o","stream":true,"messages":[]'


@pytest.mark.parametrize(
    ("body", "sent"),
    [
        (b"{" + BASE + b"}", b"{" + ASKED + BASE + b"}"),
        (b' \n{ "stream" : true }', b" \n{" + ASKED + b' "stream" : true }'),
        (
            b'{"stream":true,"stream_options":null,"n":1}',
            b'{"stream":true,"stream_options":{"include_usage":true},"n":1}',
        ),
        (
            b'{"stream_options" : { "include_usage": false } ,"stream":true}',
            b'{"stream_options" : {"include_usage":true} ,"stream":true}',
        ),
        (
            b'{"stream":true,"stream_options":{"include_obfuscation":false}}',
            b'{"stream":true,"stream_options":{"include_obfuscation":false,"include_usage":true}}',
        ),
        (
            b'{"metadata":{"stream_options":1},"note":"\\"stream_options\\": {","stream":true}',
            b"{" + ASKED
            + b'"metadata":{"stream_options":1},"note":"\\"stream_options\\": {","stream":true}',
        ),
    ],
    ids=["plain", "with space", "null", "false", "another option", "only look-alikes"],
)  # fmt: skip
def test_a_stream_is_asked_by_splicing_and_every_other_byte_stays(body: bytes, sent: bytes) -> None:
    x = make_exchange(body=body)

    assert ask_for_usage(x)
    assert x.request.body == sent
    assert x.request.body_edited
    assert x.usage_asked
    assert orjson.loads(sent)["stream_options"]["include_usage"] is True


@pytest.mark.parametrize(
    "body",
    [
        b'{"stream":true,"stream_options":{"include_usage":true}}',
        b'{"stream":false}',
        b'{"messages":[]}',
        b'{"stream":"yes"}',
        b'{"stream":true,"stream_options":[1]}',
        b'{"stream":true,"stream_options":{},"stream_options":{}}',
        b'{"stream":true,"stream\\u005foptions":{}}',
        b"[true]",
        b"no json",
        b"",
    ],
    ids=["asked for", "whole", "not said", "odd", "odd options", "twice", "escaped", "a list",
         "no json", "empty"],
)  # fmt: skip
def test_a_body_is_left_alone_where_there_is_nothing_to_ask_or_no_safe_way(body: bytes) -> None:
    x = make_exchange(body=body)

    assert not ask_for_usage(x)
    assert x.request.body == body
    assert not x.usage_asked


@pytest.mark.parametrize(
    ("path", "dialect", "asked"),
    [
        ("/v1/chat/completions", Dialect.OPENAI, True),
        ("/v1/completions", Dialect.OPENAI, True),
        ("/openai/deployments/x/chat/completions", Dialect.AZURE, True),
        ("/v1/responses", Dialect.OPENAI, False),
        ("/v1/messages", Dialect.ANTHROPIC, False),
        ("/api/chat", Dialect.OLLAMA, False),
        ("/v1/chat/completions", Dialect.UNKNOWN, False),
    ],
)
def test_only_the_apis_that_know_the_option_are_asked(
    path: str, dialect: Dialect, asked: bool
) -> None:
    x = make_exchange(target=path, body=b'{"stream":true}', dialect=dialect)

    assert ask_for_usage(x) is asked


@pytest.mark.parametrize(
    ("event", "hidden"),
    [
        ({"choices": [], "usage": {"prompt_tokens": 1}}, True),
        ({"choices": [], "usage": None, "prompt_filter_results": []}, False),
        ({"choices": [{"delta": {}}], "usage": {"prompt_tokens": 1}}, False),
        ({"usage": {"prompt_tokens": 1}}, False),
    ],
    ids=["the usage", "Azure's first", "with a choice", "of another form"],
)
def test_only_the_event_that_is_there_for_the_usage_is_taken_out(
    event: dict[str, object], hidden: bool
) -> None:
    assert is_usage_event(event) is hidden


@pytest.mark.parametrize(
    ("raw", "left"),
    [
        (b'data: {"choices":[],"usage":null}\n\n', b'data: {"choices":[]}\n\n'),
        (b'data: {"a": 1, "usage": null, "b": 2}\n\n', b'data: {"a": 1, "b": 2}\n\n'),
        (b'data: {"usage":null,"a":1}\n\n', b'data: {"usage":null,"a":1}\n\n'),
        (b'{"content":",\\"usage\\":null"}\n\n', b'{"content":",\\"usage\\":null"}\n\n'),
        (b'{"a":[{"b":1,"usage":null}],"usage":null}',) * 2,
    ],
)  # fmt: skip
def test_the_empty_member_goes_and_nothing_else(raw: bytes, left: bytes) -> None:
    assert without_null_usage(raw) == left
