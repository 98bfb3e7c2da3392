"""What a real gateway leaves behind, verified by who has its public keys and its files only."""

from __future__ import annotations

import shutil
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import orjson
import pytest
from sonate import quick_verify

from gateway.ledger.bodies import unpack
from gateway.ledger.opening import open_ledger, open_subject_keys
from gateway.ledger.store import Filter
from gateway.receipts.command import main
from gateway.receipts.commitment import ENTRY_LABEL, salt
from gateway.receipts.export import ExportTally, receipt_row
from gateway.receipts.files import LogFolder
from gateway.receipts.merkle import inclusion_proof
from gateway.receipts.note import parse_checkpoint, parse_note
from gateway.receipts.proof import Proof
from gateway.receipts.tiles import TileReader
from gateway.settings import Settings
from tests.integration.gateway_process import GatewayProcess, running_gateway

POLICY = """\
version: 1
name: evidence
chain:
  - ip_allowlist: {allow: [127.0.0.0/8, "::1"]}
  - request_limits: {body_bytes_max: 2000}
  - receipt: {durability: batched}
"""
CHAT = {"model": "demo", "messages": [{"role": "user", "content": "Hello"}]}
EXCHANGES = 4


def ask(gateway: GatewayProcess, body: dict[str, Any]) -> str:
    """Sends a chat request; gives the name of its receipt."""
    request = urllib.request.Request(
        f"{gateway.url}/demo/v1/chat/completions",
        orjson.dumps(body),
        {"content-type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            answer.read()
            return str(answer.headers["x-sealgate-receipt"])
    except urllib.error.HTTPError as refused:
        return str(refused.headers["x-sealgate-receipt"])


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The log's files, the public keys, an export with proofs, and one receipt with its proof."""
    target = tmp_path_factory.mktemp("evidence")
    with running_gateway(config="ledger:\n  enabled: true\n", policies=POLICY) as gateway:
        refs = [
            ask(gateway, CHAT),
            ask(gateway, {**CHAT, "stream": True}),
            ask(gateway, {**CHAT, "padding": "x" * 3000}),
            ask(gateway, CHAT),
        ]
        assert gateway.stop() == 0
        folder = gateway.folder / "data" / "ledger"
        shutil.copytree(folder / "log", target / "log")
        shutil.copy(folder / "keys" / "public.json", target / "keys.json")
        export(gateway, target, refs)
    return target


def export(gateway: GatewayProcess, target: Path, refs: list[str]) -> None:
    settings = Settings.model_validate({"data_dir": gateway.folder / "data", "ledger": {}})
    ledger, subjects = open_ledger(settings), open_subject_keys(settings)
    log = LogFolder(target / "log")
    note = log.checkpoint()
    size = parse_checkpoint(parse_note(note).text).size
    read = TileReader(log.fetch, size)
    tally = ExportTally("ndjson")
    with (target / "export.ndjson").open("wb") as file:
        for record in sorted(ledger.page(Filter()), key=lambda each: each.log_index):
            index = record.log_index
            body = unpack(ledger.bodies([index])[index], subjects.key(record.subject))
            salted = salt(body.secret, ENTRY_LABEL)
            proof = inclusion_proof(index, size, read)
            row = receipt_row(index, salted, body.receipt, proof)
            file.write(tally.add(row, index, orjson.loads(body.receipt)))
            if record.ref == refs[1]:
                (target / "receipt.json").write_bytes(body.receipt)
                text = Proof(index, tuple(proof), note, salted).text
                (target / "receipt.tlog-proof").write_text(text, encoding="utf-8")
    ledger.close()
    (target / "refs").write_text("\n".join(refs), encoding="utf-8")


def run(*arguments: object) -> int:
    return main([str(argument) for argument in arguments])


def rows(evidence: Path) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in (evidence / "export.ndjson").read_bytes().splitlines()]


def test_every_exchange_has_a_receipt_under_the_name_that_its_answer_gave(evidence: Path) -> None:
    receipts = [row["receipt"] for row in rows(evidence) if "receipt" in row]
    refs = [receipt["metadata"]["sealgate"]["ref"] for receipt in receipts]

    assert sorted((evidence / "refs").read_text().split()) == sorted(refs)
    assert len(receipts) == EXCHANGES


def test_its_log_verifies(evidence: Path) -> None:
    assert run("log", evidence / "log", "--keys", evidence / "keys.json") == 0


def test_its_receipts_and_records_verify_in_chain_and_log(evidence: Path) -> None:
    """Exit code 2: this export was put together here, so nobody signed where it ends."""
    pins = ("--keys", evidence / "keys.json")

    assert run("export", evidence / "export.ndjson", *pins, "--log", evidence / "log") == 2
    documents = evidence / "documents.ndjson"
    found = [row.get("receipt", row.get("record")) for row in rows(evidence)]
    documents.write_bytes(b"\n".join(orjson.dumps(each) for each in found))
    assert run("chain", documents, *pins) == 0


def test_one_receipt_verifies_with_its_proof(
    evidence: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    receipt, proof = evidence / "receipt.json", evidence / "receipt.tlog-proof"
    code = run("receipt", receipt, "--proof", proof, "--keys", evidence / "keys.json", "--json")
    report = orjson.loads(capsys.readouterr().out)

    assert code == 0, report
    aspects = ("integrity", "authenticity", "completeness", "freshness")
    assert {report[aspect] for aspect in aspects} == {"valid"}


def test_sonate_accepts_a_real_receipt(evidence: Path) -> None:
    receipt = orjson.loads((evidence / "receipt.json").read_bytes())

    assert quick_verify(receipt, receipt["signature"]["public_key"])
