"""Made-up evidence: the verifier gives a verdict, never an exception, and never `valid`."""

from __future__ import annotations

import contextlib
from typing import Any

import orjson
from hypothesis import example, given
from hypothesis import strategies as st

from gateway.receipts.canonical import jcs
from gateway.receipts.export import ExportTally
from gateway.receipts.export_rows import RowError, manifest_of_line, rows_of_csv
from gateway.receipts.key_documents import read_key, read_keys
from gateway.receipts.keys import KeyRing
from gateway.receipts.projections.credential import to_credential
from gateway.receipts.projections.dsse import to_envelope
from gateway.receipts.projections.manifest import to_manifest
from gateway.receipts.projections.npm_v1 import to_npm_v1
from gateway.receipts.verify import verify_document
from gateway.receipts.verify_export import ExportCheck, check_row
from gateway.receipts.verify_log import verify_continues, verify_log
from gateway.receipts.verify_projection import verify_projection
from tests.receipt_samples import LOG_KEY, RECEIPT_KEY, RING, WHEN, Log, a_log

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=10)
strange = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | texts
    | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=8,
)
LOG = a_log(3)
RECEIPT = LOG.sealed[1]
RECORD = Log().record("erased", {"entries": [{"index": 0, "entry": "00"}], "count": 1})
ROWS, MANIFEST = LOG.export()
ERASED = LOG.export(erased=[1])[0][1]
PROJECTIONS = [
    to_npm_v1(RECEIPT.receipt, RECEIPT_KEY),
    to_credential(RECEIPT.receipt, RECEIPT_KEY, WHEN),
    to_envelope(RECEIPT.receipt, RECEIPT_KEY),
    to_manifest("p", "P", [RECEIPT.receipt], LOG_KEY, WHEN),
]


def paths(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    found = [path] if path else []
    if isinstance(value, dict | list):
        for name, item in value.items() if isinstance(value, dict) else enumerate(value):
            found += paths(item, (*path, name))
    return found


def altered(document: Any, data: st.DataObject) -> bytes:
    """A document with one value, anywhere, replaced by another.

    Not DSSE's `keyid`: its protocol calls that a hint which nothing authenticates.
    """
    copy = orjson.loads(jcs(document))
    *before, last = data.draw(st.sampled_from([p for p in paths(copy) if p[-1] != "keyid"]))
    at = copy
    for step in before:
        at = at[step]
    value = data.draw(strange)
    if jcs(at[last]) == jcs(value):
        value = [value]
    at[last] = value
    return jcs(copy)


@given(st.sampled_from([RECEIPT.receipt, RECORD.receipt]), st.data())
def test_a_receipt_with_any_value_replaced_is_not_valid(
    document: dict[str, Any], data: st.DataObject
) -> None:
    assert verify_document(altered(document, data), RING).exit_code != 0
    assert verify_document(altered(document, data), KeyRing()).exit_code != 0


@given(st.binary(max_size=60) | strange.map(jcs))
@example(b'{"interaction":{}}')
@example(b'{"interaction":{},"chain":{"chain_hash":7},"signature":[]}')
@example(b'{"kind":"gap"}')
def test_anything_at_all_is_no_receipt(data: bytes) -> None:
    assert verify_document(data, RING, proof=data.decode(errors="replace")).exit_code != 0
    report = verify_projection(data, RING)
    assert report is None or report.exit_code != 0


@given(st.sampled_from(PROJECTIONS), st.data())
def test_a_projection_with_any_value_replaced_is_not_valid(
    document: dict[str, Any], data: st.DataObject
) -> None:
    changed = altered(document, data)
    report = verify_projection(changed, RING)
    if report is None:
        report = verify_document(changed, RING)

    assert report.exit_code != 0


@given(st.sampled_from([ROWS[1], ERASED]), st.data())
def test_a_row_with_any_value_replaced_shows(row: bytes, data: st.DataObject) -> None:
    """Alone, or by the hash of all rows where the row alone cannot show it."""
    erased = row is ERASED
    rows, manifest = LOG.export(erased=[1] if erased else ())
    check = ExportCheck(RING, manifest)
    rows[1] = altered(orjson.loads(row), data)
    for each in rows:
        check.hash(each + b"\n")
        check.take(check_row(each, RING, check.checkpoint))

    assert check.end().exit_code != 0


@given(st.data())
def test_a_manifest_with_any_value_replaced_is_not_valid(data: st.DataObject) -> None:
    check = ExportCheck(RING, altered(orjson.loads(MANIFEST), data))
    for row in ROWS:
        check.hash(row + b"\n")
        check.take(check_row(row, RING, check.checkpoint))

    assert check.end().exit_code != 0


@given(st.binary(max_size=60) | strange.map(jcs), texts)
def test_anything_at_all_is_no_row_no_key_and_no_checkpoint(data: bytes, text: str) -> None:
    assert check_row(data, RING).kind in {"unreadable", "receipts", "records", "erased"}
    assert verify_continues(text, text, RING).exit_code != 0
    assert verify_log(text, LOG.fetch, RING)[0].exit_code != 0
    manifest_of_line(data)
    for read in (read_key, read_keys):
        try:
            read(data.decode(errors="replace"))
        except ValueError:
            continue
    with contextlib.suppress(RowError):
        assert all(row.fault for row in rows_of_csv(text))


@given(st.sampled_from(["ndjson", "json", "csv"]))
def test_an_empty_export_has_no_rows_and_verifies(form: Any) -> None:
    tally = ExportTally(form)
    manifest = tally.manifest(RECEIPT_KEY, WHEN, query={}, complete=True, checkpoint=None)
    check = ExportCheck(RING, ExportTally.end("csv", manifest))

    assert check.end().exit_code == 0
