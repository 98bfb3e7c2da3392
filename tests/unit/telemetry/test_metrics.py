from __future__ import annotations

import pickle

import pytest

from gateway.plugin.verdict import Outcome, Verdict
from gateway.telemetry.catalogue import CATALOGUE, CONNECTIONS, DURATION_BUCKETS_S
from gateway.telemetry.metrics import LABEL_VALUES_MAX, OTHER, Metrics, MetricsSnapshot, merged


def test_counts_an_exchange_under_its_route() -> None:
    metrics = Metrics()
    metrics.route("openai", "openai").done(200, "allow", 0.3, 0.02, 100, 2000)
    metrics.route("openai", "openai").done(502, "failed", 0.001, None, 1, 0)

    snapshot = metrics.snapshot()

    labels = ("openai", "openai")
    assert snapshot.counters["sealgate_requests"] == {
        (*labels, "200", "allow"): 1,
        (*labels, "502", "failed"): 1,
    }
    assert snapshot.counters["sealgate_received_bytes"] == {labels: 101}
    assert snapshot.counters["sealgate_sent_bytes"] == {labels: 2000}
    durations = snapshot.histograms["sealgate_request_duration_seconds"][labels]
    assert durations.sum == pytest.approx(0.301)
    assert sum(durations.buckets) == 2
    assert sum(snapshot.histograms["sealgate_first_byte_seconds"][labels].buckets) == 1


@pytest.mark.parametrize(
    ("duration_s", "bucket"),
    [(0.0, 0), (0.001, 0), (0.0011, 1), (300.0, len(DURATION_BUCKETS_S) - 1), (301.0, -1)],
)
def test_a_bucket_holds_its_upper_bound(duration_s: float, bucket: int) -> None:
    """Prometheus' `le` means less than or equal."""
    metrics = Metrics()
    metrics.route("r", "u").done(200, "allow", duration_s, None, 0, 0)

    series = metrics.snapshot().histograms["sealgate_request_duration_seconds"]["r", "u"]
    assert series.buckets[bucket] == 1


@pytest.mark.parametrize(
    ("tenants_max", "expected"),
    [
        (2, {("a", "served"): 2, ("b", "refused"): 1, (OTHER, "served"): 2}),
        (0, {}),
    ],
)
def test_tenants_are_counted_apart_up_to_a_bound(
    tenants_max: int, expected: dict[tuple[str, str], int]
) -> None:
    """Tenants come from credentials, so their number is not the operator's to choose."""
    metrics = Metrics()
    metrics.tenants_max = tenants_max
    for tenant, outcome in (("a", "served"), ("b", "refused"), ("a", "served")):
        metrics.tenant(tenant, outcome)
    metrics.tenant("c", "served")
    metrics.tenant("d", "served")

    assert metrics.snapshot().counters.get("sealgate_tenant_requests", {}) == expected


def test_counts_by_plugin_reason_and_upstream() -> None:
    metrics = Metrics()
    metrics.verdicts([Verdict("ip_allowlist", "on_request", Outcome.DENY, enforced=False)])
    metrics.refusal("ip_denied")
    metrics.upstream_error("openai", "upstream_reset")
    metrics.retry("openai")
    metrics.ejection("openai")
    metrics.connection_refused("tls")
    metrics.certificate_reload("ok")

    counters = metrics.snapshot().counters
    assert counters["sealgate_verdicts"] == {("ip_allowlist", "deny", "false"): 1}
    assert counters["sealgate_refusals"] == {("ip_denied",): 1}
    assert counters["sealgate_upstream_errors"] == {("openai", "upstream_reset"): 1}
    assert counters["sealgate_upstream_retries"] == {("openai",): 1}
    assert counters["sealgate_upstream_ejections"] == {("openai",): 1}
    assert counters["sealgate_connections_refused"] == {("tls",): 1}
    assert counters["sealgate_certificate_reloads"] == {("ok",): 1}


def test_every_name_that_is_counted_stands_in_the_catalogue() -> None:
    metrics = Metrics()
    metrics.route("r", "u").done(200, "allow", 1, 1, 1, 1)
    snapshot = metrics.snapshot()

    known = {metric.name for metric in CATALOGUE}
    assert {*snapshot.counters, *snapshot.gauges, *snapshot.histograms} <= known


def test_label_values_are_bounded() -> None:
    metrics = Metrics()
    for number in range(LABEL_VALUES_MAX + 50):
        metrics.refusal(f"reason_{number}")
        metrics.route(f"route_{number}", "u").done(200, "allow", 1, None, 0, 0)

    counters = metrics.snapshot().counters
    assert len(counters["sealgate_refusals"]) == LABEL_VALUES_MAX + 1
    assert counters["sealgate_refusals"][(OTHER,)] == 50
    assert len(counters["sealgate_requests"]) == LABEL_VALUES_MAX + 1
    assert counters["sealgate_requests"][OTHER, "u", "200", "allow"] == 50


def test_snapshots_of_workers_add_up_and_travel() -> None:
    snapshots = []
    for _ in range(2):
        metrics = Metrics()
        metrics.gauge(CONNECTIONS, lambda: 4)
        metrics.route("r", "u").done(200, "allow", 0.5, 0.5, 1, 2)
        sent = pickle.dumps(metrics.snapshot())
        snapshots.append(pickle.loads(sent))  # noqa: S301  # our own bytes

    total = merged(snapshots)

    assert total.counters["sealgate_requests"]["r", "u", "200", "allow"] == 2
    assert total.gauges["sealgate_connections_open"][()] == 8
    assert sum(total.histograms["sealgate_first_byte_seconds"]["r", "u"].buckets) == 2
    assert snapshots[0].counters["sealgate_requests"]["r", "u", "200", "allow"] == 1


def test_of_a_worker_that_ended_counts_stay_and_gauges_go() -> None:
    metrics = Metrics()
    metrics.exchanges_active = 3
    metrics.connections_accepted = 5
    retained = MetricsSnapshot()

    retained.add(metrics.snapshot(), gauges=False)

    assert retained.counters["sealgate_connections"][()] == 5
    assert retained.gauges == {}
