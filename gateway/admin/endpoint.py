"""What one endpoint of the admin API is, and what it is called with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from gateway.admin.desk import LateDesk
from gateway.identity.identities import Identities
from gateway.identity.store import Actor

PAGE_LIMIT = 50
"""Records of one page where the caller does not say."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call of an endpoint whose caller may make it; runs in a thread.

    `desk` reads the ledger; None where none is kept. `record_id` is "" where the path names no
    record. `version` is what If-Match asks for. `query` holds `after`, `limit` and the filters of
    the endpoint, or its `queries`.
    """

    identities: Identities
    actor: Actor
    roles: frozenset[str]
    record_id: str
    form: Any
    query: dict[str, Any]
    version: int | None
    desk: LateDesk | None = None


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One row of the table that routes, documentation and tests are made from.

    `permission` is what the caller needs, "" where any valid credential does. `perform` gives a
    record, a page of records, or None. `form` is the model of the body, None where there is none
    to send. `answer` is the model of a record in the answer. `filters` are query parameters that
    compare a column; they come with paging. `queries` are parameters of an endpoint without
    pages. `ledger` endpoints run in the thread of the ledger.
    """

    method: str
    path: str
    action: str
    permission: str
    summary: str
    perform: Callable[[Call], Any]
    form: type[BaseModel] | None = None
    answer: type[BaseModel] | None = None
    status: int = 200
    paged: bool = False
    filters: tuple[str, ...] = ()
    conditional: bool = False
    queries: tuple[str, ...] = ()
    ledger: bool = False
