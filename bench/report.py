"""Turns what was measured into tables in Markdown."""

from __future__ import annotations

import platform
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import targets
from measure import Sample
from proxies import INSTALL, Proxy

Row = list[str]
_HOW_TO_READ = "How to read it: [docs/reference/benchmarks.md](../docs/reference/benchmarks.md)."


@dataclass(slots=True)
class Results:
    """All of one run. `samples` holds the rounds of each proxy, `fixed` what was measured once,
    `hostile` the worst p99 wait in ms by proxy and attack."""

    proxies: list[Proxy]
    versions: dict[str, str]
    command: str
    started: str
    samples: dict[str, list[Sample]] = field(default_factory=dict)
    fixed: dict[str, dict[str, float]] = field(default_factory=dict)
    hostile: dict[str, dict[str, float]] = field(default_factory=dict)

    def rounds(self, proxy: str, figure: str) -> list[float]:
        samples = self.samples.get(proxy, ())
        return [sample.figures[figure] for sample in samples if figure in sample.figures]

    def ratio(self, figure: str, first: str, second: str) -> float | None:
        """The median of the ratios round by round: what disturbs one round disturbs both."""
        ratios = [one / other for one, other in self._pairs(figure, first, second) if other]
        return median(ratios) if ratios else None

    def _pairs(self, figure: str, first: str, second: str) -> Iterable[tuple[float, float]]:
        return zip(self.rounds(first, figure), self.rounds(second, figure), strict=False)

    def difference(self, figure: str, first: str, second: str) -> float | None:
        """The median of the differences round by round."""
        differences = [one - other for one, other in self._pairs(figure, first, second)]
        return median(differences) if differences else None

    def medians(self) -> dict[str, dict[str, float]]:
        found: dict[str, dict[str, float]] = {}
        for proxy in (*self.samples, *self.fixed):
            names = {name for sample in self.samples.get(proxy, ()) for name in sample.figures}
            found[proxy] = {name: median(self.rounds(proxy, name)) for name in names}
            found[proxy] |= self.fixed.get(proxy, {})
        return found

    def faults(self, proxy: str) -> int:
        return sum(sample.faults for sample in self.samples.get(proxy, ()))

    def checked(self) -> dict[str, float]:
        return targets.figures(self.ratio, self.difference, self.medians(), self.hostile)


def table(head: Row, rows: Iterable[Row]) -> str:
    """A Markdown table whose columns line up; all but the first are numbers."""
    lines = [head, *rows]
    widths = [max(len(line[i]) for line in lines) for i in range(len(head))]

    def line(cells: Row) -> str:
        first = cells[0].ljust(widths[0])
        rest = [cell.rjust(width) for cell, width in zip(cells[1:], widths[1:], strict=True)]
        return "| " + " | ".join([first, *rest]) + " |"

    rule = "|" + "|".join("-" * (w + 1) + ("-" if i == 0 else ":") for i, w in enumerate(widths))
    return "\n".join([line(head), rule + "|", *(line(row) for row in lines[1:])])


def _number(value: float | None, digits: int = 0) -> str:
    return "-" if value is None else f"{value:,.{digits}f}"


Cells = Callable[[str, Mapping[str, float]], Row]


def _rows(results: Results, width: int, cells: Cells) -> list[Row]:
    medians = results.medians()
    rows = []
    for proxy in results.proxies:
        if proxy.program is None:
            rows.append([proxy.label, INSTALL, *["-"] * (width - 2)])
        elif proxy.name in medians:
            rows.append([proxy.label, *cells(proxy.name, medians[proxy.name])])
    return rows


def cpu_table(results: Results) -> str:
    head = ["", "µs CPU/request", "of it the worker", "x Envoy", "x aiohttp", "requests/s"]
    head += ["worker, known texts", "x Envoy"]
    head += ["µs CPU/event", "x Envoy", "x aiohttp", "reads/event", "faults"]

    def cells(name: str, found: Mapping[str, float]) -> Row:
        def ratio(figure: str, other: str) -> str:
            return _number(results.ratio(figure, name, other), 2)

        return [
            _number(found.get("request_cpu_us"), 1),
            _number(found.get("request_worker_us"), 1),
            ratio("request_cpu_us", "envoy"),
            ratio("request_cpu_us", "aiohttp"),
            _number(found.get("requests_per_s")),
            _number(found.get("known_worker_us"), 1),
            ratio("known_worker_us", "envoy"),
            _number(found.get("event_cpu_us"), 1),
            ratio("event_cpu_us", "envoy"),
            ratio("event_cpu_us", "aiohttp"),
            _number(found.get("reads_per_event"), 2),
            _number(results.faults(name)),
        ]

    return table(head, _rows(results, len(head), cells))


def latency_table(results: Results) -> str:
    """Everything is added to a direct connection, in µs, but for the first row."""
    names = ["p50_c1_us", "p99_c1_us", "p50_c64_us", "p99_c64_us"]
    names += ["first_p50_us", "delay_p50_us", "delay_max_us"]
    head = ["", "p50, 1 conn.", "p99, 1 conn.", "p50, 64 conn.", "p99, 64 conn."]
    head += ["first event", "event delay p50", "event delay worst"]
    direct = results.medians().get("direct", {})

    def cells(_: str, found: Mapping[str, float]) -> Row:
        return [
            _number(found[name] - direct[name]) if name in found and name in direct else "-"
            for name in names
        ]

    base = ["(direct, not added)", *(_number(direct.get(name)) for name in names)]
    return table(head, [base, *_rows(results, len(head), cells)])


def memory_table(results: Results) -> str:
    head = ["", "start, ms", "idle, MB", "after load, MB", "kB/stream at 500", "faults at 500"]

    def cells(_: str, found: Mapping[str, float]) -> Row:
        stream = found.get("stream_bytes")
        megabytes = [found.get(name) for name in ("idle_bytes", "loaded_bytes")]
        return [
            _number(found.get("start_ms")),
            *(_number(None if value is None else value / 1e6, 1) for value in megabytes),
            _number(None if stream is None else stream / 1024, 1),
            _number(found.get("stream_faults")),
        ]

    return table(head, _rows(results, len(head), cells))


def hostile_table(results: Results) -> str:
    kinds = list(next(iter(results.hostile.values()), {}))
    labels = {proxy.name: proxy.label for proxy in results.proxies}
    rows = [
        [labels[name], *(_number(found.get(kind), 1) for kind in kinds)]
        for name, found in results.hostile.items()
    ]
    return table(["", *kinds], rows)


def target_table(results: Results, *, measured_only: bool) -> str:
    found = results.checked()
    rows = []
    for target in targets.TARGETS:
        value, verdict = target.verdict(found)
        if measured_only and verdict == targets.NOT_MEASURED:
            continue
        bound = f"{'' if target.exact else '<= '}{target.bound:g}{target.unit}"
        rows.append([target.text, bound, value, verdict])
    return table(["target", "bound", "measured", ""], rows)


def cpu_model() -> str:
    """The processor's name and the number of cores."""
    cores = [
        line.partition(":")[2].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    return f"{cores[0] if cores else platform.machine()}, {len(cores)} cores"


def _machine(rounds: int) -> str:
    return f"{cpu_model()}; Linux {platform.release()}; {rounds} interleaved rounds, medians."


def summary(results: Results) -> str:
    """The tables of a quick run."""
    parts = [target_table(results, measured_only=True), cpu_table(results), memory_table(results)]
    return "\n\n".join(parts)


def page(results: Results) -> str:
    """The whole result page."""
    versions = ", ".join(f"{name} {version}" for name, version in results.versions.items())
    rounds = max((len(samples) for samples in results.samples.values()), default=0)
    parts = [
        "# Benchmark results",
        f"Written by `{results.command}`, {results.started}. {_HOW_TO_READ}",
        _machine(rounds) + f" {versions}.",
        "## Targets\n\n" + target_table(results, measured_only=False),
        "## CPU\n\n" + cpu_table(results),
    ]
    if results.rounds("direct", "delay_p50_us"):
        parts.append("## Added latency, µs\n\n" + latency_table(results))
    parts.append("## Memory and start\n\n" + memory_table(results))
    if results.hostile:
        parts.append(
            "## A bystander's wait under hostile bodies, p99 in ms\n\n" + hostile_table(results)
        )
    return "\n\n".join(parts) + "\n"
