"""Keys from elsewhere: they sign, a change of them is in the log, and none is ever swapped back."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from gateway.ledger import fsck
from gateway.ledger.bodies import unpack
from gateway.ledger.opening import open_keys, open_ledger
from gateway.ledger.overview import check_all
from gateway.ledger.recovery import QuarantineError
from gateway.ledger.store import Filter, LedgerAwayError, LedgerError
from gateway.receipts.ed25519 import SigningKey, verify
from gateway.receipts.keys import LOG, RECEIPTS
from gateway.receipts.receipt import key_id_of, signed_bytes
from tests.ledger_drafts import Node, make_control, make_payload
from tests.transit_server import TransitServer, running_transit

IN_VAULT = {"receipts": "transit:receipts", "log": "transit:log"}


def documents(node: Node) -> list[dict[str, Any]]:
    """All of the log, after each signature was checked under the key that counts there."""
    ring = open_keys(node.settings).ring()
    ledger = open_ledger(node.settings)
    try:
        found = ledger.page(Filter(limit=10_000))
        bodies = ledger.bodies(record.log_index for record in found)
    finally:
        ledger.close()
    whole = [orjson.loads(unpack(bodies[r.log_index], None).receipt) for r in found]
    for index, document in enumerate(whole):
        ours = document.get("metadata", {}).get("sealgate") or document
        key = ring.find(ours["key_id"])
        assert key is not None
        assert key.fault_at(index) is None
        signature = bytes.fromhex(document["signature"]["value"])
        assert verify(key.public_key, signed_bytes(document), signature)
    return whole


def rotations(node: Node) -> list[dict[str, Any]]:
    return [d["detail"] for d in documents(node) if d.get("kind") == "key_rotated"]


def is_whole(node: Node) -> bool:
    report: fsck.Report = check_all(node.settings)
    return report.ok


def run(node: Node, receipts: int = 1) -> None:
    node.write(*(make_payload() for _ in range(receipts)))
    node.settle()


@pytest.fixture
def vault(monkeypatch: pytest.MonkeyPatch) -> Iterator[TransitServer]:
    monkeypatch.setenv("VAULT_TOKEN", "root-token")
    with running_transit("receipts", "log") as server:
        yield server


def vault_node(folder: Path, vault: TransitServer, **settings: Any) -> Node:
    node = Node(folder)
    data = {
        "data_dir": folder,
        "vault": {"address": vault.url, "token": "${VAULT_TOKEN}", **settings},
        "ledger": {"node": "node-1", "heartbeat_s": 3600, "keys": IN_VAULT},
    }
    node.settings = type(node.settings).model_validate(data)
    return node


@pytest.fixture
def node(tmp_path: Path, vault: TransitServer) -> Node:
    """One whose keys are in Vault."""
    return vault_node(tmp_path, vault)


def test_a_rotation_is_in_force_in_the_running_sequencer(tmp_path: Path) -> None:
    node = Node(tmp_path)
    with node.sequencer() as running:
        node.write(make_control("rotate_key", purpose="receipts"), worker="1")
        running.step()
        node.write(make_payload())
        running.step()
    (told,) = rotations(node)
    assert documents(node)[-1]["signature"]["key_version"] == told["new"]
    assert is_whole(node)


# -- seeds ----------------------------------------------------------------------------------------


def test_a_changed_value_at_the_start_is_a_rotation_in_log_and_history(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seeds = [os.urandom(32) for _ in range(3)]
    node = Node(tmp_path, keys={"receipts": "${A_KEY}", "log": "${L_KEY}"})
    monkeypatch.setenv("L_KEY", seeds[2].hex())
    monkeypatch.setenv("A_KEY", seeds[0].hex())
    run(node)
    first = open_keys(node.settings).current(RECEIPTS)
    assert first is not None
    assert first.public_key == SigningKey(seeds[0]).public_key
    monkeypatch.setenv("A_KEY", seeds[1].hex())
    run(node)
    run(node)

    (told,) = rotations(node)
    public = [key for key in open_keys(node.settings).public_keys() if key.purpose == RECEIPTS]
    assert [key.public_key for key in public] == [SigningKey(s).public_key for s in seeds[:2]]
    assert public[0].last_index == public[1].first_index - 1
    assert (told["old"], told["new"]) == (public[0].key_id, public[1].key_id)
    assert is_whole(node)
    assert not list((node.folder / "keys").glob("*.key"))


def test_a_log_with_keys_of_its_own_goes_on_with_keys_from_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(Node(tmp_path))
    monkeypatch.setenv("A_KEY", os.urandom(32).hex())
    monkeypatch.setenv("L_KEY", os.urandom(32).hex())
    node = Node(tmp_path, keys={"receipts": "${A_KEY}", "log": "${L_KEY}"})
    run(node)

    assert [told["purpose"] for told in rotations(node)] == [RECEIPTS, LOG]
    assert is_whole(node)


def test_a_change_that_a_crash_left_untold_is_told_by_the_next_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("A_KEY", os.urandom(32).hex())
    node = Node(tmp_path, keys={"receipts": "${A_KEY}"})
    run(node)
    monkeypatch.setenv("A_KEY", os.urandom(32).hex())
    keys = open_keys(node.settings)
    ledger = open_ledger(node.settings)
    size = ledger.state().size
    ledger.close()
    keys.adopt(RECEIPTS, keys.newest(RECEIPTS), "2026-01-02T03:04:05.678Z", size)
    run(node)
    run(node)

    assert len(rotations(node)) == 1


def test_a_key_that_was_replaced_or_has_another_purpose_never_signs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = os.urandom(32).hex()
    node = Node(tmp_path, keys={"receipts": "${A_KEY}", "log": "${L_KEY}"})
    log = os.urandom(32).hex()
    monkeypatch.setenv("L_KEY", log)
    for seed in (old, os.urandom(32).hex()):
        monkeypatch.setenv("A_KEY", seed)
        run(node)
    for seed, told in ((old, "was replaced"), (log, "the purpose `log`")):
        monkeypatch.setenv("A_KEY", seed)
        with pytest.raises(LedgerError, match=told):
            run(node)
    assert is_whole(node)


def test_a_changed_file_is_found_while_running_and_a_spoilt_one_changes_nothing(
    tmp_path: Path,
) -> None:
    path = tmp_path / "receipts.seed"
    path.write_text(os.urandom(32).hex())
    path.chmod(0o600)
    node = Node(tmp_path / "data", keys={"receipts": f"file:{path}"})
    with node.sequencer() as running:
        running.step()
        path.write_text("half a k")
        node.clock.advance(61)
        node.write(make_payload())
        assert running.step()
        fresh = os.urandom(32)
        path.write_text(fresh.hex())
        node.clock.advance(61)
        node.write(make_payload())
        running.step()
        node.write(make_payload(), worker="1")
        running.step()

    (told,) = rotations(node)
    assert told["new"] == key_id_of(SigningKey(fresh).public_key)
    assert documents(node)[-1]["signature"]["key_version"] == told["new"]
    assert is_whole(node)


def test_a_rotation_that_is_asked_for_is_refused_where_the_key_is_not_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("A_KEY", os.urandom(32).hex())
    node = Node(tmp_path, keys={"receipts": "${A_KEY}"})
    node.write(make_control("rotate_key", purpose="receipts", reason="yearly"))
    node.settle()

    (told,) = [d["detail"] for d in documents(node) if d.get("kind") == "audit"]
    assert (told["action"], told["outcome"]) == ("keys.rotate", "refused")
    assert "ledger.keys.receipts" in told["cause"]


# -- Vault ----------------------------------------------------------------------------------------


def test_vault_signs_a_batch_with_one_request_for_receipts_and_one_for_the_log(
    node: Node, vault: TransitServer
) -> None:
    with node.sequencer() as running:
        running.step()
        vault.batches.clear()
        node.write(*(make_payload() for _ in range(50)))
        entries = running.step()
        assert vault.batches == [entries, 1]

    assert len(documents(node)) >= 50
    assert is_whole(node)
    assert [k.public_key for k in open_keys(node.settings).public_keys()] == [
        vault.public_key("receipts"), vault.public_key("log"),
    ]  # fmt: skip
    assert not list((node.folder / "keys").glob("*.key"))


def test_receipts_wait_in_journals_while_vault_is_away(node: Node, vault: TransitServer) -> None:
    vault.down = True
    with pytest.raises(LedgerAwayError, match="Vault is sealed"), node.sequencer():
        pass
    vault.down = False
    with node.sequencer() as running:
        running.step()
        size = running.size
        node.write(*(make_payload() for _ in range(20)))
        vault.down = True
        for _ in range(3):
            with pytest.raises(LedgerAwayError, match="Vault is sealed"):
                running.step()
        assert running.size == size
        assert running.waiting_bytes()
        vault.down = False
        assert running.step() == 21

    found = documents(node)
    assert len([d for d in found if "kind" not in d]) == 20
    assert is_whole(node)


def test_an_outage_does_not_lose_the_record_of_an_expiry(node: Node, vault: TransitServer) -> None:
    run(node)
    data = node.settings.model_dump()
    data["ledger"]["retention_days"] = {"default": 1}
    node.settings = type(node.settings).model_validate(data)
    node.clock.advance(86_400 * 10_000)
    with node.sequencer() as running:
        vault.down = True
        with pytest.raises(LedgerAwayError):
            running.step()
        vault.down = False
        running.step()
        running.step()
    ledger = open_ledger(node.settings)
    told = ledger.page(Filter(kinds=("erased",)))
    ledger.close()
    assert len(told) == 1


def test_a_vault_that_nobody_reaches_is_away(tmp_path: Path, vault: TransitServer) -> None:
    node = vault_node(tmp_path, vault, address="http://127.0.0.1:1")
    with pytest.raises(LedgerAwayError, match="Vault cannot be asked"), node.sequencer():
        pass


def test_an_item_that_vault_does_not_sign_fails_the_batch(node: Node, vault: TransitServer) -> None:
    with node.sequencer() as running:
        running.step()
        size = running.size
        node.write(make_payload(), make_payload())
        for item in (0, 1):
            vault.refuses_item = item
            with pytest.raises(LedgerAwayError, match="does not sign: internal error"):
                running.step()
        assert running.size == size
        vault.refuses_item = -1
        running.step()
    assert is_whole(node)


def test_a_wrong_signature_stops_all_signing(node: Node, vault: TransitServer) -> None:
    with node.sequencer() as running:
        running.step()
        size = running.size
        vault.lies = True
        node.write(make_payload())
        with pytest.raises(QuarantineError, match="a signature that is wrong"):
            running.step()
        assert running.size == size
        vault.lies = False
        running.step()
    assert len([d for d in documents(node) if "kind" not in d]) == 1
    assert is_whole(node)


def test_a_new_version_takes_over_with_a_record_signed_by_the_old_one(
    node: Node, vault: TransitServer
) -> None:
    with node.sequencer() as running:
        running.step()
        vault.rotate("receipts")
        vault.rotate("log")
        node.write(make_payload())
        running.step()
        node.clock.advance(61)
        running.step()
        node.write(make_payload(), worker="1")
        running.step()
    vault.rotate("receipts")
    run(node)

    told = rotations(node)
    assert [each["purpose"] for each in told] == [RECEIPTS, LOG, RECEIPTS]
    versions = [key_id_of(vault.public_key("receipts", v)) for v in range(3)]
    assert [(t["old"], t["new"]) for t in told if t["purpose"] == RECEIPTS] == [
        (versions[0], versions[1]), (versions[1], versions[2]),
    ]  # fmt: skip
    assert is_whole(node)


def test_a_new_version_that_is_found_in_an_outage_takes_over_after_it(
    node: Node, vault: TransitServer
) -> None:
    with node.sequencer() as running:
        running.step()
        vault.rotate("receipts")
        vault.refuses_item = 0
        node.clock.advance(61)
        for _ in range(2):
            with pytest.raises(LedgerAwayError):
                running.step()
        vault.refuses_item = -1
        running.step()
        node.write(make_payload())
        running.step()
    (told,) = rotations(node)
    assert told["new"] == key_id_of(vault.public_key("receipts"))
    assert documents(node)[-1]["signature"]["key_version"] == told["new"]
    assert is_whole(node)


def test_the_admin_port_signs_with_the_version_in_force(node: Node, vault: TransitServer) -> None:
    run(node)
    vault.rotate("receipts")
    signer = open_keys(node.settings).signer(RECEIPTS)
    assert signer.public_key == vault.public_key("receipts", 0)
    assert verify(signer.public_key, b"an export", signer.sign(b"an export"))


def test_a_key_of_another_type_is_refused(node: Node, vault: TransitServer) -> None:
    vault.types["receipts"] = "rsa-2048"
    with pytest.raises(LedgerError, match="type=ed25519"), node.sequencer():
        pass


def test_a_key_or_a_right_that_is_missing_is_named(node: Node, vault: TransitServer) -> None:
    vault.tokens.clear()
    with pytest.raises(LedgerAwayError, match=r"permission denied.*update on sign/NAME"):
        run(node)
    vault.tokens.add("root-token")
    vault.keys.pop("log")
    with pytest.raises(LedgerAwayError, match=r"transit/keys/log: .*no such key"):
        run(node)


def test_a_token_that_was_signed_in_for_is_kept_and_replaced_when_refused(
    tmp_path: Path, vault: TransitServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROLE", "role")
    sign_in = {"method": "approle", "role_id": "${ROLE}", "secret_id": "${ROLE}"}
    node = vault_node(tmp_path, vault, **sign_in)
    with node.sequencer() as running:
        running.step()
        before = vault.signed_in
        node.write(make_payload())
        running.step()
        assert vault.signed_in == before
        vault.tokens.clear()
        node.write(make_payload(), worker="1")
        running.step()
        assert vault.signed_in > before
    assert is_whole(node)
