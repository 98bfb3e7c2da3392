"""What must still be told to the store: corrections wait here while it is away.

They are numbered, and for each tag and worker the store keeps the number of the last one it did. So
one whose answer was lost is sent again and done once. They go out in the order of their numbers.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import hiredis

from gateway.plugin.limits import Demand
from gateway.state.redis.commands import settle_command
from gateway.state.redis.link import MENDED_BY_A_NEW_CONNECTION
from gateway.state.redis.wire import Call

FORGOTTEN_S = 540.0
"""The store forgets a worker's numbers ten minutes after the last one: older corrections that may
have been done are not sent again."""


@dataclass(slots=True)
class CorrectionStats:
    """Corrections that were done, and those given up."""

    done: int = 0
    dropped: int = 0


class Correction(Call):
    """The true amounts of one take; without `times` the take whose answer never came."""

    __slots__ = (
        "_queue",
        "amounts",
        "base",
        "demands",
        "made_at",
        "number",
        "sent",
        "take",
        "times",
    )

    def __init__(
        self,
        queue: Corrections,
        base: str,
        demands: Sequence[Demand],
        amounts: Sequence[int],
        *,
        take: int,
        times: str,
    ) -> None:
        super().__init__(b"")
        self._queue = queue
        self.base = base
        self.demands = demands
        self.amounts = amounts
        self.take = take
        self.times = times
        self.number = 0
        self.sent = False
        self.made_at = time.monotonic()

    def answered(self, reply: Any) -> None:
        if isinstance(reply, hiredis.ReplyError):
            self._queue.refused(self, str(reply))
        else:
            self._queue.done(self)

    def lost(self, *, sent: bool) -> None:
        self.sent = self.sent or sent
        self._queue.put_back(self)


class Corrections:
    """All corrections of one worker to one store. `send` is false where the server is away.

    Those of one tag keep their order: a number below the store's last is taken for a repetition.
    """

    def __init__(
        self,
        worker: str,
        waiting_max: int,
        *,
        send: Callable[[Correction, bool], bool],
        on_done: Callable[[Correction], None],
        on_refused: Callable[[Correction, str], None],
    ) -> None:
        self._worker = worker
        self._waiting_max = waiting_max
        self._send = send
        self._on_done = on_done
        self._on_refused = on_refused
        self._number = 0
        self._waiting: dict[int, Correction] = {}
        self._waiting_of: Counter[str] = Counter()
        self.stats = CorrectionStats()

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, correction: Correction) -> None:
        """Sends it with this turn's calls, or keeps it until `flush`."""
        self._give_number(correction)
        if correction.base in self._waiting_of or not self._send(correction, False):
            self._keep(correction)

    def _give_number(self, correction: Correction) -> None:
        self._number = correction.number = self._number + 1
        correction.command = settle_command(
            correction.base,
            correction.demands,
            correction.amounts,
            worker=self._worker,
            numbers=(correction.take, correction.number),
            times=correction.times,
        )

    def _keep(self, correction: Correction) -> None:
        if len(self._waiting) >= self._waiting_max:
            self._drop(correction)
        else:
            self.put_back(correction)

    def put_back(self, correction: Correction) -> None:
        """It got no answer."""
        self._waiting[correction.number] = correction
        self._waiting_of[correction.base] += 1

    def _pop(self, number: int) -> Correction:
        correction = self._waiting.pop(number)
        self._waiting_of[correction.base] -= 1
        if not self._waiting_of[correction.base]:
            del self._waiting_of[correction.base]
        return correction

    def flush(self) -> None:
        """Sends what waits at once, oldest first, as far as servers are there."""
        for number in sorted(self._waiting):
            correction = self._pop(number)
            if correction.sent and time.monotonic() - correction.made_at > FORGOTTEN_S:
                self._drop(correction)
            elif not self._send(correction, True):
                self.put_back(correction)

    def done(self, correction: Correction) -> None:
        self.stats.done += 1
        self._on_done(correction)

    def refused(self, correction: Correction, error: str) -> None:
        """An error was the answer, so it was not done; some errors pass."""
        if error.startswith(_PASSING):
            # It was not done, so it may go to the end and behind what another server does first.
            self._give_number(correction)
            correction.sent = False
            self._keep(correction)
            self._on_refused(correction, error)
        else:
            self._drop(correction)

    def give_up(self) -> None:
        """Nothing will be sent any more."""
        for number in list(self._waiting):
            self._drop(self._pop(number))

    def _drop(self, correction: Correction) -> None:
        self.stats.dropped += 1
        self._on_done(correction)


_PASSING = (
    *("MOVED", "ASK", "TRYAGAIN", "CLUSTERDOWN", "BUSY", "OOM", "MISCONF", "NOREPLICAS"),
    *MENDED_BY_A_NEW_CONNECTION,
)
