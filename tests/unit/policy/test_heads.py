"""The steps that run before a tenant's policy is chosen: found, compared, shared."""

from __future__ import annotations

import pytest

from gateway.errors import ConfigError
from gateway.plugin import Reason, RequestView
from gateway.plugin.testing import make_headers
from gateway.plugin.verdict import Reject
from gateway.policy.lifecycle import Compiled
from gateway.policy.snapshot import NEEDS_MODEL, Binding, Identify
from tests.policies import bundle, compiled, policy, store

AUTH = "{passport: {}}"
HEAD = f"{{keeper: {{label: front}}}}, {AUTH}"


def request(target: str = "/openai/v1/x", method: str = "POST", **headers: str) -> RequestView:
    return RequestView(method, target, make_headers(headers))


def identify(made: Compiled, view: RequestView, model: str | None = None) -> Identify:
    found = made.snapshot.resolve(view, model)
    assert isinstance(found, Identify)
    return found


def chosen(made: Compiled, tenant: str | None, view: RequestView | None = None) -> str | Reason:
    """The name of the policy for a caller of `tenant`, or why there is none."""
    view = view or request()
    found = identify(made, view).choose(view, None, tenant)
    if isinstance(found, Binding):
        return found.policy_name
    assert isinstance(found, Reject)
    return found.reason


TWO = (
    policy(f"[{HEAD}, {{probe: {{}}}}]", name="acme", match="{tenants: [acme, 'acme-*']}"),
    policy(f"[{HEAD}]", name="globex", match="{tenants: [globex]}"),
)


@pytest.mark.parametrize(
    ("tenant", "expected"),
    [
        ("acme", "acme"),
        ("acme-eu", "acme"),
        ("globex", "globex"),
        ("Acme", Reason.NO_POLICY),
        ("initech", Reason.NO_POLICY),
        (None, Reason.NO_POLICY),
    ],
)
def test_the_verified_tenant_chooses_the_policy(tenant: str | None, expected: object) -> None:
    assert chosen(compiled(*TWO), tenant) == expected


def test_a_policy_for_all_serves_the_tenants_that_have_none_of_their_own() -> None:
    made = compiled(*TWO, policy(f"[{HEAD}]", name="rest"))

    assert chosen(made, "initech") == "rest"
    assert chosen(made, None) == "rest"
    assert chosen(made, "acme") == "acme"


def test_the_head_is_not_run_again_by_the_chosen_policy() -> None:
    made = compiled(*TWO)
    view = request()
    found = identify(made, view)
    binding = found.choose(view, None, "acme")

    assert isinstance(binding, Binding)
    assert [h.plugin for h in found.binding.chain.request_headers] == ["keeper", "passport"]
    assert [h.plugin for h in binding.chain.request_headers] == ["probe"]


def test_the_later_hooks_of_the_head_are_asked_of_the_same_instances() -> None:
    """What a step noted at the head of a request, it must find again at its end."""
    head = "{probe: {label: front}}, {passport: {}}"
    made = compiled(
        policy(f"[{head}]", name="a", match="{tenants: [a]}"),
        policy(f"[{head}, {{painter: {{}}}}]", name="b", match="{tenants: [b]}"),
    )
    view = request()
    found = identify(made, view)
    binding = found.choose(view, None, "b")

    assert isinstance(binding, Binding)
    ran = found.binding.chain.request_headers[0].call.__self__
    assert binding.chain.complete[0].call.__self__ is ran
    assert binding.chain.response_headers[0].call.__self__ is ran


def test_two_equal_steps_of_one_head_stay_two_instances() -> None:
    twice = "{probe: {}}, {probe: {}}, {passport: {}}"
    made = compiled(
        policy(f"[{twice}]", name="a", match="{tenants: [a]}"), policy(f"[{twice}]", name="b")
    )
    first, second, _ = identify(made, request()).binding.chain.request_headers

    assert first.call.__self__ is not second.call.__self__
    assert len(made.claims.all) == 3


async def test_shared_instances_survive_a_reload() -> None:
    policies = store()
    await policies.prepare(1, bundle(*TWO))
    policies.commit(1)
    view = request()
    before = policies.current.resolve(view, None)
    more = policy(f"[{HEAD}]", name="initech", match="{tenants: [initech]}")
    await policies.prepare(2, bundle(*TWO, more))
    policies.commit(2)
    after = policies.current.resolve(view, None)
    await policies.close()

    assert isinstance(before, Identify)
    assert isinstance(after, Identify)
    hooks = [f.binding.chain.request_headers[0].call.__self__ for f in (before, after)]
    assert hooks[0] is hooks[1]


def test_a_policy_that_comes_first_and_asks_no_tenant_needs_no_auth() -> None:
    made = compiled(policy(name="a", match="{paths: [/v1/models]}"), *TWO)
    found = made.snapshot.resolve(request("/openai/v1/models"), None)

    assert isinstance(found, Binding)
    assert found.policy_name == "a"
    assert chosen(made, "globex") == "globex"


def test_a_policy_that_comes_after_one_for_tenants_runs_the_head_too() -> None:
    """Its chain is compiled without the head, so it must never be reached around it."""
    made = compiled(
        policy(f"[{AUTH}]", name="a", match="{tenants: [acme], paths: [/v1/x]}"),
        policy(f"[{AUTH}]", name="b", match="{paths: [/v1/y]}"),
    )
    view = request("/openai/v1/y")
    found = identify(made, view)

    assert [h.plugin for h in found.binding.chain.request_headers] == ["passport"]
    assert chosen(made, "acme", view) == "b"
    assert made.snapshot.resolve(request("/openai/v1/z"), None) == Reject(Reason.NO_POLICY)


def test_routes_on_which_no_policy_asks_the_tenant_resolve_as_before() -> None:
    made = compiled(
        policy(f"[{AUTH}]", name="a", match="{tenants: [acme], routes: [openai]}"),
        policy(name="b", match="{routes: [anthropic]}"),
    )
    found = made.snapshot.resolve(request("/anthropic/v1/messages"), None)

    assert isinstance(found, Binding)
    assert found.policy_name == "b"


def test_conditions_on_headers_look_at_the_request_as_it_came() -> None:
    """Auth takes the credential off; what the match saw before still counts."""
    match = "{tenants: [acme], headers: {x-passport: '*'}}"
    made = compiled(policy(f"[{AUTH}]", name="a", match=match))
    view = request(**{"x-passport": "acme ann"})
    found = identify(made, view)
    view.headers.remove("x-passport")
    binding = found.choose(view, None, "acme")

    assert isinstance(binding, Binding)


def test_the_model_is_asked_only_where_the_tenant_leaves_it_open() -> None:
    made = compiled(
        policy(f"[{AUTH}]", name="a", match="{tenants: [acme], models: ['gpt-*']}"),
        policy(f"[{AUTH}]", name="b"),
    )
    view = request()
    found = identify(made, view)

    assert found.choose(view, None, "acme") is NEEDS_MODEL
    assert chosen(made, "globex") == "b"
    by_model = [found.choose(view, model, "acme") for model in ("gpt-4", "o3", "")]
    assert [b.policy_name for b in by_model if isinstance(b, Binding)] == ["a", "b", "b"]


def test_a_condition_on_the_model_before_auth_asks_for_the_model_first() -> None:
    head = "{probe: {when: {models: [o3]}}}, {passport: {}}"
    made = compiled(policy(f"[{head}]", match="{tenants: [acme]}"))

    assert made.snapshot.resolve(request(), None) is NEEDS_MODEL
    assert isinstance(made.snapshot.resolve(request(), "o3"), Identify)


def test_a_star_among_the_tenants_asks_nothing() -> None:
    made = compiled(policy(match="{tenants: ['*', acme]}"))

    assert isinstance(made.snapshot.resolve(request(), None), Binding)


def test_every_policy_with_another_head_is_told_once() -> None:
    texts = (
        policy(f"[{AUTH}]", name="a", match="{tenants: [a]}"),
        policy(name="b", match="{tenants: [b]}"),
        policy("[{passport: {label: x}}]", name="c"),
    )
    with pytest.raises(ConfigError) as caught:
        compiled(*texts)

    assert [(p.file, p.line) for p in caught.value.problems] == [("b.yaml", 4), ("c.yaml", 3)]


def test_a_policy_for_tenants_hidden_by_another_is_still_found_to_be_hidden() -> None:
    made = compiled(
        policy(f"[{AUTH}]", name="a", match="{tenants: ['acme*']}"),
        policy(f"[{AUTH}]", name="b", match="{tenants: [acme-eu]}"),
    )

    assert chosen(made, "acme-eu") == "a"
