"""Exports read: what stands in each row, and the rows of a file, in whatever format it is."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from gateway.receipts.canonical import CanonicalError, canonical, parse
from gateway.receipts.export import CSV_COLUMNS, JSON_START, csv_erased_row, csv_row
from gateway.receipts.merkle import HASH_BYTES, entry

# As `export.receipt_row` writes it: the document is cut out of the row without being parsed with
# it.
_HEAD = re.compile(
    rb'\{"index":(0|[1-9][0-9]{0,15}),(?:"proof":\[((?:"[0-9a-f]{64}",?)*)\],)?"(receipt|record)":'
)
_TAIL = re.compile(rb',"salt":"([0-9a-f]{64})"\}\Z')
_TAIL_BYTES: Final = len(b',"salt":""}') + 2 * HASH_BYTES
_MANIFEST_START: Final = b'{"manifest":'
_JSON_END: Final = b'],"manifest":'


class RowError(ValueError):
    """A row that is none, and why."""


@dataclass(frozen=True, slots=True)
class Row:
    """One row: the document's bytes and salt, or what is left of an erased one.

    `entry` is what the log holds at `index`; `proof` leads from it to the manifest's checkpoint.
    """

    index: int
    data: bytes
    entry: bytes
    proof: tuple[bytes, ...] | None = None
    erased: dict[str, Any] | None = None


def parse_row(row: bytes) -> Row:
    """A row of an `ndjson` or `json` export. Raises RowError."""
    head = _HEAD.match(row)
    tail = _TAIL.match(row, max(0, len(row) - _TAIL_BYTES))
    if head is None or tail is None:
        return _parse_slowly(row)
    index, hashes, _ = head.groups()
    data = row[head.end() : tail.start()]
    salt = bytes.fromhex(tail.group(1).decode())
    proof = None
    if hashes is not None:
        proof = tuple(bytes.fromhex(item.decode()) for item in re.findall(rb"[0-9a-f]{64}", hashes))
    return Row(int(index), data, entry(salt, data), proof)


def rows_of_json(lines: Iterable[bytes]) -> Iterator[bytes]:
    """The rows of an `ndjson` or `json` export, line by line, without its manifest.

    A JSON file that somebody wrote anew in other lines is read by `rows_of_document`.
    """
    for line in lines:
        stripped = line.rstrip(b"\r\n").removeprefix(JSON_START).removesuffix(b",")
        if stripped and not stripped.startswith((_MANIFEST_START, _JSON_END)):
            yield stripped


def manifest_of_line(line: bytes) -> bytes | None:
    """The manifest that the last line of an export holds, or None."""
    stripped = line.strip()
    if stripped.startswith(JSON_START):  # without any row all is one line
        stripped = stripped.removeprefix(JSON_START)
    for start in (_MANIFEST_START, _JSON_END):
        if stripped.startswith(start) and stripped.endswith(b"}"):
            return stripped[len(start) : -1]
    return None


def rows_of_document(text: bytes) -> tuple[list[bytes], bytes | None]:
    """The rows and the manifest of a JSON export that was written anew. Raises RowError."""
    try:
        document = parse(text)
        rows = [canonical(row) for row in document["rows"]]
        manifest = document.get("manifest")
        return rows, None if manifest is None else canonical(manifest)
    except (AttributeError, KeyError, TypeError, CanonicalError) as error:
        raise RowError(f"not an export: {error}") from None


@dataclass(frozen=True, slots=True)
class CsvRow:
    """One row of a CSV: `line` as the export wrote it, `row` as JSON, and what is wrong with it."""

    line: bytes
    row: bytes
    fault: str = ""


def rows_of_csv(text: str) -> Iterator[CsvRow]:
    """The rows of a CSV.

    Every column is derived again from the document in the last one, so that an edited cell shows.
    Raises RowError for a file that is no such CSV.
    """
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        head = next(reader, [])
        if tuple(head) != CSV_COLUMNS:
            raise RowError("the columns are not those of an export")
        for cells in reader:
            yield _csv_row(cells)
    except csv.Error as error:
        raise RowError(f"not CSV: {error}") from None


def _csv_row(cells: list[str]) -> CsvRow:
    if len(cells) != len(CSV_COLUMNS):
        return CsvRow(b"", b"", f"a row has {len(cells)} cells, not {len(CSV_COLUMNS)}")
    named = dict(zip(CSV_COLUMNS, cells, strict=True))
    index, salt, data = named["index"], named["salt"], named["document"].encode()
    try:
        document = parse(data)
        if named["kind"] == "erased":
            line, row = csv_erased_row(int(index), document), data
        else:
            line = csv_row(int(index), bytes.fromhex(salt), document, data)
            member = b"receipt" if named["kind"] == "receipt" else b"record"
            row = b'{"index":%d,"%b":%b,"salt":"%b"}' % (int(index), member, data, salt.encode())
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        return CsvRow(b"", b"", f"the row cannot be read: {error}")
    (expected,) = csv.reader(io.StringIO(line.decode(), newline=""))
    wrong = [n for n, a, b in zip(CSV_COLUMNS, expected, cells, strict=True) if a != b]
    return CsvRow(line, row, f"{', '.join(wrong)}: not what the document says" if wrong else "")


def _parse_slowly(row: bytes) -> Row:
    """Any way to write a row; also of something erased."""
    try:
        value = parse(row)
        index, proof = value["index"], value.get("proof")
        hashes = None if proof is None else tuple(bytes.fromhex(item) for item in proof)
        if "erased" in value:
            erased = value["erased"]
            return Row(_counted(index), b"", bytes.fromhex(erased["entry"]), hashes, erased)
        data = canonical(value["receipt"] if "receipt" in value else value["record"])
        salt = bytes.fromhex(value["salt"])
        return Row(_counted(index), data, entry(salt, data), hashes)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise RowError(f"the row cannot be read: {error}") from None


def _counted(index: Any) -> int:
    if type(index) is not int or index < 0:
        raise RowError("the index is no number of an entry")
    return index
