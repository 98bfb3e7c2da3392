"""What the core notes for a receipt, where a step of the policy leaves one.

    begin          once the policy is chosen: makes the `Evidence`
    answer_field   the header that names the receipt, on every answer before its body
    close          once all is over: the request's body, and how it ended

In between, the request's body is noted where it streams (attempts.py), and the answer (relay.py).
"""

from __future__ import annotations

from time import monotonic
from typing import Final

from gateway.chain.compiled import Chain
from gateway.plugin.evidence import BodyTrace, Evidence
from gateway.plugin.exchange import Exchange
from gateway.plugin.verdict import Reject
from gateway.proxy.body import RequestBody
from gateway.proxy.endings import stream_outcome_of
from gateway.proxy.relay import Relay

RECEIPT_HEADER: Final = b"x-sealgate-receipt"


def begin(x: Exchange, chain: Chain, policy_digest: str, ref: str) -> None:
    """Makes the evidence of an exchange whose policy leaves receipts; once."""
    witness = chain.witness
    if witness is None or x.evidence is not None:
        return
    evidence = witness.begin(x, ref)
    if evidence is not None:
        evidence.policy_digest = policy_digest
        x.evidence = evidence


def answer_field(x: Exchange, chain: Chain | None) -> bytes:
    """The header line that names the receipt; empty where none is left.

    The condition of the step, if it has one, is asked here, when all that it may ask is known.
    """
    evidence = x.evidence
    if evidence is None or chain is None or chain.witness is None:
        return b""
    when = chain.witness.when
    if when is not None and not when(x):
        x.evidence = None
        return b""
    return b"%b: %b\r\n" % (RECEIPT_HEADER, evidence.ref.encode("ascii"))


def close(
    x: Exchange,
    evidence: Evidence,
    body: RequestBody,
    relay: Relay | None,
    *,
    received: bytes | None,
    forwarded: bytes | None,
) -> None:
    """Notes the bodies that were not noted while they passed.

    `received` and `forwarded` are the request's body as it was held, None where it was not.
    """
    if received is not None:
        evidence.request.add(received)
    elif body.complete and body.parts:
        evidence.request.add(b"".join(body.parts))  # nobody asked for it
    if relay is not None and relay.sent:
        evidence.forwarded = evidence.request
        if forwarded is not None and forwarded is not received:
            evidence.forwarded = trace = BodyTrace("request_forwarded", evidence.sink)
            trace.add(forwarded)
        evidence.first_byte_at = relay.first_byte_at
        unseen = relay.unseen()
        if unseen is not None:
            evidence.response = trace = BodyTrace("response_received", evidence.sink)
            trace.add(unseen)
            evidence.returned = None
    response = x.response
    if evidence.returned is None and response is not None and response.local:
        evidence.returned = trace = BodyTrace("response_returned", evidence.sink)
        trace.add(response.body or b"")


def note_end(
    x: Exchange, evidence: Evidence, reject: Reject | None, *, status: int, outcome: str
) -> None:
    """Notes how it ended."""
    evidence.ended_at = monotonic()
    evidence.status = status
    evidence.outcome = outcome
    evidence.stream_outcome = stream_outcome_of(x, reject)
    if reject is not None:
        evidence.reason = reject.code or reject.reason.value
