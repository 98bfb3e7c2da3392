from __future__ import annotations

import asyncio
import socket

from hypothesis import given
from hypothesis import strategies as st

from gateway.server import control
from gateway.server.control import Channel, Decoder, encode
from gateway.settings import Settings
from gateway.telemetry.metrics import MetricsSnapshot

MESSAGES = [
    control.Start(3, Settings(), 7, {"a.yaml": "text"}),
    control.Prepare(8, {"a.yaml": "x" * 5000}),
    control.Commit(8),
    control.Report(1, MetricsSnapshot(counters={"a": {("b",): 1}}), {}),
    control.Stop(),
]


@given(st.lists(st.integers(1, 4000), min_size=1))
def test_messages_survive_any_cut_of_the_bytes(sizes: list[int]) -> None:
    data = b"".join(encode(message) for message in MESSAGES)
    decoder = Decoder()
    received: list[object] = []
    for size in [*sizes, len(data)]:
        part, data = data[:size], data[size:]
        received += decoder.feed(part)

    assert received == MESSAGES


async def test_a_channel_tells_messages_and_then_the_end() -> None:
    loop = asyncio.get_running_loop()
    ours, theirs = socket.socketpair()
    heard: list[object] = []
    ended = asyncio.Event()
    channel = Channel(heard.append, ended.set)
    other = Channel(heard.append, lambda: None)
    for end, protocol in ((ours, channel), (theirs, other)):
        end.setblocking(False)
        await loop.connect_accepted_socket(lambda protocol=protocol: protocol, end)

    other.send(control.Commit(1))
    other.close()
    await ended.wait()

    assert heard == [control.Commit(1)]
    channel.send(control.Commit(2))  # to nobody: no error, `on_closed` has told it
