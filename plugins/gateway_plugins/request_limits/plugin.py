"""The checks on head and body; only those that a policy asks for are in the chain."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Generator
from typing import Any, ClassVar, Final

from gateway.plugin import Exchange, Headers, Plugin, Reason, Reject, Runtime
from gateway.providers.json_structure import exceeds, names_model_twice
from gateway_plugins.request_limits.config import RequestLimitsConfig
from gateway_plugins.request_limits.globs import Globs
from gateway_plugins.request_limits.models import Models, short_name

DEPTH_MAX: Final = 128
CONTAINERS_MAX: Final = 100_000
TYPES_MAX: Final = 1000
"""Content types whose verdict is remembered; then the memory starts anew."""
AT_ONCE_BYTES: Final = 262_144
"""Bodies up to this size are checked without a step aside."""

_LENGTH_DIGITS_MAX: Final = 18
_MEDIA_TYPE: Final = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]+/[!#$%&'*+.^_`|~0-9a-z-]+")
_JSON_BEGINS: Final = re.compile(rb"(?:\xef\xbb\xbf)?[ \t\r\n]*+[\[{]")

_BODY_TOO_LARGE: Final = Reject(Reason.BODY_TOO_LARGE)
_QUERY_TOO_LARGE: Final = Reject(Reason.QUERY_TOO_LARGE)
_TYPE_DENIED: Final = Reject(Reason.CONTENT_TYPE_DENIED)
_COMPRESSED: Final = Reject(Reason.UNINSPECTABLE, "the body is compressed")
_NO_JSON: Final = Reject(Reason.UNINSPECTABLE, "the body is not JSON that names a model")
_AMBIGUOUS: Final = Reject(Reason.AMBIGUOUS_REQUEST, "the body names the model twice")
_BROKEN_LIMITS: Final = {"depth": Reject(Reason.TOO_DEEP), "containers": Reject(Reason.TOO_COMPLEX)}

Check = Callable[[Exchange], Reject | None]


class RequestLimits(Plugin):
    """Refuses requests that are larger, deeper or other than the policy allows."""

    name: ClassVar[str] = "request_limits"
    Config = RequestLimitsConfig

    def __init__(self, config: RequestLimitsConfig, runtime: Runtime) -> None:
        super().__init__(config, runtime)
        self._methods = frozenset(config.methods)
        # RFC 9110 section 15.5.6: a 405 lists what is allowed.
        self._method_denied = Reject(
            Reason.METHOD_DENIED, headers=(("allow", ", ".join(config.methods)),)
        )
        self._query_bytes_max = config.query_bytes_max or 0
        self._body_bytes_max = config.body_bytes_max or 0
        self._content_types = Globs(config.content_types)
        self._types_known: dict[bytes, bool] = {}
        self._models = Models(config.models, config.models_denied)
        self._depth_max = config.json_depth_max or DEPTH_MAX
        self._containers_max = config.json_containers_max or CONTAINERS_MAX
        self._passes_uninspectable = config.uninspectable == "pass"
        self._head_checks = self._needed_checks(config)
        needed = {"on_request_headers": self._head_checks, "on_request": config.reads_body}
        self.skips_hooks = frozenset(hook for hook, wanted in needed.items() if not wanted)

    def _needed_checks(self, config: RequestLimitsConfig) -> tuple[Check, ...]:
        """The cheap ones first."""
        checks: list[tuple[object, Check]] = [
            (config.methods or None, self._check_method),
            (config.query_bytes_max, self._check_query),
            (config.body_bytes_max, self._check_length),
            (config.content_types or None, self._check_type),
            (self._models or None, self._check_named_model),
        ]
        return tuple(check for wanted, check in checks if wanted is not None)

    def on_request_headers(self, x: Exchange) -> Reject | None:
        for check in self._head_checks:
            reject = check(x)
            if reject is not None:
                return reject
        return None

    def _check_method(self, x: Exchange) -> Reject | None:
        return None if x.request.method in self._methods else self._method_denied

    def _check_query(self, x: Exchange) -> Reject | None:
        query = x.request.query
        too_long = query is not None and len(query) > self._query_bytes_max
        return _QUERY_TOO_LARGE if too_long else None

    def _check_length(self, x: Exchange) -> Reject | None:
        limit = x.body_bytes_max
        if limit is None or limit > self._body_bytes_max:
            x.body_bytes_max = self._body_bytes_max
        length = x.request.headers.first(b"content-length")
        if length is None:
            return None
        too_long = len(length) > _LENGTH_DIGITS_MAX or int(length) > self._body_bytes_max
        return _BODY_TOO_LARGE if too_long else None

    def _check_type(self, x: Exchange) -> Reject | None:
        headers = x.request.headers
        value = headers.first(b"content-type")
        if not _announces_body(headers):
            return None
        if value is None or headers.repeated(b"content-type"):
            return _TYPE_DENIED
        admitted = self._types_known.get(value)
        if admitted is None:
            if len(self._types_known) >= TYPES_MAX:
                self._types_known.clear()
            admitted = self._types_known[value] = self._admits_type(value)
        return None if admitted else _TYPE_DENIED

    def _admits_type(self, value: bytes) -> bool:
        media_type = value.decode("latin-1").partition(";")[0].strip(" \t").lower()
        return bool(_MEDIA_TYPE.fullmatch(media_type)) and self._content_types.match(media_type)

    def _check_named_model(self, x: Exchange) -> Reject | None:
        return self._models.judge(x.model) if x.model else None

    def on_request(self, x: Exchange) -> Reject | Awaitable[Reject | None] | None:
        body = x.request.body
        if not body:
            return None
        scan = self._inspect(x, body)
        return _at_once(scan) if len(body) <= AT_ONCE_BYTES else _step_by_step(scan)

    def _inspect(self, x: Exchange, body: bytes) -> Generator[None, None, Reject | None]:
        if (x.request.headers.first(b"content-encoding") or b"identity").lower() != b"identity":
            return self._uninspectable(_COMPRESSED)
        if _JSON_BEGINS.match(body):
            broken = yield from exceeds(
                body, depth_max=self._depth_max, containers_max=self._containers_max
            )
            if broken:
                return _BROKEN_LIMITS[broken]
        return (yield from self._inspect_model(x, body)) if self._models else None

    def _inspect_model(self, x: Exchange, body: bytes) -> Generator[None, None, Reject | None]:
        parsed: Any = x.request.json()
        if not isinstance(parsed, dict):
            return self._uninspectable(_NO_JSON)
        # Go's encoding/json takes a key in any case for the field.
        if any(len(key) == len("model") and key.lower() == "model" != key for key in parsed):
            return _AMBIGUOUS
        if (yield from names_model_twice(body)):
            return _AMBIGUOUS
        named_by_path = bool(x.model)
        if not named_by_path:
            x.model = short_name(parsed)
        return self._models.judge_body(parsed, named_by_path=named_by_path)

    def _uninspectable(self, reject: Reject) -> Reject | None:
        return None if self._passes_uninspectable else reject


def _announces_body(headers: Headers) -> bool:
    length = headers.first(b"content-length")
    return headers.first(b"transfer-encoding") is not None or length not in (None, b"0")


def _at_once(scan: Generator[None, None, Reject | None]) -> Reject | None:
    while True:
        try:
            next(scan)
        except StopIteration as end:
            verdict: Reject | None = end.value
            return verdict


async def _step_by_step(scan: Generator[None, None, Reject | None]) -> Reject | None:
    """Lets other exchanges go on between two steps."""
    while True:
        try:
            next(scan)
        except StopIteration as end:
            verdict: Reject | None = end.value
            return verdict
        await asyncio.sleep(0)
