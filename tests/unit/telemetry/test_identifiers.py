from __future__ import annotations

import re

import pytest

from gateway.telemetry.identifiers import RequestIds, loggable_id


def test_ids_differ_within_and_between_workers() -> None:
    one, other = RequestIds(), RequestIds()
    ids = [one.next() for _ in range(3000)] + [other.next() for _ in range(3000)]

    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"[0-9a-hjkmnp-tv-z]{26}", each) for each in ids)


def test_ids_of_one_worker_sort_by_time() -> None:
    ids = RequestIds()
    made = [ids.next() for _ in range(3000)]

    assert made == sorted(made)


@pytest.mark.parametrize(
    ("value", "kept"),
    [
        (b"req-1_2.3:4", "req-1_2.3:4"),
        (b"x" * 128, "x" * 128),
        (b"x" * 129, ""),
        (b"", ""),
        (None, ""),
        (b"two words", ""),
        (b"tab\there", ""),
        (b"caf\xe9", ""),
    ],
)
def test_a_clients_id_is_kept_where_a_log_can_hold_it(value: bytes | None, kept: str) -> None:
    assert loggable_id(value) == kept
