"""A node with an empty ledger, in each database: one suite holds both to the same promises."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ledger_drafts import Node
from tests.ledger_stores import Sqlite, Store, postgres_store
from tests.postgres_server import PostgresServer, needs_postgres, running_postgres

STORES = ["sqlite", pytest.param("postgres", marks=needs_postgres)]


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    with running_postgres() as server:
        yield server


@pytest.fixture(params=STORES)
def store(request: pytest.FixtureRequest) -> Iterator[Store]:
    """Each database; logs of several tests share the PostgreSQL server."""
    if request.param == "sqlite":
        yield Sqlite()
        return
    with postgres_store(request.getfixturevalue("postgres")) as found:
        yield found


@pytest.fixture
def node(tmp_path: Path, store: Store) -> Node:
    """A node of its own log."""
    return store.node(tmp_path)
