"""Orders to erase values that `dlp` put placeholders for; workers carry them out."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Final

from gateway.identity.database import transaction
from gateway.identity.forms import ErasureForm
from gateway.identity.keys import make_id
from gateway.identity.records import ErasureRecord, moment
from gateway.identity.store import Actor, ConflictError, Database, Table, TableStore
from gateway.identity.value_key import field_of

ORDERS_MAX: Final = 1_000
"""Of one tenant at once."""
KEPT_S: Final = 31 * 86_400
"""An order is kept for longer than any value is: then nothing can be left that it is about."""


class ErasureStore(TableStore[ErasureRecord]):
    """The orders of one database."""

    def __init__(
        self, database: Database, tenant_keys: Callable[[], Callable[[str], bytes]]
    ) -> None:
        """`tenant_keys` reads the secret of sealed values; asked where a value is to be erased."""
        self._tenant_keys = tenant_keys
        super().__init__(database, Table(database, "erasures", "erasure", _record))

    def make(self, actor: Actor, form: ErasureForm) -> ErasureRecord:
        """Erases what `form` names, as far as it was written until now.

        The value itself is not kept: only its keyed hash, under which the stores have it. Raises
        NotFoundError, ConflictError, ConfigError.
        """
        tenant, now = actor.tenant_for(form.tenant), self._db.wall()
        field = ""
        if form.value is not None:
            field = field_of(self._tenant_keys()(tenant), form.value.get_secret_value())
        erasure_id = make_id("era", now)
        values = {
            "id": erasure_id,
            "tenant": tenant,
            "conversation": form.conversation or "",
            "field": field,
            "ordered_at": int(now),
            "created_at": now,
            "created_by": actor.name,
        }
        with transaction(self._db.connection):
            self._db.check_tenant(tenant)
            self._db.connection.execute(
                "DELETE FROM erasures WHERE ordered_at < ?", (int(now) - KEPT_S,)
            )
            count = self._db.one("SELECT count(*) FROM erasures WHERE tenant = ?", tenant)
            if count is not None and count[0] >= ORDERS_MAX:
                raise ConflictError(
                    f"there are {ORDERS_MAX} erasures of this tenant already: erase all of its "
                    "values in one, or wait until old ones are forgotten"
                )
            self._table.insert(values, taken="the erasure could not be ordered")
            return self.get(actor, erasure_id)


def _record(row: sqlite3.Row) -> ErasureRecord:
    fields = dict(row)
    field = fields.pop("field")
    del fields["ordered_at"]
    fields["created_at"] = moment(fields["created_at"])
    fields["conversation"] = fields["conversation"] or None
    return ErasureRecord(**fields, one_value=bool(field))
