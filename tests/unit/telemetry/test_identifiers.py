from __future__ import annotations

import re

from gateway.telemetry.identifiers import RequestIds


def test_ids_differ_within_and_between_workers() -> None:
    one, other = RequestIds(), RequestIds()
    ids = [one.next() for _ in range(3000)] + [other.next() for _ in range(3000)]

    assert len(set(ids)) == len(ids)
    assert all(re.fullmatch(r"[0-9a-hjkmnp-tv-z]{26}", each) for each in ids)


def test_ids_of_one_worker_sort_by_time() -> None:
    ids = RequestIds()
    made = [ids.next() for _ in range(3000)]

    assert made == sorted(made)
