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
from typing import Final

from gateway.plugin import Headers, Standing
from gateway.plugin.headers import RawHeader
from gateway.settings import Dialect
from gateway_plugins.rate_limit.limits import TOLD_KINDS, Limit, LimitSet
from gateway_plugins.rate_limit.taking import Taken

SECOND_US: Final = 1_000_000
_MINUTE_S: Final = 60

_Told = tuple[Limit, Standing]


class Teller:
    """Writes the families that the policy asks for; `wall` gives seconds since 1970."""

    def __init__(self, families: Sequence[str], wall: Callable[[], float]) -> None:
        self._provider_style = "provider" in families
        self._ietf_style = "ietf" in families
        self._wall = wall

    def tell(self, headers: Headers, dialect: Dialect, calls: Sequence[Taken]) -> None:
        """Adds to an answer what the calls to the store came to."""
        call = calls[0]
        if len(calls) == 1 and len(call.limits) == 1 and call.grant is not None:
            self._tell_one(headers, dialect, call.of, call.limits[0], call.grant.standings[0])
        else:
            self._tell_many(headers, dialect, calls)

    def _tell_one(
        self, headers: Headers, dialect: Dialect, of: LimitSet, limit: Limit, standing: Standing
    ) -> None:
        """The common case, without a list of one."""
        fields: list[RawHeader] = []
        if self._provider_style:
            self._add_provider_style(limit, standing, dialect, headers, fields)
        if self._ietf_style and not _has_ietf_style(headers):
            fields.append((b"ratelimit-policy", of.policy_field))
            fields.append((b"ratelimit", _item(limit, standing)))
        headers.extend_raw(fields)

    def _tell_many(self, headers: Headers, dialect: Dialect, calls: Sequence[Taken]) -> None:
        told: list[_Told] = []
        for call in calls:
            if call.grant is not None:
                told += zip(call.limits, call.grant.standings, strict=True)
        if not told:
            return
        fields: list[RawHeader] = []
        if self._provider_style:
            for limit, standing in _tightest(told):
                self._add_provider_style(limit, standing, dialect, headers, fields)
        if self._ietf_style and not _has_ietf_style(headers):
            policies = b", ".join([call.of.policy_field for call in calls if call.limits])
            items = b", ".join([_item(limit, standing) for limit, standing in told])
            fields += (b"ratelimit-policy", policies), (b"ratelimit", items)
        headers.extend_raw(fields)

    def _add_provider_style(
        self,
        limit: Limit,
        standing: Standing,
        dialect: Dialect,
        headers: Headers,
        fields: list[RawHeader],
    ) -> None:
        anthropic = dialect is Dialect.ANTHROPIC
        names = limit.anthropic_names if anthropic else limit.openai_names
        if names is None or headers.first(names.limit[0]) is not None:
            return
        us = standing.reset_us
        reset = rfc3339(self._wall(), us) if anthropic else go_duration(us)
        fields.append(names.limit)
        fields.append((names.remaining, b"%d" % standing.remaining))
        fields.append((names.reset, reset))


def _tightest(told: Sequence[_Told]) -> list[_Told]:
    """Of each kind that providers tell of, the limit with the least left."""
    found: dict[str, _Told] = {}
    for one in told:
        kind = one[0].kind
        if kind in TOLD_KINDS:
            known = found.get(kind)
            if known is None or one[1].remaining < known[1].remaining:
                found[kind] = one
    return [found[kind] for kind in TOLD_KINDS if kind in found]


def _has_ietf_style(headers: Headers) -> bool:
    first = headers.first
    return first(b"ratelimit") is not None or first(b"ratelimit-policy") is not None


def _item(limit: Limit, standing: Standing) -> bytes:
    if not limit.window_text:
        return b"%b%d" % (limit.item, standing.remaining)
    return b"%b%d;t=%d" % (limit.item, standing.remaining, -(-standing.reset_us // SECOND_US))


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
