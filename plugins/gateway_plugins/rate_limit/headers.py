"""What answers tell of the limits, in the words of the provider and in those of the IETF's draft.

| family     | fields                                                                             |
|------------|------------------------------------------------------------------------------------|
| `provider` | `x-ratelimit-{limit,remaining,reset}-{requests,tokens}`; on Anthropic's dialect    |
|            | `anthropic-ratelimit-{requests,tokens}-{limit,remaining,reset}`                    |
| `ietf`     | `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers)          |

Of several limits of one kind, the provider's fields tell the one with the least left. A field that
the provider sent is never touched: a client that was told to look at it means the provider's own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from gateway.plugin import Headers, Standing
from gateway.plugin.headers import RawHeader
from gateway.settings import Dialect
from gateway_plugins.rate_limit.limits import Limit
from gateway_plugins.rate_limit.taking import Taken

SECOND_US = 1_000_000
_MINUTE_S = 60


class _Names(NamedTuple):
    limit: bytes
    remaining: bytes
    reset: bytes


_KINDS = ("requests", "tokens")
_OPENAI = {
    kind: _Names(*(f"x-ratelimit-{part}-{kind}".encode() for part in _Names._fields))
    for kind in _KINDS
}
_ANTHROPIC = {
    kind: _Names(*(f"anthropic-ratelimit-{kind}-{part}".encode() for part in _Names._fields))
    for kind in _KINDS
}

_Told = tuple[Limit, Standing]


class Teller:
    """Writes the families that the policy asks for; `wall` gives seconds since 1970."""

    def __init__(self, families: Sequence[str], wall: Callable[[], float]) -> None:
        self._provider_style = "provider" in families
        self._ietf_style = "ietf" in families
        self._wall = wall

    def tell(self, headers: Headers, dialect: Dialect, calls: Sequence[Taken]) -> None:
        """Adds to an answer what the calls to the store came to."""
        told: list[_Told] = []
        for call in calls:
            if call.grant is not None:
                told += zip(call.limits, call.grant.standings, strict=True)
        if not told:
            return
        fields: list[RawHeader] = []
        if self._provider_style:
            for kind in _KINDS:
                self._add_provider_style(kind, told, dialect, headers, fields)
        first = headers.first
        if self._ietf_style and first(b"ratelimit") is None and first(b"ratelimit-policy") is None:
            _add_ietf_style(told, calls, fields)
        headers.extend_raw(fields)

    def _add_provider_style(
        self,
        kind: str,
        told: Sequence[_Told],
        dialect: Dialect,
        headers: Headers,
        fields: list[RawHeader],
    ) -> None:
        tightest: _Told | None = None
        for one in told:
            if one[0].kind == kind and (
                tightest is None or one[1].remaining < tightest[1].remaining
            ):
                tightest = one
        if tightest is None:
            return
        limit, standing = tightest
        anthropic = dialect is Dialect.ANTHROPIC
        names = _ANTHROPIC[kind] if anthropic else _OPENAI[kind]
        if headers.first(names.limit) is not None:
            return
        us = standing.reset_us
        fields += (
            (names.limit, limit.capacity_text),
            (names.remaining, b"%d" % standing.remaining),
            (names.reset, rfc3339(self._wall(), us) if anthropic else go_duration(us)),
        )


def _add_ietf_style(told: Sequence[_Told], calls: Sequence[Taken], fields: list[RawHeader]) -> None:
    items = []
    for limit, standing in told:
        item = b"%b%d" % (limit.item, standing.remaining)
        if limit.window_text:
            item = b"%b;t=%d" % (item, -(-standing.reset_us // SECOND_US))
        items.append(item)
    policies = [call.of.policy_field for call in calls if call.limits]
    fields += (
        (b"ratelimit-policy", policies[0] if len(policies) == 1 else b", ".join(policies)),
        (b"ratelimit", items[0] if len(items) == 1 else b", ".join(items)),
    )


def go_duration(us: int) -> bytes:
    """A span as OpenAI writes it, rounded up: `12ms`, `1.5s`, `6m0s`, `1h0m0s`."""
    ms = -(-us // 1000)
    if ms < 1000:  # noqa: PLR2004  # one second
        return b"%dms" % ms
    seconds, rest_ms = divmod(ms, 1000)
    if seconds < _MINUTE_S:
        return (b"%d.%03d" % (seconds, rest_ms)).rstrip(b"0").rstrip(b".") + b"s"
    minutes, seconds = divmod(seconds + (rest_ms > 0), _MINUTE_S)
    if minutes < _MINUTE_S:
        return b"%dm%ds" % (minutes, seconds)
    return b"%dh%dm%ds" % (*divmod(minutes, _MINUTE_S), seconds)


def rfc3339(now: float, us: int) -> bytes:
    """The moment `us` from `now`, in whole seconds and not too early."""
    at = -int(-(now + us / SECOND_US) // 1)
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ").encode()
