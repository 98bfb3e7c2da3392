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
    headers.add_raw(*account.name_field)
    headers.add_raw(*account.limit_field)
    left = account.spoken(standing.remaining).encode()
    headers.add_raw(b"x-sealgate-budget-remaining", left)
    headers.add_raw(b"x-sealgate-budget-reset", b"%d" % account.reset_s(standing))


def _tightest(calls: Sequence[Reserved]) -> tuple[Account, Standing] | None:
    found = [
        (account, standing)
        for call in calls
        if call.grant is not None
        for account, standing in zip(call.of.accounts, call.grant.standings, strict=False)
    ]
    if len(found) > 1:
        return min(found, key=lambda one: one[1].remaining / one[0].capacity)
    return found[0] if found else None
