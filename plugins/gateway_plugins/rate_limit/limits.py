"""Written limits become what a request demands of its counters, and what it used in the end.

A counter's key says what is counted, by which words, in which window, and for whom:

    /requests/key/60000000/log/  k_7Q...      of the policy that the exchange has, or
    team-a/requests/...                       of the name that uses of several policies share

It holds none of the limit's numbers, so that a limit that is changed goes on from the count there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final, NamedTuple

from gateway.plugin import Algorithm, Demand, Exchange, Fact
from gateway.plugin.grouping import ValueOf, facts_of, tag_of, value_of
from gateway.plugin.headers import RawHeader
from gateway_plugins.rate_limit.config import GroupLimit, Kind, RateLimitConfig
from gateway_plugins.rate_limit.config import Limit as WrittenLimit
from gateway_plugins.rate_limit.estimate import bytes_of, is_streamed, tokens_of

GROUPS_MAX: Final = 10_000
"""Groups whose demand is remembered per limit; then the memory starts anew."""
TOLD_KINDS: Final[tuple[Kind, ...]] = ("requests", "tokens")
"""What providers have header fields for."""
_ALGORITHMS: Final = {"log": Algorithm.LOG, "gcra": Algorithm.GCRA}
_UNITS: Final = {"requests": "requests", "tokens": "tokens", "bytes": "content-bytes"}


class Names(NamedTuple):
    """The fields in which a provider tells of one limit; the first is always the same."""

    limit: RawHeader
    remaining: bytes
    reset: bytes


def _names(written: WrittenLimit, form: str) -> Names | None:
    kind = written.kind
    if kind not in TOLD_KINDS:
        return None
    limit, remaining, reset = (form.format(part=p, kind=kind).encode() for p in Names._fields)
    return Names((limit, b"%d" % written.capacity), remaining, reset)


class Limit:
    """One limit, compiled: of requests here, of the other kinds below.

    `label` names it in header fields and messages, `most` is what one request may ask for.
    `policy_item` is its member of the field `RateLimit-Policy`, and `item` the beginning of its
    member of `RateLimit`.
    """

    __slots__ = (
        "_algorithm", "_answer_max", "_burst", "_demands", "_head", "_scope", "_value_of",
        "_window_us", "anthropic_names", "capacity", "item", "kind", "label", "most",
        "openai_names", "policy_item", "window_text",
    )  # fmt: skip

    def __init__(
        self, written: WrittenLimit, words: Sequence[str], scope: str | None, answer_max: int
    ) -> None:
        """`words` say who shares the count; `scope` None is the policy of the exchange.

        `answer_max` is what is reserved at most for the tokens of an answer.
        """
        self._answer_max = answer_max
        self.kind: Kind = written.kind
        self.capacity = written.capacity
        self.openai_names = _names(written, "x-ratelimit-{part}-{kind}")
        self.anthropic_names = _names(written, "anthropic-ratelimit-{kind}-{part}")
        self.window_text = written.window or ""
        streams = self.kind == "streams"
        self._algorithm = Algorithm.SLOTS if streams else _ALGORITHMS[written.algorithm]
        self._window_us = written.window_us
        self._burst = written.burst or 0
        self.most = written.burst or written.capacity
        # In whatever order the words are written, they mean the same groups.
        words = sorted(words)
        self._value_of: ValueOf = value_of(words)
        self._scope = scope
        # The lease of a slot may change while slots are held: it is no part of what is counted.
        window = "" if streams else self._window_us
        algorithm = "slots" if streams else written.algorithm
        self._head = f"/{self.kind}/{'+'.join(words)}/{window}/{algorithm}/"
        self._demands: dict[str, Demand] = {}
        self.label = "-".join([self.kind, "per", *words, self.window_text]).rstrip("-")
        name = f'"{self.label.replace(":", ".")}"'.encode()
        self.item = name + b";r="
        self.policy_item = name + _parameters(written)

    def demand(self, x: Exchange) -> Demand | None:
        """What this exchange asks of the limit; None where the limit does not concern it."""
        value = self._value_of(x)
        known = self._demands.get(value)
        return known if known is not None else self._remember(x, value)

    def _remember(self, x: Exchange, value: str) -> Demand:
        if len(self._demands) >= GROUPS_MAX:
            self._demands.clear()
        scope = x.policy if self._scope is None else self._scope
        demand = Demand(
            f"{scope}{self._head}{value}",
            self._algorithm,
            1,
            self.capacity,
            self._window_us,
            self._burst,
        )
        self._demands[value] = demand
        return demand

    def _demand_of(self, x: Exchange, amount: int) -> Demand:
        value = self._value_of(x)
        one = self._demands.get(value) or self._remember(x, value)
        return Demand(one.key, one.algorithm, amount, one.capacity, one.window_us, one.burst)

    def used(self, x: Exchange, reserved: int) -> int:  # noqa: ARG002  # the other kinds look at it
        """What the exchange used in the end; a request is a request, whatever became of it."""
        return reserved


class TokenLimit(Limit):
    """Reserves an estimate and settles for what the provider counted."""

    __slots__ = ()

    def demand(self, x: Exchange) -> Demand | None:
        tokens = tokens_of(x, self._answer_max)
        # An estimate alone never makes a request impossible.
        return None if tokens is None else self._demand_of(x, min(tokens, self.most))

    def used(self, x: Exchange, reserved: int) -> int:  # noqa: ARG002  # the other kinds look at it
        return 0 if x.usage is None else x.usage.total_tokens


class ByteLimit(Limit):
    """Reserves the request's size and settles for that and the answer's."""

    __slots__ = ()

    def demand(self, x: Exchange) -> Demand | None:
        return self._demand_of(x, bytes_of(x))

    def used(self, x: Exchange, reserved: int) -> int:  # noqa: ARG002  # the other kinds look at it
        return x.bytes_in + x.bytes_out


class StreamLimit(Limit):
    """Holds a slot while a streamed answer runs."""

    __slots__ = ()

    def demand(self, x: Exchange) -> Demand | None:
        return super().demand(x) if is_streamed(x) else None

    def used(self, x: Exchange, reserved: int) -> int:  # noqa: ARG002  # the other kinds look at it
        return 0


_COMPILED: Final[dict[Kind, type[Limit]]] = {
    "requests": Limit,
    "tokens": TokenLimit,
    "bytes": ByteLimit,
    "streams": StreamLimit,
}


def _parameters(written: WrittenLimit) -> bytes:
    """The parameters of a policy (draft-ietf-httpapi-ratelimit-headers section 3.1)."""
    unit = _UNITS.get(written.kind, "concurrent-requests")
    quoted = "" if unit == "requests" else f';qu="{unit}"'
    window = "" if written.window is None else f";w={-(-written.window_us // 1_000_000)}"
    return f";q={written.capacity}{quoted}{window}".encode()


class Asked:
    """What one exchange asks in one call: the limits that concern it, and a demand for each."""

    __slots__ = ("demands", "limits", "tag")

    def __init__(self, tag: str, limits: tuple[Limit, ...], demands: tuple[Demand, ...]) -> None:
        self.tag = tag
        self.limits = limits
        self.demands = demands


class LimitSet:
    """Limits whose demands go to the store in one call.

    `settles` tells that what was taken is corrected at the end, `holds` that there are slots to
    renew. `policy_field` is their part of `RateLimit-Policy`.
    """

    __slots__ = (
        "_asked", "_tag_of", "_value_of", "counts_tokens", "holds", "limits", "policy_field",
        "settles",
    )  # fmt: skip

    def __init__(
        self,
        limits: Sequence[Limit],
        tag_of: Callable[[Exchange], str],
        value_of: ValueOf | None = None,
    ) -> None:
        """`value_of`: where every limit is of requests by the same words, the group they share."""
        self.limits = tuple(limits)
        self._tag_of = tag_of
        self._value_of = value_of
        self._asked: dict[str, Asked] = {}
        kinds = {limit.kind for limit in limits}
        self.settles = bool(kinds - {"requests"})
        self.holds = "streams" in kinds
        self.counts_tokens = "tokens" in kinds
        self.policy_field = b", ".join(limit.policy_item for limit in limits)

    def ask(self, x: Exchange) -> Asked:
        """What the exchange asks; all requests of a group may ask for the same."""
        if self._value_of is None:
            return self._ask(x)
        value = self._value_of(x)
        known = self._asked.get(value)
        if known is None:
            if len(self._asked) >= GROUPS_MAX:
                self._asked.clear()
            known = self._asked[value] = self._ask(x)
        return known

    def _ask(self, x: Exchange) -> Asked:
        limits, demands = self._demands(x)
        return Asked(self._tag_of(x), limits, demands)

    def _demands(self, x: Exchange) -> tuple[tuple[Limit, ...], tuple[Demand, ...]]:
        """The limits that concern the exchange, and what it asks of each."""
        limits = self.limits
        if len(limits) == 1:
            demand = limits[0].demand(x)
            return ((), ()) if demand is None else (limits, (demand,))
        found = [(limit, demand) for limit in limits if (demand := limit.demand(x)) is not None]
        if not found:
            return (), ()
        chosen, demands = zip(*found, strict=True)
        return chosen, demands


def policy_limits(config: RateLimitConfig) -> LimitSet:
    """The limits of a policy's use."""
    name = config.name
    scope = None if name is None else f"={name}"
    answer_max = config.reserve_output_tokens
    limits = [_COMPILED[one.kind](one, one.per, scope, answer_max) for one in config.limits]
    groups = [one.per for one in config.limits]
    return LimitSet(limits, tag_of(groups, name), _shared(config.limits, groups))


def key_limits(written: Sequence[WrittenLimit], key_id: str, answer_max: int) -> LimitSet:
    """The limits that a virtual key carries: one count for all policies, in a place of its own."""
    limits = [_COMPILED[one.kind](one, ["key"], "+", answer_max) for one in written]
    tag = f"key/{key_id}"
    return LimitSet(limits, lambda _: tag, _shared(written, [["key"]]))


def _shared(written: Sequence[WrittenLimit], groups: Sequence[Sequence[str]]) -> ValueOf | None:
    """By what one group is told from another where all limits, of requests, count the same ones.

    The tag of their call goes by it as well: see `tag_of`.
    """
    words = {tuple(sorted(group)) for group in groups}
    if len(words) != 1 or any(limit.kind != "requests" for limit in written):
        return None
    return value_of(words.pop())


def needs_model(written: Sequence[GroupLimit]) -> bool:
    """Whether a count goes by the model, which may stand in the body."""
    return any("model" in limit.per for limit in written)


def facts_needed(written: Sequence[GroupLimit]) -> frozenset[Fact[Any]]:
    """What earlier plugins must provide."""
    return frozenset().union(*(facts_of(limit.per) for limit in written))
