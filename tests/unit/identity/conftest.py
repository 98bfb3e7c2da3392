"""A data folder with an identity of its own, and a clock that the test sets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gateway.identity.directory import StoredDirectory
from gateway.identity.forms import KeyForm
from gateway.identity.key_store import KeyStore
from gateway.identity.records import IssuedKey
from gateway.identity.store import Actor, Database

START_S = 1_700_000_000.0
EVERYWHERE = Actor("root")


class Clock:
    """Seconds since 1970 that pass when told to."""

    def __init__(self) -> None:
        self.now_s = START_S

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def database(tmp_path: Path, clock: Clock) -> Iterator[Database]:
    opened = Database(tmp_path, clock)
    yield opened
    opened.close()


@pytest.fixture
def keys(database: Database) -> KeyStore:
    return KeyStore(database)


@pytest.fixture
def issue(keys: KeyStore) -> Callable[..., IssuedKey]:
    """Makes a key; `members` are those of its form."""

    def make(**members: object) -> IssuedKey:
        return keys.issue(EVERYWHERE, KeyForm.model_validate({"subject": "ada", **members}))

    return make


@pytest.fixture
def directory(tmp_path: Path, clock: Clock, database: Database) -> StoredDirectory:
    """A worker's directory over `database`; `poll()` stands for the timer."""
    found = StoredDirectory(tmp_path, clock)
    found.poll()
    return found
