"""What Envoy is told about a request that it asks about."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from gateway.chain.compiled import Chain, Hook
from gateway.plugin import Step
from gateway.plugin.exchange import Exchange, RequestView
from gateway.plugin.headers import Headers, RawHeader
from gateway.plugin.verdict import Reject, Reply
from gateway.policy.snapshot import Binding, Route
from gateway.proxy.ext_authz import decide, header_changes
from gateway.reasons import Reason
from gateway.settings import Dialect

KEPT = (b"Accept", b"*/*")


@pytest.mark.parametrize(
    ("after", "told"),
    [
        ([KEPT], ()),
        ([KEPT, (b"x-tenant", b"a")], (("x-tenant", "a"),)),
        ([(b"Accept", b"text/html")], (("Accept", "text/html"),)),
        ([], (("x-envoy-auth-headers-to-remove", "accept"),)),
        (
            [(b"x-tenant", b"a")],
            (("x-tenant", "a"), ("x-envoy-auth-headers-to-remove", "accept")),
        ),
    ],
    ids=["nothing", "added", "changed", "removed", "added and removed"],
)
def test_envoy_learns_what_plugins_changed_in_the_headers(
    after: list[RawHeader], told: tuple[tuple[str, str], ...]
) -> None:
    assert header_changes([KEPT], after) == told


def policy(hook: Callable[[Exchange], Step], **flags: bool) -> Binding:
    """A policy of one header hook, on a route without an upstream."""
    route = Route("ext_authz", "", Dialect.UNKNOWN, strip_prefix="/ext_authz")
    chain = Chain(request_headers=(Hook("p", "on_request_headers", hook),))
    return replace(Binding.of(route, "front", chain), **flags)


def question() -> Exchange:
    return Exchange("id", RequestView("GET", "/ext_authz/any", Headers([KEPT])))


async def test_a_policy_that_has_no_objection_lets_envoy_go_on() -> None:
    assert await decide(question(), policy(lambda _: None), asks_model=False) == Reply(200)


async def test_a_refusal_is_the_answer() -> None:
    refusal = Reject(Reason.IP_DENIED)

    assert await decide(question(), policy(lambda _: refusal), asks_model=False) == refusal


async def test_what_a_plugin_adds_goes_along() -> None:
    def add(x: Exchange) -> None:
        x.request.headers.set("x-tenant", "a")

    assert await decide(question(), policy(add), asks_model=False) == Reply(
        200, (("x-tenant", "a"),)
    )


@pytest.mark.parametrize(
    "reads", ["needs_request_body", "needs_response_body", "needs_text", "needs_usage"]
)
async def test_a_policy_that_reads_bodies_is_refused_and_not_half_applied(reads: str) -> None:
    """Envoy shows no body: what a plugin would have found there must not pass as allowed."""
    answer = await decide(question(), policy(lambda _: None, **{reads: True}), asks_model=False)

    assert isinstance(answer, Reject)
    assert answer.reason is Reason.UNINSPECTABLE


async def test_a_choice_by_model_is_refused_and_not_guessed() -> None:
    """The model stands in the body: a stricter policy for some models would never be chosen."""
    answer = await decide(question(), policy(lambda _: None), asks_model=True)

    assert isinstance(answer, Reject)
    assert answer.reason is Reason.UNINSPECTABLE


async def test_what_ran_before_the_policy_was_chosen_is_told_too() -> None:
    """The steps before a choice by tenant have changed the headers already."""
    x = question()
    received = [KEPT, (b"authorization", b"secret")]

    answer = await decide(x, policy(lambda _: None), asks_model=False, received=received)

    assert answer == Reply(200, (("x-envoy-auth-headers-to-remove", "authorization"),))


async def test_a_credential_of_the_gateway_is_taken_off_by_envoy() -> None:
    x = Exchange("id", RequestView("GET", "/ext_authz/x", Headers([KEPT, (b"X-Api-Key", b"sg_x")])))

    assert await decide(x, policy(lambda _: None), asks_model=False) == Reply(
        200, (("x-envoy-auth-headers-to-remove", "x-api-key"),)
    )


async def test_a_credential_in_the_query_is_refused_because_envoy_would_send_it_on() -> None:
    x = Exchange("id", RequestView("GET", "/ext_authz/x?key=sg_x", Headers([KEPT])))
    answer = await decide(x, policy(lambda _: None), asks_model=False)

    assert isinstance(answer, Reject)
    assert answer.reason is Reason.UNINSPECTABLE
