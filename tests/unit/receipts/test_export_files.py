"""The files of exports: CSV cells, manifests, tiles."""

from __future__ import annotations

import pytest

from gateway.receipts.export import csv_head
from gateway.receipts.export_rows import RowError, manifest_of_line, rows_of_csv
from gateway.receipts.tiles import Tile, TileReader
from gateway.receipts.verify_export import ExportCheck, check_row
from tests.receipt_samples import RING, a_log


def test_a_csv_is_verified_row_by_row_and_cell_by_cell() -> None:
    rows, manifest = a_log(6).export("csv")
    text = b"".join(rows).decode()
    export = ExportCheck(RING, manifest)
    for line, row in rows_of_csv(csv_head().decode() + text):
        export.hash(line)
        export.take(check_row(row, RING))
    with pytest.raises(RowError, match="status"):
        list(rows_of_csv(csv_head().decode() + text.replace(",openai,200,", ",openai,500,", 1)))

    assert export.end().exit_code == 0


def test_the_manifest_is_found_at_the_end() -> None:
    assert manifest_of_line(b'{"manifest":{"v":1}}\n') == b'{"v":1}'
    assert manifest_of_line(b'],"manifest":{"v":1}}\n') == b'{"v":1}'
    assert manifest_of_line(b'{"rows":[],"manifest":{"v":1}}\n') == b'{"v":1}'
    assert manifest_of_line(b'{"index":1}') is None


def test_a_tile_that_no_log_of_that_size_has_is_no_tile() -> None:
    reader = TileReader(a_log(3).fetch, 3)

    with pytest.raises(LookupError):
        reader(0, 3)
    assert Tile(0, 0, 3).path == "tile/0/000.p/3"
