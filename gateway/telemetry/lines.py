"""Writes whole lines to one file descriptor from a thread, so that a slow reader stops no loop."""

from __future__ import annotations

import os
import select
import threading
from collections import deque

LINE_BYTES_MAX = select.PIPE_BUF
"""Writes up to this size are atomic on a pipe (POSIX write()), so lines of several processes that
share one standard output never mix."""


class LineWriter:
    """A bounded queue of lines and the thread that writes them.

    `bytes_max` bounds what waits while the reader is slow; lines over it are dropped and counted in
    `dropped`. `append` may be called from any thread.
    """

    def __init__(self, descriptor: int, *, bytes_max: int = 8_388_608) -> None:
        self.dropped = 0
        self._descriptor = descriptor
        self._bytes_max = bytes_max
        self._waiting: deque[bytes] = deque()
        self._waiting_bytes = 0
        self._changed = threading.Condition()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="log-writer", daemon=True)
        self._thread.start()

    def append(self, lines: list[bytes]) -> None:
        """Queues complete lines (each ends in a newline)."""
        with self._changed:
            for line in lines:
                if self._waiting_bytes + len(line) > self._bytes_max:
                    self.dropped += 1
                else:
                    self._waiting.append(line)
                    self._waiting_bytes += len(line)
            self._changed.notify()

    def close(self, timeout_s: float = 1.0) -> None:
        """Writes what waits, for at most `timeout_s`."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join(timeout_s)

    def _run(self) -> None:
        while (block := self._next_block()) is not None:
            try:
                while block:
                    block = block[os.write(self._descriptor, block) :]
            except OSError:
                # A reader that went away, a full disk: there is no other place to tell it.
                with self._changed:
                    self.dropped += block.count(b"\n")

    def _next_block(self) -> bytes | None:
        """As many whole lines as one atomic write holds; None when all is written and closed."""
        with self._changed:
            while not self._waiting:
                if self._closing:
                    return None
                self._changed.wait()
            block = [self._waiting.popleft()]
            size = len(block[0])
            while self._waiting and size + len(self._waiting[0]) <= LINE_BYTES_MAX:
                block.append(self._waiting.popleft())
                size += len(block[-1])
            self._waiting_bytes -= size
        return b"".join(block)
