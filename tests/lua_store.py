"""library.lua in a real server, on a clock that the test sets, with the calls of MemoryStore."""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import hiredis

from gateway.plugin.limits import Algorithm, Demand, Grant, Standing
from gateway.state.redis.commands import (
    Keys,
    read_command,
    renew_command,
    settle_command,
    standings_from,
    take_command,
)
from gateway.state.redis.dialing import LIBRARY
from gateway.state.redis.takes import Receipt
from gateway.state.redis.wire import pack

WORKER = "w"


class LuaStore:
    """Commands as RedisStore sends them, one at a time, with the clock as a last argument."""

    def __init__(self, path: Path, clock_us: Callable[[], int]) -> None:
        self._clock = clock_us
        self._socket = socket.socket(socket.AF_UNIX)
        self._socket.connect(str(path))
        self._reader = hiredis.Reader(encoding="utf-8", errors="surrogateescape")
        self._keys = Keys("test")
        self._take = 0
        self._correction = 0
        self.ask(pack(("FUNCTION", "LOAD", "REPLACE", LIBRARY)))

    def ask(self, command: bytes) -> Any:
        """The answer to one command."""
        self._socket.sendall(command)
        while (reply := self._reader.gets()) is False:
            data = self._socket.recv(65_536)
            if not data:
                raise ConnectionError("redis-server closed the connection")
            self._reader.feed(data)
        if isinstance(reply, hiredis.ReplyError):
            raise reply
        return reply

    def timed(self, command: bytes) -> Any:
        """The same with the clock as one more word."""
        head, _, rest = command.partition(b"\r\n")
        now = str(self._clock()).encode()
        words = b"*%d\r\n%s$%d\r\n%s\r\n" % (int(head[1:]) + 1, rest, len(now), now)
        return self.ask(words)

    def clear(self) -> None:
        self.ask(pack(("FLUSHALL",)))

    def take(self, tag: str, demands: Sequence[Demand]) -> Grant:
        self._take += 1
        base = self._keys.base(tag)
        reply = self.timed(take_command(base, demands, WORKER, self._take, self._take - 1))
        standings = standings_from(demands, reply, 1)
        if reply[0] >= 0:
            return Grant(False, standings, reply[0])
        return Grant(True, standings, -1, False, Receipt(base, demands, self._take, reply))

    def settle(self, grant: Grant, amounts: Sequence[int]) -> None:
        if grant.receipt is not None:
            self._correction += 1
            self.correct(grant.receipt, amounts, self._correction, grant.receipt.times)

    def correct(self, receipt: Receipt, amounts: Sequence[int], correction: int, times: str) -> int:
        """One correction, with any number and with or without the times of the answer."""
        base, demands, number, _ = receipt
        numbers = (number, correction)
        words = {"worker": WORKER, "numbers": numbers, "times": times}
        done: int = self.timed(settle_command(base, demands, amounts, **words))  # type: ignore[arg-type]  # keywords of several types
        return done

    def renew(self, grant: Grant) -> None:
        if grant.receipt is not None:
            base, demands, number, _ = grant.receipt
            held = [i for i, d in enumerate(demands) if d.algorithm == Algorithm.SLOTS and d.amount]
            if held:
                self.timed(renew_command(base, demands, held, WORKER, number))

    def read(self, tag: str, demands: Sequence[Demand]) -> tuple[Standing, ...]:
        reply = self.timed(read_command(self._keys.base(tag), demands))
        return standings_from(demands, reply, 0)

    def close(self) -> None:
        self._socket.close()
