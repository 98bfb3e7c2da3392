"""What a worker answers, over a real database that somebody else writes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.identity.database import DATABASE_FILE, transaction
from gateway.identity.directory import StoredDirectory
from gateway.identity.key_store import KeyStore
from gateway.identity.keys import KEY_PREFIX, mint
from gateway.identity.pepper import PEPPER_FILE
from gateway.identity.records import IssuedKey
from gateway.identity.store import Database
from gateway.identity.uses import read_uses
from gateway.plugin.identity import Directory, IdentityUnavailableError, Principal
from gateway.plugin.verdict import Reject
from gateway.reasons import Reason
from tests.unit.identity.conftest import EVERYWHERE, START_S, Clock

Issue = Callable[..., IssuedKey]


def refusal(answer: Principal | Reject) -> Reason:
    assert isinstance(answer, Reject), "the key was accepted"
    return answer.reason


def accepted(answer: Principal | Reject) -> Principal:
    assert isinstance(answer, Principal), answer
    return answer


def test_is_the_directory_that_plugins_know(directory: StoredDirectory) -> None:
    known: Directory = directory

    assert known.generation == directory.generation


def test_a_key_names_its_owner_and_what_it_may_do(issue: Issue, directory: StoredDirectory) -> None:
    limits = ({"requests": 5, "window": "60s"},)
    expires = datetime(2030, 1, 1, tzinfo=UTC)
    key = issue(
        scopes=("chat.*",), roles=("user",), models=("gpt-*",), limits=limits, expires_at=expires
    )

    caller = accepted(directory.principal_of_key(key.key))

    assert (caller.tenant, caller.subject, caller.method) == ("default", "ada", "key")
    assert caller.key_id == key.id
    assert caller.scopes == {"chat.*"}
    assert caller.roles == {"user"}
    assert caller.models == ("gpt-*",)
    assert caller.limits == limits
    assert caller.expires_at == expires.timestamp()
    assert directory.principal_of_key(key.key) is caller


def test_a_key_without_roles_has_those_of_its_owner(
    issue: Issue, directory: StoredDirectory, database: Database
) -> None:
    bind(database, "default", "ada", "developer")
    bind(database, "default", "bob", "viewer")

    own = accepted(directory.principal_of_key(issue(roles=("user",)).key))
    inherited = accepted(directory.principal_of_key(issue().key))

    assert own.roles == {"user"}
    assert inherited.roles == {"developer"} == directory.roles_of("default", "ada")


@pytest.mark.parametrize(
    "presented", ["", "sg_", "sk-123", "sg_" + "a" * 49, "é" * 52, "\udcff" * 52]
)
def test_what_cannot_be_a_key_is_invalid(presented: str, directory: StoredDirectory) -> None:
    assert refusal(directory.principal_of_key(presented)) is Reason.CREDENTIAL_INVALID


def test_an_unknown_key_is_invalid_and_known_once_it_is_made(
    directory: StoredDirectory, issue: Issue
) -> None:
    assert refusal(directory.principal_of_key(mint(KEY_PREFIX))) is Reason.CREDENTIAL_INVALID
    accepted(directory.principal_of_key(issue().key))


def test_a_key_expires_at_its_second_though_it_is_cached(
    issue: Issue, directory: StoredDirectory, clock: Clock
) -> None:
    at = datetime.fromtimestamp(START_S + 10, UTC)
    key = issue(expires_at=at).key

    accepted(directory.principal_of_key(key))
    clock.now_s += 9.999
    accepted(directory.principal_of_key(key))
    clock.now_s = START_S + 10
    assert refusal(directory.principal_of_key(key)) is Reason.CREDENTIAL_EXPIRED


def test_a_revoked_key_is_refused_from_the_next_look(
    issue: Issue, directory: StoredDirectory, keys: KeyStore
) -> None:
    key = issue()
    accepted(directory.principal_of_key(key.key))
    generation = directory.generation

    keys.revoke(EVERYWHERE, key.id)
    directory.poll()

    assert refusal(directory.principal_of_key(key.key)) is Reason.CREDENTIAL_REVOKED
    assert directory.generation > generation


def test_nothing_is_dropped_where_nothing_changed(issue: Issue, directory: StoredDirectory) -> None:
    key = issue()
    directory.poll()
    generation, caller = directory.generation, directory.principal_of_key(key.key)

    directory.poll()

    assert directory.generation == generation
    assert directory.principal_of_key(key.key) is caller


def test_the_old_secret_works_until_the_overlap_ends(
    issue: Issue, directory: StoredDirectory, keys: KeyStore, clock: Clock
) -> None:
    old = issue()
    new = keys.rotate(EVERYWHERE, old.id, overlap_s=60)

    assert accepted(directory.principal_of_key(old.key)).key_id == old.id
    assert accepted(directory.principal_of_key(new.key)).key_id == old.id
    clock.now_s += 60
    assert refusal(directory.principal_of_key(old.key)) is Reason.CREDENTIAL_EXPIRED
    accepted(directory.principal_of_key(new.key))


def test_a_disabled_tenant_refuses_all_its_keys(
    issue: Issue, directory: StoredDirectory, database: Database
) -> None:
    key = issue().key
    with transaction(database.connection):
        database.connection.execute("UPDATE tenants SET disabled = 1 WHERE id = 'default'")

    assert refusal(directory.principal_of_key(key)) is Reason.CREDENTIAL_REVOKED
    assert directory.is_revoked("tenant", "default")


def test_a_revoked_owner_takes_the_keys_along_in_this_tenant_only(
    issue: Issue, directory: StoredDirectory, database: Database
) -> None:
    tenant(database, "acme")
    mine, theirs = issue(), issue(tenant="acme")
    revoke(database, "subject", "ada", "acme")

    accepted(directory.principal_of_key(mine.key))
    assert refusal(directory.principal_of_key(theirs.key)) is Reason.CREDENTIAL_REVOKED


def test_a_revocation_before_a_time_spares_what_came_after(
    issue: Issue, directory: StoredDirectory, database: Database, clock: Clock
) -> None:
    early = issue()
    clock.now_s += 100
    late = issue()
    revoke(database, "subject", "ada", "default", before=START_S + 50)

    assert refusal(directory.principal_of_key(early.key)) is Reason.CREDENTIAL_REVOKED
    accepted(directory.principal_of_key(late.key))
    assert directory.is_revoked("subject", "ada", tenant="default", issued_at=START_S)
    assert not directory.is_revoked("subject", "ada", tenant="default", issued_at=START_S + 50)
    assert directory.is_revoked("subject", "ada", tenant="default")


def test_a_revoked_token_is_revoked_in_its_tenant_or_everywhere(
    directory: StoredDirectory, database: Database
) -> None:
    revoke(database, "jti", "one", "acme")
    revoke(database, "jti", "all", "*")

    assert directory.is_revoked("jti", "one", tenant="acme")
    assert not directory.is_revoked("jti", "one", tenant="default")
    assert directory.is_revoked("jti", "all", tenant="default")
    assert not directory.is_revoked("jti", "other", tenant="acme")


def test_without_a_database_no_key_is_known(tmp_path: Path, clock: Clock) -> None:
    directory = StoredDirectory(tmp_path / "absent", clock)
    directory.poll()

    assert refusal(directory.principal_of_key(mint(KEY_PREFIX))) is Reason.CREDENTIAL_INVALID
    assert not directory.is_revoked("jti", "x")
    assert directory.roles() == {}


def test_a_database_that_appears_later_is_found(tmp_path: Path, clock: Clock) -> None:
    directory = StoredDirectory(tmp_path, clock)
    directory.poll()
    database = Database(tmp_path, clock)
    bind(database, "default", "ada", "user")
    database.close()

    directory.poll()

    assert directory.roles_of("default", "ada") == {"user"}


def test_what_cannot_be_read_is_refused_as_unavailable_also_when_cached(
    tmp_path: Path, clock: Clock, database: Database, issue: Issue
) -> None:
    """A revocation could not be seen, so nothing that was seen before counts any more."""
    key = issue().key
    database.close()
    directory = StoredDirectory(tmp_path, clock)
    directory.poll()
    accepted(directory.principal_of_key(key))
    content = (tmp_path / DATABASE_FILE).read_bytes()
    (tmp_path / DATABASE_FILE).unlink()
    (tmp_path / DATABASE_FILE).write_bytes(b"not a database" * 1000)

    directory.poll()

    assert refusal(directory.principal_of_key(key)) is Reason.IDENTITY_UNAVAILABLE
    with pytest.raises(IdentityUnavailableError):
        directory.is_revoked("jti", "x")
    with pytest.raises(IdentityUnavailableError):
        directory.roles()

    (tmp_path / DATABASE_FILE).unlink()
    (tmp_path / DATABASE_FILE).write_bytes(content)
    directory.poll()
    accepted(directory.principal_of_key(key))


def test_a_pepper_that_others_can_read_is_not_used(
    tmp_path: Path, clock: Clock, issue: Issue
) -> None:
    key = issue().key
    (tmp_path / PEPPER_FILE).chmod(0o644)
    directory = StoredDirectory(tmp_path, clock)
    directory.poll()

    assert refusal(directory.principal_of_key(key)) is Reason.IDENTITY_UNAVAILABLE


async def test_uses_are_written_beside_the_database(
    issue: Issue, tmp_path: Path, clock: Clock
) -> None:
    directory = StoredDirectory(tmp_path, clock)
    directory.start()
    key = await asyncio.to_thread(issue)
    directory.poll()
    generation = directory.generation
    directory.note_use(key.id)
    await directory.close()

    assert await asyncio.to_thread(read_uses, tmp_path, [key.id, "other"]) == {key.id: START_S}
    assert directory.generation == generation


async def test_looks_for_changes_on_its_own(tmp_path: Path, clock: Clock, issue: Issue) -> None:
    changed = asyncio.Event()

    class Telling(StoredDirectory):
        def _forget(self) -> None:
            super()._forget()
            changed.set()

    directory = Telling(tmp_path, clock)
    directory.start()
    changed.clear()
    await asyncio.to_thread(issue)

    await changed.wait()
    await directory.close()


def bind(database: Database, tenant: str, subject: str, role: str) -> None:
    with transaction(database.connection):
        database.connection.execute(
            "INSERT INTO bindings (id, tenant, subject, role, created_at, created_by)"
            " VALUES (?, ?, ?, ?, 0, '')",
            (f"bnd_{subject}", tenant, subject, role),
        )


def tenant(database: Database, name: str) -> None:
    with transaction(database.connection):
        database.connection.execute(
            "INSERT INTO tenants (id, name, disabled, created_at, created_by)"
            " VALUES (?, '', 0, 0, '')",
            (name,),
        )


def revoke(
    database: Database, kind: str, name: str, tenant: str, *, before: float | None = None
) -> None:
    with transaction(database.connection):
        database.connection.execute(
            "INSERT INTO revocations (id, kind, tenant, name, before, reason, created_at,"
            " created_by) VALUES (?, ?, ?, ?, ?, '', 0, '')",
            (f"rev_{name}", kind, tenant, name, before),
        )
