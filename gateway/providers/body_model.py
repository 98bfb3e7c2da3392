"""The model that a request body names, for routes and policies that differ by model.

Where the choice of a policy hangs on the model, a body that the gateway reads in one way and the
provider in another would choose a policy for itself. So what leaves a doubt is refused:

    no body ........................................ names no model
    a JSON object with one text `model` ............ that one
    JSON without `model` ........................... names no model
    `model` twice, or in another case (`Model`) .... ambiguous: parsers differ in which they take
    compressed, no JSON, or a `model` of no text ... uninspectable
    nested or branched beyond all reason ........... uninspectable, before it is parsed
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Generator
from typing import Any, Final

from gateway.plugin.exchange import RequestView
from gateway.plugin.verdict import Reject
from gateway.providers.json_structure import exceeds, names_model_twice
from gateway.reasons import Reason

DEPTH_MAX: Final = 128
CONTAINERS_MAX: Final = 100_000
AT_ONCE_BYTES: Final = 262_144
"""Bodies up to this size are read without a step aside."""

_KEY: Final = "model"
_WHY: Final = "routes or policies differ by model here"
_COMPRESSED: Final = Reject(Reason.UNINSPECTABLE, f"{_WHY}, and a compressed body hides it")
_NO_JSON: Final = Reject(Reason.UNINSPECTABLE, f"{_WHY}, and the body is not JSON")
_NO_TEXT: Final = Reject(Reason.UNINSPECTABLE, f"{_WHY}, and `model` is not a text")
_TOO_DEEP: Final = Reject(Reason.UNINSPECTABLE, f"{_WHY}, and the body is nested too deep")
_TWICE: Final = Reject(Reason.AMBIGUOUS_REQUEST, "the body can be read as naming two models")

Named = str | Reject


def model_in_body(request: RequestView) -> Named | Awaitable[Named]:
    """The model that the held body of `request` names, "" for none, or why it cannot be told.

    An awaitable of it where the body is large.
    """
    body = request.body
    if not body:
        return ""
    if (request.headers.first(b"content-encoding") or b"identity").lower() != b"identity":
        return _COMPRESSED
    scan = _scan(request, body)
    if len(body) > AT_ONCE_BYTES:
        return _step_by_step(scan)
    while True:
        try:
            next(scan)
        except StopIteration as end:
            named: Named = end.value
            return named


async def _step_by_step(scan: Generator[None, None, Named]) -> Named:
    while True:
        try:
            next(scan)
        except StopIteration as end:
            named: Named = end.value
            return named
        await asyncio.sleep(0)  # other exchanges go on


def _scan(request: RequestView, body: bytes) -> Generator[None, None, Named]:
    if (yield from exceeds(body, depth_max=DEPTH_MAX, containers_max=CONTAINERS_MAX)):
        return _TOO_DEEP
    parsed: Any = request.json()
    if parsed is None:
        return _NO_JSON
    if not isinstance(parsed, dict):
        return ""
    # Go's encoding/json takes a key in any case for the field.
    if any(len(key) == len(_KEY) and key.lower() == _KEY != key for key in parsed):
        return _TWICE
    if _KEY not in parsed:
        return ""
    if (yield from names_model_twice(body)):
        return _TWICE
    model = parsed[_KEY]
    return model if isinstance(model, str) else _NO_TEXT
