"""Every metric in one table: name, type, labels, help.

A test checks docs/reference/metrics.md against it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

DURATION_BUCKETS_S = (
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0,
)  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class MetricInfo:
    """One metric; compared by identity. Counters are exposed with the suffix `_total`."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    labels: tuple[str, ...]
    help: str

    @property
    def exposed_name(self) -> str:
        """The name on the metrics page."""
        return f"{self.name}_total" if self.kind == "counter" else self.name


def _counter(name: str, labels: tuple[str, ...], help_text: str) -> MetricInfo:
    return MetricInfo(name, "counter", labels, help_text)


def _gauge(name: str, labels: tuple[str, ...], help_text: str) -> MetricInfo:
    return MetricInfo(name, "gauge", labels, help_text)


REQUESTS = _counter(
    "sealgate_requests",
    ("route", "upstream", "status", "outcome"),
    "Exchanges that ended, by the status the client was sent.",
)
DURATION = MetricInfo(
    "sealgate_request_duration_seconds",
    "histogram",
    ("route", "upstream"),
    "From the whole request head to the last byte of the answer.",
)
FIRST_BYTE = MetricInfo(
    "sealgate_first_byte_seconds",
    "histogram",
    ("route", "upstream"),
    "From the whole request head to the first byte of the answer's head.",
)
TENANT_REQUESTS = _counter(
    "sealgate_tenant_requests",
    ("tenant", "outcome"),
    "Exchanges of identified callers that ended; see metrics.tenants_max.",
)
RECEIVED = _counter(
    "sealgate_received_bytes", ("route", "upstream"), "Request body bytes received from clients."
)
SENT = _counter(
    "sealgate_sent_bytes", ("route", "upstream"), "Response body bytes sent to clients."
)
VERDICTS = _counter(
    "sealgate_verdicts",
    ("plugin", "outcome", "enforced"),
    "Findings of plugins; enforced is false in shadow mode.",
)
COVERAGE = _counter(
    "sealgate_coverage",
    ("part", "level"),
    "Exchanges with plugins that read texts, by how much of a part was inspected.",
)
UNINSPECTED = _counter(
    "sealgate_uninspected",
    ("part", "gap"),
    "Parts of exchanges that could not be inspected, by what they were.",
)
REFUSALS = _counter("sealgate_refusals", ("reason",), "Exchanges refused or failed, by reason.")
PLUGIN_EVENTS = _counter(
    "sealgate_plugin_events",
    ("plugin", "event"),
    "What plugins report beside their verdicts, such as the alerts of a budget.",
)
UPSTREAM_ERRORS = _counter(
    "sealgate_upstream_errors", ("upstream", "reason"), "Failed attempts at an upstream."
)
RETRIES = _counter("sealgate_upstream_retries", ("upstream",), "Attempts after the first one.")
EJECTIONS = _counter("sealgate_upstream_ejections", ("upstream",), "Targets taken out of rotation.")
EJECTED = _gauge(
    "sealgate_upstream_ejected_targets",
    ("upstream",),
    "Targets out of rotation now, added up over the workers.",
)
ACCEPTED = _counter("sealgate_connections", (), "Client connections accepted.")
REFUSED_CONNECTIONS = _counter(
    "sealgate_connections_refused",
    ("cause",),
    "Client connections closed before a request: limit, tls, proxy_protocol.",
)
ACCEPT_PAUSES = _counter(
    "sealgate_accept_pauses", (), "Times a worker stopped accepting for want of file descriptors."
)
CONNECTIONS = _gauge("sealgate_connections_open", (), "Client connections open now.")
ACTIVE = _gauge("sealgate_exchanges_active", (), "Exchanges running now.")
STREAMS = _gauge("sealgate_streams_active", (), "Streamed answers running now.")
LOOP_LAG = _gauge(
    "sealgate_event_loop_lag_seconds",
    (),
    "How late the event loops run, smoothed, added up over the workers.",
)
STORE_TAKES = _counter(
    "sealgate_store_takes",
    ("store", "outcome"),
    "Questions to a store of counters: answered, leased (from a share, it was away), unavailable.",
)
STORE_COMMANDS = _counter("sealgate_store_commands", ("store",), "Commands sent to a store.")
STORE_ROUND_TRIPS = _counter(
    "sealgate_store_round_trips", ("store",), "Writes that carried them: fewer, as they share one."
)
STORE_ERRORS = _counter(
    "sealgate_store_errors",
    ("store", "cause"),
    "Commands that were not answered in time (timeout) or with an error (reply), and connections "
    "lost (connection).",
)
STORE_LATE = _counter(
    "sealgate_store_late_answers", ("store",), "Admissions that came too late and were given back."
)
STORE_CORRECTIONS = _counter(
    "sealgate_store_corrections",
    ("store", "result"),
    "Corrections of what was taken: done, or dropped, which leaves a counter wrong.",
)
STORE_WAITING = _gauge(
    "sealgate_store_corrections_waiting", ("store",), "Corrections kept until the store is back."
)
STORE_AWAY = _gauge(
    "sealgate_store_away", ("store",), "Workers for which a store, or a part of it, is away."
)
STORE_SHARE = _gauge(
    "sealgate_store_share",
    ("store",),
    "Part of lease_fraction that all workers together hold for an outage, 0 to 1.",
)
STORE_KEYS = _gauge("sealgate_store_keys", ("store",), "Counters in use in a store in memory.")
LOG_DROPS = _counter(
    "sealgate_log_lines_dropped", (), "Log lines dropped because standard output was too slow."
)
CERTIFICATE_RELOADS = _counter(
    "sealgate_certificate_reloads", ("result",), "Attempts to read changed certificate files."
)
RELOADS = _counter("sealgate_policy_reloads", ("result",), "Attempts to put policies in force.")
POLICY_VERSION = _gauge("sealgate_policy_version", (), "Version of the policies in force.")
RELOAD_OK = _gauge(
    "sealgate_policy_last_reload_ok", (), "1 when the last attempt succeeded, 0 when it failed."
)
WORKERS = _gauge("sealgate_workers", ("state",), "Worker processes: ready, starting.")
RESTARTS = _counter("sealgate_worker_restarts", (), "Workers that were replaced.")
LEDGER_STATE = _gauge(
    "sealgate_ledger_state",
    ("state",),
    "1 for the state of the sequencer: running, away, quarantined, starting, stopped.",
)
LEDGER_ENTRIES = _gauge("sealgate_ledger_entries", (), "Entries of this node's log.")
LEDGER_WAITING = _gauge(
    "sealgate_ledger_waiting_bytes", (), "Bytes in journals that are not in the ledger yet."
)
LEDGER_EXCHANGES = _counter(
    "sealgate_ledger_exchanges",
    ("end",),
    "Exchanges in the log: opened, and how they ended: closed, interrupted, dropped.",
)
LEDGER_GAPS = _counter("sealgate_ledger_gaps", (), "Holes in journals, each a signed record.")
BUILD = _gauge(
    "sealgate_build_info",
    ("version", "build"),
    "Always 1; `build` is `compiled` or `interpreted`.",
)
STARTED = _gauge("sealgate_start_time_seconds", (), "Start of the gateway, seconds since 1970.")

CATALOGUE: tuple[MetricInfo, ...] = (
    REQUESTS, TENANT_REQUESTS, DURATION, FIRST_BYTE, RECEIVED, SENT, VERDICTS, REFUSALS,
    COVERAGE, UNINSPECTED,
    PLUGIN_EVENTS, UPSTREAM_ERRORS, RETRIES, EJECTIONS, EJECTED, ACCEPTED, REFUSED_CONNECTIONS,
    ACCEPT_PAUSES, CONNECTIONS, ACTIVE, STREAMS, LOOP_LAG, STORE_TAKES, STORE_COMMANDS,
    STORE_ROUND_TRIPS, STORE_ERRORS, STORE_LATE, STORE_CORRECTIONS, STORE_WAITING, STORE_AWAY,
    STORE_SHARE, STORE_KEYS, LOG_DROPS, CERTIFICATE_RELOADS, RELOADS, POLICY_VERSION,
    RELOAD_OK, WORKERS, RESTARTS, LEDGER_STATE, LEDGER_ENTRIES, LEDGER_WAITING, LEDGER_EXCHANGES,
    LEDGER_GAPS, BUILD, STARTED,
)  # fmt: skip
