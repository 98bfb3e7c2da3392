"""Both databases of a ledger as a test handles them: changed by hand, put aside, and put back."""

from __future__ import annotations

import contextlib
import shutil
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

import pytest

from gateway.ledger.opening import open_ledger
from tests.ledger_drafts import Node
from tests.postgres_server import PostgresServer

DSN_VARIABLE = "LEDGER_DSN"
OWNER_VARIABLE = "LEDGER_OWNER"
REGISTRY = "sealgate_logs"


class Store(Protocol):
    """One kind of database."""

    zeros: str
    """32 zero bytes in its words."""

    def node(self, folder: Path, **ledger: object) -> Node:
        """A node whose ledger is in it."""

    def change(self, node: Node, *statements: str) -> None:
        """Does what no gateway would."""

    def save(self, node: Node) -> Path:
        """A backup made with the database's own tools."""

    def restore(self, node: Node, saved: Path) -> None:
        """Puts the database back as it was then; no other file of the node changes."""

    def empty(self, node: Node) -> None:
        """Takes the whole database away."""


class Sqlite:
    """Files in the folder of the node."""

    zeros = "zeroblob(32)"

    def node(self, folder: Path, **ledger: object) -> Node:
        return Node(folder, **ledger)

    def change(self, node: Node, *statements: str) -> None:
        connection = sqlite3.connect(node.folder / "ledger.db")
        with contextlib.closing(connection), connection:
            for statement in statements:
                connection.execute(statement)

    def save(self, node: Node) -> Path:
        saved = _saved(node, "db")
        source, target = sqlite3.connect(node.folder / "ledger.db"), sqlite3.connect(saved)
        with contextlib.closing(source), contextlib.closing(target):
            source.backup(target)
        return saved

    def restore(self, node: Node, saved: Path) -> None:
        self.empty(node)
        shutil.copy(saved, node.folder / "ledger.db")

    def empty(self, node: Node) -> None:
        for path in node.folder.glob("ledger.db*"):
            path.unlink()


class Postgres:
    """A schema in a server."""

    zeros = "decode(repeat('00', 32), 'hex')"

    def __init__(self, server: PostgresServer) -> None:
        self.server = server

    def node(self, folder: Path, **ledger: object) -> Node:
        values: dict[str, object] = {
            "store": "postgres",
            "dsn": f"${{{DSN_VARIABLE}}}",
            "maintenance_dsn": f"${{{OWNER_VARIABLE}}}",
        }
        return Node(folder, **{**values, **ledger})

    def change(self, node: Node, *statements: str) -> None:
        for statement in statements:
            self.server.sql(f"SET search_path = {schema_of(node)}; {statement}")

    def save(self, node: Node) -> Path:
        saved = _saved(node, "sql")
        saved.write_text(self.server.dump(schema_of(node)), encoding="utf-8")
        return saved

    def restore(self, node: Node, saved: Path) -> None:
        self.server.sql(f"DROP SCHEMA {schema_of(node)} CASCADE")
        self.server.load(saved.read_text(encoding="utf-8"))

    def empty(self, node: Node) -> None:
        schema = schema_of(node)
        self.server.sql(f"DELETE FROM public.{REGISTRY} WHERE schema = '{schema}'")  # noqa: S608  # a name that the gateway made
        self.server.sql(f"DROP SCHEMA {schema} CASCADE")


@contextlib.contextmanager
def postgres_store(server: PostgresServer) -> Iterator[Postgres]:
    """The store with the variables that its nodes read their connections from."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(DSN_VARIABLE, server.dsn("writer"))
        patch.setenv(OWNER_VARIABLE, server.dsn("owner"))
        yield Postgres(server)


def schema_of(node: Node) -> str:
    """Where PostgreSQL has the log of a node."""
    ledger = open_ledger(node.settings)
    try:
        return str(ledger.schema)  # type: ignore[attr-defined]  # PostgresLedger's
    finally:
        ledger.close()


def _saved(node: Node, suffix: str) -> Path:
    folder = node.folder.parent
    return folder / f"saved-{len(list(folder.glob('saved-*')))}.{suffix}"
