"""kill -9 at any time, of writers, of the sequencer, of all: nothing told is lost, nothing forks.

SEALGATE_STORM_ROUNDS sets the number of kills (8 here).
"""

from __future__ import annotations

import contextlib
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gateway.ledger.opening import open_ledger
from gateway.ledger.overview import check_all
from gateway.ledger.store import Filter
from tests.ledger_drafts import Node
from tests.project.tree import ROOT

ROUNDS = int(os.environ.get("SEALGATE_STORM_ROUNDS", "8"))
WRITERS = 3
SEQUENCER = "from gateway.ledger.process import main; import sys; sys.exit(main())"


def wait_for(condition: Callable[[], bool], timeout_s: float = 60.0) -> None:
    pause = threading.Event()
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline
        pause.wait(0.002)


class Storm:
    """The processes of one node, and what clients were told."""

    def __init__(self, folder: Path, seed: int) -> None:
        self.node = Node(folder)
        self.random = random.Random(seed)  # noqa: S311  # a seed makes a run repeatable
        self.accepted = folder / "accepted"
        self.accepted.touch()
        self._writers: list[subprocess.Popen[bytes]] = []
        self._sequencer: subprocess.Popen[bytes] | None = None

    def start_missing(self) -> None:
        data_dir = str(self.node.settings.data_dir)
        while len(self._writers) < WRITERS:
            command = [sys.executable, "-m", "tests.ledger_writer", data_dir, str(self.accepted)]
            self._writers.append(subprocess.Popen(command, cwd=ROOT))
        if self._sequencer is None:
            self._sequencer = subprocess.Popen(
                [sys.executable, "-c", SEQUENCER],
                cwd=ROOT,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
            )
            assert self._sequencer.stdin is not None
            self._sequencer.stdin.write(self.node.settings.model_dump_json().encode() + b"\n")
            self._sequencer.stdin.flush()

    def strike(self) -> None:
        """Kills after some more exchanges: writers, the sequencer, or everything."""
        before = self.accepted.stat().st_size
        more = self.random.randrange(1, 200) * 27
        wait_for(lambda: self.accepted.stat().st_size >= before + more)
        whom = self.random.choice(["writer", "sequencer", "all"])
        if whom != "writer":
            self._kill_sequencer()
        for writer in self._writers[: {"writer": 1, "sequencer": 0, "all": WRITERS}[whom]]:
            _kill(writer)
            self._writers.remove(writer)

    def end(self) -> None:
        self._kill_sequencer()
        for writer in self._writers:
            _kill(writer)

    def _kill_sequencer(self) -> None:
        if self._sequencer is not None:
            _kill(self._sequencer)
            assert self._sequencer.stdin is not None
            with contextlib.suppress(BrokenPipeError):
                self._sequencer.stdin.close()
            self._sequencer = None


def _kill(process: subprocess.Popen[bytes]) -> None:
    process.kill()
    process.wait()


@pytest.fixture
def storm(tmp_path: Path) -> Iterator[Storm]:
    made = Storm(tmp_path, seed=4711)
    try:
        yield made
    finally:
        made.end()


@pytest.mark.timeout(120 + ROUNDS * 10)
def test_a_storm_of_kills_loses_doubles_and_forks_nothing(storm: Storm) -> None:
    for _ in range(ROUNDS):
        storm.start_missing()
        storm.strike()
    storm.end()
    storm.node.settle()

    report = check_all(storm.node.settings)
    assert report.ok, report.findings
    told = storm.accepted.read_text().split()
    assert len(told) > ROUNDS
    refs = refs_of(storm.node)
    assert len(refs) == len(set(refs))
    assert set(told) <= set(refs)
    with storm.node.sequencer() as running:
        counts = running.counters
    assert counts.opened == counts.closed + counts.interrupted + counts.dropped
    assert counts.opened == len(refs)
    assert counts.gaps == 0, "a killed process tears no frame"


def refs_of(node: Node) -> list[str]:
    ledger = open_ledger(node.settings)
    try:
        refs: list[str] = []
        after = -1
        while page := ledger.page(Filter(after=after, limit=10_000)):
            refs += [r.ref for r in page if r.kind in {"exchange", "interrupted"}]
            after = page[-1].log_index
        return refs
    finally:
        ledger.close()
