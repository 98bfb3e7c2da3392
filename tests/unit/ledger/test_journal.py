"""The journal of a worker and its reader: nothing lost, nothing twice, and damage is told."""

from __future__ import annotations

import asyncio
import fcntl
import os
import threading
from pathlib import Path

import pytest

from gateway.ledger.journal import ASYNC, BATCHED, STRICT, Journal, JournalFailedError
from gateway.ledger.tail import Item, Position, Tailer, decode_positions, encode_positions


def record(number: int, size: int = 0) -> bytes:
    return b'{"t":"exchange","ref":"%026d"%s}' % (number, b" " * size)


def payloads(items: list[Item]) -> list[bytes]:
    return [item.payload for item in items if item.kind == "record"]


def kinds(items: list[Item]) -> list[str]:
    return [item.kind for item in items if item.kind not in {"record", "began"}]


def segment(folder: Path) -> Path:
    (path,) = folder.glob("*.journal")
    return path


@pytest.mark.parametrize("durability", [STRICT, BATCHED, ASYNC])
def test_what_was_appended_is_read_once_and_in_order(tmp_path: Path, durability: str) -> None:
    journal = Journal(tmp_path, "0", durability, sync_interval_ms=1)
    for number in range(100):
        journal.append(record(number))
    journal.close()
    tailer = Tailer(tmp_path, {})

    items = tailer.read()
    tailer.committed()

    assert payloads(items) == [record(n) for n in range(100)]
    assert kinds(items) == ["gone"]
    assert tailer.read() == []
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("durability", [STRICT, BATCHED, ASYNC])
def test_records_taken_together_are_read_one_by_one(tmp_path: Path, durability: str) -> None:
    journal = Journal(tmp_path, "0", durability, sync_interval_ms=1)
    journal.append(record(0))
    journal.extend([])
    journal.extend([record(1)])
    journal.extend([record(n) for n in range(2, 50)])
    journal.close()

    items = Tailer(tmp_path, {}).read()

    assert payloads(items) == [record(n) for n in range(50)]
    assert journal.appended == 50
    assert kinds(items) == ["gone"]


def test_of_records_taken_together_all_are_written_or_none(tmp_path: Path) -> None:
    journal = Journal(tmp_path, "0")

    with pytest.raises(ValueError, match="over 1048576"):
        journal.extend([record(0), record(1, 1_048_576)])
    journal.append(record(2))

    assert payloads(Tailer(tmp_path, {}).read()) == [record(2)]
    journal.close()


def test_a_living_writer_is_followed(tmp_path: Path) -> None:
    journal = Journal(tmp_path, "0")
    tailer = Tailer(tmp_path, {})
    for number in range(3):
        journal.append(record(number))

        assert payloads(tailer.read()) == [record(number)]
        tailer.committed()

    assert segment(tmp_path).exists()
    journal.close()
    assert kinds(tailer.read()) == ["gone"]


def test_what_was_read_and_not_committed_is_read_again(tmp_path: Path) -> None:
    journal = Journal(tmp_path, "0")
    journal.append(record(1))
    tailer = Tailer(tmp_path, {})
    first = tailer.read()
    tailer.reset()

    assert tailer.read() == first
    again = Tailer(tmp_path, decode_positions(encode_positions(tailer.positions)))
    assert again.read() == []
    journal.close()


def test_segments_follow_each_other_and_go_when_they_are_read(tmp_path: Path) -> None:
    journal = Journal(tmp_path, "0", segment_bytes_max=300)
    for number in range(20):
        journal.append(record(number))
    names = sorted(p.name for p in tmp_path.iterdir())
    tailer = Tailer(tmp_path, {})

    items = tailer.read()
    tailer.committed()

    assert len(names) == 4
    assert payloads(items) == [record(n) for n in range(20)]
    assert [p.name for p in tmp_path.iterdir()] == names[-1:]
    journal.close()


def test_a_missing_segment_is_a_gap(tmp_path: Path) -> None:
    journal = Journal(tmp_path, "0", segment_bytes_max=300)
    for number in range(20):
        journal.append(record(number))
    journal.close()
    sorted(tmp_path.iterdir())[1].unlink()

    items = Tailer(tmp_path, {}).read()

    assert [(i.detail, i.amount) for i in items if i.kind == "gap"] == [
        ("segments are missing", 1),
        ("records are missing", 6),
    ]


def test_a_removed_journal_is_a_gap(tmp_path: Path) -> None:
    journal = Journal(tmp_path, "0")
    tailer = Tailer(tmp_path, {})
    tailer.read()
    tailer.committed()
    segment(tmp_path).unlink()

    assert kinds(tailer.read()) == ["gap", "gone"]
    journal.close()


def test_the_torn_tail_of_a_dead_writer_is_told_and_of_a_living_one_is_waited_for(
    tmp_path: Path,
) -> None:
    journal = Journal(tmp_path, "0")
    journal.append(record(1))
    path = segment(tmp_path)
    with path.open("ab") as file:
        file.write(b"\0\0\0\x50torn")
    tailer = Tailer(tmp_path, {})

    assert payloads(tailer.read()) == [record(1)]
    fcntl.flock(journal._descriptor, fcntl.LOCK_UN)  # as the kernel does when it is killed
    items = tailer.read()

    assert [(i.kind, i.amount) for i in items] == [("torn", 8), ("gone", 0)]
    journal.close()


def test_damage_in_the_middle_is_a_gap_and_the_rest_is_read(tmp_path: Path) -> None:
    journal = Journal(tmp_path, "0")
    for number in range(3):
        journal.append(record(number))
    path = segment(tmp_path)
    data = bytearray(path.read_bytes())
    data[data.index(record(1)) + 10] ^= 1
    path.write_bytes(data)
    journal.close()

    items = Tailer(tmp_path, {}).read()

    assert payloads(items) == [record(0), record(2)]
    assert kinds(items) == ["gap", "gone"]


async def test_strict_waits_for_the_disk_and_one_flush_serves_all(tmp_path: Path) -> None:
    journal = Journal(tmp_path, "0", STRICT)
    for number in range(10):
        journal.append(record(number))

    await asyncio.gather(*(journal.synced() for _ in range(10)))

    assert journal._synced == 10
    await journal.synced()
    await asyncio.to_thread(journal.close)


async def test_a_flush_that_fails_fails_everyone_who_waits_and_everything_after(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error of fsync is told once; the next one succeeds and means nothing."""
    told: list[str] = []
    journal = Journal(tmp_path, "0", STRICT, told.append)

    def fail(_descriptor: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fdatasync", fail)
    journal.append(record(1))

    with pytest.raises(JournalFailedError):
        await journal.synced()
    with pytest.raises(JournalFailedError):
        journal.append(record(2))
    with pytest.raises(JournalFailedError):
        await journal.synced()
    assert journal.state == "failed"
    assert len(told) == 1
    await asyncio.to_thread(journal.close)


def test_a_full_disk_fails_the_journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    journal = Journal(tmp_path, "0", BATCHED, told.append)
    write = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: write(fd, data[:5]))

    with pytest.raises(JournalFailedError, match="No space left"):
        journal.append(record(1))

    assert told == ["the journal cannot be written: No space left on device"]
    journal.close()
    assert [i.amount for i in Tailer(tmp_path, {}).read() if i.kind == "torn"] == [5]


def test_async_counts_and_tells_what_it_drops(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = threading.Event()
    sync = os.fdatasync

    def slow(descriptor: int) -> None:
        held.wait()
        sync(descriptor)

    monkeypatch.setattr(os, "fdatasync", slow)
    journal = Journal(tmp_path, "0", ASYNC, buffer_bytes_max=1000)
    for number in range(200):
        journal.append(record(number))
    held.set()
    journal.close()

    items = Tailer(tmp_path, {}).read()

    dropped = sum(item.amount for item in items if item.kind == "drop")
    assert dropped == journal.dropped > 0
    assert len(payloads(items)) == journal.appended == 200 - dropped
    assert "gap" not in kinds(items)


def test_erasing_leaves_nothing_of_what_is_in_the_ledger(tmp_path: Path) -> None:
    journal = Journal(tmp_path, "0")
    journal.append(record(1))
    tailer = Tailer(tmp_path, {})
    tailer.read()
    tailer.committed()
    journal.append(record(2))

    tailer.erase_read()

    assert record(1) not in segment(tmp_path).read_bytes()
    assert payloads(tailer.read()) == [record(2)]
    journal.close()


def test_streams_of_several_workers_are_read_side_by_side(tmp_path: Path) -> None:
    journals = [Journal(tmp_path, str(n)) for n in range(3)]
    for number, journal in enumerate(journals):
        journal.append(record(number))
        journal.close()
    tailer = Tailer(tmp_path, {})

    assert {p[-4:-2] for p in payloads(tailer.read())} == {b"00", b"01", b"02"}
    assert all(at.done for at in tailer.positions.values())
    assert len(tailer.positions) == 3


def test_what_a_writer_left_before_its_first_record_is_removed(tmp_path: Path) -> None:
    (tmp_path / "0.aa.00000000.new").write_bytes(b"")
    tailer = Tailer(tmp_path, {"0.bb": Position(0, 5, 1, done=True)})

    tailer.clean()
    tailer.read()

    assert list(tmp_path.iterdir()) == []
    assert tailer.positions == {}
