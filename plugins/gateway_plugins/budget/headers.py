"""What answers tell of the budget with the least left: `x-sealgate-budget-*`."""

from __future__ import annotations

from collections.abc import Sequence

from gateway.plugin import Headers, Standing
from gateway_plugins.budget.limits import Account
from gateway_plugins.budget.taking import Reserved


def tell(headers: Headers, calls: Sequence[Reserved]) -> None:
    """Adds name, limit, what is left beside all reservations, and when it begins anew."""
    tightest = _tightest(calls)
    if tightest is None:
        return
    account, standing = tightest
    fields = (
        (b"x-sealgate-budget", account.label),
        (b"x-sealgate-budget-limit", account.spoken(account.capacity)),
        (b"x-sealgate-budget-remaining", account.spoken(standing.remaining)),
        (b"x-sealgate-budget-reset", str(account.reset_s(standing))),
    )
    for name, value in fields:
        headers.add_raw(name, value.encode())


def _tightest(calls: Sequence[Reserved]) -> tuple[Account, Standing] | None:
    found = [
        (account, standing)
        for call in calls
        if call.grant is not None
        for account, standing in zip(call.of.accounts, call.grant.standings, strict=False)
    ]
    if not found:
        return None
    return min(found, key=lambda one: one[1].remaining / one[0].capacity)
