"""Whatever the order of events, the pool loses no slot, exceeds no limit and keeps the queue."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.proxy.pool import Pool
from gateway.proxy.target import Target
from gateway.proxy.upstream import UpstreamConnection, UpstreamError
from gateway.reasons import Reason
from gateway.settings import PoolSettings

CONNECTIONS_MAX = 3
IDLE_MAX = 2
QUEUE_MAX = 4
SETTINGS = PoolSettings(
    connections_max=CONNECTIONS_MAX,
    idle_max=IDLE_MAX,
    queue_max=QUEUE_MAX,
    idle_timeout_ms=4_000,
    queue_timeout_ms=1_000,
)
Asking = asyncio.Task[UpstreamConnection]
TARGET = Target(
    label="test",
    scheme="http",
    host="test",
    port=80,
    base_path=b"",
    host_header=b"test",
    weight=1,
)


class SteppedLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock moves only when the test says so."""

    now = 1000.0

    def time(self) -> float:
        return self.now


class Line(UpstreamConnection):
    """A connection without a socket: what a network does, the test does."""

    stale = False
    ending = False

    def is_stale(self) -> bool:
        return self.stale or not self.reusable

    def close(self) -> None:
        self.abort()

    def abort(self) -> None:
        self.reusable = False
        if not self.ending:
            self.ending = True
            # As with a transport, the end is told in a later turn of the loop.
            asyncio.get_running_loop().call_soon(self.connection_lost, None)

    def peer_closes(self) -> None:
        if not self.ending:
            self.ending = True
            self.connection_lost(None)


class World:
    """A pool, everybody who uses it, and what must be true of them."""

    def __init__(self) -> None:
        self.pool = Pool(TARGET, SETTINGS, 5.0, dial=self.dial)
        self.asking: list[Asking] = []
        self.dialing: dict[asyncio.Task[object] | None, asyncio.Future[None]] = {}
        self.lines: list[Line] = []
        self.held: list[Line] = []
        self.cancelled: set[Asking] = set()
        self.queue: list[Asking] = []
        self.in_order = True

    async def dial(self, target: Target, factory: object, timeout_s: float) -> UpstreamConnection:
        task = asyncio.current_task()
        self.dialing[task] = asyncio.get_running_loop().create_future()
        try:
            await self.dialing[task]
        finally:
            del self.dialing[task]
        self.lines.append(Line(self.pool.release, self.pool._forget))
        return self.lines[-1]

    # -- events; each is given a number to choose with ----------------------------------------

    def ask(self, _: int) -> None:
        self.asking.append(asyncio.ensure_future(self.pool.acquire()))

    def connect(self, number: int) -> None:
        pending = [future for future in self.dialing.values() if not future.done()]
        if pending:
            pending[number % len(pending)].set_result(None)

    def refuse(self, number: int) -> None:
        pending = [future for future in self.dialing.values() if not future.done()]
        if pending:
            error = UpstreamError(Reason.UPSTREAM_CONNECT_FAILED)
            pending[number % len(pending)].set_exception(error)

    def give_up(self, number: int) -> None:
        if self.asking:
            task = self.asking[number % len(self.asking)]
            task.cancel()
            self.cancelled.add(task)

    def finish(self, number: int) -> None:
        if self.held:
            self.pool.release(self.held.pop(number % len(self.held)))

    def finish_unfit(self, number: int) -> None:
        if self.held:
            self.held[number % len(self.held)].reusable = False
            self.finish(number)

    def finish_again(self, number: int) -> None:
        if self.pool._idle:
            self.pool.release(self.pool._idle[number % self.pool.idle])

    def break_off(self, number: int) -> None:
        if self.held:
            self.held.pop(number % len(self.held)).abort()

    def peer_closes(self, number: int) -> None:
        alive = [line for line in self.lines if not line.ending]
        if alive:
            line = alive[number % len(alive)]
            if line in self.pool._active and line not in self.held:
                # Granted but not yet taken: that waiter queues again, behind the others.
                self.in_order = False
            line.peer_closes()

    def goes_stale(self, number: int) -> None:
        if self.lines:
            self.lines[number % len(self.lines)].stale = True

    def time_passes(self, number: int) -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, SteppedLoop)
        loop.now += number / 4

    # -- what must hold -----------------------------------------------------------------------

    def check_always(self) -> None:
        pool = self.pool
        assert pool.open <= CONNECTIONS_MAX
        assert pool.idle <= IDLE_MAX
        assert pool.waiting <= QUEUE_MAX
        assert pool._active.isdisjoint(pool._idle)

    async def settle(self) -> None:
        """Lets everything happen that needs no more time, and looks at the result."""
        for _ in range(12):
            await asyncio.sleep(0)
            self.check_always()
        waiting = [task for task in self.asking if not task.done() and task not in self.dialing]
        self.check_order(waiting)
        for task in [task for task in self.asking if task.done()]:
            self.asking.remove(task)
            self.take(task)
        pool = self.pool
        assert pool.waiting == len(waiting)
        assert pool.dialing == len(self.dialing)
        assert pool.active == sum(not line.closed for line in self.held)
        assert not any(line.closed for line in pool._idle)
        if waiting:
            assert (pool.open, pool.idle) == (CONNECTIONS_MAX, 0)

    def check_order(self, waiting: list[Asking]) -> None:
        """Whoever was served since the last look asked before all who waited then and still do."""
        overtaken = [task for task in self.queue if task in waiting]
        served = [task for task in self.asking if task not in waiting and self.was_served(task)]
        if overtaken and self.in_order:
            first = self.asking.index(overtaken[0])
            assert all(self.asking.index(task) < first for task in served)
        self.queue = waiting

    def was_served(self, task: Asking) -> bool:
        if not task.done():
            return True  # it dials
        if task.cancelled():
            return False
        error = task.exception()
        return not (
            isinstance(error, UpstreamError) and error.reason is Reason.UPSTREAM_QUEUE_TIMEOUT
        )

    def take(self, task: Asking) -> None:
        if task.cancelled():
            assert task in self.cancelled
            return
        error = task.exception()
        if error is not None:
            assert isinstance(error, UpstreamError)
            return
        line = task.result()
        assert isinstance(line, Line)
        assert line not in self.held
        assert not line.is_stale()
        self.held.append(line)


# Named more than once: without load there is nothing to break.
EVENTS: tuple[Callable[[World, int], None], ...] = (
    *[World.ask] * 4,
    *[World.connect] * 3,
    World.refuse,
    *[World.give_up] * 2,
    *[World.finish] * 3,
    World.finish_unfit,
    World.finish_again,
    World.break_off,
    World.peer_closes,
    World.goes_stale,
    World.time_passes,
)
Turns = list[list[tuple[Callable[[World, int], None], int]]]


async def live(world: World, turns: Turns) -> None:
    for turn in turns:
        for event, number in turn:
            event(world, number)
            world.check_always()
        await world.settle()
    await end(world)


async def end(world: World) -> None:
    """After everybody has left, nothing is in use, and a closed pool leaves nothing open."""
    for task in world.asking:
        task.cancel()
        world.cancelled.add(task)
    await world.settle()
    while world.held:
        world.finish(0)
    await world.settle()
    assert (world.pool.active, world.pool.dialing, world.pool.waiting) == (0, 0, 0)
    world.pool.close()
    await world.settle()
    assert world.pool.open == 0
    assert all(line.closed for line in world.lines)


@settings(max_examples=400)
@given(
    st.integers(0, CONNECTIONS_MAX + QUEUE_MAX),
    st.lists(
        st.lists(st.tuples(st.sampled_from(EVENTS), st.integers(0, 5)), min_size=1, max_size=6),
        max_size=40,
    ),
)
def test_the_pool_stays_consistent_for_any_interleaving(load: int, turns: Turns) -> None:
    """Events of one turn happen before anybody involved runs again: there the races are."""
    busy = [[(World.ask, 0)] * load, [(World.connect, 0)] * min(load, CONNECTIONS_MAX)]
    loop = SteppedLoop()
    try:
        loop.run_until_complete(live(World(), busy + turns))
    finally:
        loop.close()
