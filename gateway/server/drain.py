"""Ends a worker's connections in order: idle ones now, running ones when they are done."""

from __future__ import annotations

import asyncio

from gateway.server.listener import Listener
from gateway.server.service import ConnectionService

POLL_S = 0.02
"""How late the last connection's end is noticed."""
READ_TURNS = 10
"""Turns of the loop in which requests are read that had arrived before the drain began."""
FAREWELL_S = 1.0
"""Time for the last bytes of answers that were broken off."""


async def drain(service: ConnectionService, listener: Listener, timeout_s: float) -> int:
    """Drains and returns how many connections had to be broken off.

    1. Nothing more is accepted; what waits in the kernel's queue is still taken.
    2. What clients have already sent is read, so that a connection whose request is on its way
       through this machine does not count as idle.
    3. Idle connections close now, busy ones after their answer, for at most `timeout_s`.
    4. What still runs is told so in its dialect (an error event in a stream), then closed.
    5. What does not take even that within FAREWELL_S is cut.
    """
    loop = service.loop
    deadline = loop.time() + timeout_s
    listener.stop()
    for _ in range(READ_TURNS):
        await asyncio.sleep(0)
    service.begin_drain()
    try:
        async with asyncio.timeout_at(deadline):
            await listener.settle()
            await _empty(service)
    except TimeoutError:
        pass
    left = len(service.connections)
    if left:
        service.end_drain()
        try:
            async with asyncio.timeout(FAREWELL_S):
                await _empty(service)
        except TimeoutError:
            for connection in list(service.connections):
                connection.abort()
    return left


async def _empty(service: ConnectionService) -> None:
    while service.connections:  # noqa: ASYNC110  # no event per connection for the sake of one drain
        await asyncio.sleep(POLL_S)
