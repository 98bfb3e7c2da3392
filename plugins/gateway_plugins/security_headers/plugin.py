"""Which headers go on which answer, decided when the policy is compiled."""

from __future__ import annotations

from typing import ClassVar, Final

from gateway.plugin import Exchange, Plugin, Reject, Reply, ResponseView, Runtime
from gateway_plugins.security_headers.config import SecurityHeadersConfig
from gateway_plugins.security_headers.cors import Cors

DEFAULTS: Final[dict[str, str]] = {
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
}
REFUSALS_FROM_STATUS: Final = 400

RawHeaders = tuple[tuple[bytes, bytes], ...]


class SecurityHeaders(Plugin):
    """Adds protective headers, takes off telling ones, and answers browsers' preflights."""

    name: ClassVar[str] = "security_headers"
    Config = SecurityHeadersConfig

    def __init__(self, config: SecurityHeadersConfig, runtime: Runtime) -> None:
        super().__init__(config, runtime)
        fields = {name: value for name, value in {**DEFAULTS, **config.headers}.items() if value}
        self._plain = _raw(fields)
        hsts = {"strict-transport-security": config.strict_transport_security}
        self._tls = _raw({**fields, **{name: value for name, value in hsts.items() if value}})
        self._all = config.apply_to == "all"
        self._remove = tuple(name.encode() for name in config.remove)
        self._cors = Cors(config.cors) if config.cors is not None else None
        self._touches_upstream = bool(self._all or self._remove or self._cors is not None)
        if self._cors is None:
            self.skips_hooks = frozenset({"on_request_headers"})

    def on_request_headers(self, x: Exchange) -> Reject | Reply | None:
        return self._cors.answer_preflight(x.request) if self._cors is not None else None

    def on_response_headers(self, x: Exchange) -> None:
        response = x.response
        if response is not None and (self._touches_upstream or response.local):
            self._change(x, response)

    def _change(self, x: Exchange, response: ResponseView) -> None:
        headers = response.headers
        if not response.local:
            for name in self._remove:
                if headers.first(name) is not None:
                    headers.remove(name.decode())
        if response.local or self._all:
            for name, value in self._tls if x.request.scheme == "https" else self._plain:
                if headers.first(name) is None:
                    headers.add_raw(name, value)
        if response.local and response.status >= REFUSALS_FROM_STATUS:
            # A refusal that a cache kept would outlive the policy that gave it.
            headers.set("cache-control", "no-store")
        if self._cors is not None:
            self._cors.mark(x.request.headers, headers)


def _raw(fields: dict[str, str]) -> RawHeaders:
    return tuple((name.encode(), value.encode()) for name, value in fields.items())
