"""A real admin port over a real database with two tenants, for the tests of the admin API."""

from __future__ import annotations

import asyncio
import contextlib
import functools
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Any

import aiohttp
import orjson
from aiohttp import web

from gateway.admin.api import Api
from gateway.admin.app import make_app
from gateway.admin.credentials import Credentials
from gateway.admin.desk import LateDesk
from gateway.admin.endpoints import ENDPOINTS
from gateway.admin.failures import Failures
from gateway.admin.published import Published
from gateway.identity.forms import (
    BindingForm,
    ErasureForm,
    KeyForm,
    RevocationForm,
    RoleForm,
    TenantForm,
    TokenForm,
)
from gateway.identity.identities import Identities
from gateway.identity.jwt import TokenVerifier
from gateway.identity.store import Actor
from gateway.ledger.asking import settle
from gateway.ledger.folder import open_journal
from gateway.ledger.opening import open_keys
from gateway.settings import Settings
from gateway.telemetry.metrics import Metrics, MetricsSnapshot
from tests.ledger_drafts import make_draft, make_payload, make_ref

ROOT = Actor("root")
OWN, OTHER = "acme", "beta"

BODIES: dict[str, dict[str, Any] | None] = {
    "whoami": None,
    "keys.list": None,
    "keys.create": {"subject": "ada"},
    "keys.read": None,
    "keys.change": {"name": "new name"},
    "keys.delete": None,
    "keys.rotate": {"overlap_s": 60},
    "keys.revoke": None,
    "tenants.list": None,
    "tenants.create": {"id": "gamma"},
    "tenants.read": None,
    "tenants.change": {"name": "new name"},
    "tenants.delete": None,
    "roles.list": None,
    "roles.create": {"id": "helper", "allow": ["chat.*"]},
    "roles.read": None,
    "roles.change": {"description": "new"},
    "roles.delete": None,
    "bindings.list": None,
    "bindings.create": {"subject": "eve", "role": "user"},
    "bindings.read": None,
    "bindings.delete": None,
    "revocations.list": None,
    "revocations.create": {"kind": "subject", "name": "eve"},
    "revocations.read": None,
    "revocations.delete": None,
    "tokens.list": None,
    "tokens.create": {"roles": ["viewer"]},
    "tokens.read": None,
    "tokens.delete": None,
    "value_erasures.list": None,
    "value_erasures.create": {"value": "jane.doe@acme.test"},
    "value_erasures.read": None,
    "receipts.list": None,
    "receipts.read": None,
    "receipts.verify": {"document": {"id": "x"}},
    "audit.export": None,
    "audit.manifest": None,
    "signing_keys.list": None,
    "signing_keys.rotate": {"purpose": "receipts", "reason": "yearly"},
    "signing_keys.revoke": {"reason": "lost"},
    "trust.reset": {"subject": "ada"},
}
"""A body that each action accepts; a new endpoint needs a row here, and is tested from then on."""


def resource_of(path: str) -> str:
    """What an endpoint is about: the first word of its path."""
    return next(part for part in path.split("/") if part not in {"", "api"})


@functools.cache
def _receipts() -> tuple[tempfile.TemporaryDirectory[str], dict[str, str]]:
    """A ledger that worlds copy: making one takes longer than the tests that need it."""
    folder = tempfile.TemporaryDirectory(prefix="sealgate-world-")
    return folder, _keep_receipts(Settings(data_dir=Path(folder.name)))


def keep_receipts(settings: Settings) -> dict[str, str]:
    """A ledger with receipts of both tenants; the reference of one of each."""
    folder, refs = _receipts()
    shutil.copytree(Path(folder.name) / "ledger", settings.data_dir / "ledger")
    return refs


def _keep_receipts(settings: Settings) -> dict[str, str]:
    journal = open_journal(settings, "0", "batched")
    refs: dict[str, str] = {}
    for number in range(3):
        for tenant in (OWN, OTHER):
            refs[tenant] = make_ref(number * 2 + (tenant == OTHER))
            journal.append(make_payload(ref=refs[tenant], draft=make_draft(tenant)))
    journal.close()
    settle(settings)
    return refs


class World:
    """The database before the port is opened: records of two tenants, tokens of administrators."""

    def __init__(self, folder: Path) -> None:
        self.identities = Identities(folder, time.time)  # noqa: TID251  # the real clock, as served
        self.settings = Settings(data_dir=folder)
        self.refs = keep_receipts(self.settings)
        self.records: dict[str, dict[str, str]] = {}
        for tenant in (OWN, OTHER):
            self.identities.tenants.make(ROOT, TenantForm(id=tenant))
            self.records[tenant] = self._fill(tenant)
        self.identities.roles.make(ROOT, RoleForm(id="support", allow=("chat.*",)))
        for tenant in (OWN, OTHER):
            self.records[tenant]["roles"] = "support"
        self.root = self.token("admin")
        self.own = self.token("admin", tenant=OWN)

    def _fill(self, tenant: str) -> dict[str, str]:
        every = self.identities
        return {
            "tenants": tenant,
            "keys": every.keys.issue(ROOT, KeyForm(tenant=tenant, subject="ada")).id,
            "bindings": every.bindings.make(
                ROOT, BindingForm(tenant=tenant, subject="ada", role="user")
            ).id,
            "revocations": every.revocations.make(
                ROOT, RevocationForm(kind="jti", name="one", tenant=tenant)
            ).id,
            "tokens": every.tokens.issue(ROOT, TokenForm(tenant=tenant, roles=("viewer",))).id,
            "value-erasures": every.erasures.make(ROOT, ErasureForm(tenant=tenant)).id,
            "receipts": self.refs[tenant],
            "signing-keys": open_keys(self.settings).public_keys()[0].key_id,
        }

    def token(self, *roles: str, tenant: str | None = None) -> str:
        form = TokenForm(roles=roles, tenant=tenant)
        return self.identities.tokens.issue(ROOT, form).token

    def path(self, template: str, tenant: str) -> str:
        """The path of an endpoint for the record of `tenant`."""
        path = template.replace("{id}", self.records[tenant].get(resource_of(template), ""))
        return f"{path}?tenant={tenant}" if template == "/api/audit/manifest" else path

    def dump(self, tenant: str) -> dict[str, Any]:
        """All that is kept of `tenant`."""
        actor = Actor("dump", tenant)
        stores = (
            *(self.identities.tenants, self.identities.keys, self.identities.bindings),
            *(self.identities.revocations, self.identities.tokens),
            self.identities.erasures,
        )
        return {
            type(store).__name__: [
                record.model_dump(mode="json", exclude={"last_used_at"})
                for record in store.page(actor).items
            ]
            for store in stores
        }


class Answer:
    """One answer of the admin port."""

    def __init__(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        self.status = status
        self.headers = headers
        self.body = body

    @property
    def json(self) -> Any:
        return orjson.loads(self.body)


class Client:
    """Calls one admin port."""

    def __init__(self, session: aiohttp.ClientSession, base: str, world: World) -> None:
        self.world = world
        self._session = session
        self._base = base

    async def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        token: str | None = None,
        raw: bytes | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """`token` None calls as the administrator of everything, "" without a credential."""
        sent = dict(headers or {})
        credential = self.world.root if token is None else token
        if credential:
            sent["authorization"] = f"Bearer {credential}"
        data = raw if raw is not None else None if body is None else orjson.dumps(body)
        if data is not None:
            sent.setdefault("content-type", "application/json")
        url = self._base + path
        async with self._session.request(method, url, data=data, headers=sent) as response:
            return Answer(response.status, response.headers, await response.read())


class _Plane:
    def ready(self) -> bool:
        return True

    def status(self) -> dict[str, Any]:
        return {"workers": []}

    async def upstreams(self) -> dict[str, list[dict[str, Any]]]:
        return {}

    async def metrics(self) -> MetricsSnapshot:
        return Metrics().snapshot()

    def keeps_receipts(self) -> bool:
        return True


@contextlib.asynccontextmanager
async def serving(
    world: World, *, verifier: TokenVerifier | None = None, failures: Failures | None = None
) -> AsyncIterator[Client]:
    """The admin port of `world` on a free port."""
    credentials = Credentials(world.identities, verifier, failures or Failures(time.monotonic))
    desk = LateDesk(world.settings)
    api = Api(ENDPOINTS, world.identities, credentials, note_use=lambda _: None, desk=desk)
    app = make_app(_Plane(), demo_running=lambda: True, api=api, published=Published(desk))
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    base = f"http://127.0.0.1:{runner.addresses[0][1]}"
    async with aiohttp.ClientSession() as session:
        yield Client(session, base, world)
    await runner.cleanup()
    await asyncio.to_thread(api.close)


@contextlib.contextmanager
def world_in(folder: Path) -> Iterator[World]:
    """A world that is closed in the end."""
    world = World(folder)
    yield world
    world.identities.close()
