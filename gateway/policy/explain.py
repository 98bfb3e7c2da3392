"""What `sealgate explain` prints: which route, policy and chain would serve a request."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gateway.chain.registry import Registry
from gateway.errors import ConfigError, Problem
from gateway.plugin.exchange import RequestView
from gateway.plugin.headers import Headers
from gateway.plugin.secret import check_secret
from gateway.plugin.verdict import Reject
from gateway.policy.condition import text_of
from gateway.policy.describe import describe_chain, describe_hook
from gateway.policy.lifecycle import Compiled, Compiler
from gateway.policy.loader import load_bundle
from gateway.policy.parser import WrittenPolicy
from gateway.policy.routes import NeedsModel, Route
from gateway.policy.snapshot import Binding, Identify, RouteEntry
from gateway.providers.recognise import recognise_dialect
from gateway.reasons import REASONS
from gateway.settings import Dialect, Settings


@dataclass(frozen=True, slots=True)
class Explanation:
    """The lines to print; `served` tells whether the request would reach a provider's route."""

    lines: tuple[str, ...]
    served: bool

    def __str__(self) -> str:
        return "\n".join(self.lines)


def explain(
    settings: Settings,
    method: str,
    target: str,
    *,
    headers: Sequence[tuple[str, str]] = (),
    model: str | None = None,
    tenant: str | None = None,
    registry: Registry | None = None,
) -> Explanation:
    """Explains one request as the gateway with `settings` would see it; `target` is path and query.

    `tenant` is the one that the verified credential would give. Raises ConfigError where policies,
    routes or headers cannot be used. Plugins are not started, so what they would say is not known.
    """
    request = _request(method, target, headers)
    compiled = _compile(settings.policies, settings, registry)
    snapshot = compiled.snapshot
    found = snapshot.resolve(request, model)
    title = f"{request.method} {target}"
    head: Binding | None = None
    if isinstance(found, Identify):
        head = found.binding
        if tenant is None:
            return Explanation((title, *_undecided(compiled, request, head)), served=False)
        found = found.choose(request, model, tenant)
    if isinstance(found, NeedsModel):
        lines = (title, "the choice depends on the model in the body: give --model NAME")
        return Explanation(lines, served=False)
    if isinstance(found, Reject):
        return Explanation((title, *_refusal(compiled, request, found)), served=False)
    return Explanation((title, *_binding(compiled, request, found, head)), served=True)


def _request(method: str, target: str, headers: Sequence[tuple[str, str]]) -> RequestView:
    fields = Headers([])
    for name, value in headers:
        try:
            fields.add(name, value)
        except ValueError as error:
            raise ConfigError([Problem("--header", 0, 0, str(error))]) from None
    return RequestView(method.upper(), target, fields, host=fields.get("host", "") or "")


def _compile(path: Path | None, settings: Settings, registry: Registry | None) -> Compiled:
    compiler = Compiler(settings, registry=registry, resolver=check_secret)
    return compiler.compile(load_bundle(path), version=0)


def _refusal(compiled: Compiled, request: RequestView, reject: Reject) -> list[str]:
    info = REASONS[reject.reason]
    route = compiled.snapshot.route_of(request)
    lines = [] if route is None else [_line("route", route.name)]
    lines.append(_line("refused", f"{info.status} {reject.reason.value}: {info.text}"))
    if reject.message:
        lines.append(_line("", reject.message))
    return lines


def _undecided(compiled: Compiled, request: RequestView, head: Binding) -> list[str]:
    """What is known while the tenant is not."""
    candidates = _entry_of(compiled, head).candidates
    asked = [c.binding.policy_name for c in candidates if c.tenants is not None]
    return [
        _line("route", f"{head.route.name}, dialect {_dialect(head.route, request)}"),
        *_head_lines(head),
        _line("policy", "the tenant of the caller decides: give --tenant NAME"),
        *(_line("", f"{name}: {_asks(compiled, name)}") for name in asked),
    ]


def _head_lines(head: Binding) -> list[str]:
    names = " > ".join(describe_hook(hook) for hook in head.chain.request_headers)
    return [_line("first", f"on_request_headers   {names}")]


def _asks(compiled: Compiled, name: str) -> str:
    policy = next(policy for policy in compiled.policies if policy.file.name == name)
    return text_of(policy.file.match)


def _entry_of(compiled: Compiled, binding: Binding) -> RouteEntry:
    return next(e for e in compiled.snapshot.entries() if e.route is binding.route)


def _binding(
    compiled: Compiled, request: RequestView, binding: Binding, head: Binding | None
) -> list[str]:
    route, chain = binding.route, binding.chain
    first, *more = describe_chain(chain)
    buffered = "held whole for a plugin" if binding.needs_request_body else "streams through"
    answer = "shown to plugins" if binding.needs_text or binding.needs_response_body else "streams"
    return [
        _line("route", f"{route.name}, dialect {_dialect(route, request)}"),
        _line("upstream", f"{route.upstream}, path {route.forwarded_path(request.path)}"),
        _line("policy", _policy(compiled.policies, binding.policy_name)),
        *_passed_over(compiled, binding),
        *(() if head is None else _head_lines(head)),
        _line("request", buffered),
        _line("answer", answer if answer != "streams" else "streams through"),
        _line("chain", first),
        *(_line("", line) for line in more),
    ]


def _dialect(route: Route, request: RequestView) -> Dialect:
    if route.dialect is not Dialect.UNKNOWN:
        return route.dialect
    path = route.forwarded_path(request.path)
    return recognise_dialect(path, request.query, request.headers)


def _policy(policies: Sequence[WrittenPolicy], name: str) -> str:
    policy = next(policy for policy in policies if policy.file.name == name)
    mode = policy.file.mode.value
    line = policy.document.position(("name",), key=True).line
    return f"{name}, {mode} ({policy.document.file}:{line})"


def _passed_over(compiled: Compiled, binding: Binding) -> list[str]:
    """The policies of the route that were tried before and do not match."""
    lines = []
    for candidate in _entry_of(compiled, binding).candidates:
        if candidate.binding is binding:
            break
        name = candidate.binding.policy_name
        lines.append(_line("not", f"{name}: it asks for {_asks(compiled, name)}"))
    return lines


def _line(label: str, text: str) -> str:
    return f"  {label:<9} {text}"
