"""How an exchange ended, in the words of logs, metrics and receipts."""

from __future__ import annotations

from typing import Final

from gateway.plugin.exchange import Exchange
from gateway.plugin.verdict import Reject
from gateway.providers.streaming import StreamKind, ends_stream
from gateway.proxy.inbound import ClientConnection
from gateway.reasons import REASONS, Reason

_CLIENTS_FAULT: Final = frozenset({501, 505})
"""Statuses of the 5xx class that say something about the request (RFC 9110 section 15.6)."""
_SERVER_ERRORS: Final = 500
_TIMEOUTS: Final = frozenset(
    {
        Reason.REQUEST_TIMEOUT,
        Reason.DRAINING,
        Reason.UPSTREAM_CONNECT_TIMEOUT,
        Reason.UPSTREAM_QUEUE_TIMEOUT,
        Reason.UPSTREAM_FIRST_BYTE_TIMEOUT,
        Reason.UPSTREAM_IDLE_TIMEOUT,
        Reason.UPSTREAM_TOTAL_TIMEOUT,
    }
)
_UPSTREAM: Final = "upstream_"


def outcome_of(reject: Reject | None) -> str:
    """`served`, `refused` (policy, limits), `failed` (upstream, gateway) or `aborted` (client)."""
    if reject is None:
        return "served"
    if reject.reason is Reason.CLIENT_DISCONNECTED:
        return "aborted"
    status = reject.status or REASONS[reject.reason].status
    return "refused" if status < _SERVER_ERRORS or status in _CLIENTS_FAULT else "failed"


def left_with_all(client: ClientConnection, kind: StreamKind | None, tail: bytes) -> bool:
    """Whether the client left in order, behind the event that ends the stream.

    `tail` are the last bytes that were sent.
    """
    return client.left_in_order and ends_stream(kind, tail)


def stream_outcome_of(x: Exchange, reject: Reject | None) -> str:
    """How the answer ended, in the words of a receipt.

    | word          | when                                                               |
    |---------------|--------------------------------------------------------------------|
    | complete      | the last byte was handed to the client's connection, or the client |
    |               | left in order behind the event that ends a stream                  |
    | client_gone   | the client went away                                               |
    | timeout       | a time limit of the request, of the upstream or of the drain       |
    | upstream_lost | the upstream failed in any other way                               |
    | gateway_crash | a fault of the gateway                                             |
    | cut_by_policy | refused, broken off or cut by a limit of the policy                |
    """
    if reject is None:
        return "cut_by_policy" if x.usage is not None and x.usage.cut else "complete"
    reason = reject.reason
    if reason is Reason.CLIENT_DISCONNECTED:
        return "client_gone"
    if reason in _TIMEOUTS:
        return "timeout"
    if reason.value.startswith(_UPSTREAM):
        return "upstream_lost"
    return "gateway_crash" if reason is Reason.INTERNAL_ERROR else "cut_by_policy"
