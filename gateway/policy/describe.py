"""A compiled chain as text: for `sealgate explain` and for the golden tests."""

from __future__ import annotations

from gateway.chain.compiled import Chain, Hook
from gateway.chain.compiler import is_waiting

_HOOKS = ("request_headers", "request", "response_headers", "response", "text", "complete")


def describe_chain(chain: Chain) -> list[str]:
    """One line per hook that anybody overrides, in the order in which they run."""
    lines = []
    for name in _HOOKS:
        hooks: tuple[Hook, ...] = getattr(chain, name)
        if hooks:
            lines.append(f"{'on_' + name:<20} {' > '.join(describe_hook(h) for h in hooks)}")
    return lines or ["no plugin: bytes go straight through"]


def describe_hook(hook: Hook) -> str:
    """`ip_allowlist [shadow, within 50 ms, on_error continue, when paths /v1/*]`."""
    marks = []
    if not hook.enforced:
        marks.append("shadow")
    if hook.timeout_s is not None:
        marks.append(f"within {hook.timeout_s * 1000:g} ms")
    if not hook.reject_on_error:
        marks.append("on_error continue")
    if is_waiting(hook):
        marks.append("async")
    if hook.when is not None:
        marks.append(f"when {hook.when}")
    return f"{hook.plugin} [{', '.join(marks)}]" if marks else hook.plugin
