"""One measurement of one proxy: requests, latency, streams, memory."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import orjson
from accounting import cpu_ns_by_process, pss_bytes, spent_since
from hostile import ATTACKS
from runner import BenchError, Cores, Running, pinned
from streams import body, request

HERE = Path(__file__).resolve().parent
_STALL_RUNS = 3
LOOK_MS = 1
"""Clients of streams look at their sockets so often where the price of events is measured."""
_REST_S = 0.25
_REST_SHARE = 0.04
_REST_MAX_S = 60.0
_TEXTS = 8192
"""Different requests: more than the gateway remembers texts of that size."""
_KNOWN_TEXTS = 64


@dataclass(frozen=True, slots=True)
class Effort:
    """How long and how hard one round measures; times in seconds, intervals in ms."""

    unary_s: float = 3.0
    single_s: float = 2.0
    streams: int = 100
    events: int = 200
    interval_ms: int = 10
    calm_streams: int = 16
    first_bytes: int = 100
    latency: bool = True

    def for_slow(self) -> Effort:
        """A load that a proxy with milliseconds of CPU per request can carry."""
        return Effort(self.unary_s, self.single_s, 4, self.events, 20, 2, 20, self.latency)


@dataclass(slots=True)
class Sample:
    """What one round found out of one proxy, by name of the figure; faults count apart."""

    figures: dict[str, float] = field(default_factory=dict)
    faults: int = 0


def _last_object(output: str) -> dict[str, Any]:
    for line in reversed(output.splitlines()):
        if line.startswith("{"):
            found = orjson.loads(line)
            if isinstance(found, dict):
                return found
    raise BenchError(f"a load generator printed no result:\n{output[-2000:]}")


def _load(core: int, command: list[str], environment: dict[str, str]) -> dict[str, Any]:
    done = subprocess.run(
        pinned(core, command),
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise BenchError(f"{command[0]} failed:\n{done.stdout}{done.stderr}")
    return _last_object(done.stdout)


def wrk(
    target: Running, core: int, connections: int, duration_s: float, texts: int = _TEXTS
) -> dict[str, Any]:
    """Closed-loop load of whole requests, with so many texts in turn; see bench/wrk/chat.lua."""
    wires = target.site.folder / f"requests-{texts}.bin"
    if not wires.exists():
        wires.write_bytes(b"".join(_wire(target, seed) for seed in range(texts)))
    size = wires.stat().st_size // texts
    # wrk knows whole seconds only.
    command = [
        *("wrk", "-t1", f"-c{connections}", f"-d{max(1, round(duration_s))}s", "--timeout", "60s"),
        *("-s", str(HERE / "wrk/chat.lua"), f"http://127.0.0.1:{target.port}"),
    ]
    environment = {"BENCH_REQUESTS": str(wires), "BENCH_REQUEST_BYTES": str(size)}
    return _load(core, command, environment)


def _wire(target: Running, seed: int) -> bytes:
    payload = body("bench", stream=False, seed=seed)
    return request(f"127.0.0.1:{target.port}", payload, target.headers)


def streams(
    target: Running,
    core: int,
    *,
    count: int,
    events: int,
    interval_ms: int,
    repeat: int = 1,
    look_ms: int = 0,
) -> dict[str, Any]:
    """Paced streams, every event checked; see bench/streams.py for what comes back."""
    numbers = {"streams": count, "events": events, "interval-ms": interval_ms, "repeat": repeat}
    numbers["look-ms"] = look_ms
    command = [sys.executable, str(HERE / "streams.py"), f"--port={target.port}"]
    command += [f"--{name}={number}" for name, number in numbers.items()]
    command += [f"--header={line}" for line in target.headers]
    return _load(core, command, {})


def _spent_at_rest(before: dict[int, int], target: Running) -> int:
    """Nanoseconds of all processes, once they have done what the load left them to do.

    Who writes receipts is behind its workers for seconds after such a load. What that takes belongs
    to the requests that it is about, and not to what is measured next.
    """
    deadline = time.monotonic() + _REST_MAX_S
    spent, _ = spent_since(before, target.session)
    while time.monotonic() < deadline:
        time.sleep(_REST_S)
        now, _ = spent_since(before, target.session)
        if now - spent < _REST_S * _REST_SHARE * 1e9:
            return now
        spent = now
    return spent


def _requests(target: Running, cores: Cores, effort: Effort, sample: Sample) -> None:
    before = cpu_ns_by_process(target.session)
    found = wrk(target, cores.load, 64, effort.unary_s)
    _, worker = spent_since(before, target.session)
    spent = _spent_at_rest(before, target)
    sample.faults += found["faults"]
    requests = max(1, found["requests"])
    sample.figures["request_cpu_us"] = spent / 1000 / requests
    sample.figures["request_worker_us"] = worker / 1000 / requests
    sample.figures["requests_per_s"] = found["requests"] / found["duration_us"] * 1e6
    sample.figures["p50_c64_us"] = found["p50_us"]
    sample.figures["p99_c64_us"] = found["p99_us"]
    _known(target, cores, sample)


def _known(target: Running, cores: Cores, sample: Sample) -> None:
    """The same with texts that the gateway remembers."""
    before = cpu_ns_by_process(target.session)
    found = wrk(target, cores.load, 64, 1, _KNOWN_TEXTS)
    _, worker = spent_since(before, target.session)
    sample.faults += found["faults"]
    sample.figures["known_worker_us"] = worker / 1000 / max(1, found["requests"])
    _spent_at_rest(before, target)


def _events(target: Running, cores: Cores, effort: Effort, sample: Sample) -> None:
    before = cpu_ns_by_process(target.session)
    found = streams(
        target,
        cores.load,
        count=effort.streams,
        events=effort.events,
        interval_ms=effort.interval_ms,
        look_ms=LOOK_MS,
    )
    _, worker = spent_since(before, target.session)
    spent = _spent_at_rest(before, target)
    missing = effort.streams * effort.events - found["events"]
    sample.faults += found["faults"] + abs(missing)
    # A peer whose streams fail altogether has no price per event; its faults say why.
    if found["events"]:
        sample.figures["event_cpu_us"] = spent / 1000 / found["events"]
        sample.figures["event_worker_us"] = worker / 1000 / found["events"]
        sample.figures["reads_per_event"] = found["reads_per_event"]


def _latencies(target: Running, cores: Cores, effort: Effort, sample: Sample) -> None:
    single = wrk(target, cores.load, 1, effort.single_s)
    sample.figures["p50_c1_us"] = single["p50_us"]
    sample.figures["p99_c1_us"] = single["p99_us"]
    calm = streams(
        target,
        cores.load,
        count=effort.calm_streams,
        events=effort.events // 2,
        interval_ms=effort.interval_ms,
    )
    first = streams(target, cores.load, count=1, events=1, interval_ms=0, repeat=effort.first_bytes)
    if calm["events"] and first["events"]:
        sample.figures["delay_p50_us"] = calm["delay_p50_us"]
        sample.figures["delay_max_us"] = calm["delay_max_us"]
        sample.figures["first_p50_us"] = first["first_p50_us"]
    sample.faults += single["faults"] + calm["faults"] + first["faults"]


def measure(target: Running, cores: Cores, effort: Effort) -> Sample:
    """One round of one proxy (or of no proxy, which then has no CPU of its own)."""
    sample = Sample()
    if target.proxy is not None and target.proxy.slow:
        effort = effort.for_slow()
    _requests(target, cores, effort, sample)
    _events(target, cores, effort, sample)
    if effort.latency:
        _latencies(target, cores, effort, sample)
    return sample


def stream_memory(target: Running, cores: Cores, count: int) -> dict[str, float]:
    """Holds `count` streams at once: bytes of memory per stream, events, faults.

    A few streams run before, so that what a first use allocates once is not charged to them.
    """
    events, interval_ms = 40, 100
    streams(target, cores.load, count=10, events=2, interval_ms=interval_ms)
    base = pss_bytes(target.session)
    command = [sys.executable, str(HERE / "streams.py"), f"--port={target.port}"]
    command += [f"--streams={count}", f"--events={events}", f"--interval-ms={interval_ms}"]
    command += [f"--header={line}" for line in target.headers]
    load = subprocess.Popen(pinned(cores.load, command), stdout=subprocess.PIPE, text=True)
    peak = base
    while load.poll() is None:
        peak = max(peak, pss_bytes(target.session))
        time.sleep(0.25)
    found = _last_object(load.stdout.read() if load.stdout is not None else "")
    return {
        "stream_bytes": (peak - base) / count,
        "stream_events": found["events"],
        "stream_faults": found["faults"] + abs(count * events - found["events"]),
    }


def stall(target: Running, cores: Cores) -> dict[str, float]:
    """The p99 wait of a bystander in ms, by kind of attack; inf where it was not served.

    The median of some runs, because one burst of other work on the machine is a p99 by itself.
    """
    return {
        kind: median(_stalled(target, cores, kind) for _ in range(_STALL_RUNS))
        for kind in ("none", *ATTACKS)
    }


def _stalled(target: Running, cores: Cores, kind: str) -> float:
    command = [sys.executable, str(HERE / "hostile.py"), f"--port={target.port}"]
    attacker = None
    if kind != "none":
        attacker = subprocess.Popen(pinned(cores.load, [*command, f"--attack={kind}"]))
    seen = _load(cores.load, command, {})
    if attacker is not None:
        attacker.kill()
        attacker.wait()
    return float("inf") if seen["broken"] else float(seen["p99_ms"])
