"""Writing identity: what the endpoints of the admin API and the command line rest on."""

from __future__ import annotations

import sqlite3
import stat
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gateway.errors import ConfigError, SealgateError
from gateway.identity import database as databases
from gateway.identity.access import Access
from gateway.identity.database import DATABASE_FILE, SCHEMA_VERSION, open_reader, open_writer
from gateway.identity.forms import (
    BindingForm,
    KeyForm,
    KeyPatch,
    RevocationForm,
    RoleForm,
    RolePatch,
    TenantForm,
    TokenForm,
)
from gateway.identity.identities import Identities
from gateway.identity.keys import KEY_PREFIX, TOKEN_PREFIX, mint
from gateway.identity.pepper import PEPPER_FILE, make_pepper, read_pepper
from gateway.identity.roles import Role
from gateway.identity.store import (
    Actor,
    ConflictError,
    ForbiddenError,
    NotFoundError,
    StaleError,
    UnfitError,
)
from gateway.identity.uses import USES_FILE, read_uses, write_uses
from tests.unit.identity.conftest import EVERYWHERE, START_S, Clock


@pytest.fixture
def identities(tmp_path: Path, clock: Clock) -> Iterator[Identities]:
    with Identities(tmp_path / "data", clock) as opened:
        yield opened


def test_the_files_are_for_this_user_alone(identities: Identities) -> None:
    identities.keys.issue(EVERYWHERE, KeyForm(subject="ada"))
    write_uses(identities.data_dir / USES_FILE, {"key_1": 1.0})

    files = {path.name: stat.S_IMODE(path.stat().st_mode) for path in identities.data_dir.iterdir()}
    assert {DATABASE_FILE, PEPPER_FILE, USES_FILE, f"{DATABASE_FILE}-wal"} <= set(files)
    assert set(files.values()) == {0o600}
    assert stat.S_IMODE(identities.data_dir.stat().st_mode) == 0o700


def test_no_secret_is_in_any_file(identities: Identities) -> None:
    key = identities.keys.issue(EVERYWHERE, KeyForm(subject="ada"))
    rotated = identities.keys.rotate(EVERYWHERE, key.id, overlap_s=60)
    token = identities.tokens.issue(EVERYWHERE, TokenForm(roles=("admin",)))
    identities.close()

    content = b"".join(path.read_bytes() for path in identities.data_dir.iterdir())
    for secret in (key.key, rotated.key, token.token):
        assert secret.encode() not in content
        assert secret[8:].encode() not in content
        assert secret not in repr(key) + repr(rotated) + repr(token)


def test_two_processes_agree_on_one_pepper(tmp_path: Path) -> None:
    first = make_pepper(tmp_path)

    assert make_pepper(tmp_path) == first == read_pepper(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [PEPPER_FILE]


def test_a_pepper_of_another_database_is_told(identities: Identities, clock: Clock) -> None:
    identities.close()
    (identities.data_dir / PEPPER_FILE).unlink()

    with pytest.raises(SealgateError, match="is not the one that"):
        Identities(identities.data_dir, clock)


@pytest.mark.parametrize("size", [0, 31, 33])
def test_a_pepper_of_the_wrong_size_is_told(size: int, tmp_path: Path) -> None:
    (tmp_path / PEPPER_FILE).write_bytes(b"x" * size)
    (tmp_path / PEPPER_FILE).chmod(0o600)

    with pytest.raises(ConfigError, match="not 32 bytes long"):
        read_pepper(tmp_path)


def test_a_database_of_a_newer_gateway_is_left_alone(tmp_path: Path) -> None:
    open_writer(tmp_path).close()
    newer = sqlite3.connect(tmp_path / DATABASE_FILE)
    newer.execute(f"PRAGMA user_version = {SCHEMA_VERSION + 1}")
    newer.close()

    with pytest.raises(ConfigError, match="of a newer Sealgate"):
        open_writer(tmp_path)
    with pytest.raises(sqlite3.DatabaseError, match="newer than this gateway"):
        open_reader(tmp_path)


def test_an_older_database_is_migrated_with_what_is_in_it(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Identities(tmp_path, clock) as before:
        key = before.keys.issue(EVERYWHERE, KeyForm(subject="ada"))
    step = "ALTER TABLE keys ADD COLUMN team TEXT;\nCREATE INDEX teams ON keys (team);\n"
    monkeypatch.setattr(databases, "MIGRATIONS", (*databases.MIGRATIONS, step))
    monkeypatch.setattr(databases, "SCHEMA_VERSION", SCHEMA_VERSION + 1)

    migrated = open_writer(tmp_path)

    assert migrated.execute("PRAGMA user_version").fetchone()[0] == SCHEMA_VERSION + 1
    assert migrated.execute("SELECT id, team FROM keys").fetchone()[:] == (key.id, None)
    migrated.close()


def test_what_is_no_database_is_told(tmp_path: Path) -> None:
    (tmp_path / DATABASE_FILE).write_bytes(b"not a database" * 100)

    with pytest.raises(ConfigError, match="cannot be used"):
        open_writer(tmp_path)


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path, clock: Clock) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(ConfigError, match="choose another one with --data-dir"):
        Identities(tmp_path / "file" / "data", clock)


def test_a_failed_change_leaves_nothing_behind(identities: Identities) -> None:
    with pytest.raises(NotFoundError):
        identities.keys.issue(EVERYWHERE, KeyForm(subject="ada", tenant="nowhere"))

    assert identities.keys.page(EVERYWHERE).items == ()


def test_a_second_rotation_ends_the_first_secret_no_later(
    identities: Identities, clock: Clock
) -> None:
    key = identities.keys.issue(EVERYWHERE, KeyForm(subject="ada"))
    identities.keys.rotate(EVERYWHERE, key.id, overlap_s=60)
    clock.now_s += 10
    again = identities.keys.rotate(EVERYWHERE, key.id, overlap_s=3600)

    ends = [secret.valid_until for secret in again.secrets]
    assert ends[0] is None
    assert [end.timestamp() for end in ends[1:] if end] == [START_S + 3610, START_S + 60]
    clock.now_s += 3600
    last = identities.keys.rotate(EVERYWHERE, key.id, overlap_s=0)
    assert len(last.secrets) == 2, "what has ended is not kept"
    assert last.version == 4


def test_a_change_with_an_old_version_is_stale(identities: Identities) -> None:
    key = identities.keys.issue(EVERYWHERE, KeyForm(subject="ada"))
    identities.keys.change(EVERYWHERE, key.id, KeyPatch(name="x"), version=1)

    with pytest.raises(StaleError, match="version 2"):
        identities.keys.change(EVERYWHERE, key.id, KeyPatch(name="y"), version=1)
    with pytest.raises(StaleError):
        identities.keys.rotate(EVERYWHERE, key.id, overlap_s=0, version=1)


def test_the_last_use_of_a_key_is_shown(identities: Identities) -> None:
    key = identities.keys.issue(EVERYWHERE, KeyForm(subject="ada"))
    file = identities.data_dir / USES_FILE
    write_uses(file, {key.id: START_S + 2})
    write_uses(file, {key.id: START_S + 1, "key_other": 1.0})

    assert identities.keys.get(EVERYWHERE, key.id).last_used_at == datetime.fromtimestamp(
        START_S + 2, UTC
    )
    many = [f"key_{number}" for number in range(1200)]
    write_uses(file, dict.fromkeys(many, 1.0))
    assert len(read_uses(identities.data_dir, many)) == 1200


def test_a_tenant_with_records_stays(identities: Identities) -> None:
    identities.tenants.make(EVERYWHERE, TenantForm(id="acme"))
    key = identities.keys.issue(EVERYWHERE, KeyForm(subject="ada", tenant="acme"))

    with pytest.raises(ConflictError, match="in use"):
        identities.tenants.remove(EVERYWHERE, "acme")
    identities.keys.remove(EVERYWHERE, key.id)
    identities.tenants.remove(EVERYWHERE, "acme")
    with pytest.raises(NotFoundError):
        identities.tenants.get(EVERYWHERE, "acme")


def test_the_default_tenant_stays(identities: Identities) -> None:
    with pytest.raises(ConflictError, match="always there"):
        identities.tenants.remove(EVERYWHERE, "default")


def test_a_role_that_somebody_has_stays(identities: Identities) -> None:
    """It may forbid: without it they would be allowed more."""
    for name in ("bound", "shown", "keyed"):
        identities.roles.make(EVERYWHERE, RoleForm(id=name, allow=("*",), deny=("files.*",)))
    bound = BindingForm(subject="ada", role="bound")
    identities.bindings.make(EVERYWHERE, bound)
    identities.tokens.issue(EVERYWHERE, TokenForm(roles=("shown",)))
    identities.keys.issue(EVERYWHERE, KeyForm(subject="ada", roles=("keyed",)))

    for name in ("bound", "shown", "keyed"):
        with pytest.raises(ConflictError, match="in use by"):
            identities.roles.remove(EVERYWHERE, name)


def test_a_role_is_changed_as_far_as_it_is_named(identities: Identities) -> None:
    identities.roles.make(EVERYWHERE, RoleForm(id="support", allow=("chat.*",)))
    changed = identities.roles.change(EVERYWHERE, "support", RolePatch(deny=("files.*",)))

    assert (changed.allow, changed.deny) == (("chat.*",), ("files.*",))
    with pytest.raises(UnfitError, match="no permission"):
        identities.roles.change(EVERYWHERE, "support", RolePatch(allow=("chats.*",)))
    with pytest.raises(UnfitError, match="neither allows nor denies"):
        identities.roles.change(EVERYWHERE, "support", RolePatch(allow=(), deny=()))
    with pytest.raises(ConflictError, match="built in"):
        identities.roles.change(EVERYWHERE, "admin", RolePatch(description="x"))
    assert identities.roles.get(EVERYWHERE, "support") == changed


def test_a_role_with_conditions_is_kept_as_written(identities: Identities) -> None:
    hours = {"permissions": ["chat.*"], "hours": ["08:00-18:00"], "timezone": "Europe/Berlin"}
    form = RoleForm.model_validate({"id": "day", "allow": [hours], "tenants": ["acme"]})
    made = identities.roles.make(EVERYWHERE, form)

    assert made.tenants == ("acme",)
    assert made.allow[0]["hours"] == ["08:00-18:00"]
    assert not identities.roles.book().roles["day"].deny


def test_a_role_that_nobody_can_read_permits_nothing(identities: Identities) -> None:
    """It may forbid something, which is not known any more."""
    identities.roles.make(EVERYWHERE, RoleForm(id="odd", allow=("*",)))
    identities.roles._db.connection.execute('UPDATE roles SET definition = \'{"allow":["x.y"]}\'')
    access = identities.roles.book().access(frozenset({"odd", "admin"}))

    assert access.rule("admin.keys.read").always is False


def test_a_role_may_not_be_weakened_by_who_lacks_what_it_allows(identities: Identities) -> None:
    identities.roles.make(EVERYWHERE, RoleForm(id="strong", allow=("*",), deny=("admin.keys.*",)))
    weak = Actor("weak", None, Access([Role(allow=("admin.roles.*",))]))

    with pytest.raises(ForbiddenError, match="nobody may hand out more than they have"):
        identities.roles.change(weak, "strong", RolePatch(deny=()))
    with pytest.raises(ForbiddenError):
        identities.roles.remove(weak, "strong")


def test_the_same_revocation_again_replaces_the_first(identities: Identities, clock: Clock) -> None:
    before = datetime.fromtimestamp(START_S, UTC)
    form = RevocationForm(kind="subject", name="ada", before=before)
    identities.revocations.make(EVERYWHERE, form)
    identities.revocations.make(EVERYWHERE, form.model_copy(update={"before": None}))

    (only,) = identities.revocations.page(EVERYWHERE).items
    assert only.before is None
    assert identities.revocations.is_revoked("subject", "ada", tenant="default", issued_at=1e12)


def test_revoked_tokens_that_expired_are_forgotten(identities: Identities, clock: Clock) -> None:
    expires = datetime.fromtimestamp(START_S + 10, UTC)
    identities.revocations.make(
        EVERYWHERE, RevocationForm(kind="jti", name="a", expires_at=expires)
    )
    clock.now_s += 10
    identities.revocations.make(EVERYWHERE, RevocationForm(kind="jti", name="b"))

    assert [record.name for record in identities.revocations.page(EVERYWHERE).items] == ["b"]
    with pytest.raises(UnfitError, match="only a token"):
        identities.revocations.make(
            EVERYWHERE, RevocationForm(kind="subject", name="a", expires_at=expires)
        )


def test_an_admin_token_is_found_by_its_secret_only(identities: Identities, clock: Clock) -> None:
    expires = datetime.fromtimestamp(START_S + 10, UTC)
    token = identities.tokens.issue(EVERYWHERE, TokenForm(roles=("admin",), expires_at=expires))

    found = identities.tokens.find(token.token)
    assert found is not None
    assert found.id == token.id
    assert identities.tokens.find(mint(TOKEN_PREFIX)) is None
    assert identities.tokens.find(mint(KEY_PREFIX)) is None
    assert identities.tokens.find("") is None
    clock.now_s += 10
    assert identities.tokens.find(token.token) is None


def test_the_first_token_is_made_once(identities: Identities) -> None:
    first = identities.tokens.issue_first()

    assert first is not None
    assert (first.tenant, first.roles) == (None, ("admin",))
    assert identities.tokens.issue_first() is None
    identities.tokens.remove(EVERYWHERE, first.id)
    assert identities.tokens.issue_first() is None


def test_no_first_token_is_made_where_somebody_made_one(identities: Identities) -> None:
    identities.tokens.issue(EVERYWHERE, TokenForm(roles=("admin",)))

    assert identities.tokens.issue_first() is None


def test_a_token_for_no_tenant_needs_a_role_that_spans_them(identities: Identities) -> None:
    with pytest.raises(UnfitError, match="give the token a tenant"):
        identities.tokens.issue(EVERYWHERE, TokenForm(roles=("tenant_admin",)))
    with pytest.raises(UnfitError, match="there is no role"):
        identities.tokens.issue(EVERYWHERE, TokenForm(roles=("nobody",)))


def test_two_writers_wait_for_each_other(identities: Identities, clock: Clock) -> None:
    """The supervisor and the command line, on the same folder at the same time."""
    with Identities(identities.data_dir, clock) as other:
        for number in range(5):
            identities.keys.issue(EVERYWHERE, KeyForm(subject=f"a{number}"))
            other.keys.issue(EVERYWHERE, KeyForm(subject=f"b{number}"))
        subjects = {record.subject for record in identities.keys.page(EVERYWHERE).items}

    assert len(subjects) == 10
