"""What the gateway has to reach, each with the figure that was measured."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

NOT_MEASURED = "not measured"
Figures = Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Target:
    """One promise: the figure's name in `Results.checked`, its bound and how to print it."""

    text: str
    figure: str
    bound: float
    unit: str = ""
    exact: bool = False

    def verdict(self, figures: Figures) -> tuple[str, str]:
        """The measured value and `pass`, `FAIL` or `not measured`."""
        value = figures.get(self.figure)
        if value is None:
            return "-", NOT_MEASURED
        met = value == self.bound if self.exact else value <= self.bound
        return f"{value:.2f}{self.unit}" if value < 100 else f"{value:.0f}{self.unit}", (
            "pass" if met else "FAIL"
        )


TARGETS = (
    Target("CPU per 1.7 kB request, against Envoy", "request_cpu_envoy", 1.40, " x"),
    Target("CPU per 1.7 kB request, against the aiohttp proxy", "request_cpu_aiohttp", 0.45, " x"),
    Target("CPU per streamed event, against Envoy", "event_cpu_envoy", 1.30, " x"),
    Target("Header plugins on: CPU per request, against bare", "headers_cpu_bare", 1.15, " x"),
    Target("Virtual key and one limit in memory: added CPU", "key_added_us", 15, " µs"),
    Target("Virtual key and one limit in Redis: added CPU", "redis_added_us", 60, " µs"),
    Target("Signed token, remembered: added CPU", "token_added_us", 15, " µs"),
    Target("Texts inspected: added CPU per streamed event", "inspect_event_added_us", 20, " µs"),
    Target("Texts inspected: added memory after load", "inspect_mb", 60, " MB"),
    Target("Receipts: added CPU of the worker per exchange", "receipt_added_us", 60, " µs"),
    Target("Receipts: added CPU of the worker per event", "receipt_event_added_us", 3, " µs"),
    Target("Receipts: added p99 at one connection", "receipt_p99_ms", 1, " ms"),
    Target(
        "The whole chain: CPU of the worker per request, against Envoy", "card_envoy", 2.2, " x"
    ),
    Target("The whole chain: the same against the aiohttp proxy", "card_aiohttp", 1.0, " x"),
    Target("Memory idle, supervisor and one worker (PSS)", "idle_mb", 100, " MB"),
    Target("Start to first answer", "start_ms", 1500, " ms"),
    Target("Added delay of an event, median", "added_delay_ms", 1, " ms"),
    Target("Added delay of an event, worst", "added_delay_max_ms", 10, " ms"),
    Target("Bystander's wait under hostile bodies, p99, bare", "stall_bare_ms", 50, " ms"),
    Target("Bystander's wait under hostile bodies, p99, body plugin", "stall_body_ms", 50, " ms"),
    Target("500 streams: memory per stream", "stream_kb", 64, " kB"),
    Target("500 streams: events missing or out of order", "stream_faults", 0, "", exact=True),
)

Compare = Callable[[str, str, str], float | None]
"""The median over rounds of one figure of two proxies: the first over, or less, the second."""


def figures(
    ratio: Compare,
    difference: Compare,
    medians: Mapping[str, Figures],
    hostile: Mapping[str, Figures],
) -> dict[str, float]:
    """Everything that `TARGETS` names and that was measured in this run."""
    bare, direct = medians.get("sealgate", {}), medians.get("direct", {})

    def added(name: str) -> float | None:
        return difference("request_cpu_us", name, "sealgate")

    found = {
        "request_cpu_envoy": ratio("request_cpu_us", "sealgate", "envoy"),
        "request_cpu_aiohttp": ratio("request_cpu_us", "sealgate", "aiohttp"),
        "event_cpu_envoy": ratio("event_cpu_us", "sealgate", "envoy"),
        "headers_cpu_bare": ratio("request_cpu_us", "sealgate-headers", "sealgate"),
        "key_added_us": added("sealgate-key"),
        "redis_added_us": added("sealgate-redis"),
        "token_added_us": added("sealgate-token"),
        "inspect_event_added_us": difference("event_cpu_us", "sealgate-inspect", "sealgate"),
        "inspect_mb": _more(medians, "sealgate-inspect", "loaded_bytes", 1e-6),
        "receipt_added_us": difference("request_worker_us", "sealgate-receipt", "sealgate"),
        "receipt_event_added_us": difference("event_worker_us", "sealgate-receipt", "sealgate"),
        "receipt_p99_ms": _more(medians, "sealgate-receipt", "p99_c1_us", 1e-3),
        "card_envoy": ratio("request_worker_us", "sealgate-card", "envoy"),
        "card_aiohttp": ratio("request_worker_us", "sealgate-card", "aiohttp"),
        "idle_mb": _scaled(bare.get("idle_bytes"), 1e-6),
        "start_ms": bare.get("start_ms"),
        "added_delay_ms": _added(bare, direct, "delay_p50_us"),
        "added_delay_max_ms": _added(bare, direct, "delay_max_us"),
        "stall_bare_ms": _worst(hostile.get("sealgate")),
        "stall_body_ms": _worst(hostile.get("sealgate-body")),
        "stream_kb": _scaled(bare.get("stream_bytes"), 1 / 1024),
        "stream_faults": bare.get("stream_faults"),
    }
    return {name: value for name, value in found.items() if value is not None}


def _scaled(value: float | None, factor: float) -> float | None:
    return None if value is None else value * factor


def _added(bare: Figures, direct: Figures, figure: str) -> float | None:
    if figure not in bare or figure not in direct:
        return None
    return (bare[figure] - direct[figure]) / 1000


def _more(medians: Mapping[str, Figures], name: str, figure: str, factor: float) -> float | None:
    """By how much a figure of one way to run the gateway exceeds that of the bare one."""
    one, bare = medians.get(name, {}).get(figure), medians.get("sealgate", {}).get(figure)
    return None if one is None or bare is None else (one - bare) * factor


def _worst(kinds: Figures | None) -> float | None:
    return max((v for kind, v in kinds.items() if kind != "none"), default=None) if kinds else None
