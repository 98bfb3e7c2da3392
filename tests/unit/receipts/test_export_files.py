"""The files of exports: CSV cells, manifests, tiles."""

from __future__ import annotations

import pytest

from gateway.receipts.export import csv_head, csv_row
from gateway.receipts.export_rows import manifest_of_line, rows_of_csv
from gateway.receipts.tiles import Tile, TileReader
from gateway.receipts.verify_export import ExportCheck, check_row
from tests.receipt_samples import RING, Log, a_log


@pytest.mark.parametrize("erased", [(), (1, 4)])
def test_a_csv_is_verified_row_by_row_and_cell_by_cell(erased: tuple[int, ...]) -> None:
    rows, manifest = a_log(6).export("csv", erased=erased)
    text = b"".join(rows).decode()
    export = ExportCheck(RING, manifest)
    for cells in rows_of_csv(csv_head().decode() + text):
        assert cells.fault == ""
        export.hash(cells.line)
        export.take(check_row(cells.row, RING))
    edited = csv_head().decode() + text.replace(",openai,200,", ",openai,500,", 1)
    first, *others = [cells.fault for cells in rows_of_csv(edited)]

    report = export.end()
    assert report.exit_code == 0
    assert report.counts.get("erased", 0) == len(erased)
    assert "status" in first
    assert set(others) == {""}


def test_a_cell_is_never_a_formula() -> None:
    """A spreadsheet would run it; the document beside it still holds the text as it was."""
    sealed = Log().add(session_id="=HYPERLINK(1)")
    line = csv_row(0, b"", sealed.receipt, sealed.data)

    assert b",'=HYPERLINK(1)," in line
    assert [cells.fault for cells in rows_of_csv((csv_head() + line).decode())] == [""]


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
