"""What the client is told when a budget has no room, or cannot be asked."""

from __future__ import annotations

from gateway.plugin import Grant, Reason, Reject
from gateway_plugins.budget.limits import Account

OUTAGE = Reject(Reason.STORE_UNAVAILABLE, retry_after_s=1)
UNREADABLE = Reject(
    Reason.PLUGIN_FAILED,
    "a budget of this key cannot be read; mend the key's limits (docs/plugins/budget.md)",
)


def spent(account: Account, grant: Grant) -> Reject:
    """The refusal by one budget.

    A wait of more than a minute is not announced, and then the client is told not to try again:
    the core sees to both (`refusal_body`).
    """
    wait_s = account.wait_s(grant.standings[grant.refused_by])
    return Reject(
        Reason.BUDGET_EXHAUSTED,
        f"{account.spoken(account.capacity)} per {account.period} ({account.label}) leave no room "
        f"for this request; try again in {_spoken(wait_s)}",
        retry_after_s=wait_s,
    )


def _spoken(wait_s: float) -> str:
    seconds = -int(-wait_s // 1)
    for unit_s, unit in ((86_400, "days"), (3_600, "hours"), (60, "minutes")):
        if seconds >= 2 * unit_s:
            return f"{-(-seconds // unit_s)} {unit}"
    return f"{seconds} s"
