"""OpenAI's streams report their usage only when asked: asks for it, and takes it out again.

A stream of chat completions names its usage if the request has `stream_options.include_usage`.
Where the client did not ask, the gateway does, by splicing into the bytes of the body: all others
stay. The answer then has what the client did not ask for, `"usage":null` in every event and one
event more before the end, and both are taken out, so that the client sees the bytes that it would
have seen without the gateway.
"""

from __future__ import annotations

from typing import Any, Final

import orjson

from gateway.plugin.exchange import Exchange
from gateway.providers.json_structure import member_span
from gateway.settings import Dialect

_PATHS: Final = ("/chat/completions", "/completions")
_DIALECTS: Final = frozenset({Dialect.OPENAI, Dialect.AZURE})
_ASK: Final = b'"stream_options":{"include_usage":true},'
_NULLS: Final = (b',"usage":null', b', "usage": null')


def ask_for_usage(x: Exchange) -> bool:
    """Makes a stream of `x` report its usage, if it would not; whether it was changed.

    For `on_request` of plugins that need the usage. Only OpenAI's dialect has the option, and only
    a body that is plain JSON is changed.
    """
    request = x.request
    if x.dialect not in _DIALECTS or not request.path.rstrip("/").endswith(_PATHS):
        return False
    parsed = request.json()
    body = request.body
    if body is None or not isinstance(parsed, dict) or parsed.get("stream") is not True:
        return False
    options = parsed.get("stream_options")
    if options is None and "stream_options" not in parsed:
        start = body.index(b"{") + 1
        changed = body[:start] + _ASK + body[start:]
    else:
        if isinstance(options, dict) and options.get("include_usage") is True:
            return False
        span = member_span(body, "stream_options")
        if span is None or not isinstance(options, dict | None):
            return False
        fresh = orjson.dumps({**(options or {}), "include_usage": True})
        changed = body[: span[0]] + fresh + body[span[1] :]
    request.replace_body(changed)
    x.usage_asked = True
    return True


def is_usage_event(event: dict[str, Any]) -> bool:
    """Whether this is the event that a stream has only because its usage was asked for."""
    return event.get("choices") == [] and type(event.get("usage")) is dict


def without_null_usage(raw: bytes) -> bytes:
    """The bytes of an event without the empty member that asking for the usage adds.

    Within a JSON text a quote is escaped, so that the bytes looked for are a member and no text;
    twice they are more than that member, and are left alone.
    """
    for null in _NULLS:
        if raw.count(null) == 1:
            return raw.replace(null, b"")
    return raw
