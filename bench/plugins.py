"""CPU of the built-in plugins in microseconds per request, with the chain's runner, without HTTP.

Run it with `python bench/plugins.py`. Each figure is the best of several rounds on one core: what
the hooks of a typical chat exchange (16 request headers, 12 response headers, a body of 1.7 kB)
cost on top of an empty chain. `make bench` measures the whole gateway.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import orjson

from gateway.chain.compiler import Use, compile_chain
from gateway.chain.runner import run, run_complete
from gateway.plugin import PRINCIPAL, Exchange, Headers, Plugin, Principal, Runtime
from gateway.plugin.testing import make_exchange, make_response
from gateway.state.memory import MemoryStore
from gateway_plugins.concurrency import Concurrency
from gateway_plugins.ip_allowlist import IpAllowlist
from gateway_plugins.rate_limit import RateLimit
from gateway_plugins.request_limits import RequestLimits
from gateway_plugins.security_headers import SecurityHeaders

ROUNDS = 7
EXCHANGES = 5_000

REQUEST = {
    "Host": "127.0.0.1:8080",
    "Accept-Encoding": "gzip, deflate",
    "Connection": "keep-alive",
    "Accept": "application/json",
    "Content-Type": "application/json",
    "User-Agent": "OpenAI/Python 3.54.0",
    **{f"X-Stainless-{number}": "value" for number in range(8)},
    "Authorization": "Bearer key",
    "Content-Length": "1700",
}
RESPONSE = {
    "date": "Sat, 21 Nov 2026 22:00:00 GMT",
    "content-type": "application/json",
    "server": "provider",
    **{f"x-ratelimit-{number}": "1" for number in range(9)},
}
TEXT = 'a "word" or two '
BODY = orjson.dumps(
    {"model": "gpt-4o", "messages": [{"role": "user", "content": TEXT * 90} for _ in range(1)]}
)

CALLER = Principal("acme", "ann", "key", "k1")


class Case(NamedTuple):
    """One chain to measure."""

    label: str
    plugins: Sequence[tuple[type[Plugin], Mapping[str, Any]]]


ADDRESSES = (IpAllowlist, {"allow": ["10.0.0.0/8", "192.0.2.0/24"], "deny": ["10.9.0.0/16"]})
MANY = (
    IpAllowlist,
    {"allow": [f"10.{n >> 8}.{n & 255}.0/24" for n in range(10_000)] + ["::/0", "192.0.2.1"]},
)
HEAD = (
    RequestLimits,
    {
        "methods": ["GET", "POST"],
        "query_bytes_max": 8192,
        "body_bytes_max": 33_554_432,
        "content_types": ["application/json", "multipart/form-data"],
    },
)
MODELS = (RequestLimits, {"models": ["gpt-4*"]})
PLAIN = (SecurityHeaders, {})
CORS = (SecurityHeaders, {"cors": {"origins": ["https://app.example.com"]}})
ALL = (SecurityHeaders, {"apply_to": "all", "remove": ["server"]})
PER_KEY = {"per": "key", "requests": 100_000, "window": "60s"}
LIMIT = (RateLimit, {"limits": [PER_KEY]})
SILENT = (RateLimit, {"limits": [PER_KEY], "headers": []})
TOKENS = (
    RateLimit,
    {"limits": [PER_KEY, {"per": ["tenant", "model"], "tokens": 10**12, "window": "60s"}]},
)
SLOTS = (Concurrency, {"limits": [{"per": "tenant", "running": 100_000}]})
SHED = (Concurrency, {"shed": {}})

CASES = [
    Case("ip_allowlist", [ADDRESSES]),
    Case("ip_allowlist, 10 000 networks", [MANY]),
    Case("request_limits, head", [HEAD]),
    Case("request_limits, models (parses the body)", [MODELS]),
    Case("security_headers", [PLAIN]),
    Case("security_headers, CORS", [CORS]),
    Case("security_headers, apply_to: all", [ALL]),
    Case("all three", [PLAIN, ADDRESSES, HEAD]),
    Case("rate_limit, one limit in memory", [LIMIT]),
    Case("rate_limit, without header fields", [SILENT]),
    Case("rate_limit, requests and tokens", [TOKENS]),
    Case("concurrency, one limit in memory", [SLOTS]),
    Case("concurrency, shedding alone", [SHED]),
]


def exchange() -> Exchange:
    """One exchange after the upstream's head; the core has looked at both heads already."""
    x = make_exchange(headers=REQUEST, body=BODY)
    x.provide(PRINCIPAL, CALLER)
    x.response = make_response(headers=RESPONSE)
    _looked_at(x.request.headers)
    _looked_at(x.response.headers)
    return x


def _looked_at(headers: Headers) -> None:
    headers.first(b"x-request-id")


def microseconds(case: Case) -> float:
    """CPU time of the hooks of one exchange."""
    store = MemoryStore()
    uses = [
        Use(plugin(plugin.Config.model_validate(config), Runtime(counters=lambda _: store)))
        for plugin, config in case.plugins
    ]
    chain = compile_chain(uses)
    steps = [hooks for hooks in (chain.request_headers, chain.request) if hooks]
    exchanges = [exchange() for _ in range(EXCHANGES)]
    began = time.process_time()
    for x in exchanges:
        for hooks in steps:
            run(hooks, x)
        if chain.response_headers:
            run(chain.response_headers, x)
        if chain.complete:
            run_complete(chain.complete, x)
    return (time.process_time() - began) / EXCHANGES * 1e6


def main() -> None:
    """Prints one line per chain."""
    gc.disable()
    empty = min(microseconds(Case("", [])) for _ in range(ROUNDS))
    for case in CASES:
        cost = min(microseconds(case) for _ in range(ROUNDS)) - empty
        print(f"{case.label:42} {cost:6.1f} us")
        gc.collect()


if __name__ == "__main__":
    main()
