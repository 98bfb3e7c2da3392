"""A node with an empty ledger, in each database: one suite holds both to the same promises."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.ledger_drafts import Node
from tests.postgres_server import PostgresServer, needs_postgres, running_postgres

STORES = ["sqlite", pytest.param("postgres", marks=needs_postgres)]


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    with running_postgres() as server:
        yield server


@pytest.fixture(params=STORES)
def node(tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Node:
    """A node of its own log; logs of several tests share the PostgreSQL server."""
    if request.param == "sqlite":
        return Node(tmp_path)
    return postgres_node(tmp_path, request.getfixturevalue("postgres"), monkeypatch)


def postgres_node(
    folder: Path, server: PostgresServer, monkeypatch: pytest.MonkeyPatch, **ledger: object
) -> Node:
    monkeypatch.setenv("LEDGER_DSN", server.dsn("writer"))
    monkeypatch.setenv("LEDGER_OWNER", server.dsn("owner"))
    return Node(
        folder,
        store="postgres",
        dsn="${LEDGER_DSN}",
        maintenance_dsn="${LEDGER_OWNER}",
        **ledger,
    )
