"""What becomes of a hook that raised or took too long."""

from __future__ import annotations

import logging

from gateway.chain.compiled import Hook
from gateway.plugin.verdict import Outcome, Reject, Verdict
from gateway.reasons import Reason

_log = logging.getLogger("sealgate.chain")


def failure(hook: Hook, error: BaseException, took_us: float) -> Verdict:
    """The verdict on a hook that raised; the log says where.

    The type and the place of the exception are kept, never its text, which may hold a prompt.
    """
    trace, line, file = error.__traceback__, 0, ""
    while trace is not None:
        line, file = trace.tb_lineno, trace.tb_frame.f_code.co_filename
        trace = trace.tb_next
    kind = type(error).__name__
    fields = {"plugin": hook.plugin, "hook": hook.hook, "error": kind, "at": f"{file}:{line}"}
    _log.error("plugin failed", extra={"fields": fields})
    verdict = Verdict(hook.plugin, hook.hook, Outcome.ERROR, took_us, Reason.PLUGIN_FAILED.value)
    verdict.labels = {"error": kind}
    return verdict


def overrun(hook: Hook, took_us: float) -> Verdict:
    """The verdict on a hook that took longer than its time limit."""
    return Verdict(hook.plugin, hook.hook, Outcome.ERROR, took_us, Reason.PLUGIN_TIMEOUT.value)


def refusal(hook: Hook, verdict: Verdict) -> Reject | None:
    """What the client is answered for a failed hook: nothing where the policy says `continue`."""
    if not hook.reject_on_error:
        return None
    return Reject(Reason(verdict.reason), hook.plugin)
