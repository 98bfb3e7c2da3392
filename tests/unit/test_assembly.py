"""What can be tested without a process; the rest is in tests/integration/test_supervisor.py."""

from __future__ import annotations

import os

import pytest

from gateway.assembly import worker_count
from gateway.settings import Settings


@pytest.mark.parametrize("cores", [{0}, {0, 3, 5}])
def test_auto_is_one_worker_for_each_core_that_may_be_used(
    monkeypatch: pytest.MonkeyPatch, cores: set[int]
) -> None:
    """Not for each core of the machine: a container may have a few of many."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: cores)

    assert worker_count(Settings(workers="auto")) == len(cores)
    assert worker_count(Settings(workers=7)) == 7
