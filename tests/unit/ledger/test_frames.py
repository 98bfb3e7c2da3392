"""Frames: what was packed is read back, damage is told, and nothing else is believed."""

from __future__ import annotations

import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.ledger.frames import (
    HEADER_BYTES,
    NATIVE,
    PAYLOAD_BYTES_MAX,
    header_of,
    pack,
    scan,
)

RECORDS = st.lists(st.binary(max_size=60).map(lambda tail: b'{"t":"' + tail), max_size=8)


@given(st.binary(max_size=300) | st.integers(1_000, 1_100).map(lambda size: b"\xa5" * size))
def test_a_frame_is_length_checksum_and_payload(payload: bytes) -> None:
    assert pack(payload) == struct.pack(">II", len(payload), zlib.crc32(payload)) + payload
    assert header_of(payload) == pack(payload)[:HEADER_BYTES]


@pytest.mark.skipif(not NATIVE, reason="not compiled, or no instruction for CRC-32")
def test_the_native_form_takes_bytes_and_nothing_else() -> None:
    from gateway.ledger import _frames  # noqa: PLC0415  # only in a compiled build

    with pytest.raises(TypeError, match="is bytes"):
        _frames.header("text")  # type: ignore[arg-type]  # what it refuses


@given(RECORDS, st.data())
def test_frames_are_read_however_much_of_them_is_there(
    payloads: list[bytes], data: st.DataObject
) -> None:
    whole = b"".join(map(pack, payloads))
    cut = data.draw(st.integers(0, len(whole)))

    found = scan(whole[:cut], final=False)

    assert found.payloads == payloads[: len(found.payloads)]
    assert found.damaged == 0
    assert found.taken + found.waiting == cut
    assert scan(whole[found.taken :], final=True).payloads == payloads[len(found.payloads) :]


@given(RECORDS, st.data())
def test_a_write_that_was_cut_is_told_from_damage(
    payloads: list[bytes], data: st.DataObject
) -> None:
    """kill -9 within a write of several pages leaves the beginning of the frame."""
    whole = b"".join(map(pack, payloads))
    cut = data.draw(st.integers(0, len(whole)))

    found = scan(whole[:cut], final=True)

    assert found.damaged == 0
    assert found.torn == cut - sum(HEADER_BYTES + len(p) for p in found.payloads)


@given(RECORDS, st.data())
def test_a_changed_byte_costs_its_own_frame_and_is_told(
    payloads: list[bytes], data: st.DataObject
) -> None:
    payloads = [*payloads, b'{"t":"last"']
    whole = bytearray(b"".join(map(pack, payloads)))
    at = data.draw(st.integers(0, len(whole) - 1))
    whole[at] ^= data.draw(st.integers(1, 255))

    found = scan(bytes(whole), final=True)

    (missing,) = [p for n, p in enumerate(payloads) if _covers(payloads, n, at)]
    assert found.damaged + found.torn == HEADER_BYTES + len(missing)
    assert len(found.payloads) == len(payloads) - 1
    assert found.taken == len(whole)


def _covers(payloads: list[bytes], number: int, at: int) -> bool:
    start = sum(HEADER_BYTES + len(p) for p in payloads[:number])
    return start <= at < start + HEADER_BYTES + len(payloads[number])


@given(st.binary(max_size=300))
def test_noise_is_damage_and_never_a_record(noise: bytes) -> None:
    found = scan(noise, final=True)

    assert found.damaged + found.torn + sum(HEADER_BYTES + len(p) for p in found.payloads) == len(
        noise
    )
    assert found.waiting == 0


def test_zeros_behind_the_last_frame_are_damage_once_nobody_writes() -> None:
    """What a power failure leaves where the length of a file was kept and its content was not."""
    data = pack(b'{"t":"x"}') + bytes(100)

    assert scan(data, final=False) == ([b'{"t":"x"}'], 0, 17, 100, 0)
    assert scan(data, final=True) == ([b'{"t":"x"}'], 100, 117, 0, 0)


def test_a_record_over_the_limit_is_refused() -> None:
    with pytest.raises(ValueError, match="is over 1048576"):
        pack(bytes(PAYLOAD_BYTES_MAX + 1))
