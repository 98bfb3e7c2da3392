"""Orders to erase values: what is kept of them, who may give them, what workers see."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from gateway.errors import ConfigError
from gateway.identity.database import DATABASE_FILE, open_writer
from gateway.identity.directory import StoredDirectory
from gateway.identity.erasure_store import KEPT_S, ORDERS_MAX
from gateway.identity.forms import ErasureForm, TenantForm
from gateway.identity.identities import Identities
from gateway.identity.store import Actor, ConflictError, NotFoundError
from gateway.identity.value_key import VALUE_KEY_FILE, field_of, tenant_keys

ROOT = Actor("root")
ACME = Actor("ada", "acme")
CONVERSATION = "0f3c6f0e2f1d4d0b9c55a1f4b8e7d210"
VALUE = "jane.doe@acme.test"


class Wall:
    seconds = 1_800_000_000.5

    def __call__(self) -> float:
        return self.seconds


def identities(folder: Path, wall: Wall, **more: str) -> Identities:
    made = Identities(folder, wall, **more)  # type: ignore[arg-type]  # only value_key
    for tenant in ("acme", "globex"):
        made.tenants.make(ROOT, TenantForm(id=tenant))
    return made


def test_a_worker_sees_an_order_and_the_value_is_nowhere(tmp_path: Path) -> None:
    with identities(tmp_path, Wall()) as all_of_it:
        directory = StoredDirectory(tmp_path, Wall())
        directory.poll()
        assert directory.erasures() == ()
        form = ErasureForm.model_validate({"conversation": CONVERSATION, "value": VALUE})
        record = all_of_it.erasures.make(ACME, form)
        assert (record.tenant, record.conversation, record.one_value) == (
            *("acme", CONVERSATION, True),
        )
        directory.poll()
        (order,) = directory.erasures()
        field = field_of(tenant_keys(tmp_path, None)("acme"), VALUE)
        assert (order.id, order.tenant, order.conversation) == (record.id, "acme", CONVERSATION)
        assert (order.field, order.ordered_at) == (field, 1_800_000_000)
    assert VALUE.encode() not in (tmp_path / DATABASE_FILE).read_bytes()


def test_a_tenant_erases_what_is_its_own(tmp_path: Path) -> None:
    with identities(tmp_path, Wall()) as all_of_it:
        with pytest.raises(NotFoundError):
            all_of_it.erasures.make(ACME, ErasureForm(tenant="globex"))
        with pytest.raises(NotFoundError):
            all_of_it.erasures.make(ROOT, ErasureForm(tenant="nobody"))
        other = all_of_it.erasures.make(ROOT, ErasureForm(tenant="globex"))
        with pytest.raises(NotFoundError):
            all_of_it.erasures.get(ACME, other.id)


def test_orders_are_forgotten_when_nothing_can_be_left(tmp_path: Path) -> None:
    wall = Wall()
    with identities(tmp_path, wall) as all_of_it:
        first = all_of_it.erasures.make(ACME, ErasureForm())
        wall.seconds += KEPT_S + 1
        second = all_of_it.erasures.make(ACME, ErasureForm())
        assert [item.id for item in all_of_it.erasures.page(ROOT).items] == [second.id]
        assert first.id != second.id


def test_a_tenant_has_only_so_many(tmp_path: Path) -> None:
    with identities(tmp_path, Wall()) as all_of_it:
        for _ in range(ORDERS_MAX):
            all_of_it.erasures.make(ACME, ErasureForm())
        with pytest.raises(ConflictError, match="erase all of its values in one"):
            all_of_it.erasures.make(ACME, ErasureForm())
        all_of_it.erasures.make(ROOT, ErasureForm(tenant="globex"))


def test_a_database_of_before_is_brought_up_to_date(tmp_path: Path) -> None:
    with identities(tmp_path, Wall()):
        pass
    connection = open_writer(tmp_path)
    connection.execute("DROP TABLE erasures")
    connection.execute("PRAGMA user_version = 1")
    connection.close()
    with Identities(tmp_path, Wall()) as all_of_it:
        all_of_it.erasures.make(ACME, ErasureForm())


def test_the_secret_is_made_once_for_this_user_alone(tmp_path: Path) -> None:
    one, two = tenant_keys(tmp_path, None), tenant_keys(tmp_path, None)
    assert one("acme") == two("acme") != one("globex")
    assert len(one("acme")) == 32
    path = tmp_path / VALUE_KEY_FILE
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.chmod(0o644)
    with pytest.raises(ConfigError, match="others may read the key of sealed values"):
        tenant_keys(tmp_path, None)


def test_nodes_with_one_secret_have_the_same_keys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret = "nothing that anybody else has, 40 letters"  # a secret of the test
    monkeypatch.setenv("VALUES", secret)
    (tmp_path / "secret").write_text(f"{secret}\n", encoding="utf-8")
    one = tenant_keys(tmp_path, "${VALUES}")
    two = tenant_keys(tmp_path / "elsewhere", f"file:{tmp_path}/secret")
    assert one("acme") == two("acme")
    assert not (tmp_path / VALUE_KEY_FILE).exists()


@pytest.mark.parametrize(
    ("secret", "told"), [("short", "fewer than 32 characters"), (None, "VALUES is not set")]
)
def test_a_secret_that_cannot_be_used_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, secret: str | None, told: str
) -> None:
    monkeypatch.delenv("VALUES", raising=False)
    if secret is not None:
        monkeypatch.setenv("VALUES", secret)
    with pytest.raises(ConfigError, match=told):
        tenant_keys(tmp_path, "${VALUES}")
