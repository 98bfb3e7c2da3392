"""Answers find their calls, however the bytes are cut, and no call is forgotten."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.state.redis.wire import Batch, Question, ServerError, Wire, pack


def wired(calls: int, per_batch: int) -> tuple[Wire, list[Question], list[Wire]]:
    """A wire on which questions are under way, and what it says of its end."""
    ends: list[Wire] = []
    wire = Wire(ends.append)
    made = [Question(b"") for _ in range(calls)]
    for start in range(0, calls, per_batch):
        wire.write(Batch(1.0, made[start : start + per_batch]))
    return wire, made, ends


@given(st.integers(1, 12), st.integers(1, 4), st.lists(st.integers(1, 9), max_size=60))
async def test_answers_come_in_order_however_they_are_cut(
    calls: int, per_batch: int, cuts: list[int]
) -> None:
    wire, made, _ = wired(calls, per_batch)
    data = b"".join(b"*2\r\n:%d\r\n$3\r\n\r\n0\r\n" % number for number in range(calls))
    for cut in cuts:
        wire.data_received(data[:cut])
        data = data[cut:]
    wire.data_received(data)

    assert [call.future.result() for call in made] == [[n, "\r\n0"] for n in range(calls)]
    assert not wire.batches


@pytest.mark.parametrize("data", [b"?\r\n", b":1\r\n:2\r\n"], ids=["no RESP", "an answer too many"])
async def test_a_connection_that_says_what_nobody_asked_is_ended(data: bytes) -> None:
    wire, _, ends = wired(1, 1)
    wire.data_received(data)
    wire.data_received(b":3\r\n")

    assert ends == [wire]


async def test_a_question_is_answered_or_told_why_not() -> None:
    wire = Wire(lambda _: None)
    questions = [Question(pack(("PING",))) for _ in range(3)]
    wire.write(Batch(1.0, questions))
    wire.data_received(b"+PONG\r\n-ERR no\r\n")
    questions[2].lost(sent=True)

    assert await questions[0].future == "PONG"
    with pytest.raises(ServerError, match="ERR no"):
        await questions[1].future
    with pytest.raises(ConnectionError):
        await questions[2].future
    wire.abort()
    with pytest.raises(ConnectionError):
        await asyncio.wait_for(wire.ask("PING"), 5)
