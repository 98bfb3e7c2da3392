"""Configured uses become a `Chain`: everything that can be decided before a request is."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from gateway.chain.compiled import Chain, Hook, Predicate, Witness
from gateway.chain.judged import JudgedBody
from gateway.plugin.contract import HOOKS, Plugin, Step
from gateway.plugin.coverage import SHOWN_ONLY
from gateway.plugin.exchange import Exchange
from gateway.plugin.facts import CORE_FACTS, Fact

_ANSWERING = frozenset({"on_response_headers", "on_response", "on_text"})


@dataclass(frozen=True, slots=True)
class Use:
    """One configured use of a plugin, in the order of the policy.

    `shadow` computes and records, and changes nothing. `reject_on_error` None leaves the choice to
    the plugin. `timeout_ms` None sets no limit. `asks` are facts that its condition needs.
    """

    instance: Plugin
    shadow: bool = False
    timeout_ms: int | None = None
    reject_on_error: bool | None = None
    when: Predicate | None = None
    asks: frozenset[Fact[Any]] = frozenset()


@dataclass(frozen=True, slots=True)
class MissingFact:
    """The use at `index` needs `fact`, which no use before it surely provides.

    `later` is a use after it that provides the fact, `unsure` one before it that does so only in
    shadow mode or under a condition.
    """

    index: int
    fact: str
    later: int | None
    unsure: int | None


def compile_chain(uses: Sequence[Use]) -> Chain:
    """One tuple per hook, holding only the uses that override it; response hooks in reverse."""
    _bind_scanners([use.instance for use in uses])
    by_hook = {name: tuple(_hooks(uses, name)) for name in HOOKS}
    return Chain(
        request_headers=by_hook["on_request_headers"],
        request=by_hook["on_request"],
        response_headers=by_hook["on_response_headers"][::-1],
        response=by_hook["on_response"][::-1],
        text=by_hook["on_text"][::-1],
        complete=by_hook["on_complete"],
        needs_usage=any(use.instance.needs_usage for use in uses),
        reads_request=_any_reads(uses, "on_request"),
        reads_answer=_any_reads(uses, "on_response") or _any_reads(uses, "on_text"),
        inspects_sockets=all(_inspects_sockets(use.instance) for use in uses),
        body_asks=_body_asks(uses),
        witness=_witness(uses),
    )


def _inspects_sockets(plugin: Plugin) -> bool:
    """Whether this use wants nothing of a body but its texts, and takes them from a stream too."""
    if plugin.needs_usage or (overrides(plugin, "on_request") and not plugin.reads_text):
        return False
    return overrides(plugin, "on_text") or not overrides(plugin, "on_response")


def _bind_scanners(plugins: Sequence[Plugin]) -> None:
    """One scan for everything that the uses look for; nothing of it is loaded where none does."""
    if any(plugin.patterns for plugin in plugins):
        from gateway.scan.binding import bind_scanners  # noqa: PLC0415  # heavy where it is used

        bind_scanners(plugins)


def _body_asks(uses: Sequence[Use]) -> tuple[Predicate, ...] | None:
    """What to ask before the body is held; None where one use needs it whatever the answer.

    A use in shadow mode is shown a copy, with facts that the exchange itself does not have.
    """
    readers = [use for use in uses if overrides(use.instance, "on_request")]
    if any(use.shadow or not _may_pass_on(use.instance) for use in readers):
        return None
    return tuple(use.instance.wants_body for use in readers)


def _witness(uses: Sequence[Use]) -> Witness | None:
    """A use in shadow mode leaves no receipt: writing one is all that it does."""
    for use in uses:
        plugin = use.instance
        if not use.shadow and type(plugin).begin_evidence is not Plugin.begin_evidence:
            return Witness(plugin.begin_evidence, use.when)
    return None


def _may_pass_on(plugin: Plugin) -> bool:
    return type(plugin).wants_body is not Plugin.wants_body


def overrides(plugin: Plugin, hook: str) -> bool:
    """Whether this use needs `hook` at all."""
    own = getattr(type(plugin), hook) is not getattr(Plugin, hook)
    return own and hook not in plugin.skips_hooks


def _any_reads(uses: Sequence[Use], hook: str) -> bool:
    return any(use.instance.reads_text and overrides(use.instance, hook) for use in uses)


def _hooks(uses: Iterable[Use], name: str) -> Iterable[Hook]:
    for use in uses:
        plugin = use.instance
        if not overrides(plugin, name):
            continue
        rejects = use.reject_on_error
        yield Hook(
            plugin.name,
            name,
            _call_of(plugin, name),
            enforced=not use.shadow,
            reject_on_error=plugin.on_error == "reject" if rejects is None else rejects,
            timeout_s=None if use.timeout_ms is None else use.timeout_ms / 1000,
            when=use.when,
            plain=not use.shadow and use.timeout_ms is None and use.when is None,
            answering=name in _ANSWERING,
            uninspectable=plugin.on_uninspectable if plugin.reads_text else SHOWN_ONLY,
        )


def _call_of(plugin: Plugin, name: str) -> Callable[..., Any]:
    """The hook; where it reads a whole body, what cannot be read is judged first."""
    if not plugin.reads_text or name not in {"on_request", "on_response"}:
        call: Callable[..., Any] = getattr(plugin, name)
        return call
    answering = name == "on_response"
    hook: Callable[[Exchange], Step] = plugin.on_response if answering else plugin.on_request
    return JudgedBody(hook, plugin.on_uninspectable, answering=answering).run


def missing_facts(uses: Sequence[Use]) -> list[MissingFact]:
    """Every fact that a use requires and no earlier use provides.

    A use with a condition may be skipped and a shadow use changes nothing, so neither provides
    anything to an enforced use; a shadow use also sees what other shadow uses provide.
    """
    missing: list[MissingFact] = []
    enforced: set[Fact[Any]] = set(CORE_FACTS)
    shadowed: set[Fact[Any]] = set()
    for index, use in enumerate(uses):
        known = enforced | shadowed if use.shadow else enforced
        missing += [
            _missing(uses, index, fact)
            for fact in sorted((use.instance.requires | use.asks) - known, key=_fact_name)
        ]
        if use.when is None:
            (shadowed if use.shadow else enforced).update(use.instance.provides)
    return missing


def _fact_name(fact: Fact[Any]) -> str:
    return fact.name


def _missing(uses: Sequence[Use], index: int, fact: Fact[Any]) -> MissingFact:
    providers = [i for i, use in enumerate(uses) if fact in use.instance.provides]
    later = next((i for i in providers if i > index), None)
    unsure = next((i for i in providers if i < index), None)
    return MissingFact(index, fact.name, later, unsure)


def is_waiting(hook: Hook) -> bool:
    """Whether the hook is an `async def`; for what is printed of a chain."""
    return inspect.iscoroutinefunction(inspect.unwrap(hook.call))
