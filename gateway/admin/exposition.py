"""Metrics as Prometheus reads them."""

from __future__ import annotations

from collections.abc import Iterable

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from gateway.telemetry.catalogue import CATALOGUE, DURATION_BUCKETS_S, MetricInfo
from gateway.telemetry.metrics import MetricsSnapshot, Series

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


def render(snapshot: MetricsSnapshot) -> bytes:
    """The text format, version 0.0.4: every metric of the catalogue that has a value."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Snapshot(snapshot))
    return generate_latest(registry)


class _Snapshot(Collector):
    def __init__(self, snapshot: MetricsSnapshot) -> None:
        self._snapshot = snapshot

    def collect(self) -> Iterable[Metric]:
        for metric in CATALOGUE:
            family = _family(metric, self._snapshot)
            if family.samples:
                yield family


def _family(metric: MetricInfo, snapshot: MetricsSnapshot) -> Metric:
    if metric.kind == "histogram":
        histogram = HistogramMetricFamily(metric.name, metric.help, labels=metric.labels)
        for labels, series in sorted(snapshot.histograms.get(metric.name, {}).items()):
            histogram.add_metric(labels, _cumulative(series), series.sum)
        return histogram
    if metric.kind == "counter":
        counter = CounterMetricFamily(metric.name, metric.help, labels=metric.labels)
        for labels, value in sorted(snapshot.counters.get(metric.name, {}).items()):
            counter.add_metric(labels, value)
        return counter
    gauge = GaugeMetricFamily(metric.name, metric.help, labels=metric.labels)
    for labels, value in sorted(snapshot.gauges.get(metric.name, {}).items()):
        gauge.add_metric(labels, value)
    return gauge


def _cumulative(series: Series) -> list[tuple[str, float]]:
    rows: list[tuple[str, float]] = []
    count = 0
    for bound, bucket in zip((*DURATION_BUCKETS_S, float("inf")), series.buckets, strict=True):
        count += bucket
        rows.append(("+Inf" if bound == float("inf") else repr(bound), count))
    return rows
