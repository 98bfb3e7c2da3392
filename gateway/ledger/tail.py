"""Reads the journals of all workers from where the ledger stands.

A stream is what one worker process wrote: segments `worker.run.00000000.journal` and on. Where the
ledger stands in each is a `Position`, committed along with what was read; so nothing is read twice
and nothing is passed over, whatever is killed. A file goes once all of it is in the ledger.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import orjson

from gateway.ledger.frames import scan
from gateway.ledger.journal import SUFFIX, sync_folder

CHUNK_BYTES = 2_097_152
"""Read at once from one file; more than the largest frame, so that a whole one always fits, and
about a thousand receipts, so that a batch takes a fraction of a second."""
UNKNOWN = -1


class Position(NamedTuple):
    """Up to where a stream is in the ledger.

    `frames` counts records before it, UNKNOWN after damage. `done`: the writer is gone and all of
    it is read, so the file may go.
    """

    number: int = 0
    offset: int = 0
    frames: int = 0
    done: bool = False


class Item(NamedTuple):
    """One thing that a journal tells, in the order of writing.

    `kind` is `began` (a writer), `record` (with its payload), `drop` (`amount` records were
    dropped), `gap` (`detail` says what is missing, `amount` the bytes or segments), `torn` (the
    writer died within a write, of which `amount` bytes are there) or `gone` (the writer ended).
    """

    stream: str
    kind: str
    payload: bytes = b""
    amount: int = 0
    detail: str = ""


class Tailer:
    """Reads one folder of journals; one process at a time may use it."""

    def __init__(self, folder: Path, positions: Mapping[str, Position]) -> None:
        self._folder = folder
        self._committed = dict(positions)
        self._ahead = dict(positions)

    @property
    def positions(self) -> dict[str, Position]:
        """Where the streams are once all that was read is in the ledger."""
        return dict(self._ahead)

    def read(self, bytes_max: int = CHUNK_BYTES) -> list[Item]:
        """What is new, up to about `bytes_max`. Raises OSError."""
        items: list[Item] = []
        streams = self._streams()
        for stream in sorted(self._ahead.keys() | streams.keys()):
            if bytes_max <= 0:
                break
            reader = _StreamReader(
                self._folder, stream, streams.get(stream, []), self._ahead.get(stream)
            )
            items += reader.read(bytes_max)
            bytes_max -= reader.bytes_read
            if reader.position is None:
                self._ahead.pop(stream, None)
            else:
                self._ahead[stream] = reader.position
        return items

    def committed(self) -> None:
        """Told once what was read is in the ledger for good; removes files that are read whole."""
        self._committed = dict(self._ahead)
        removed = False
        for stream, numbers in self._streams().items():
            position = self._committed.get(stream)
            if position is None:
                continue
            for number in numbers:
                if number < position.number or position.done:
                    (self._folder / _name(stream, number)).unlink(missing_ok=True)
                    removed = True
        if removed:
            # Before a later commit forgets the position: a file that came back would be read anew.
            sync_folder(self._folder)

    def reset(self) -> None:
        """Forgets what was read and not committed."""
        self._ahead = dict(self._committed)

    def advance(self, positions: Mapping[str, Position]) -> None:
        """Goes on from positions that turned out to be committed."""
        self._ahead = dict(positions)

    def erase_read(self) -> None:
        """Overwrites with zeros, in files that are still written, what is in the ledger already."""
        for stream, numbers in self._streams().items():
            position = self._committed.get(stream)
            if position is None or position.number not in numbers:
                continue
            descriptor = os.open(
                self._folder / _name(stream, position.number), os.O_WRONLY | os.O_CLOEXEC
            )
            try:
                _zero(descriptor, position.offset)
            finally:
                os.close(descriptor)

    def clean(self) -> None:
        """Removes files of writers that died before their first record."""
        for path in self._folder.glob("*.new"):
            with contextlib.suppress(OSError):
                if not is_written(path):
                    path.unlink()

    def finished(self) -> bool:
        """Whether every writer is gone and all that it wrote is in the ledger."""
        return all(
            stream in self._committed and self._committed[stream].done for stream in self._streams()
        )

    def waiting_bytes(self) -> int:
        """Bytes in the folder that are not in the ledger yet."""
        total = 0
        for stream, numbers in self._streams().items():
            position = self._committed.get(stream) or Position()
            for number in numbers:
                with contextlib.suppress(FileNotFoundError):
                    size = (self._folder / _name(stream, number)).stat().st_size
                    if number > position.number:
                        total += size
                    elif number == position.number:
                        total += max(size - position.offset, 0)
        return total

    def _streams(self) -> dict[str, list[int]]:
        """The numbers of the segments that are there, by stream."""
        streams: dict[str, list[int]] = {}
        for path in self._folder.iterdir():
            if path.name.endswith(SUFFIX):
                stream, _, number = path.name.removesuffix(SUFFIX).rpartition(".")
                if stream and number.isdigit():
                    streams.setdefault(stream, []).append(int(number))
        for numbers in streams.values():
            numbers.sort()
        return streams


class _StreamReader:
    """One pass over one stream."""

    def __init__(
        self, folder: Path, stream: str, numbers: list[int], position: Position | None
    ) -> None:
        self.position = position
        self.bytes_read = 0
        self._folder = folder
        self._stream = stream
        self._numbers = numbers
        self._items: list[Item] = []
        self._damaged = False

    def read(self, bytes_max: int) -> list[Item]:
        if self.position is not None and self.position.done:
            if not self._numbers:
                self.position = None
            return []
        if not self._numbers:
            self._gap("the journal was removed", 1)
            self._gone()
            self.position = None
            return self._items
        at = self.position or Position()
        self.position = at
        if at.number not in self._numbers:
            self._skip_to(self._numbers[0] if at.offset == 0 else self._next_after(at.number))
        while self.bytes_read < bytes_max and self._read_chunk():
            pass
        return self._items

    def _next_after(self, number: int) -> int:
        later = [n for n in self._numbers if n > number]
        return later[0] if later else self._numbers[0]

    def _skip_to(self, number: int) -> None:
        at = self._at()
        self._gap("segments are missing", max(number - at.number, 1))
        self.position = Position(number, 0, UNKNOWN)

    def _at(self) -> Position:
        return self.position or Position()

    def _read_chunk(self) -> bool:
        """Reads on; false where there is nothing more now."""
        at = self._at()
        path = self._folder / _name(self._stream, at.number)
        followed = at.number < self._numbers[-1]
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            # In this order: a writer that is gone before the read has written all it ever will.
            final = followed or not _locked(descriptor)
            data = os.pread(descriptor, CHUNK_BYTES, at.offset)
        finally:
            os.close(descriptor)
        whole = len(data) < CHUNK_BYTES
        found = scan(data, final=final and whole)
        self.bytes_read += len(data)
        self._damaged = found.damaged > 0 or found.torn > 0
        for payload in found.payloads:
            self._take(payload)
        if found.damaged:
            self._gap("damaged bytes", found.damaged)
        if found.torn:
            self._items.append(Item(self._stream, "torn", amount=found.torn))
        at = self._at()
        frames = UNKNOWN if self._damaged else at.frames
        self.position = at = Position(at.number, at.offset + found.taken, frames)
        if not whole:
            if not found.taken:
                # More than a frame can be long, and no frame: passed over as one stretch of damage.
                self._gap("damaged bytes", len(data))
                self.position = Position(at.number, at.offset + len(data), UNKNOWN)
            return True
        if not final:
            return False
        if followed:
            self._follow(at)
            return True
        self._gone()
        self.position = Position(at.number, at.offset, at.frames, done=True)
        return False

    def _follow(self, at: Position) -> None:
        following = self._next_after(at.number)
        if following != at.number + 1:
            self._gap("segments are missing", following - at.number - 1)
        self.position = Position(following, 0, at.frames)

    def _take(self, payload: bytes) -> None:
        at = self._at()
        if payload.startswith((b'{"t":"segment"', b'{"t":"end"')):
            document = orjson.loads(payload)
            if document.get("number") == 0:
                self._items.append(Item(self._stream, "began"))
            self._check_frames(int(document["frames"]))
            return
        if payload.startswith(b'{"t":"drop"'):
            count = int(orjson.loads(payload)["count"])
            self._items.append(Item(self._stream, "drop", amount=count))
        else:
            self._items.append(Item(self._stream, "record", payload))
        if at.frames != UNKNOWN:
            self.position = at._replace(frames=at.frames + 1)

    def _check_frames(self, written: int) -> None:
        at = self._at()
        if self._damaged:  # what is missing is told as damage
            return
        if at.frames not in {UNKNOWN, written}:
            self._gap("records are missing", abs(written - at.frames))
        self.position = at._replace(frames=written)

    def _gap(self, detail: str, count: int) -> None:
        self._items.append(Item(self._stream, "gap", amount=count, detail=detail))

    def _gone(self) -> None:
        self._items.append(Item(self._stream, "gone"))


def is_written(path: Path) -> bool:
    """Whether a process that writes this journal lives. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return _locked(descriptor)
    finally:
        os.close(descriptor)


def encode_positions(positions: Mapping[str, Position]) -> str:
    """As the ledger keeps them."""
    return orjson.dumps({name: list(at) for name, at in positions.items()}).decode()


def decode_positions(text: str) -> dict[str, Position]:
    """What `encode_positions` wrote."""
    rows: dict[str, Iterable[int]] = orjson.loads(text)
    return {
        name: Position(number, offset, frames, bool(done))
        for name, (number, offset, frames, done) in rows.items()
    }


def _locked(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    fcntl.flock(descriptor, fcntl.LOCK_UN)
    return False


def _name(stream: str, number: int) -> str:
    return f"{stream}.{number:08d}{SUFFIX}"


def _zero(descriptor: int, length: int) -> None:
    at = 0
    while at < length:
        at += os.pwrite(descriptor, bytes(min(length - at, 1_048_576)), at)
    os.fdatasync(descriptor)
