"""The journal of one worker: records appended by one `write()`, read by the sequencer.

A process that is killed loses nothing that was appended: the kernel has it. What a power failure
may take is what the durability says.

    strict   `synced()` waits until all that was appended is on the disk (one flush for all waiting)
    batched  a thread flushes at most `sync_interval_ms` after an append
    async    a thread writes; where it falls behind, records are dropped, counted and told

The file is locked while its writer lives, so the reader knows a dead writer from a quiet one
without asking. A write or flush that fails ends the journal: what the kernel dropped once it may
report as written the next time, so nothing is tried again.
"""

from __future__ import annotations

import asyncio
import errno
import fcntl
import os
import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Final

from gateway.errors import SealgateError
from gateway.ledger.frames import header_of, pack

STRICT: Final = "strict"
BATCHED: Final = "batched"
ASYNC: Final = "async"
ASYNC_PAUSE_S: Final = 0.001
"""How long the thread of `async` lets records gather before it writes them."""
SUFFIX: Final = ".journal"
VERSION: Final = 1


class JournalFailedError(SealgateError):
    """The journal takes no more records; the text says why."""


def segment_name(worker: str, run: str, number: int) -> str:
    """The file of one segment; `worker.run` names the stream that it is a part of."""
    return f"{worker}.{run}.{number:08d}{SUFFIX}"


class Journal:
    """One worker's own files in the folder of journals; all but the flushing runs in the caller.

    `on_error` is called once, by whichever thread found it, with the reason for which the journal
    has failed. `folder` has to exist. Raises JournalFailedError where no file can be made.
    """

    def __init__(
        self,
        folder: Path,
        worker: str,
        durability: str = BATCHED,
        on_error: Callable[[str], None] | None = None,
        *,
        sync_interval_ms: int = 50,
        segment_bytes_max: int = 67_108_864,
        buffer_bytes_max: int = 8_388_608,
        run: str | None = None,
    ) -> None:
        self.worker = worker
        self.run = os.urandom(8).hex() if run is None else run
        self.durability = durability
        self.state = "open"
        self.appended = 0
        self.dropped = 0
        self._folder = folder
        self._on_error = on_error
        self._interval_s = sync_interval_ms / 1000
        self._bytes_max = segment_bytes_max
        self._buffer_max = buffer_bytes_max
        self._async = durability == ASYNC
        self._bytes = 0
        self._frames = 0
        self._number = -1
        self._descriptor = -1
        self._retired: deque[int] = deque()
        self._buffer: deque[bytes] = deque()
        self._buffered = 0
        self._told_dropped = 0
        self._waiters: deque[tuple[int, asyncio.Future[None]]] = deque()
        self._synced = 0
        self._dirty = False
        self._closing = False
        self._ended = False
        self._wake = threading.Event()
        self._stop = threading.Event()
        self._next_segment()
        self._flusher = threading.Thread(target=self._work, name="journal", daemon=True)
        self._flusher.start()

    def append(self, payload: bytes) -> None:
        """Takes one record (a JSON object that begins with `t`).

        Raises JournalFailedError, and ValueError for a record over 1 MiB.
        """
        frame = pack(payload)
        if self.state != "open":
            raise JournalFailedError(_failed(self.worker))
        if self._async:
            self._put(frame)
            return
        self._write_frames(frame, 1)

    def extend(self, payloads: list[bytes]) -> None:
        """Takes several records in one write, all or none; raises as `append` does."""
        if self._async or len(payloads) == 1:
            for payload in payloads:
                self.append(payload)
            return
        pieces: list[bytes] = []
        for payload in payloads:
            pieces.append(header_of(payload))
            pieces.append(payload)
        if self.state != "open":
            raise JournalFailedError(_failed(self.worker))
        if pieces:
            self._write_frames(b"".join(pieces), len(payloads))

    async def synced(self) -> None:
        """Waits until every record appended so far is on the disk. Raises JournalFailedError."""
        if self.state == "failed":
            raise JournalFailedError(_failed(self.worker))
        if self._synced >= self.appended:
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiters.append((self.appended, future))
        self._wake.set()
        if self._ended:  # between the question and the entry: nobody would answer
            self._resolve(self._synced)
        await future

    def close(self) -> None:
        """Writes what waits, flushes, and marks the end; a second call does nothing."""
        if self._closing:
            return
        self._closing = True
        self._stop.set()
        self._wake.set()
        self._flusher.join()
        if self.state == "open":
            try:
                self._write(self._end_frame())
                os.fdatasync(self._descriptor)
                self.state = "closed"
            except (OSError, JournalFailedError) as error:
                self._fail(f"the journal cannot be closed: {error}")
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    # -- writing --------------------------------------------------------------------------------

    def _write_frames(self, data: bytes, count: int) -> None:
        self._write(data)
        self._frames += count
        self.appended += count
        if not self._dirty:
            self._dirty = True
            if self.durability != STRICT:
                self._wake.set()
        if self._bytes >= self._bytes_max:
            self._roll()

    def _write(self, frame: bytes) -> None:
        try:
            _write_whole(self._descriptor, frame)
        except OSError as error:
            self._fail(f"the journal cannot be written: {error.strerror}")
            raise JournalFailedError(f"the journal cannot be written: {error.strerror}") from None
        self._bytes += len(frame)

    def _put(self, frame: bytes) -> None:
        if self._buffered + len(frame) > self._buffer_max:
            self.dropped += 1
        else:
            self._buffer.append(frame)
            self._buffered += len(frame)
            self.appended += 1
        if not self._dirty:
            self._dirty = True
            self._wake.set()

    def _next_segment(self) -> None:
        """Makes the next file: locked before it can be seen under its name."""
        number = self._number + 1
        path = self._folder / segment_name(self.worker, self.run, number)
        fresh = path.with_suffix(".new")
        payload = (
            f'{{"t":"segment","worker":"{self.worker}","run":"{self.run}","number":{number},'
            f'"frames":{self._frames},"version":{VERSION}}}'
        ).encode()
        descriptor = -1
        try:
            flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
            descriptor = os.open(fresh, flags, 0o600)
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            frame = pack(payload)
            _write_whole(descriptor, frame)
            fresh.rename(path)
            sync_folder(self._folder)
        except OSError as error:
            if descriptor >= 0:
                os.close(descriptor)
            self._fail(f"the journal cannot be made: {error.strerror}")
            raise JournalFailedError(
                f"the journal {path} cannot be made: {error.strerror}"
            ) from None
        self._number, self._descriptor, self._bytes = number, descriptor, 0

    def _roll(self) -> None:
        """Ends the segment and goes on in the next; the thread flushes and closes the old one."""
        old = self._descriptor
        self._next_segment()
        self._retired.append(old)

    def _end_frame(self) -> bytes:
        payload = f'{{"t":"end","frames":{self._frames},"dropped":{self.dropped}}}'.encode()
        return pack(payload)

    # -- the thread -----------------------------------------------------------------------------

    def _work(self) -> None:
        """Flushes where something was appended, at most every interval, or for who waits."""
        while self.state == "open":
            self._wake.wait()
            self._wake.clear()
            if not self._closing and self.durability != STRICT:
                # What is appended meanwhile is flushed along with it.
                self._stop.wait(ASYNC_PAUSE_S if self._async else self._interval_s)
            self._dirty = False
            try:
                if self._async:
                    self._drain()
                self._flush()
            except (OSError, JournalFailedError) as error:
                self._fail(f"the journal cannot be flushed: {error}")
            if self._closing and not self._buffer:
                break
        self._ended = True
        self._resolve(self._synced)

    def _drain(self) -> None:
        """Writes what the buffer holds, each frame by a write of its own."""
        while self._buffer:
            frame = self._buffer.popleft()
            self._write(frame)
            self._frames += 1
            self._buffered -= len(frame)
            if self._bytes >= self._bytes_max:
                self._roll()
        lost = self.dropped - self._told_dropped
        if lost:
            payload = f'{{"t":"drop","count":{lost}}}'.encode()
            self._write(pack(payload))
            self._frames += 1
            self._told_dropped += lost

    def _flush(self) -> None:
        # The count first: what it covers lies in files that are retired or current afterwards.
        # And the current file before the retired ones: it may be retired while this goes on.
        count = self.appended
        os.fdatasync(self._descriptor)
        while self._retired:
            os.fdatasync(self._retired[0])
            os.close(self._retired.popleft())
        self._synced = count
        self._resolve(count)

    def _resolve(self, count: int) -> None:
        """Lets everyone go on who waited for the first `count` records; all, where it failed."""
        while self._waiters and (self._waiters[0][0] <= count or self.state == "failed"):
            _, future = self._waiters.popleft()
            try:
                future.get_loop().call_soon_threadsafe(self._settle, future)
            except RuntimeError:  # its loop has ended, and so has whoever waited
                continue

    def _settle(self, future: asyncio.Future[None]) -> None:
        if future.done():
            return
        if self.state == "failed":
            future.set_exception(JournalFailedError(_failed(self.worker)))
        else:
            future.set_result(None)

    def _fail(self, reason: str) -> None:
        if self.state == "failed":
            return
        self.state = "failed"
        self._wake.set()
        if self._on_error is not None:
            self._on_error(reason)


def _write_whole(descriptor: int, frame: bytes) -> None:
    """One write; a part of a frame is no frame, so there is no second one. Raises OSError."""
    if os.write(descriptor, frame) != len(frame):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _failed(worker: str) -> str:
    return f"the journal of worker {worker} takes no more records"


def sync_folder(folder: Path) -> None:
    """Makes names that were created, renamed or removed in `folder` survive a power failure."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
