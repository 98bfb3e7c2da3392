"""The command line: every verb, every exit code."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from pathlib import Path

import orjson
import pytest

from gateway.receipts import run_export
from gateway.receipts.command import main
from gateway.receipts.export import ExportTally, Format, csv_head
from gateway.receipts.key_documents import did_key, jwks, sonate_keys, vkeys
from gateway.receipts.merkle import consistency_proof
from gateway.receipts.multibase import multikey_encode
from gateway.receipts.projections.credential import to_credential
from gateway.receipts.projections.dsse import to_envelope
from gateway.receipts.projections.manifest import to_manifest
from gateway.receipts.projections.npm_v1 import to_npm_v1
from gateway.receipts.tiles import TileReader
from tests.receipt_samples import LOG_KEY, ORIGIN, RECEIPT_KEY, RING, WHEN, Log, a_log

KEY = RECEIPT_KEY.public_key.hex()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with pinned keys in `keys.json`."""
    (tmp_path / "keys.json").write_bytes(orjson.dumps(sonate_keys(RING.keys)))
    return tmp_path


def write_log(log: Log, folder: Path) -> Path:
    """The static files of a log."""
    folder.mkdir()
    (folder / "checkpoint").write_text(log.checkpoint(), encoding="utf-8")
    log.publish()
    for path, data in log.tiles.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(data)
    return folder


def write_export(log: Log, path: Path, form: Format = "ndjson", **options: object) -> Path:
    """An export as the admin API streams it."""
    rows, manifest = log.export(form, **options)
    if form == "csv":
        path.write_bytes(csv_head() + b"".join(rows))
        path.with_suffix(".manifest.json").write_bytes(manifest)
    elif form == "json":
        end = ExportTally.end("json", orjson.loads(manifest))
        path.write_bytes(b'{"rows":[' + b",\n".join(rows) + b"\n" + end)
    else:
        end = ExportTally.end("ndjson", orjson.loads(manifest))
        path.write_bytes(b"".join(row + b"\n" for row in rows) + end)
    return path


def run(*arguments: object) -> int:
    return main([str(argument) for argument in arguments])


def test_a_receipt_and_its_proof_are_verified(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = a_log(3)
    (folder / "r.json").write_bytes(log.sealed[1].data)
    (folder / "r.tlog-proof").write_text(log.proof(1), encoding="utf-8")
    proved = ("--proof", folder / "r.tlog-proof", "--keys", folder / "keys.json")

    assert run("receipt", folder / "r.json", "--key", KEY) == 0
    assert run("receipt", folder / "r.json", *proved) == 0
    assert run("receipt", folder / "r.json") == 2
    (folder / "r.json").write_bytes(log.sealed[2].data)
    assert run("receipt", folder / "r.json", *proved, "--json") == 1

    report = orjson.loads(capsys.readouterr().out.splitlines()[-1])
    assert report["exit_code"] == 1
    assert report["completeness"] == "tampered"
    assert report["integrity"] == "valid"


@pytest.mark.parametrize(
    "pin",
    [KEY, did_key(RECEIPT_KEY.public_key), multikey_encode(RECEIPT_KEY.public_key)],
    ids=["hex", "did:key", "Multikey"],
)
def test_a_key_is_pinned_in_any_usual_form(folder: Path, pin: str) -> None:
    (folder / "r.json").write_bytes(a_log(1).sealed[0].data)

    assert run("receipt", folder / "r.json", "--key", pin) == 0


@pytest.mark.parametrize(
    "text",
    [
        orjson.dumps(jwks(RING.keys)).decode(),
        orjson.dumps(sonate_keys(RING.keys)).decode(),
        "\n".join(["# ours", KEY, *vkeys(RING.keys, ORIGIN), ""]),
    ],
    ids=["JWKS", "sonate-keys", "lines"],
)
def test_keys_are_read_from_any_usual_file(folder: Path, text: str) -> None:
    (folder / "pins").write_text(text, encoding="utf-8")
    (folder / "r.json").write_bytes(a_log(1).sealed[0].data)

    assert run("receipt", folder / "r.json", "--keys", folder / "pins") == 0


def test_a_receipt_comes_through_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    stream = io.TextIOWrapper(io.BytesIO(a_log(1).sealed[0].data))
    monkeypatch.setattr(sys, "stdin", stream)

    assert run("receipt", "-", "--key", KEY, "--max-age", "30000d") == 0


@pytest.mark.parametrize(
    "make",
    [
        lambda r: to_npm_v1(r, RECEIPT_KEY),
        lambda r: to_credential(r, RECEIPT_KEY, WHEN),
        lambda r: to_envelope(r, RECEIPT_KEY),
        lambda r: to_manifest("p", "P", [r], LOG_KEY, WHEN, legacy_tree=True),
    ],
    ids=["npm v1.0", "credential", "DSSE", ".sonate"],
)
def test_other_formats_are_recognised(folder: Path, make: Callable[[object], object]) -> None:
    document = orjson.dumps(make(a_log(1).sealed[0].receipt))
    (folder / "good").write_bytes(document)
    at = document.index(b'"payload":"') + 40 if b'"payload":"' in document else -1
    changed = document[:at] + (b"A" if document[at : at + 1] != b"A" else b"B") + document[at + 1 :]
    (folder / "bad").write_bytes(changed if at > 0 else document.replace(b'"gpt-x', b'"gpt-y'))

    assert run("receipt", folder / "good", "--keys", folder / "keys.json") == 0
    assert run("receipt", folder / "bad", "--keys", folder / "keys.json") == 1
    assert run("receipt", folder / "good") == 2


def test_a_chain_is_verified_to_its_head(folder: Path) -> None:
    log = a_log(4)
    lines = [sealed.data for sealed in log.sealed]
    (folder / "chain.ndjson").write_bytes(b"\n".join(lines) + b"\n")
    (folder / "cut.json").write_bytes(b"[" + b",".join(lines[:3]) + b"]")
    head = f"4:{log.heads['acme'][1]}"

    assert run("chain", folder / "chain.ndjson", "--key", KEY, "--head", head) == 0
    assert run("chain", folder / "cut.json", "--key", KEY, "--tenant", "acme", "--head", head) == 2
    assert run("chain", folder / "cut.json", "--key", KEY, "--tenant", "other") == 1
    assert run("chain", folder / "cut.json", "--key", KEY, "--head", "four") == 3


@pytest.mark.parametrize("form", ["ndjson", "json", "csv"])
def test_an_export_is_verified_in_every_format(folder: Path, form: Format) -> None:
    log = a_log(20)
    path = write_export(log, folder / f"export.{form}", form)
    manifest = ["--manifest", path.with_suffix(".manifest.json")] if form == "csv" else []
    pins = ("--keys", folder / "keys.json")

    assert run("export", path, *manifest, *pins) == 0
    assert run("export", path, *manifest, *pins, "--log", write_log(log, folder / "log")) == 0
    data = path.read_bytes()
    path.write_bytes(data.replace(b"gpt-x-1", b"gpt-y-1", 1))
    assert run("export", path, *manifest, *pins) == 1
    lines = data.splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:5] + lines[6:]))
    assert run("export", path, *manifest, *pins) == 2


def test_an_export_that_was_written_anew_still_verifies(folder: Path) -> None:
    path = write_export(a_log(3), folder / "export.json", "json")
    path.write_bytes(orjson.dumps(orjson.loads(path.read_bytes()), option=orjson.OPT_INDENT_2))

    assert run("export", path, "--keys", folder / "keys.json") == 0


def test_several_processes_find_what_one_finds(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = write_export(a_log(60), folder / "export.ndjson")
    data = path.read_bytes()
    path.write_bytes(data.replace(b'"status":200', b'"status":500', 1))
    pins = ("--keys", folder / "keys.json", "--json")
    run("export", path, *pins, "--jobs", 1)
    monkeypatch.setattr(run_export, "_ALONE_BELOW_BYTES", 0)
    run("export", path, *pins, "--jobs", 2)
    alone, together = capsys.readouterr().out.splitlines()

    assert alone == together


def test_a_log_is_verified_and_compared_with_what_was_known(folder: Path) -> None:
    log = a_log(300)
    (folder / "before").write_text(log.checkpoint(250), encoding="utf-8")
    (folder / "forged").write_text(a_log(301).checkpoint(), encoding="utf-8")
    path = write_log(log, folder / "log")
    pins = ("--keys", folder / "keys.json")

    assert run("log", path, *pins, "--known", folder / "before", "--max-age", "1d") == 0
    assert run("log", path, *pins, "--known", folder / "forged") == 1
    assert run("log", path) == 2
    (path / "tile/entries/001.p/44").unlink()
    assert run("log", path, *pins) == 2
    assert run("log", folder / "nowhere", *pins) == 3


def test_two_checkpoints_are_compared_with_log_or_proof(folder: Path) -> None:
    log = a_log(300)
    older, newer = folder / "older", folder / "newer"
    older.write_text(log.checkpoint(100), encoding="utf-8")
    newer.write_text(log.checkpoint(), encoding="utf-8")
    path = write_log(log, folder / "log")
    hashes = consistency_proof(100, 300, TileReader(log.fetch, 300))
    import base64  # noqa: PLC0415  # used here only

    lines = "\n".join(base64.b64encode(item).decode() for item in hashes)
    (folder / "proof").write_text(lines, encoding="utf-8")
    pins = ("--keys", folder / "keys.json")

    assert run("consistency", older, newer, *pins, "--log", path) == 0
    assert run("consistency", older, newer, *pins, "--proof", folder / "proof") == 0
    assert run("consistency", newer, older, *pins, "--log", path) == 1
    assert run("consistency", older, newer, *pins) == 2


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["nonsense"],
        ["receipt"],
        ["receipt", "missing.json"],
        ["receipt", __file__, "--key", "nonsense"],
        ["receipt", __file__, "--key", "01" + "00" * 31],
        ["receipt", __file__, "--keys", __file__],
        ["export", __file__],
        ["receipt", "missing.json", "--frobnicate"],
    ],
)
def test_a_command_that_cannot_work_says_why_and_ends_with_3(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    try:
        code: object = main(arguments)
    except SystemExit as error:
        code = error.code

    assert code == 3
    assert capsys.readouterr().err
