"""What a worker counts of its stores."""

from __future__ import annotations

from gateway.plugin.limits import CounterStore
from gateway.state.lease import WHOLE
from gateway.state.memory import MemoryStore
from gateway.state.redis.store import RedisStore
from gateway.telemetry import catalogue
from gateway.telemetry.metrics import Metrics


def count_store(metrics: Metrics, name: str, store: CounterStore) -> None:
    """Has the numbers of a store in every snapshot from now on."""
    if isinstance(store, MemoryStore):
        _count_memory(metrics, name, store)
    elif isinstance(store, RedisStore):
        _count_redis(metrics, name, store)


def _count_memory(metrics: Metrics, name: str, store: MemoryStore) -> None:
    metrics.counter(catalogue.STORE_TAKES, lambda: store.calls - store.full, name, "answered")
    metrics.counter(catalogue.STORE_TAKES, lambda: store.full, name, "unavailable")
    metrics.gauge(catalogue.STORE_KEYS, lambda: len(store), name)
    metrics.gauge(catalogue.STORE_AWAY, lambda: 0, name)


def _count_redis(metrics: Metrics, name: str, store: RedisStore) -> None:
    stats, links, corrections = store.stats, store.stats.links, store.corrections
    metrics.counter(catalogue.STORE_TAKES, lambda: stats.answered, name, "answered")
    metrics.counter(catalogue.STORE_TAKES, lambda: stats.leased, name, "leased")
    metrics.counter(catalogue.STORE_TAKES, lambda: stats.unavailable, name, "unavailable")
    metrics.counter(catalogue.STORE_COMMANDS, lambda: links.commands, name)
    metrics.counter(catalogue.STORE_ROUND_TRIPS, lambda: links.round_trips, name)
    metrics.counter(catalogue.STORE_ERRORS, lambda: links.timeouts, name, "timeout")
    metrics.counter(catalogue.STORE_ERRORS, lambda: links.losses, name, "connection")
    metrics.counter(catalogue.STORE_ERRORS, lambda: links.errors, name, "reply")
    metrics.counter(catalogue.STORE_LATE, lambda: stats.late, name)
    metrics.counter(catalogue.STORE_CORRECTIONS, lambda: corrections.stats.done, name, "done")
    metrics.counter(catalogue.STORE_CORRECTIONS, lambda: corrections.stats.dropped, name, "dropped")
    metrics.gauge(catalogue.STORE_WAITING, lambda: len(corrections), name)
    metrics.gauge(catalogue.STORE_AWAY, lambda: 0 if store.connected else 1, name)
    metrics.gauge(catalogue.STORE_SHARE, lambda: store.lease.held / WHOLE, name)
