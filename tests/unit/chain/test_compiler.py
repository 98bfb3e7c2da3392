"""Uses become tuples of hooks: only what is overridden, in the right order."""

from __future__ import annotations

from typing import ClassVar

from gateway.chain.compiler import MissingFact, Use, compile_chain, is_waiting, missing_facts
from gateway.plugin import CLIENT_ADDRESS, Exchange, Plugin, PluginConfig, Reject, Runtime
from tests.policy_plugins import Critic, Painter, Probe, plugin


def made(kind: type[Plugin], config: PluginConfig | None = None) -> Plugin:
    return kind(config or kind.Config(), Runtime())


def names(hooks: tuple[object, ...]) -> list[str]:
    return [hook.plugin for hook in hooks]  # type: ignore[attr-defined]  # they are Hooks


def test_a_chain_holds_only_the_hooks_that_are_overridden() -> None:
    chain = compile_chain([Use(made(Painter)), Use(made(plugin("done", on_complete=print)))])

    assert names(chain.request_headers) == ["painter"]
    assert names(chain.complete) == ["done"]
    assert (chain.request, chain.response_headers, chain.response, chain.text) == ((), (), (), ())


def test_the_first_plugin_sees_the_request_first_and_the_response_last() -> None:
    first, second = made(Probe), made(type("Second", (Probe,), {"name": "second"}))

    chain = compile_chain([Use(first), Use(second)])

    assert names(chain.request_headers) == names(chain.request) == ["probe", "second"]
    assert names(chain.response_headers) == names(chain.response) == ["second", "probe"]
    assert names(chain.text) == ["second", "probe"]
    assert names(chain.complete) == ["probe", "second"]


def test_a_hook_that_a_use_skips_is_left_out() -> None:
    """So that a policy that asks for nothing of the body does not pay for holding it."""
    probe = made(Probe)
    probe.skips_hooks = frozenset({"on_request", "on_text"})

    chain = compile_chain([Use(probe)])

    assert chain.request == chain.text == ()
    assert names(chain.response) == ["probe"]


def test_the_use_decides_about_errors_and_else_the_plugin() -> None:
    uses = [
        Use(made(Probe)),
        Use(made(Critic)),
        Use(made(Probe), reject_on_error=False),
        Use(made(Critic), reject_on_error=True),
    ]

    hooks = compile_chain(uses).request_headers

    assert [hook.reject_on_error for hook in hooks] == [True, False, False, True]


def test_whatever_is_not_the_common_case_is_not_plain() -> None:
    probe = made(Probe)
    uses = [
        Use(probe),
        Use(probe, shadow=True),
        Use(probe, timeout_ms=1),
        Use(probe, when=lambda _: True),
    ]

    hooks = compile_chain(uses).request_headers

    assert [hook.plain for hook in hooks] == [True, False, False, False]
    assert hooks[2].timeout_s == 0.001


def test_an_async_hook_is_told_apart() -> None:
    hooks = compile_chain([Use(made(Probe)), Use(made(Critic))]).request_headers

    assert [is_waiting(hook) for hook in hooks] == [False, True]


def test_a_fact_must_be_provided_before_it_is_needed() -> None:
    painter, critic = Use(made(Painter)), Use(made(Critic))

    assert missing_facts([painter, critic]) == []
    assert missing_facts([critic, painter]) == [MissingFact(0, "colour", later=1, unsure=None)]
    assert missing_facts([critic]) == [MissingFact(0, "colour", later=None, unsure=None)]


def test_a_provider_that_may_not_run_provides_nothing() -> None:
    critic = Use(made(Critic))
    shadowed = Use(made(Painter), shadow=True)
    conditional = Use(made(Painter), when=lambda _: True)

    assert missing_facts([shadowed, critic]) == [MissingFact(1, "colour", later=None, unsure=0)]
    assert missing_facts([conditional, critic]) == [MissingFact(1, "colour", later=None, unsure=0)]


def test_a_shadow_use_sees_what_shadow_uses_provide() -> None:
    assert missing_facts([Use(made(Painter), shadow=True), Use(made(Critic), shadow=True)]) == []


class NeedsAddress(Plugin):
    name: ClassVar[str] = "needs_address"
    requires = frozenset({CLIENT_ADDRESS})

    def on_request_headers(self, x: Exchange) -> Reject | None:
        return None


def test_the_core_provides_the_client_address() -> None:
    assert missing_facts([Use(made(NeedsAddress))]) == []


def test_a_use_may_narrow_what_it_provides() -> None:
    painter = made(Painter)
    painter.provides = frozenset()

    assert [m.fact for m in missing_facts([Use(painter), Use(made(Critic))])] == ["colour"]
