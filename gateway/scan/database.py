"""One Hyperscan database for many expressions, compiled once and kept on disk.

Compiling takes a second, loading a third of a millisecond. What is kept is told by its expressions,
the version of the library and the machine; a file that is damaged or foreign is compiled anew.

What the binding (hyperscan 0.9.1) asks for: the data is bytes; an exception in the callback would
be swallowed and read as the end of the scan, so the callback does nothing that can raise; the
context and the callback are borrowed and are kept alive here; a scratch belongs to one thread.
"""

from __future__ import annotations

import hashlib
import os
import platform
import threading
from collections.abc import Sequence
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

Hits = list[tuple[int, int]]
"""Number of the expression and the byte behind the match, in the order of the text."""

HITS_MAX: Final = 512
"""Hits of one scan that are told one by one; in a text with more, each expression once."""
_FOLDER: Final = "patterns"
_DIGEST_BYTES: Final = 32


class Database:
    """Searches for all expressions at once."""

    def __init__(self, expressions: Sequence[bytes], folder: Path | None) -> None:
        """`folder` is where compiled databases are kept, if it is there.

        Raises ValueError with the number of the expression that cannot be searched for.
        """
        self._each = _load_or_compile(expressions, folder, single=False)
        self._once = _load_or_compile(expressions, folder, single=True)
        self._local = threading.local()
        self._stopped = _terminated()

    def scan(self, data: bytes) -> tuple[Hits, bool]:
        """The hits, and whether they are all there are.

        If not, what is told of each expression is that it is found, and where it first is.
        """
        local = self._local
        try:
            each = local.each
        except AttributeError:
            each = self._prepare()
        hits: Hits = []
        try:
            each(data, _note, 0, hits, local.each_scratch)
        except self._stopped:
            hits = []
            self._once.scan(data, _note_once, 0, hits, local.once_scratch)
            return hits, False
        return hits, True

    def _prepare(self) -> Any:
        """A scratch of this thread's own for each database."""
        import hyperscan  # noqa: PLC0415  # only where a policy looks for something

        local = self._local
        local.each_scratch = hyperscan.Scratch(self._each)
        local.once_scratch = hyperscan.Scratch(self._once)
        local.each = self._each.scan
        return local.each

    @property
    def size_bytes(self) -> int:
        """Memory of both databases, without scratch."""
        return int(self._each.size()) + int(self._once.size())


def _note(number: int, start: int, stop: int, flags: int, hits: Hits) -> bool:  # noqa: ARG001  # the library's signature
    hits.append((number, stop))
    return len(hits) >= HITS_MAX


def _note_once(number: int, start: int, stop: int, flags: int, hits: Hits) -> None:  # noqa: ARG001  # the same
    hits.append((number, stop))


def _terminated() -> type[Exception]:
    import hyperscan  # noqa: PLC0415  # only where a policy looks for something

    error: type[Exception] = hyperscan.ScanTerminated
    return error


def _load_or_compile(expressions: Sequence[bytes], folder: Path | None, *, single: bool) -> Any:
    kept = None
    if folder is not None and folder.is_dir():
        kept = folder / _FOLDER / f"{_name(expressions, single=single)}.hs"
        loaded = _load(kept)
        if loaded is not None:
            return loaded
    database = _compile(expressions, single=single)
    if kept is not None:
        _keep(database, kept)
    return database


def _name(expressions: Sequence[bytes], *, single: bool) -> str:
    digest = hashlib.sha256(f"{version('hyperscan')} {platform.machine()} {single}".encode())
    for expression in expressions:
        digest.update(b"%d:%b" % (len(expression), expression))
    return digest.hexdigest()


def _compile(expressions: Sequence[bytes], *, single: bool) -> Any:
    import hyperscan  # noqa: PLC0415  # only where a policy looks for something

    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    flag = hyperscan.HS_FLAG_SINGLEMATCH if single else 0
    try:
        database.compile(
            expressions=list(expressions),
            ids=list(range(len(expressions))),
            elements=len(expressions),
            flags=[flag] * len(expressions),
        )
    except hyperscan.error as error:
        raise ValueError(str(error)) from None
    return database


def _load(path: Path) -> Any:
    """What was kept; None if it is not there, damaged, or of another machine."""
    import hyperscan  # noqa: PLC0415  # only where a policy looks for something

    try:
        data = path.read_bytes()
    except OSError:
        return None
    digest, body = data[:_DIGEST_BYTES], data[_DIGEST_BYTES:]
    if hashlib.sha256(body).digest() != digest:
        return None
    try:
        return hyperscan.loadb(body, hyperscan.HS_MODE_BLOCK)
    except hyperscan.error:
        return None


def _keep(database: Any, path: Path) -> None:
    """Writes it beside and moves it into place; a folder that cannot be written to costs time."""
    import hyperscan  # noqa: PLC0415  # only where a policy looks for something

    body: bytes = hyperscan.dumpb(database)
    beside = path.with_suffix(f".{os.getpid()}")
    with suppress(OSError):
        path.parent.mkdir(mode=0o700, exist_ok=True)
        beside.write_bytes(hashlib.sha256(body).digest() + body)
        beside.replace(path)
