"""How an exchange ended, in the words of logs and of receipts."""

from __future__ import annotations

import pytest

from gateway.plugin.testing import make_exchange
from gateway.plugin.usage import Usage
from gateway.plugin.verdict import Reject
from gateway.proxy.endings import outcome_of, stream_outcome_of
from gateway.reasons import Reason


@pytest.mark.parametrize(
    ("reason", "outcome", "end"),
    [
        (None, "served", "complete"),
        (Reason.CLIENT_DISCONNECTED, "aborted", "client_gone"),
        (Reason.RATE_LIMITED, "refused", "cut_by_policy"),
        (Reason.PLUGIN_FAILED, "failed", "cut_by_policy"),
        (Reason.METHOD_UNKNOWN, "refused", "cut_by_policy"),
        (Reason.REQUEST_TIMEOUT, "refused", "timeout"),
        (Reason.DRAINING, "failed", "timeout"),
        (Reason.UPSTREAM_IDLE_TIMEOUT, "failed", "timeout"),
        (Reason.UPSTREAM_TRUNCATED, "failed", "upstream_lost"),
        (Reason.UPSTREAM_CONNECT_FAILED, "failed", "upstream_lost"),
        (Reason.INTERNAL_ERROR, "failed", "gateway_crash"),
    ],
)
def test_the_end_of_an_exchange_has_its_word(reason: Reason | None, outcome: str, end: str) -> None:
    reject = None if reason is None else Reject(reason)

    assert outcome_of(reject) == outcome
    assert stream_outcome_of(make_exchange(), reject) == end


def test_a_plugin_from_outside_decides_by_its_status() -> None:
    assert outcome_of(Reject(Reason.PLUGIN_DENIED, status=503)) == "failed"


def test_a_stream_that_a_budget_cut_was_cut_by_policy() -> None:
    x = make_exchange()
    x.usage = Usage(cut=True)

    assert stream_outcome_of(x, None) == "cut_by_policy"


def test_every_reason_has_a_word() -> None:
    known = {"client_gone", "timeout", "upstream_lost", "cut_by_policy", "gateway_crash"}

    assert {stream_outcome_of(make_exchange(), Reject(reason)) for reason in Reason} == known
