"""The CORS protocol of the Fetch standard: who may read an answer in a browser."""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from gateway.plugin import Headers, Reason, Reject, Reply, RequestView
from gateway_plugins.security_headers.config import CorsConfig

ORIGINS_MAX: Final = 1000
"""Origins whose verdict is remembered; then the memory starts anew."""
ORIGIN_BYTES_MAX: Final = 255
REQUESTED_BYTES_MAX: Final = 4096

_HOST_LABELS: Final = re.compile(r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)*")
_REQUESTED: Final = re.compile(
    rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+(?:[ \t]*,[ \t]*[!#$%&'*+.^_`|~0-9A-Za-z-]+)*"
)

_PREFLIGHT_VARY: Final = "origin, access-control-request-method, access-control-request-headers"
_OURS: Final = (
    b"access-control-allow-origin",
    b"access-control-allow-credentials",
    b"access-control-expose-headers",
)

Fields = tuple[tuple[str, str], ...]
RawFields = tuple[tuple[bytes, bytes], ...]


class _Below(NamedTuple):
    """An origin pattern `https://*.example.com[:port]`."""

    head: str
    tail: str

    def matches(self, origin: str) -> bool:
        if not (origin.startswith(self.head) and origin.endswith(self.tail)):
            return False
        return bool(_HOST_LABELS.fullmatch(origin, len(self.head), len(origin) - len(self.tail)))


class Cors:
    """One policy's rules, compiled."""

    def __init__(self, config: CorsConfig) -> None:
        self._any = "*" in config.origins
        self._exact = frozenset(config.origins)
        self._below = tuple(
            _Below(*origin.split("*", 1)) for origin in config.origins if "://*." in origin
        )
        self._credentials = config.credentials
        self._expose = ", ".join(config.expose_headers)
        self._reflects = "*" in config.headers
        self._allow_headers = ", ".join(config.headers)
        self._preflight: Fields = (
            ("access-control-allow-methods", ", ".join(config.methods)),
            ("access-control-max-age", str(config.max_age_s)),
            ("vary", _PREFLIGHT_VARY),
        )
        self._known: dict[bytes, RawFields | None] = {}

    def answer_preflight(self, request: RequestView) -> Reject | Reply | None:
        """The answer to a preflight; None where `request` is none."""
        origin = request.headers.first(b"origin")
        if origin is None or request.method != "OPTIONS":
            return None
        if request.headers.first(b"access-control-request-method") is None:
            return None
        granted = self._grant(origin)
        if granted is None:
            return Reject(Reason.ORIGIN_DENIED)
        allowed = tuple((name.decode(), value.decode()) for name, value in granted)
        return Reply(204, allowed + self._preflight + self._allowed_headers(request))

    def mark(self, request: Headers, response: Headers) -> None:
        """Says on a response who may read it; what the upstream says of that is replaced."""
        for name in _OURS:
            if response.first(name) is not None:
                response.remove(name.decode())
        origin = request.first(b"origin")
        if origin is not None:
            for field in self._grant(origin) or ():
                response.add_raw(*field)
        if not self._any and not _varies_by_origin(response):
            # The Fetch standard, "CORS protocol and HTTP caches": without an origin as well.
            response.add_raw(b"vary", b"origin")

    def _grant(self, origin: bytes) -> RawFields | None:
        """The fields that let `origin` read; None where it may not."""
        if origin in self._known:
            return self._known[origin]
        if len(origin) > ORIGIN_BYTES_MAX:
            return None
        if len(self._known) >= ORIGINS_MAX:
            self._known.clear()
        granted = self._known[origin] = self._fields(origin)
        return granted

    def _fields(self, origin: bytes) -> RawFields | None:
        text = origin.decode("latin-1")
        listed = text in self._exact or any(pattern.matches(text) for pattern in self._below)
        if not (self._any or listed):
            return None
        fields = [(b"access-control-allow-origin", b"*" if self._any else origin)]
        if self._credentials:
            fields.append((b"access-control-allow-credentials", b"true"))
        if self._expose:
            fields.append((b"access-control-expose-headers", self._expose.encode()))
        return tuple(fields)

    def _allowed_headers(self, request: RequestView) -> Fields:
        """A literal `*` would not cover Authorization, so what is asked for is repeated."""
        if not self._reflects:
            allowed = self._allow_headers
        else:
            asked = request.headers.first(b"access-control-request-headers") or b""
            good = len(asked) <= REQUESTED_BYTES_MAX and _REQUESTED.fullmatch(asked)
            allowed = asked.decode("latin-1") if good else ""
        return (("access-control-allow-headers", allowed),) if allowed else ()


def _varies_by_origin(response: Headers) -> bool:
    if response.first(b"vary") is None:
        return False
    listed = ",".join(response.get_all("vary")).lower()
    return any(name.strip() in ("origin", "*") for name in listed.split(","))
