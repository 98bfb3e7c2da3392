"""What every exchange of one worker uses."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from gateway.plugin.exchange import RequestView
from gateway.plugin.verdict import Reply
from gateway.policy.lifecycle import PolicyStore
from gateway.proxy.balancer import Upstream
from gateway.proxy.client_address import ClientAddresses
from gateway.settings import LimitSettings
from gateway.telemetry.identifiers import RequestIds
from gateway.telemetry.logs import ExchangeLog
from gateway.telemetry.metrics import Metrics


@dataclass(frozen=True, slots=True)
class ProxyParts:
    """Made once by the worker and handed to its `Proxy`."""

    store: PolicyStore
    upstreams: Mapping[str, Upstream]
    addresses: ClientAddresses
    limits: LimitSettings
    metrics: Metrics
    log: ExchangeLog
    request_ids: RequestIds
    unrouted: Callable[[RequestView], Reply | None] | None = None
    """Answers some of the requests that no route takes."""
