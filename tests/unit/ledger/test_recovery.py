"""Before the first signature: each way in which a ledger can have been changed has its verdict."""

from __future__ import annotations

import contextlib
import shutil

import pytest

from gateway.ledger.opening import open_ledger
from gateway.ledger.overview import acknowledge_restore, check_all
from gateway.ledger.recovery import QuarantineError
from gateway.ledger.store import Filter
from gateway.receipts.score import Alarm
from tests.ledger_drafts import Node, make_payload
from tests.ledger_stores import Store


def grow(node: Node, count: int) -> None:
    node.write(*(make_payload() for _ in range(count)))
    node.settle()


def roll_back(store: Store, node: Node, count: int) -> None:
    """The database as it was before `count` more exchanges; all other files as they are now."""
    saved = store.save(node)
    grow(node, count)
    store.restore(node, saved)


def size_of(node: Node) -> int:
    with contextlib.closing(open_ledger(node.settings)) as ledger:
        return ledger.state().size


def verdict(node: Node) -> str:
    with pytest.raises(QuarantineError) as caught, node.sequencer():
        pass
    assert (node.folder / "checkpoint").read_bytes() == before(node)
    return str(caught.value)


def before(node: Node) -> bytes:
    """What was signed last; a quarantine signs nothing."""
    return (node.folder / "checkpoint").read_bytes()


@pytest.mark.parametrize(
    ("statement", "said", "alarm"),
    [
        (
            "UPDATE records SET entry = {zeros} WHERE idx = 3",
            "root is not that of its",
            Alarm.CHAIN_FAILURE,
        ),
        ("UPDATE batches SET root = {zeros}", "root is not that of its", Alarm.CHAIN_FAILURE),
        ("DELETE FROM records WHERE idx = 3", "lacks entries", Alarm.CHAIN_FAILURE),
        (
            "UPDATE batches SET checkpoint = substr(checkpoint, 2)",
            "not signed by",
            Alarm.SIGNATURE_FAILURE,
        ),
    ],
)
def test_a_changed_database_is_damaged(
    store: Store, node: Node, statement: str, said: str, alarm: Alarm
) -> None:
    grow(node, 10)
    store.change(node, statement.format(zeros=store.zeros))

    with pytest.raises(QuarantineError, match=said) as caught, node.sequencer():
        pass
    assert caught.value.alarm is alarm
    assert not check_all(node.settings).ok if "DELETE" not in statement else True


def test_an_older_backup_is_a_rollback_until_it_is_acknowledged(store: Store, node: Node) -> None:
    grow(node, 5)
    roll_back(store, node, 3)
    size = size_of(node)

    assert "was rolled back" in verdict(node)
    with pytest.raises(QuarantineError) as caught, node.sequencer():
        pass
    assert caught.value.may_acknowledge
    assert caught.value.alarm is Alarm.ROLLBACK
    with pytest.raises(Exception, match=f"has {size} entries, not 99"):
        acknowledge_restore(node.settings, 99, "tester")
    acknowledge_restore(node.settings, size, "tester")
    grow(node, 1)

    ledger = open_ledger(node.settings)
    kinds = [
        r.kind for r in ledger.page(Filter(after=size - 1)) if r.kind in {"restored", "exchange"}
    ]
    ledger.close()
    assert kinds == ["restored", "exchange"]
    assert check_all(node.settings).ok


def test_an_acknowledgement_holds_for_one_database_only(store: Store, node: Node) -> None:
    grow(node, 5)
    roll_back(store, node, 3)
    acknowledge_restore(node.settings, size_of(node), "tester")
    grow(node, 3)
    roll_back(store, node, 2)

    assert "was rolled back" in verdict(node)


def test_an_emptied_database_is_a_rollback(store: Store, node: Node) -> None:
    grow(node, 5)
    store.empty(node)

    assert "was rolled back: the database has 0 entries" in verdict(node)


def test_another_history_of_the_same_length_is_a_fork(store: Store, node: Node) -> None:
    """Two machines that went on from one backup: the keys are the same, the entries are not."""
    grow(node, 5)
    saved = store.save(node)
    other = store.node(node.folder.parent / "other")
    shutil.copytree(node.folder, other.folder)
    grow(node, 3)
    store.restore(other, saved)
    grow(other, 4)
    store.restore(node, store.save(other))

    assert "is forked" in verdict(node)
    acknowledge_restore(node.settings, size_of(node), "tester")
    assert "is forked" in verdict(node)


def test_a_database_without_a_witness_is_not_believed(node: Node) -> None:
    grow(node, 5)
    (node.folder / "checkpoint").rename(node.folder / "gone")

    with pytest.raises(QuarantineError, match="no checkpoint outside of it") as caught:
        node.settle()
    assert caught.value.may_acknowledge


def test_a_checkpoint_of_another_key_is_not_believed(store: Store, node: Node) -> None:
    grow(node, 5)
    other = store.node(node.folder.parent / "other")
    grow(other, 5)
    shutil.copy(other.folder / "checkpoint", node.folder / "checkpoint")

    assert "is not signed by the key of this log" in verdict(node)


def test_lost_tiles_are_made_anew(node: Node) -> None:
    grow(node, 600)
    shutil.rmtree(node.folder / "log")
    assert not check_all(node.settings).ok
    grow(node, 1)

    assert check_all(node.settings).ok


def test_a_lost_signing_key_is_not_replaced_by_a_new_one(node: Node) -> None:
    grow(node, 1)
    (node.folder / "keys" / "receipts.key").unlink()

    with pytest.raises(Exception, match="restore it"):
        node.settle()


def test_a_key_that_others_can_read_is_refused(node: Node) -> None:
    grow(node, 1)
    (node.folder / "keys" / "receipts.key").chmod(0o644)

    with pytest.raises(Exception, match="chmod 600"):
        node.settle()
