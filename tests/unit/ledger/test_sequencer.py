"""From journals to a signed log: chains, counts, losses, requests; nothing twice or silent."""

from __future__ import annotations

import fcntl
from pathlib import Path
from typing import Any

import orjson
import pytest

from gateway.ledger.bodies import unpack
from gateway.ledger.folder import open_journal
from gateway.ledger.opening import SequencerRunsError, open_keys, open_ledger, open_subject_keys
from gateway.ledger.scheduling import BREATH_ENTRIES
from gateway.ledger.store import Filter, Record
from gateway.receipts.commitment import ENTRY_LABEL, salt
from gateway.receipts.ed25519 import verify
from gateway.receipts.keys import RECEIPTS
from gateway.receipts.merkle import entry
from gateway.receipts.note import open_checkpoint
from gateway.receipts.receipt import Forms, signed_bytes
from tests.ledger_drafts import Node, make_control, make_draft, make_payload, make_ref


def records(node: Node) -> list[Record]:
    ledger = open_ledger(node.settings)
    try:
        return ledger.page(Filter(limit=10_000))
    finally:
        ledger.close()


def document(node: Node, record: Record) -> dict[str, Any]:
    """The receipt or record, after its entry in the log was recomputed."""
    ledger, subjects = open_ledger(node.settings), open_subject_keys(node.settings)
    try:
        body = ledger.bodies([record.log_index])[record.log_index]
        opened = unpack(body, subjects.key(record.subject))
    finally:
        ledger.close()
        subjects.close()
    assert entry(salt(opened.secret, ENTRY_LABEL), opened.receipt) == record.entry
    found: dict[str, Any] = orjson.loads(opened.receipt)
    return found


AROUND = {"heartbeat", "worker_start"}
"""What the sequencer adds by itself."""


def kinds(node: Node) -> list[str]:
    return [record.kind for record in records(node) if record.kind not in AROUND]


def test_each_exchange_becomes_a_signed_receipt_in_its_tenants_chain(node: Node) -> None:
    tenants = ["acme", "beta", "acme", "acme", "beta"]
    node.write(*(make_payload(draft=make_draft(tenant)) for tenant in tenants))
    node.settle()

    key = open_keys(node.settings).signer(RECEIPTS).public_key
    found = [record for record in records(node) if record.kind == "exchange"]
    assert [(r.tenant, r.seq) for r in found] == [
        ("acme", 1), ("beta", 1), ("acme", 2), ("acme", 3), ("beta", 2),
    ]  # fmt: skip
    previous: dict[str, str] = {}
    for record in found:
        receipt = document(node, record)
        forms = Forms(receipt, receipt["chain"])
        assert receipt["id"] == forms.id == record.receipt_id.hex()
        assert receipt["chain"]["chain_hash"] == forms.chain_hash == record.chain_hash.hex()
        assert receipt["chain"]["previous_hash"] == previous.get(record.tenant, "GENESIS")
        previous[record.tenant] = receipt["chain"]["chain_hash"]
        assert receipt["metadata"]["sealgate"]["log"]["index"] == record.log_index
        signature = bytes.fromhex(receipt["signature"]["value"])
        assert verify(key, signed_bytes(receipt), signature)


def test_the_checkpoint_is_signed_by_the_logs_own_key_and_published(node: Node) -> None:
    node.write(make_payload())
    size = node.settle()

    keys = open_keys(node.settings)
    note = (node.folder / "log" / "checkpoint").read_text()
    checkpoint = open_checkpoint(note, keys.ring().log_keys(keys.origin))
    assert (checkpoint.origin, checkpoint.size) == (keys.origin, size)
    assert (node.folder / "checkpoint").read_text() == note


def test_a_journal_that_is_read_again_doubles_nothing(node: Node) -> None:
    payloads = [make_payload(ref=make_ref(n)) for n in range(5)]
    node.write(*payloads)
    node.settle()
    node.write(*payloads, make_payload(ref=make_ref(9)), make_payload(ref=make_ref(9)))
    node.settle()

    refs = [record.ref for record in records(node) if record.kind == "exchange"]
    assert refs == [*map(make_ref, range(5)), make_ref(9)]


def test_opened_is_the_sum_of_closed_interrupted_and_dropped(node: Node) -> None:
    refs = [make_ref() for _ in range(4)]
    journal = open_journal(node.settings, "0", "strict")
    for ref in refs:
        journal.append(make_payload("opened", ref))
    journal.append(make_payload("exchange", refs[0]))
    with node.sequencer() as running:
        running.step()
        assert running.open_count == 3
        journal.append(make_payload("exchange", refs[1]))
        journal.append(make_payload())
        running.step()
        fcntl.flock(journal._descriptor, fcntl.LOCK_UN)  # as the kernel does after kill -9
        running.step()
        counters = running.counters

    assert counters._asdict() == {
        "opened": 5, "closed": 3, "interrupted": 2, "dropped": 0, "gaps": 0,
    }  # fmt: skip
    cut = [record for record in records(node) if record.kind == "interrupted"]
    assert {record.ref for record in cut} == set(refs[2:])
    stream = document(node, cut[0])["metadata"]["sealgate"]["stream"]
    assert stream["outcome"] == "gateway_crash"
    journal.close()


def test_an_exchange_that_was_open_over_a_restart_is_closed_or_interrupted(node: Node) -> None:
    closed, cut = make_ref(), make_ref()
    journal = open_journal(node.settings, "0", "strict")
    for ref in (closed, cut):
        journal.append(make_payload("opened", ref, subject="someone"))
    with node.sequencer() as running:
        running.step()
    journal.append(make_payload("exchange", closed))
    journal.close()
    node.settle()

    assert {r.ref: r.kind for r in records(node) if r.kind not in AROUND} == {
        closed: "exchange",
        cut: "interrupted",
    }


def test_what_is_no_draft_is_a_gap_and_costs_nobody_else_anything(node: Node) -> None:
    node.write(
        make_payload(),
        b'{"t":"exchange","ref":"x"}',
        b'{"t":"what","ref":"y","draft":{},"private":{}}',
        b'{"t":"exchange"} not json',
        make_control("unheard_of"),
        make_payload(draft={**make_draft(), "surplus": 1}),
        make_payload(draft=make_draft(ratio=0.5)),
        make_payload(draft=make_draft(status=99_999)),
        make_payload(draft=make_draft(tenant="nul\0")),
        make_payload(),
    )
    node.settle()

    assert kinds(node) == ["exchange", *["gap"] * 8, "exchange"]


def test_drops_of_the_journal_are_signed_and_counted(node: Node) -> None:
    node.write(b'{"t":"drop","count":7}', make_payload())
    with node.sequencer() as running:
        running.step()
        assert running.counters.dropped == 7
        assert running.counters.opened == 8

    dropped = next(record for record in records(node) if record.kind == "drop")
    assert document(node, dropped)["detail"]["count"] == 7


def test_control_records_of_others_stand_in_the_same_log(node: Node) -> None:
    node.write(
        make_control("policy_loaded", digest="d", policies=["p.yaml"]),
        make_control("audit", actor="admin", action="receipts.read", tenant="acme", outcome="done"),
        make_payload(),
    )
    node.settle()

    assert kinds(node) == ["policy_loaded", "audit", "exchange"]
    assert [r.tenant for r in records(node) if r.kind == "audit"] == ["acme"]


def test_each_worker_that_starts_is_told_once(node: Node) -> None:
    journal = open_journal(node.settings, "7", "batched")
    node.write(make_payload(), worker="request-1")
    node.settle()
    journal.append(make_payload())
    journal.close()
    node.settle()

    started = [record for record in records(node) if record.kind == "worker_start"]
    assert [document(node, record)["detail"]["worker"][:2] for record in started] == ["7."]


def test_heartbeats_come_when_they_are_due(node: Node) -> None:
    with node.sequencer() as running:
        assert [running.step() for _ in range(3)] == [1, 0, 0]
        node.clock.advance(3600)
        assert [running.step() for _ in range(3)] == [1, 0, 0]


def test_clocks_that_jump_change_times_and_nothing_else(node: Node) -> None:
    with node.sequencer() as running:
        for jump_s in (86_400, -172_800, 0):
            node.clock.wall += jump_s * 1000
            node.write(make_payload())
            running.step()
    assert node.settle() == 8
    assert kinds(node) == ["exchange"] * 3


def test_two_sequencers_of_one_folder_are_refused(node: Node) -> None:
    with node.sequencer(), pytest.raises(SequencerRunsError, match="runs on"), node.sequencer():
        pass


def test_a_rotated_key_signs_from_the_next_batch_on_and_the_old_one_stays_known(
    node: Node,
) -> None:
    node.write(make_payload(), make_control("rotate_key", purpose="receipts", reason="yearly"))
    node.settle()
    node.write(make_control("rotate_key", purpose="log", reason="yearly"))
    node.settle()
    node.write(make_payload())
    node.settle()

    public = open_keys(node.settings).public_keys()
    assert [key.purpose for key in public] == ["receipts", "log", "receipts", "log"]
    for record in records(node):
        found = document(node, record)
        ours = found.get("metadata", {}).get("sealgate") or found
        (key,) = [k for k in public if k.key_id == ours["key_id"]]
        assert key.fault_at(record.log_index) is None
        signature = bytes.fromhex(found["signature"]["value"])
        assert verify(key.public_key, signed_bytes(found), signature)


def test_the_log_goes_on_over_many_restarts(node: Node) -> None:
    for number in range(6):
        node.write(*(make_payload() for _ in range(100 * number)))
        node.settle()

    found = records(node)
    assert [record.log_index for record in found] == list(range(len(found)))
    assert [r.seq for r in found if r.seq] == list(range(1, 1501))
    assert list(Path(node.folder / "journal").iterdir()) == []


def test_others_are_let_run_unless_it_is_behind(
    node: Node, monkeypatch: pytest.MonkeyPatch
) -> None:
    node.write(*(make_payload() for _ in range(40)))
    node.settle()
    with_little = node.clock.breaths

    monkeypatch.setattr("gateway.ledger.sequencer.BEHIND_BYTES", 1_000)
    node.write(*(make_payload() for _ in range(40)))
    node.settle()

    assert with_little >= 40 // BREATH_ENTRIES
    assert node.clock.breaths == with_little
