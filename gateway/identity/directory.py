"""What a worker knows of keys, roles and revocations: point look-ups, cached until a change.

SQLite tells a change that another process committed by `PRAGMA data_version` (a read of shared
memory, microseconds), asked four times a second. So a revocation holds on every worker a quarter
of a second later, whoever wrote it and whether or not the supervisor still runs.

Look-ups that miss the cache run on the worker's loop: they read a few pages that the kernel holds,
10 to 20 us, less than a way to a thread and back.
"""

from __future__ import annotations

import asyncio
import logging
import math
import os
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import orjson

from gateway.errors import ConfigError
from gateway.identity.database import DATABASE_FILE, open_reader
from gateway.identity.keys import (
    KEY_CHARACTERS,
    KEY_PREFIX,
    Hasher,
    is_well_formed,
    make_hasher,
    make_placer,
)
from gateway.identity.pepper import read_pepper
from gateway.identity.recent import Recent
from gateway.identity.roles import Role
from gateway.identity.uses import UseLog
from gateway.plugin.identity import Erasure, IdentityUnavailableError, Principal
from gateway.plugin.verdict import Reject
from gateway.reasons import Reason

POLL_S: Final = 0.25
KEYS_MAX: Final = 16_384
"""Keys a worker remembers (at most twice as many)."""
UNKNOWN_MAX: Final = 4_096
"""Unknown keys it remembers, apart from the others: guesses must not push out what is in use."""
REVOCATIONS_MAX: Final = 16_384
EVERY_TENANT: Final = "*"
"""The tenant of a revocation that holds for all of them."""

MALFORMED: Final = Reject(
    Reason.CREDENTIAL_INVALID, "The API key has not the form of a Sealgate key"
)
UNKNOWN: Final = Reject(Reason.CREDENTIAL_INVALID, "The API key is not known here")
EXPIRED: Final = Reject(Reason.CREDENTIAL_EXPIRED, "The API key has expired")
ROTATED: Final = Reject(Reason.CREDENTIAL_EXPIRED, "The API key was replaced by a newer one")
REVOKED: Final = Reject(Reason.CREDENTIAL_REVOKED, "The API key was revoked")
OWNER_REVOKED: Final = Reject(Reason.CREDENTIAL_REVOKED, "The owner of the API key was revoked")
TENANT_REVOKED: Final = Reject(
    Reason.CREDENTIAL_REVOKED, "The tenant of the API key is switched off"
)
UNAVAILABLE: Final = Reject(Reason.IDENTITY_UNAVAILABLE, "API keys cannot be checked at the moment")

_KEY: Final = """
SELECT k.id, k.tenant, k.subject, k.scopes, k.roles, k.models, k.limits, k.expires_at,
  k.revoked_at, s.created_at AS secret_at, s.valid_until, t.disabled
FROM secrets s JOIN keys k ON k.id = s.key JOIN tenants t ON t.id = k.tenant WHERE s.hash = ?
"""
_REVOKED: Final = """
SELECT max(ifnull(before, 9e999)) FROM revocations WHERE kind = ? AND name = ? AND tenant IN (?, ?)
"""
_ROLES_OF: Final = "SELECT role FROM bindings WHERE tenant = ? AND subject = ?"
_ERASURES: Final = "SELECT id, tenant, conversation, field, ordered_at FROM erasures ORDER BY id"
_ROLES: Final = "SELECT id, definition FROM roles"
_DISABLED: Final = "SELECT disabled FROM tenants WHERE id = ?"

_NEVER: Final = -math.inf

_Seen = tuple[int, int, int]
"""Device, inode and data version of the database; another one after every change."""

_log = logging.getLogger("sealgate.identity")


class _Known:
    """One key as it is in force; `refusal` is what to say from `until` on (seconds since 1970)."""

    __slots__ = ("principal", "refusal", "until")

    def __init__(self, principal: Principal, until: float, refusal: Reject) -> None:
        self.principal = principal
        self.until = until
        self.refusal = refusal


class StoredDirectory:
    """The `Directory` of one worker. Must be used on one thread, that of its loop.

    Where the database is absent, no key is known; where it cannot be read, every key is refused
    with `identity_unavailable`, those that were cached as well: a revocation could not be seen.
    """

    def __init__(self, data_dir: Path, wall: Callable[[], float]) -> None:
        """Opens nothing yet; see `start`. `wall` gives seconds since 1970."""
        self.generation = 1
        self._data_dir = data_dir
        self._path = data_dir / DATABASE_FILE
        self._wall = wall
        self._uses = UseLog(data_dir, wall)
        self._hash: Hasher | None = None
        self._place_of = make_placer()
        self._connection: sqlite3.Connection | None = None
        self._seen: _Seen | None = None
        self._healthy = True
        self._keys: Recent[bytes, _Known] = Recent(KEYS_MAX)
        self._refused: Recent[bytes, Reject] = Recent(UNKNOWN_MAX)
        self._revoked: Recent[tuple[str, str, str], float] = Recent(REVOCATIONS_MAX)
        self._roles_of: Recent[tuple[str, str], frozenset[str]] = Recent(KEYS_MAX)
        self._roles: Mapping[str, Role] | None = None
        self._erasures: Sequence[Erasure] | None = None
        self._timer: asyncio.TimerHandle | None = None

    # -- life -----------------------------------------------------------------------------------

    def start(self) -> None:
        """Reads what is there and looks for changes from now on, on the running loop."""
        self.poll()
        self._timer = asyncio.get_running_loop().call_later(POLL_S, self.start)

    async def close(self) -> None:
        """Stops looking for changes and writes the last uses of keys."""
        if self._timer is not None:
            self._timer.cancel()
        self._disconnect()
        await self._uses.close()

    def poll(self) -> None:
        """Drops what is cached if anything was changed since the last call."""
        try:
            seen = self._look()
        except (OSError, sqlite3.Error, ConfigError) as error:
            self._fail(error)
            return
        if seen != self._seen:
            self._seen = seen
            self._forget()
        if not self._healthy:
            self._healthy = True
            _log.info("identity can be read again")

    # -- what plugins ask -----------------------------------------------------------------------

    def principal_of_key(self, presented: str) -> Principal | Reject:
        """Who a virtual key belongs to, or why it is refused."""
        if len(presented) != KEY_CHARACTERS or not presented.isascii():
            return MALFORMED
        if self._hash is None:
            return UNKNOWN if self._healthy else UNAVAILABLE
        place = self._place_of(presented)
        known = self._keys.get(place)
        if known is None:
            refused = self._refused.get(place)
            if refused is not None:
                return refused
            if not is_well_formed(KEY_PREFIX, presented):
                return MALFORMED
            found = self._find(self._hash(presented), place)
            if isinstance(found, Reject):
                return found
            known = found
        if self._wall() >= known.until:
            return known.refusal
        return known.principal

    def is_revoked(
        self, kind: str, name: str, *, tenant: str = "", issued_at: float | None = None
    ) -> bool:
        """Whether a token (`jti`), a user (`subject`) or a tenant (`tenant`) is revoked.

        `tenant` is the verified tenant of a token or user. A revocation that names a time holds
        for what was issued before it; without `issued_at`, every revocation holds.
        """
        key = (kind, name, tenant)
        before = self._revoked.get(key)
        if before is None:
            before = self._revoked_before(kind, name, tenant)
            self._revoked.put(key, before)
        return before > (_NEVER if issued_at is None else issued_at)

    def roles_of(self, tenant: str, subject: str) -> frozenset[str]:
        """The names of the roles that are bound to a user of a tenant."""
        found = self._roles_of.get((tenant, subject))
        if found is None:
            found = frozenset(row[0] for row in self._select(_ROLES_OF, (tenant, subject)))
            self._roles_of.put((tenant, subject), found)
        return found

    def roles(self) -> Mapping[str, Role]:
        """The roles that administrators of this gateway made, by name."""
        if self._roles is None:
            rows = self._select(_ROLES, ())
            try:
                self._roles = {row[0]: Role.model_validate_json(row[1]) for row in rows}
            except ValueError as error:
                self._fail(error)
                raise IdentityUnavailableError from None
        return self._roles

    def erasures(self) -> Sequence[Erasure]:
        """What administrators ordered to erase of values that placeholders stand for."""
        if self._erasures is None:
            self._erasures = tuple(Erasure(*row) for row in self._select(_ERASURES, ()))
        return self._erasures

    def note_use(self, key_id: str) -> None:
        """Remembers that a key was used now; written out in the background."""
        self._uses.note(key_id)

    # -- within ---------------------------------------------------------------------------------

    def _find(self, digest: bytes, place: bytes) -> _Known | Reject:
        try:
            rows = self._select(_KEY, (digest,))
            found = self._judge(rows[0]) if rows else UNKNOWN
        except IdentityUnavailableError:
            return UNAVAILABLE
        except ValueError as error:  # not what this gateway writes
            self._fail(error)
            return UNAVAILABLE
        if isinstance(found, Reject):
            self._refused.put(place, found)
        else:
            self._keys.put(place, found)
        return found

    def _judge(self, row: sqlite3.Row) -> _Known | Reject:
        tenant, subject = row["tenant"], row["subject"]
        if row["revoked_at"] is not None:
            return REVOKED
        if self.is_revoked("tenant", tenant, issued_at=row["secret_at"]):
            return TENANT_REVOKED
        if self.is_revoked("subject", subject, tenant=tenant, issued_at=row["secret_at"]):
            return OWNER_REVOKED
        expires_at = math.inf if row["expires_at"] is None else row["expires_at"]
        valid_until = math.inf if row["valid_until"] is None else row["valid_until"]
        principal = Principal(
            tenant=tenant,
            subject=subject,
            method="key",
            key_id=row["id"],
            roles=frozenset(orjson.loads(row["roles"])) or self.roles_of(tenant, subject),
            scopes=frozenset(orjson.loads(row["scopes"])),
            models=tuple(orjson.loads(row["models"])),
            limits=tuple(orjson.loads(row["limits"])),
            expires_at=row["expires_at"],
        )
        refusal = EXPIRED if expires_at <= valid_until else ROTATED
        return _Known(principal, min(expires_at, valid_until), refusal)

    def _revoked_before(self, kind: str, name: str, tenant: str) -> float:
        """The time before which what was issued is revoked; minus infinity where nothing is."""
        if kind == "tenant":
            tenant = name
            if any(row[0] for row in self._select(_DISABLED, (name,))):
                return math.inf
        before = self._select(_REVOKED, (kind, name, tenant, EVERY_TENANT))
        return _NEVER if not before or before[0][0] is None else float(before[0][0])

    def _select(self, query: str, values: tuple[object, ...]) -> list[sqlite3.Row]:
        """Rows; none where there is no database yet. Raises IdentityUnavailableError."""
        if not self._healthy:
            raise IdentityUnavailableError
        if self._connection is None:
            return []
        try:
            return self._connection.execute(query, values).fetchall()
        except sqlite3.Error as error:
            self._fail(error)
            raise IdentityUnavailableError from None

    def _look(self) -> _Seen | None:
        """The state of the database, None where there is none; connects where needed."""
        try:
            status = os.stat(self._path)  # noqa: PTH116  # asked four times a second
        except FileNotFoundError:
            self._disconnect()
            return None
        file = (status.st_dev, status.st_ino)
        if self._seen is None or self._seen[:2] != file:
            self._disconnect()
            self._connect()
        if self._connection is None:
            return None
        return *file, self._connection.execute("PRAGMA data_version").fetchone()[0]

    def _connect(self) -> None:
        pepper = read_pepper(self._data_dir)
        if pepper is not None:
            self._connection = open_reader(self._data_dir)
            self._hash = make_hasher(pepper)

    def _disconnect(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = self._hash = None

    def _fail(self, error: Exception) -> None:
        if self._healthy:
            self._healthy = False
            _log.error("identity cannot be read", extra={"fields": {"error": str(error)}})
        self._disconnect()
        self._seen = None
        self._forget()

    def _forget(self) -> None:
        self.generation += 1
        self._keys.clear()
        self._refused.clear()
        self._revoked.clear()
        self._roles_of.clear()
        self._roles = None
        self._erasures = None
