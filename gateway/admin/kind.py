"""The endpoints that each kind of record has alike: list, create, look at, change, delete."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pydantic import BaseModel

from gateway.admin.endpoint import Call, Endpoint
from gateway.identity.identities import Identities


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of record: its name in paths, its permissions, its store, and how it is shown.

    `area` is what its permissions begin with: reading needs `.read`, all else `.write`.
    """

    path: str
    area: str
    store: Callable[[Identities], Any]
    answer: type[BaseModel]

    def list(self, summary: str, *filters: str) -> Endpoint:
        """Pages of them, narrowed by columns."""
        return Endpoint(
            *("GET", f"/api/{self.path}", self._action("list"), f"{self.area}.read", summary),
            lambda c: self.store(c.identities).page(c.actor, **c.query),
            answer=self.answer,
            paged=True,
            filters=filters,
        )

    def create(
        self, summary: str, form: type[BaseModel], answer: type[BaseModel] | None = None
    ) -> Endpoint:
        """A new one; `answer` where it shows more this once than ever again."""

        def make(call: Call) -> Any:
            store = self.store(call.identities)
            return (store.make if answer is None else store.issue)(call.actor, call.form)

        return Endpoint(
            *("POST", f"/api/{self.path}", self._action("create"), f"{self.area}.write", summary),
            make,
            form=form,
            answer=answer or self.answer,
            status=201,
        )

    def read(self, summary: str) -> Endpoint:
        """One of them."""
        return Endpoint(
            *("GET", self._one, self._action("read"), f"{self.area}.read", summary),
            lambda c: self.store(c.identities).get(c.actor, c.record_id),
            answer=self.answer,
        )

    def change(self, summary: str, form: type[BaseModel]) -> Endpoint:
        """Members of one changed."""
        return Endpoint(
            *("PATCH", self._one, self._action("change"), f"{self.area}.write", summary),
            lambda c: self.store(c.identities).change(
                c.actor, c.record_id, c.form, version=c.version
            ),
            form=form,
            answer=self.answer,
            conditional=True,
        )

    def delete(self, summary: str) -> Endpoint:
        """One removed."""
        return Endpoint(
            *("DELETE", self._one, self._action("delete"), f"{self.area}.write", summary),
            lambda c: self.store(c.identities).remove(c.actor, c.record_id, version=c.version),
            status=204,
            conditional=True,
        )

    @property
    def _one(self) -> str:
        return f"/api/{self.path}/{{id}}"

    def _action(self, verb: str) -> str:
        return f"{self.path.replace('-', '_')}.{verb}"
