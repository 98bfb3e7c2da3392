"""CPU of one take: in memory, and in Redis through one pipelined connection.

    python bench/stores.py            # needs a redis-server for the second half

Prints microseconds of this process's CPU per take, the smallest of several rounds, because whatever
else runs only adds. What Redis itself uses is its own process's and is printed beside it.
"""

from __future__ import annotations

import contextlib
import inspect
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import uvloop

from gateway.plugin.limits import Algorithm, CounterStore, Demand
from gateway.state.memory import MemoryStore
from gateway.state.redis.build import redis_store
from gateway.state.redis.store import RedisStore
from gateway.store_settings import RedisStoreSettings

ROUNDS = 7
TAKES = 20_000
KEYS = 100
MINUTE = 60_000_000
SETTINGS = {"deadline_ms": 10_000, "lease_fraction": 0}


def demands(algorithm: Algorithm, count: int) -> list[list[Demand]]:
    """What each of KEYS callers asks; the limit is never reached."""
    return [
        [Demand(f"k{key}-{n}", algorithm, 1, 10**7, MINUTE) for n in range(count)]
        for key in range(KEYS)
    ]


def smallest(measure: Callable[[], float]) -> float:
    """Microseconds per take of the best round."""
    return min(measure() for _ in range(ROUNDS)) / TAKES * 1e6


def in_memory(asked: list[list[Demand]]) -> float:
    """One caller after the other."""

    def measure() -> float:
        store = MemoryStore()
        began = time.process_time()
        for number in range(TAKES):
            store.take("tag", asked[number % KEYS])
        return time.process_time() - began

    return smallest(measure)


async def together(store: CounterStore, asked: list[list[Demand]], at_once: int) -> float:
    """CPU seconds of TAKES takes, `at_once` of them under way at a time."""
    began = time.process_time()
    for start in range(0, TAKES, at_once):
        answers = [store.take("tag", asked[n % KEYS]) for n in range(start, start + at_once)]
        for answer in answers:
            if inspect.isawaitable(answer):
                await answer
    return time.process_time() - began


async def in_redis(url: str, asked: list[list[Demand]], at_once: int) -> tuple[float, float]:
    """Microseconds per take, and takes per round trip."""
    store: RedisStore = redis_store(
        "bench", RedisStoreSettings.model_validate({"url": url, **SETTINGS})
    )
    store.open()
    await store.read("tag", asked[0])
    links = store.stats.links
    before = links.commands, links.round_trips
    best = min([await together(store, asked, at_once) for _ in range(ROUNDS)])
    commands, trips = links.commands - before[0], links.round_trips - before[1]
    await store.close()
    return best / TAKES * 1e6, commands / trips


@contextlib.contextmanager
def server() -> Iterator[tuple[str, int] | None]:
    """A redis-server on a Unix socket, its URL and process; None where none is installed."""
    binary = shutil.which("redis-server") or shutil.which("valkey-server")
    if binary is None:
        yield None
        return
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "redis.sock")
        command = [binary, "--port", "0", "--unixsocket", str(path), "--save", "", "--dir", folder]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
            try:
                while not path.exists():
                    time.sleep(0.01)
                yield f"unix:{path}", process.pid
            finally:
                process.terminate()


def cpu_of(pid: int) -> float:
    """CPU seconds of a process so far (proc_pid_stat(5), fields 14 and 15, in ticks of 10 ms)."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def main() -> None:
    print("| store | algorithm | demands | at once | us per take | takes per round trip |")
    print("|---|---|---|---|---|---|")
    for algorithm in Algorithm:
        for count in (1, 3):
            cost = in_memory(demands(algorithm, count))
            print(f"| memory | {algorithm.name} | {count} | 1 | {cost:.1f} | - |")
    with server() as running:
        if running is None:
            print("no redis-server: apt-get install redis-server")
            return
        url, pid = running
        for count in (1, 3):
            for at_once in (1, 10, 100):
                asked = demands(Algorithm.GCRA, count)
                began = cpu_of(pid)
                cost, batch = uvloop.run(in_redis(url, asked, at_once))
                own = (cpu_of(pid) - began) / TAKES / ROUNDS * 1e6
                print(
                    f"| redis ({own:.0f} us in the server) | GCRA | {count} | {at_once} "
                    f"| {cost:.1f} | {batch:.0f} |"
                )


if __name__ == "__main__":
    main()
