"""Streams of every dialect as they came and as they were sent on, with one name masked."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.recorded_streams import RECORDED, Recorded
from tests.stream_run import Recorder, masker, passed, portions_of

FOLDER = Path(__file__).with_name("streams")
STREAMS = pytest.mark.parametrize("recorded", RECORDED, ids=lambda r: r.name)


def golden(recorded: Recorded) -> tuple[bytes, bytes]:
    """What a provider sent, and what its client gets where `Alice` is masked."""
    received = FOLDER / f"{recorded.name}.received"
    return received.read_bytes(), received.with_suffix(".sent").read_bytes()


@STREAMS
@pytest.mark.parametrize("size", [1, 17, 1_000_000])
def test_an_edit_changes_its_texts_and_no_other_byte(recorded: Recorded, size: int) -> None:
    received, sent = golden(recorded)

    assert passed(recorded, portions_of(received, size), masker("Alice", "[name]")) == sent


@STREAMS
def test_what_nobody_edits_is_sent_as_it_came(recorded: Recorded) -> None:
    received, _ = golden(recorded)

    assert passed(recorded, portions_of(received, 17), Recorder().on_text) == received
