"""The keys of one issuer as they are now: fetched, kept, brought up to date, and bounded in age.

| what happens                    | what follows                                                   |
|---------------------------------|----------------------------------------------------------------|
| the interval passes             | the set is fetched again, in the background                    |
| a fetch fails                   | the last good keys serve on; the next try is at most 30 s away |
| they are older than the maximum | none is used any more: nobody knows what was revoked           |
| a token names an unknown key    | one fetch, at most once in 30 s; others wait for it or are     |
|                                 | refused at once, so that tokens cannot drive requests          |
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from gateway.identity.fetch import FetchError
from gateway.identity.jwk import VerificationKey, read_key_set
from gateway.identity.oidc import KeyLocation
from gateway.identity.strict_json import parse_object

REFETCH_S: Final = 30.0
"""The least time between two fetches that tokens ask for, and between two tries after a fault."""
CANDIDATES_MAX: Final = 4
"""Keys that are tried for one token, where several answer to the same name."""

_log = logging.getLogger("sealgate.identity")


class KeySet:
    """`generation` changes whenever the keys do: whoever remembers what they proved drops it."""

    def __init__(
        self,
        issuer: str,
        location: KeyLocation,
        *,
        monotonic: Callable[[], float],
        refresh_interval_s: float,
        age_max_s: float,
    ) -> None:
        self.generation = 0
        self._issuer = issuer
        self._location = location
        self._monotonic = monotonic
        self._refresh_interval_s = refresh_interval_s
        self._age_max_s = age_max_s
        self._keys: tuple[VerificationKey, ...] = ()
        self._text = b""
        self._fetched_at: float | None = None
        self._asked_at: float | None = None
        self._fetching: asyncio.Task[bool] | None = None
        self._refreshing: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Fetches once, then in the background. A fault is logged and tried again, not raised."""
        await self.refresh()
        self._refreshing = asyncio.get_running_loop().create_task(self._keep_fresh())

    async def stop(self) -> None:
        """Ends what runs and closes what is open."""
        tasks = [task for task in (self._refreshing, self._fetching) if task is not None]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        await self._location.close()

    @property
    def usable(self) -> bool:
        """Whether there are keys that are not too old."""
        fetched_at = self._fetched_at
        return fetched_at is not None and self._monotonic() - fetched_at <= self._age_max_s

    @property
    def usable_until(self) -> float:
        """The monotonic time at which the keys are too old, unless they are fetched before."""
        return -1.0 if self._fetched_at is None else self._fetched_at + self._age_max_s

    def find(self, kid: str | None, algorithm: str) -> tuple[VerificationKey, ...]:
        """The keys that a token may mean; without `kid` only where there is no choice."""
        fitting = [key for key in self._keys if key.fits(algorithm)]
        if kid is None:
            return tuple(fitting) if len(fitting) == 1 else ()
        return tuple(key for key in fitting if key.kid == kid)[:CANDIDATES_MAX]

    def refetch(self) -> asyncio.Task[bool] | None:
        """A fetch because a token asks for more than there is; None where it is too early.

        Callers that come while one runs share it. Wait for it with `asyncio.shield`.
        """
        if self._fetching is not None:
            return self._fetching
        now = self._monotonic()
        if self._asked_at is not None and now - self._asked_at < REFETCH_S:
            return None
        self._asked_at = now
        return self._fetch(again=False)

    async def refresh(self) -> bool:
        """Fetches now, from where the keys are now; whether that gave keys."""
        return await asyncio.shield(self._fetching or self._fetch(again=True))

    # -- inner

    def _fetch(self, *, again: bool) -> asyncio.Task[bool]:
        task = asyncio.get_running_loop().create_task(self._load(again=again))
        self._fetching = task
        task.add_done_callback(self._fetched)
        return task

    def _fetched(self, task: asyncio.Task[bool]) -> None:
        self._fetching = None
        if not task.cancelled() and task.exception() is not None:
            _log.error("issuer keys not fetched", exc_info=task.exception())

    async def _load(self, *, again: bool) -> bool:
        try:
            text = await self._location.read(again=again)
            keys = read_key_set(parse_object(text)) if text != self._text else self._keys
        except (FetchError, ValueError) as error:
            fields = {"issuer": self._issuer, "error": str(error), "usable": self.usable}
            _log.error("issuer keys not fetched", extra={"fields": fields})
            return False
        self._fetched_at = self._monotonic()
        if keys is not self._keys:
            self._keys, self._text = keys, text
            self.generation += 1
        return True

    async def _keep_fresh(self) -> None:
        interval_s = self._refresh_interval_s
        fresh = self._fetched_at is not None
        while True:
            await asyncio.sleep(interval_s if fresh else min(interval_s, REFETCH_S))
            fresh = await self.refresh()


class FixedKeys:
    """Keys that the configuration gives: a shared secret."""

    generation = 0
    usable = True
    usable_until = float("inf")

    def __init__(self, *keys: VerificationKey) -> None:
        self._keys = keys

    async def start(self) -> None:
        """They are here."""

    async def stop(self) -> None:
        """They stay."""

    def find(self, kid: str | None, algorithm: str) -> tuple[VerificationKey, ...]:  # noqa: ARG002  # a secret has no name
        return tuple(key for key in self._keys if key.fits(algorithm))

    def refetch(self) -> asyncio.Task[bool] | None:
        return None
