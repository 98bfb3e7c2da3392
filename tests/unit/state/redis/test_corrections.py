"""Corrections are sent once each, in order per tag, and bounded while they wait."""

import hiredis
import pytest

from gateway.plugin.limits import Algorithm, Demand
from gateway.state.redis import corrections as module
from gateway.state.redis.corrections import Correction, Corrections

DEMANDS = [Demand("k", Algorithm.LOG, 1, 5, 1_000)]


class Sending:
    """A connection that only notes what is sent, while it is `up`."""

    def __init__(self, waiting_max: int = 100) -> None:
        self.up = True
        self.sent: list[int] = []
        self.ended: list[int] = []
        self.errors: list[str] = []
        self.queue = Corrections(
            "w",
            waiting_max,
            send=self._send,
            on_done=lambda c: self.ended.append(c.number),
            on_refused=lambda _, error: self.errors.append(error),
        )

    def _send(self, correction: Correction, at_once: bool) -> bool:
        if self.up:
            self.sent.append(correction.number)
        return self.up

    def add(self, base: str = "p{t}") -> Correction:
        correction = Correction(self.queue, base, DEMANDS, [0], take=1, times="7")
        self.queue.add(correction)
        return correction


def test_what_was_not_answered_goes_out_again_before_what_came_later() -> None:
    sending = Sending()
    first, second = sending.add(), sending.add()
    sending.up = False
    third = sending.add()
    second.lost(sent=True)
    first.lost(sent=True)
    sending.up = True
    fourth = sending.add()
    sending.queue.flush()

    assert sending.sent == [1, 2, 1, 2, 3, 4]
    assert [c.number for c in (first, second, third, fourth)] == [1, 2, 3, 4]
    assert len(sending.queue) == 0


def test_tags_do_not_wait_for_each_other() -> None:
    sending = Sending()
    sending.up = False
    sending.add("p{away}")
    sending.up = True
    sending.add("p{there}")
    sending.add("p{away}")

    assert sending.sent == [2]
    assert len(sending.queue) == 2


def test_a_passing_error_gives_it_a_new_number_because_it_was_not_done() -> None:
    sending = Sending()
    first, _ = sending.add(), sending.add()
    first.answered(hiredis.ReplyError("MOVED 1 127.0.0.1:1"))
    sending.queue.flush()

    assert sending.sent == [1, 2, 3]
    assert sending.errors == ["MOVED 1 127.0.0.1:1"]


def test_any_other_error_drops_it_and_counts_it() -> None:
    sending = Sending()
    sending.add().answered(hiredis.ReplyError("WRONGTYPE no log"))

    assert sending.queue.stats.dropped == 1
    assert sending.ended == [1]


def test_beyond_the_bound_the_newest_are_dropped_and_counted() -> None:
    sending = Sending(waiting_max=2)
    sending.up = False
    for _ in range(5):
        sending.add()

    assert (len(sending.queue), sending.queue.stats.dropped) == (2, 3)


def test_what_the_store_may_have_done_and_forgotten_is_not_sent_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sending = Sending()
    sent = sending.add()
    sending.up = False
    sending.add()
    sent.lost(sent=True)
    monkeypatch.setattr(module, "FORGOTTEN_S", -1.0)
    sending.up = True
    sending.queue.flush()

    assert sending.sent == [1, 2]
    assert sending.queue.stats.dropped == 1


def test_nothing_is_left_uncounted_at_the_end() -> None:
    sending = Sending()
    sending.up = False
    sending.add()
    sending.queue.give_up()

    assert (len(sending.queue), sending.queue.stats.dropped) == (0, 1)
