"""One request finds one binding: route, policy, chain."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.plugin import Reason, RequestView
from gateway.plugin.testing import make_headers
from gateway.plugin.verdict import Reject
from gateway.policy.snapshot import NEEDS_MODEL, Binding, Snapshot
from tests.policies import compiled, policy


def request(target: str, method: str = "POST", **headers: str) -> RequestView:
    return RequestView(method, target, make_headers(headers))


def resolved(snapshot: Snapshot, view: RequestView, model: str | None = None) -> Any:
    """The name of the policy, the reason of a refusal, or NEEDS_MODEL."""
    found = snapshot.resolve(view, model)
    if isinstance(found, Binding):
        return found.policy_name
    return found.reason if isinstance(found, Reject) else found


def snapshot(*texts: str, **settings: Any) -> Snapshot:
    return compiled(*texts, **settings).snapshot


def test_a_policy_without_match_serves_every_route() -> None:
    made = snapshot(policy())

    assert resolved(made, request("/openai/v1/x")) == "p"
    assert resolved(made, request("/v1/messages")) == "p"


def test_a_request_on_no_route_is_refused() -> None:
    assert resolved(snapshot(policy()), request("/nothing")) is Reason.NO_ROUTE


def test_a_request_that_no_policy_covers_is_refused() -> None:
    made = snapshot(policy(match="{routes: [openai]}"))

    assert resolved(made, request("/openai/v1/x")) == "p"
    assert resolved(made, request("/anthropic/v1/messages")) is Reason.NO_POLICY


def test_a_policy_that_is_switched_off_is_as_if_it_were_not_there() -> None:
    made = snapshot(policy(name="a", mode="off"), policy(name="b", match="{routes: [openai]}"))

    assert resolved(made, request("/openai/v1/x")) == "b"
    assert resolved(made, request("/v1/messages")) is Reason.NO_POLICY


def test_paths_are_those_that_are_forwarded() -> None:
    """One rule holds for the prefixed and the bare spelling of the same request."""
    made = snapshot(policy(name="chat", match="{paths: [/v1/chat/completions]}"), policy(name="z"))

    assert resolved(made, request("/openai/v1/chat/completions")) == "chat"
    assert resolved(made, request("/v1/chat/completions?x=1")) == "chat"
    assert resolved(made, request("/vllm/v1/chat/completions")) == "chat"
    assert resolved(made, request("/openai/v1/chat/completions/")) == "z"


@pytest.mark.parametrize("target", ["/openai/v1/../x", "/v1/%2e%2e/v1/messages", "/demo/..%2f"])
def test_dot_segments_are_refused_where_the_path_decides(target: str) -> None:
    assert resolved(snapshot(policy()), request(target)) is Reason.AMBIGUOUS_REQUEST


def test_dot_segments_pass_where_no_decision_depends_on_the_path() -> None:
    routes = [{"name": "all", "match": {}, "upstream": "openai"}]
    alone = {"routes": routes, "builtin_routes": False}

    assert resolved(snapshot(policy(), **alone), request("/a/../b")) == "p"
    narrow = policy(name="n", match="{paths: [/a]}")
    assert resolved(snapshot(narrow, policy(), **alone), request("/a/../b")) is (
        Reason.AMBIGUOUS_REQUEST
    )


def test_dots_in_the_query_are_nobodys_business() -> None:
    assert resolved(snapshot(policy()), request("/openai/v1/x?a=/../#b")) == "p"


def test_a_policy_by_model_waits_for_the_body() -> None:
    made = snapshot(policy(name="gpt", match="{models: ['gpt-*']}"), policy(name="z"))
    view = request("/v1/chat/completions")

    assert resolved(made, view) is NEEDS_MODEL
    assert resolved(made, view, "gpt-4") == "gpt"
    assert resolved(made, view, "o3") == "z"
    assert resolved(made, view, "") == "z"


def test_a_route_by_model_waits_for_the_body() -> None:
    routes = [{"name": "llama", "match": {"models": ["llama*"]}, "upstream": "vllm"}]
    made = snapshot(policy(), policy(name="l", match="{routes: [llama]}"), routes=routes)
    view = request("/v1/chat/completions")

    assert resolved(made, view) is NEEDS_MODEL
    assert resolved(made, view, "llama-3") == "l"
    assert resolved(made, view, "gpt-4") == "p"
    assert made.route_of(view) is None


def test_the_body_is_not_waited_for_where_the_path_names_the_model() -> None:
    made = snapshot(policy(name="gem", match="{models: ['gemini-2*']}"), policy(name="z"))

    assert resolved(made, request("/v1beta/models/gemini-2.5:generateContent")) == "gem"
    assert resolved(made, request("/v1beta/models/gemini-1:generateContent")) == "z"
    assert resolved(made, request("/model/gemini-2%3A0/converse")) == "gem"


def test_the_body_is_not_waited_for_where_the_head_already_decides() -> None:
    narrow = policy(name="gpt", match="{models: ['gpt-*'], paths: [/v1/chat/completions]}")
    made = snapshot(narrow, policy(name="z"))

    assert resolved(made, request("/v1/files")) == "z"


def test_a_step_for_some_models_waits_for_the_body_too() -> None:
    """Else the step would silently not run."""
    made = snapshot(policy("[{probe: {when: {models: [gpt-4]}}}]"))
    view = request("/v1/chat/completions")

    assert resolved(made, view) is NEEDS_MODEL
    assert resolved(made, view, "gpt-4") == "p"


def test_a_step_for_some_routes_is_settled_when_compiling() -> None:
    made = snapshot(policy("[{painter: {when: {routes: [openai]}}}]"))

    on_openai, on_demo = (
        made.resolve(request(target), None) for target in ("/openai/v1/x", "/demo/v1/x")
    )

    assert isinstance(on_openai, Binding)
    assert isinstance(on_demo, Binding)
    assert [hook.when for hook in on_openai.chain.request_headers] == [None]
    assert on_demo.chain.request_headers == ()


def test_a_binding_says_what_the_core_must_hold() -> None:
    everything = snapshot(policy("[{probe: {}}]")).resolve(request("/v1/messages"), None)
    nothing = snapshot(policy("[{painter: {}}]")).resolve(request("/v1/messages"), None)

    assert isinstance(everything, Binding)
    assert isinstance(nothing, Binding)
    assert (everything.needs_request_body, everything.needs_response_body) == (True, True)
    assert everything.needs_text
    assert [nothing.needs_request_body, nothing.needs_response_body] == [False, False]
    assert not nothing.needs_text
    assert not nothing.needs_usage
    assert (everything.reads_bodies, nothing.reads_bodies) == (True, False)


def test_the_route_alone_can_be_asked_for() -> None:
    made = snapshot(policy(match="{routes: [openai]}"))

    route = made.route_of(request("/anthropic/v1/messages"))

    assert route is not None
    assert route.name == "anthropic"
    assert made.route_of(request("/nothing")) is None


def test_a_retired_snapshot_is_drained_when_its_last_exchange_ends() -> None:
    made, drained = snapshot(policy()), []
    made.acquire()
    made.acquire()

    made.retire(lambda: drained.append(1))
    made.release()
    assert drained == []
    made.release()
    assert drained == [1]


def test_a_retired_snapshot_without_exchanges_is_drained_at_once() -> None:
    made, drained = snapshot(policy()), []
    made.acquire()
    made.release()

    made.retire(lambda: drained.append(1))

    assert drained == [1]
