"""What the client is told when it must wait, or cannot be let in."""

from __future__ import annotations

import math
from collections.abc import Iterable

from gateway.plugin import Reason, Reject, Standing
from gateway_plugins.rate_limit.limits import Limit

RETRY_S_MAX = 60
"""Longer waits are not announced: some SDKs sleep as long as they are told, up to weeks."""
STREAM_WAIT_US = 1_000_000
"""Nobody knows when a stream ends; a client may ask again after this."""

OUTAGE = Reject(Reason.STORE_UNAVAILABLE, retry_after_s=1)
UNREADABLE = Reject(
    Reason.PLUGIN_FAILED,
    "a limit of this key cannot be read; mend the key's limits (docs/plugins/rate_limit.md)",
)
UNCOUNTED = Reject(
    Reason.PLUGIN_FAILED,
    "this key has a limit on tokens or streams, which the policy does not count: rate_limit needs "
    "`key_limits: all`",
)


def over(limit: Limit, demanded: int, standings: Iterable[Standing]) -> Reject:
    """The refusal by `limit`; `standings` are those of all limits that were asked with it."""
    if limit.kind == "streams":
        what = f"{limit.capacity} streams at once"
        wait_us = STREAM_WAIT_US
    else:
        what = f"{limit.capacity} {limit.kind} in {limit.window_text}"
        wait_us = max(1, *(standing.retry_after_us for standing in standings))
    if demanded > limit.most:
        return Reject(
            Reason.RATE_LIMITED,
            f"{what} are allowed ({limit.label}), and this request alone has {demanded}",
            retry_after_s=math.inf,
        )
    wait_ms = -(-wait_us // 1000)
    short = wait_ms <= RETRY_S_MAX * 1000
    return Reject(
        Reason.RATE_LIMITED,
        f"{what} are allowed ({limit.label}); try again in {_spoken(wait_ms)}",
        retry_after_s=wait_ms / 1000,
        headers=(("retry-after-ms", str(wait_ms)),) if short else (),
    )


def _spoken(ms: int) -> str:
    seconds = -(-ms // 1000)
    for unit_s, unit in ((86_400, "days"), (3_600, "hours"), (60, "minutes")):
        if seconds >= 2 * unit_s:
            return f"{-(-seconds // unit_s)} {unit}"
    return f"{seconds} s"
