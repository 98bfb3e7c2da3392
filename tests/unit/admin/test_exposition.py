from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from gateway.admin.exposition import render
from gateway.telemetry.catalogue import CATALOGUE, DURATION, REQUESTS, STREAMS
from gateway.telemetry.metrics import Metrics, MetricsSnapshot


def test_every_metric_comes_back_from_a_parser_with_its_help() -> None:
    metrics = Metrics()
    metrics.route("a\nb", 'c"d').done(200, "served", 0.3, 0.1, 5, 6)
    metrics.streams_active = 2
    families = {
        f.name: f for f in text_string_to_metric_families(render(metrics.snapshot()).decode())
    }

    assert families[REQUESTS.name].documentation == REQUESTS.help
    sample = families[REQUESTS.name].samples[0]
    assert sample.labels == {
        "route": "a\nb", "upstream": 'c"d', "status": "200", "outcome": "served",
    }  # fmt: skip
    assert families[STREAMS.name].samples[0].value == 2
    histogram = {s.name: s.value for s in families[DURATION.name].samples if "le" not in s.labels}
    assert histogram[f"{DURATION.name}_count"] == 1
    assert histogram[f"{DURATION.name}_sum"] == 0.3


def test_what_has_no_value_is_not_shown() -> None:
    assert render(MetricsSnapshot()) == b""


def test_no_name_stands_twice_in_the_catalogue() -> None:
    names = [metric.exposed_name for metric in CATALOGUE]

    assert len(set(names)) == len(names)
