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
from typing import Any, Final, NamedTuple

HITS_KEPT_MAX: Final = 16
"""Hits of one expression that are told one by one; of more it is only known that there are more."""
_FOLDER: Final = "patterns"
_DIGEST_BYTES: Final = 32

Hits = dict[int, list[int]]
"""By number of the expression the bytes behind its matches: at most one more than HITS_KEPT_MAX."""


class Expression(NamedTuple):
    """What to search for; `once` asks only whether it is there."""

    text: bytes
    once: bool = False


class Database:
    """Searches for all expressions at once."""

    def __init__(self, expressions: Sequence[Expression], folder: Path | None) -> None:
        """`folder` is where compiled databases are kept, if it is there. Raises ValueError."""
        self._database = _load_or_compile(expressions, folder) if expressions else None
        self._local = threading.local()

    def scan(self, data: bytes) -> Hits:
        """What is found in a text, and where."""
        if self._database is None:
            return {}
        local = self._local
        try:
            scan, scratch = local.scan
        except AttributeError:
            scan, scratch = local.scan = self._prepare()
        hits: Hits = {}
        scan(data, _note, 0, hits, scratch)
        return hits

    def _prepare(self) -> tuple[Any, Any]:
        """The method and a scratch of this thread's own."""
        import hyperscan  # noqa: PLC0415  # only where a policy looks for something

        database: Any = self._database
        return database.scan, hyperscan.Scratch(database)

    @property
    def size_bytes(self) -> int:
        """Memory of the database, without scratch."""
        return 0 if self._database is None else int(self._database.size())


def _note(number: int, start: int, stop: int, flags: int, hits: Hits) -> None:  # noqa: ARG001  # the library's signature
    found = hits.get(number)
    if found is None:
        hits[number] = [stop]
    elif len(found) <= HITS_KEPT_MAX:
        found.append(stop)


def _load_or_compile(expressions: Sequence[Expression], folder: Path | None) -> Any:
    kept = None
    if folder is not None and folder.is_dir():
        kept = folder / _FOLDER / f"{_name(expressions)}.hs"
        loaded = _load(kept)
        if loaded is not None:
            return loaded
    database = _compile(expressions)
    if kept is not None:
        _keep(database, kept)
    return database


def _name(expressions: Sequence[Expression]) -> str:
    digest = hashlib.sha256(f"{version('hyperscan')} {platform.machine()}".encode())
    for expression in expressions:
        digest.update(b"%d%d:%b" % (expression.once, len(expression.text), expression.text))
    return digest.hexdigest()


def _compile(expressions: Sequence[Expression]) -> Any:
    import hyperscan  # noqa: PLC0415  # only where a policy looks for something

    database = hyperscan.Database(mode=hyperscan.HS_MODE_BLOCK)
    try:
        database.compile(
            expressions=[expression.text for expression in expressions],
            ids=list(range(len(expressions))),
            elements=len(expressions),
            flags=[hyperscan.HS_FLAG_SINGLEMATCH if e.once else 0 for e in expressions],
        )
    except hyperscan.error as error:
        raise ValueError(str(error)) from None
    finally:
        _give_back()
    return database


def _give_back() -> None:
    """What compiling took goes back to the system: glibc would keep some 25 MB of it."""
    from ctypes import CDLL  # noqa: PLC0415  # only where something is compiled

    with suppress(OSError, AttributeError):  # another C library
        CDLL(None).malloc_trim(0)


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
