"""The gateway as the HTTP service of Envoy's ext_authz filter: the policy decides, Envoy carries.

Envoy sends the head of each request it got, with its path prefix in front and without the body. The
header hooks run as for any request on a route with a prefix. 200 lets Envoy go on, any other answer
goes to the client as it is.
"""

from __future__ import annotations

from collections.abc import Sequence

from gateway.chain.runner import run
from gateway.plugin.exchange import Exchange
from gateway.plugin.headers import RawHeader
from gateway.plugin.verdict import Reject, Reply
from gateway.policy.snapshot import Binding
from gateway.proxy.answer import settle
from gateway.proxy.credentials import withhold_own
from gateway.reasons import Reason

TO_REMOVE = "x-envoy-auth-headers-to-remove"
"""Envoy takes the headers listed here off the request before it goes on."""

_QUERY = Reject(
    Reason.UNINSPECTABLE,
    "Envoy cannot be told to take a credential off the query; send it in a header",
)


async def decide(
    x: Exchange,
    binding: Binding,
    *,
    asks_model: bool,
    received: Sequence[RawHeader] | None = None,
) -> Reject | Reply:
    """What Envoy is told.

    `received` are the headers as they came, where hooks of this exchange have run already.

    A policy that reads bodies is refused, because they do not come this way. `asks_model` says that
    the choice of the policy, or a step of it, depends on the model in the body: refused as well.
    """
    if binding.reads_bodies or asks_model:
        message = f"the policy {binding.policy_name} reads bodies, which ext_authz does not show"
        return Reject(Reason.UNINSPECTABLE, message)
    before = list(x.request.headers.raw) if received is None else received
    answer = await settle(run(binding.chain.request_headers, x))
    if answer is not None:
        return answer
    withhold_own(x.request)
    if x.request.target_edited:
        return _QUERY
    return Reply(200, header_changes(before, x.request.headers.raw))


def header_changes(
    before: Sequence[RawHeader], after: Sequence[RawHeader]
) -> tuple[tuple[str, str], ...]:
    """What plugins changed in the request's headers, in the words that Envoy understands."""
    kept = {name.lower() for name, _ in after}
    changed = [(_text(n), _text(v)) for n, v in after if (n, v) not in before]
    removed = sorted({_text(name).lower() for name, _ in before if name.lower() not in kept})
    if removed:
        changed.append((TO_REMOVE, ", ".join(removed)))
    return tuple(changed)


def _text(raw: bytes) -> str:
    return raw.decode("latin-1")
