"""How a body is framed; who lets a held answer go, and that nobody does twice."""

from __future__ import annotations

import pytest

from gateway.plugin.evidence import BodyTrace, Evidence
from gateway.proxy.holding import FRAMED_APART_BYTES, let_go, write_body, write_last


class Connection:
    """Keeps what it is told to; `holds` says whether it can."""

    def __init__(self, *, holds: bool) -> None:
        self.holds = holds
        self.calls: list[str] = []

    def hold(self, data: bytes) -> bool:
        if self.holds:
            self.calls.append(f"hold {data.decode()}")
        return self.holds

    def write(self, data: bytes) -> None:
        self.calls.append(f"write {data.decode()}")

    def release(self) -> None:
        self.calls.append("release")


def note(trace: BodyTrace, data: bytes) -> None:
    """Nothing is flushed in these tests."""
    raise AssertionError(trace.label, data)


def evidence(*, gathers: bool) -> Evidence:
    made = Evidence("ref", b"", note)
    made.gathers = gathers
    return made


@pytest.mark.parametrize("size", [1, FRAMED_APART_BYTES - 1, FRAMED_APART_BYTES, 8_388_608])
def test_a_part_of_a_body_is_one_chunk_of_whatever_size(size: int) -> None:
    apart, whole = Connection(holds=False), Connection(holds=False)

    write_body(apart, b"x" * size, chunked=True)  # type: ignore[arg-type]  # what it uses is there
    write_body(whole, b"x" * size, chunked=False)  # type: ignore[arg-type]  # what it uses is there

    wire = "".join(call.removeprefix("write ") for call in apart.calls)
    assert wire == f"{size:x}\r\n{'x' * size}\r\n"
    assert whole.calls == [f"write {'x' * size}"]


def test_an_answer_without_evidence_or_gathering_is_written() -> None:
    for known in (None, evidence(gathers=False)):
        connection = Connection(holds=True)
        write_last(known, connection, b"x")  # type: ignore[arg-type]  # all that is asked of one
        assert connection.calls == ["write x"]


def test_a_connection_that_cannot_hold_is_written_to() -> None:
    connection, known = Connection(holds=False), evidence(gathers=True)
    write_last(known, connection, b"x")  # type: ignore[arg-type]  # all that is asked of one
    let_go(known)

    assert connection.calls == ["write x"]


def test_what_no_step_takes_on_is_let_go_once() -> None:
    connection, known = Connection(holds=True), evidence(gathers=True)
    write_last(known, connection, b"x")  # type: ignore[arg-type]  # all that is asked of one
    let_go(known)
    let_go(known)

    assert connection.calls == ["hold x", "release"]
    assert known.held is None


def test_what_a_step_takes_on_is_its_own() -> None:
    connection, known = Connection(holds=True), evidence(gathers=True)
    write_last(known, connection, b"x")  # type: ignore[arg-type]  # all that is asked of one
    known.due = True
    let_go(known)

    assert connection.calls == ["hold x"]
    assert known.held is connection
