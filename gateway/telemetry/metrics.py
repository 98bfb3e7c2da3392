"""Counters of one process as plain Python numbers; a snapshot of them is data and adds up."""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Final

from gateway.plugin.coverage import Coverage
from gateway.plugin.verdict import Outcome, Verdict
from gateway.telemetry import catalogue
from gateway.telemetry.catalogue import DURATION_BUCKETS_S, MetricInfo

Labels = tuple[str, ...]

LABEL_VALUES_MAX: Final = 200
"""Different values of one label before further ones are counted as `other`."""
OTHER: Final = "other"
VERDICTS: Final = tuple((outcome, enforced) for outcome in Outcome for enforced in (True, False))
"""What a plugin can come to, as the metrics tell it apart."""
_ALLOW: Final = Outcome.ALLOW
_EDIT: Final = Outcome.EDIT
_ALLOWED: Final = VERDICTS.index((_ALLOW, True))
_EDITED: Final = VERDICTS.index((_EDIT, True))


@dataclass(slots=True)
class Series:
    """One histogram: a count per bucket (the last one has no upper bound) and the sum."""

    buckets: list[int]
    sum: float = 0.0


@dataclass(slots=True)
class MetricsSnapshot:
    """The state of one process, or of several added up; fit to be pickled."""

    counters: dict[str, dict[Labels, float]] = field(default_factory=dict)
    gauges: dict[str, dict[Labels, float]] = field(default_factory=dict)
    histograms: dict[str, dict[Labels, Series]] = field(default_factory=dict)

    def add(self, other: MetricsSnapshot, *, gauges: bool = True) -> None:
        """Adds `other`; of a process that ended, only what is never taken back: no `gauges`."""
        _add_numbers(self.counters, other.counters)
        if gauges:
            _add_numbers(self.gauges, other.gauges)
        for name, rows in other.histograms.items():
            mine = self.histograms.setdefault(name, {})
            for labels, series in rows.items():
                total = mine.setdefault(labels, Series([0] * len(series.buckets)))
                total.buckets = [a + b for a, b in zip(total.buckets, series.buckets, strict=True)]
                total.sum += series.sum

    def count(self, metric: MetricInfo, value: float, *labels: str) -> None:
        """Sets one counter."""
        self.counters.setdefault(metric.name, {})[labels] = value

    def gauge(self, metric: MetricInfo, value: float, *labels: str) -> None:
        """Sets one gauge."""
        self.gauges.setdefault(metric.name, {})[labels] = value


def _add_numbers(
    into: dict[str, dict[Labels, float]], more: dict[str, dict[Labels, float]]
) -> None:
    for name, rows in more.items():
        mine = into.setdefault(name, {})
        for labels, value in rows.items():
            mine[labels] = mine.get(labels, 0) + value


def merged(snapshots: Iterable[MetricsSnapshot]) -> MetricsSnapshot:
    """All of them added up; none of them is changed."""
    total = MetricsSnapshot()
    for snapshot in snapshots:
        total.add(snapshot)
    return total


class RouteMetrics:
    """What is counted per route and upstream; made once, used by every exchange."""

    __slots__ = ("_durations", "_first_bytes", "_outcomes", "received", "sent")

    def __init__(self) -> None:
        self._outcomes: defaultdict[tuple[int, str], int] = defaultdict(int)
        self._durations = Series([0] * (len(DURATION_BUCKETS_S) + 1))
        self._first_bytes = Series([0] * (len(DURATION_BUCKETS_S) + 1))
        self.received = 0
        self.sent = 0

    def done(  # noqa: PLR0917  # called once per exchange: keywords would cost
        self,
        status: int,
        outcome: str,
        duration_s: float,
        first_byte_s: float | None,
        bytes_in: int,
        bytes_out: int,
    ) -> None:
        """Counts one exchange that ended; times in seconds, sizes in body bytes."""
        self._outcomes[status, outcome] += 1
        durations = self._durations
        durations.buckets[bisect_left(DURATION_BUCKETS_S, duration_s)] += 1
        durations.sum += duration_s
        if first_byte_s is not None:
            firsts = self._first_bytes
            firsts.buckets[bisect_left(DURATION_BUCKETS_S, first_byte_s)] += 1
            firsts.sum += first_byte_s
        self.received += bytes_in
        self.sent += bytes_out

    def write_to(self, snapshot: MetricsSnapshot, route: str, upstream: str) -> None:
        """Copies the numbers into `snapshot` under these labels."""
        for (status, outcome), count in self._outcomes.items():
            snapshot.count(catalogue.REQUESTS, count, route, upstream, str(status), outcome)
        for metric, series in (
            (catalogue.DURATION, self._durations),
            (catalogue.FIRST_BYTE, self._first_bytes),
        ):
            rows = snapshot.histograms.setdefault(metric.name, {})
            rows[route, upstream] = Series(list(series.buckets), series.sum)
        snapshot.count(catalogue.RECEIVED, self.received, route, upstream)
        snapshot.count(catalogue.SENT, self.sent, route, upstream)


def _place_of(verdict: Verdict) -> int:
    """Where among VERDICTS it is; nearly all are one of two, which needs no look-up."""
    outcome = verdict.outcome
    if verdict.enforced:
        if outcome is _ALLOW:
            return _ALLOWED
        if outcome is _EDIT:
            return _EDITED
    return VERDICTS.index((outcome, verdict.enforced))


class Metrics:
    """All counters of one process. Not thread-safe: one event loop counts.

    Label values come from configuration (routes, upstreams, plugins) or from closed lists; over
    LABEL_VALUES_MAX different ones of a kind, the rest are counted as `other`. Tenants come from
    credentials: `tenants_max` bounds them, and 0 leaves them out.
    """

    def __init__(self) -> None:
        self.exchanges_active = 0
        self.streams_active = 0
        self.connections_accepted = 0
        self.accept_pauses = 0
        self.tenants_max = LABEL_VALUES_MAX
        self._routes: dict[tuple[str, str], RouteMetrics] = {}
        self._counts: defaultdict[tuple[MetricInfo, Labels], int] = defaultdict(int)
        # For each plugin a count for each of VERDICTS, at `_place_of`.
        self._verdicts: dict[str, list[int]] = {}
        self._tenants: dict[str, dict[str, int]] = {}  # by outcome, then by tenant
        self._seen: dict[str, set[str]] = {}
        self._gauges: list[tuple[MetricInfo, Labels, Callable[[], float]]] = []
        self._counters: list[tuple[MetricInfo, Labels, Callable[[], float]]] = []

    def route(self, route: str, upstream: str) -> RouteMetrics:
        """The counters of one route and upstream; keep the object, this is a lookup."""
        found = self._routes.get((route, upstream))
        if found is None:
            key = (self._bounded("route", route), self._bounded("upstream", upstream))
            found = self._routes.setdefault(key, RouteMetrics())
            if len(self._routes) <= LABEL_VALUES_MAX:
                self._routes[route, upstream] = found
        return found

    def tenant(self, tenant: str, outcome: str) -> None:
        """Counts one exchange of an identified caller that ended."""
        if not self.tenants_max:
            return
        counts = self._tenants.get(outcome)
        if counts is None:
            counts = self._tenants[outcome] = {}
        known = counts.get(tenant)
        if known is None:
            tenant = self._bounded("tenant", tenant, self.tenants_max)
            known = counts.get(tenant, 0)
        counts[tenant] = known + 1

    def verdicts(self, found: list[Verdict]) -> None:
        """Counts the findings of the plugins in one exchange."""
        rows = self._verdicts
        for verdict in found:
            row = rows.get(verdict.plugin)
            if row is None:
                row = rows[verdict.plugin] = [0] * len(VERDICTS)
            row[_place_of(verdict)] += 1

    def coverage(self, coverage: Coverage | None) -> None:
        """Counts how much of each part of an exchange was inspected, and what was not."""
        if coverage is None:
            return
        for name, part in coverage.parts():
            self._counts[catalogue.COVERAGE, (name, part.level)] += 1
            for gap in part.gaps:
                self._counts[catalogue.UNINSPECTED, (name, gap.value)] += 1

    def refusal(self, reason: str) -> None:
        """Counts one refusal or failure by its reason code."""
        self._counts[catalogue.REFUSALS, (self._bounded("reason", reason),)] += 1

    def plugin_event(self, plugin: str, event: str) -> None:
        """Counts what a plugin reports; both come from code, never from a request."""
        labels = (self._bounded("plugin", plugin), self._bounded("event", event))
        self._counts[catalogue.PLUGIN_EVENTS, labels] += 1

    def upstream_error(self, upstream: str, reason: str) -> None:
        """Counts one failed attempt."""
        self._counts[catalogue.UPSTREAM_ERRORS, (self._bounded("upstream", upstream), reason)] += 1

    def retry(self, upstream: str) -> None:
        """Counts one attempt after the first."""
        self._counts[catalogue.RETRIES, (self._bounded("upstream", upstream),)] += 1

    def ejection(self, upstream: str) -> None:
        """Counts one target taken out of rotation."""
        self._counts[catalogue.EJECTIONS, (self._bounded("upstream", upstream),)] += 1

    def connection_refused(self, cause: str) -> None:
        """Counts a connection closed before it was a request: `limit`, `tls`, `proxy_protocol`."""
        self._counts[catalogue.REFUSED_CONNECTIONS, (cause,)] += 1

    def certificate_reload(self, result: str) -> None:
        """Counts `ok` or `failed`."""
        self._counts[catalogue.CERTIFICATE_RELOADS, (result,)] += 1

    def gauge(self, metric: MetricInfo, read: Callable[[], float], *labels: str) -> None:
        """Asks `read` for the value whenever a snapshot is made."""
        self._gauges.append((metric, labels, read))

    def counter(self, metric: MetricInfo, read: Callable[[], float], *labels: str) -> None:
        """The same for a number that only grows and is counted elsewhere."""
        self._counters.append((metric, labels, read))

    def snapshot(self) -> MetricsSnapshot:
        """A copy of all numbers now."""
        snapshot = MetricsSnapshot()
        written: set[int] = set()
        for (route, upstream), metrics in self._routes.items():
            if id(metrics) not in written:
                written.add(id(metrics))
                metrics.write_to(snapshot, route, upstream)
        for (metric, labels), count in self._counts.items():
            snapshot.count(metric, count, *labels)
        for served, tenants in self._tenants.items():
            for tenant, count in tenants.items():
                snapshot.count(catalogue.TENANT_REQUESTS, count, tenant, served)
        for plugin, row in self._verdicts.items():
            for (outcome, enforced), count in zip(VERDICTS, row, strict=True):
                if count:
                    labels = (plugin, str(outcome), "true" if enforced else "false")
                    snapshot.count(catalogue.VERDICTS, count, *labels)
        snapshot.count(catalogue.ACCEPTED, self.connections_accepted)
        snapshot.count(catalogue.ACCEPT_PAUSES, self.accept_pauses)
        snapshot.gauge(catalogue.ACTIVE, self.exchanges_active)
        snapshot.gauge(catalogue.STREAMS, self.streams_active)
        for metric, labels, read in self._gauges:
            snapshot.gauge(metric, read(), *labels)
        for metric, labels, read in self._counters:
            snapshot.count(metric, read(), *labels)
        return snapshot

    def _bounded(self, kind: str, value: str, values_max: int = LABEL_VALUES_MAX) -> str:
        seen = self._seen.setdefault(kind, set())
        if value in seen:
            return value
        if len(seen) >= values_max:
            return OTHER
        seen.add(value)
        return value
