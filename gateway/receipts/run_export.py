"""Exports of any size verified from their files, by as many processes as there are cores.

Each process reads its own part of the file and checks its rows; this one takes what they found in
the order of the file, and hashes the rows as they stand there.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from multiprocessing import get_context
from pathlib import Path
from typing import Final, TypeAlias

from gateway.receipts.export import JSON_START
from gateway.receipts.export_rows import (
    RowError,
    manifest_of_line,
    rows_of_csv,
    rows_of_document,
    rows_of_json,
)
from gateway.receipts.files import last_line, line_ranges, lines_of
from gateway.receipts.keys import KeyRing, PublicKey
from gateway.receipts.note import Checkpoint
from gateway.receipts.verdict import Aspect, Report, State
from gateway.receipts.verify_export import ExportCheck, RowResult, check_row

_Range: TypeAlias = tuple[int, int]
_ALONE_BELOW_BYTES: Final = 8 * 1024 * 1024
"""A smaller file is verified before other processes would have started."""


def verify_export_file(
    path: Path,
    ring: KeyRing,
    *,
    manifest: bytes | None = None,
    leaves: Sequence[bytes] | None = None,
    tenant: str | None = None,
    jobs: int = 0,
) -> Report:
    """The verdicts over an export.

    Args:
        path: the file; `.csv` is a CSV, anything else NDJSON or JSON.
        ring: the pinned keys.
        manifest: the manifest's JSON, where it is not in the file.
        leaves: the hashes of the log's leaves, to compare with.
        tenant: the only tenant that there may be.
        jobs: processes; 0 is one per core.

    Raises OSError, RowError for a file that is no export at all.

    """
    if path.suffix == ".csv":
        check = ExportCheck(ring, manifest, leaves=leaves, tenant=tenant)
        for cells in rows_of_csv(path.read_bytes().decode()):
            result = check_row(cells.row, ring, check.checkpoint)
            if cells.fault:
                result.add(Aspect.INTEGRITY, State.TAMPERED, "cells", cells.fault)
            check.hash(cells.line)
            check.take(result)
        return check.end()
    found = manifest_of_line(last_line(path)) if manifest is None else manifest
    if found is None and _is_rewritten(path):
        rows, found = rows_of_document(path.read_bytes())
        check = ExportCheck(ring, found, leaves=leaves, tenant=tenant)
        _take(check, rows, (check_row(row, ring, check.checkpoint) for row in rows))
        return check.end()
    check = ExportCheck(ring, found, leaves=leaves, tenant=tenant)
    for part, results in _checked(path, ring, check.checkpoint, jobs):
        _take(check, _rows(path, part), results)
    return check.end()


def _take(check: ExportCheck, rows: Iterable[bytes], results: Iterable[RowResult]) -> None:
    for row, result in zip(rows, results, strict=True):
        check.hash(row + b"\n")
        check.take(result)


def _checked(
    path: Path, ring: KeyRing, checkpoint: Checkpoint | None, jobs: int
) -> Iterator[tuple[_Range, list[RowResult]]]:
    """The parts of the file in order, with what was found in each."""
    parts = list(line_ranges(path))
    count = jobs or os.cpu_count() or 1
    work = partial(_check_part, path, ring.keys, checkpoint)
    if count == 1 or path.stat().st_size < _ALONE_BELOW_BYTES:
        yield from ((part, work(part)) for part in parts)
        return
    # Spawned, not forked: nobody knows what runs in the program that this was imported into.
    with get_context("spawn").Pool(count) as pool:
        yield from zip(parts, pool.imap(work, parts), strict=True)


def _check_part(
    path: Path, keys: Sequence[PublicKey], checkpoint: Checkpoint | None, part: _Range
) -> list[RowResult]:
    ring = KeyRing(keys)
    return [check_row(row, ring, checkpoint) for row in _rows(path, part)]


def _rows(path: Path, part: _Range) -> list[bytes]:
    return list(rows_of_json(lines_of(path, *part)))


def _is_rewritten(path: Path) -> bool:
    """Whether a JSON export is no longer in the lines that it was written in."""
    with path.open("rb") as file:
        start = file.read(64)
    if not start.lstrip().startswith(b"{"):
        raise RowError(f"{path}: not an export")
    return b'"rows"' in start and not start.startswith(JSON_START)
