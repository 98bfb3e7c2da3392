"""Which target serves a request: weights, passive health, and how many second tries are allowed."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping

from gateway.errors import ConfigError, Problem
from gateway.proxy.builtin_upstreams import missing_text, written_upstreams
from gateway.proxy.credentials import UpstreamCredential
from gateway.proxy.dial import dial
from gateway.proxy.health import Clock, RetryBudget, TargetState
from gateway.proxy.pool import Dial, Pool
from gateway.proxy.target import Target, compile_targets
from gateway.proxy.upstream import UpstreamError
from gateway.proxy.upstream_tls import ClientContexts
from gateway.reasons import Reason
from gateway.settings import Settings, UpstreamSettings

__all__ = ["OnEjection", "RetryBudget", "TargetState", "Upstream", "Upstreams"]

OnEjection = Callable[[str, str, float], None]
"""Told the upstream, the target's label, and for how many seconds it is left out."""


class Upstream:
    """One provider: its targets, and the settings that an exchange with it needs.

    Raises ConfigError if the settings cannot be used. `clock` counts seconds and never goes back.
    """

    __slots__ = (
        "_clock",
        "_missing",
        "credential",
        "failover",
        "name",
        "retry_budget",
        "targets",
        "timeouts",
    )

    def __init__(
        self,
        name: str,
        settings: UpstreamSettings,
        *,
        contexts: ClientContexts | None = None,
        clock: Clock = time.monotonic,
        on_ejection: OnEjection | None = None,
        missing: str = "",
        dial: Dial = dial,
    ) -> None:
        self.name = name
        self.credential: UpstreamCredential | None = None
        """What the gateway presents in place of the client's own; whoever keeps it sets it."""
        self.timeouts = settings.timeouts
        self.failover = settings.failover
        self.retry_budget = RetryBudget(settings.failover)
        self._clock = clock
        self._missing = missing or f"the upstream {name} has no target"
        connect_timeout_s = settings.timeouts.connect_ms / 1000

        def ejected(label: str, duration_s: float) -> None:
            if on_ejection is not None:
                on_ejection(name, label, duration_s)

        self.targets = tuple(
            TargetState(
                target,
                Pool(target, settings.pool, connect_timeout_s, dial=dial),
                settings.outlier,
                clock,
                ejected,
            )
            for target in compile_targets(name, settings, contexts or ClientContexts())
        )
        if len(self.targets) == 1:
            self.targets[0].never_ejected()

    def pick(self, tried: Collection[Target] = ()) -> TargetState:
        """The target for the next try of a request, which `tried` some already.

        Smooth weighted round robin over the others in rotation; if none is in rotation, the one
        whose ejection ends first, because a doubtful target is better than none. Raises
        UpstreamError(UPSTREAM_UNAVAILABLE) if all were tried or there is no target at all.
        """
        targets = self.targets
        if len(targets) == 1 and not tried:
            return targets[0]
        now = self._clock()
        best: TargetState | None = None
        total = 0
        for state in targets:
            if state.ejected_until > now or state.target in tried:
                continue
            weight = state.target.weight
            total += weight
            state.credit += weight
            if best is None or state.credit > best.credit:
                best = state
        if best is None:
            return self._last_resort(tried)
        best.credit -= total
        return best

    def close(self) -> None:
        """Closes idle connections and sends waiting requests away; running ones may end."""
        for state in self.targets:
            state.pool.close()

    def __repr__(self) -> str:
        return f"<Upstream {self.name} {list(self.targets)}>"

    def _last_resort(self, tried: Collection[Target]) -> TargetState:
        left = [state for state in self.targets if state.target not in tried]
        if left:
            return min(left, key=lambda state: state.ejected_until)
        message = "every target was tried" if self.targets else self._missing
        raise UpstreamError(Reason.UPSTREAM_UNAVAILABLE, message)


class Upstreams(Mapping[str, Upstream]):
    """All upstreams of a worker by name: the built-in ones, changed and joined by the settings.

    Raises ConfigError with every problem of every upstream.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        clock: Clock = time.monotonic,
        on_ejection: OnEjection | None = None,
    ) -> None:
        contexts = ClientContexts()
        problems: list[Problem] = []
        self._upstreams: dict[str, Upstream] = {}
        for name, written in written_upstreams(settings, problems).items():
            try:
                self._upstreams[name] = Upstream(
                    name,
                    written,
                    contexts=contexts,
                    clock=clock,
                    on_ejection=on_ejection,
                    missing=missing_text(name),
                )
            except ConfigError as error:
                problems += error.problems
        if problems:
            raise ConfigError(problems)

    def __getitem__(self, name: str) -> Upstream:
        return self._upstreams[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._upstreams)

    def __len__(self) -> int:
        return len(self._upstreams)

    def close(self) -> None:
        """Closes every upstream; see `Upstream.close`."""
        for upstream in self._upstreams.values():
            upstream.close()
