from __future__ import annotations

import os

from gateway.telemetry.lines import LINE_BYTES_MAX, LineWriter


def test_writes_whole_lines_in_order() -> None:
    receiver, sender = os.pipe()
    writer = LineWriter(sender)
    lines = [b"%d\n" % number for number in range(2000)]
    writer.append(lines)
    writer.close(5)
    os.close(sender)

    with os.fdopen(receiver, "rb") as stream:
        assert stream.readlines() == lines


def test_no_write_is_larger_than_what_a_pipe_takes_in_one_piece() -> None:
    """Else lines of two workers on one pipe could mix."""
    receiver, sender = os.pipe()
    writer = LineWriter(sender)
    writer.append([b"x" * 1500 + b"\n"] * 10)
    writer.close(5)
    os.close(sender)
    with os.fdopen(receiver, "rb", buffering=0) as stream:
        total = 0
        while part := stream.read(LINE_BYTES_MAX):
            total += len(part)
    assert total == 15_010


def test_drops_and_counts_when_nobody_reads() -> None:
    receiver, sender = os.pipe()
    writer = LineWriter(sender, bytes_max=10_000)
    lines = [b"x" * 999 + b"\n"] * 1000
    writer.append(lines)

    dropped = writer.dropped
    assert dropped > 0
    with os.fdopen(receiver, "rb") as stream:
        kept = [stream.readline() for _ in range(1000 - dropped)]
    writer.close(5)
    os.close(sender)
    assert kept == lines[: len(kept)]


def test_a_reader_that_went_away_costs_lines_and_nothing_else() -> None:
    receiver, sender = os.pipe()
    os.close(receiver)
    writer = LineWriter(sender)
    writer.append([b"lost\n", b"lost too\n"])
    writer.close(5)
    os.close(sender)

    assert writer.dropped == 2
