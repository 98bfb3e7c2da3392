"""Every endpoint, read from the table: who may call it, and that no tenant reaches another's.

The cases are made from `ENDPOINTS`; an endpoint without a row in `admin_world.BODIES` fails here.
"""

from __future__ import annotations

import asyncio

import pytest

from gateway.admin.endpoint import Endpoint
from gateway.admin.endpoints import ENDPOINTS
from gateway.identity.forms import RoleForm
from gateway.identity.permissions import ACROSS_TENANTS, BY_NAME
from tests.unit.admin.admin_world import BODIES, OTHER, OWN, ROOT, Client, World, resource_of

GLOBAL = {"roles", "whoami", "signing-keys"}
"""What belongs to no tenant."""


def resource(endpoint: Endpoint) -> str:
    return resource_of(endpoint.path)


def names(endpoints: list[Endpoint]) -> list[str]:
    return [endpoint.action for endpoint in endpoints]


ALL = list(ENDPOINTS)
OF_RECORDS = [e for e in ALL if "{id}" in e.path and resource(e) not in GLOBAL]
LISTS = [e for e in ALL if e.paged and resource(e) not in GLOBAL]
CREATORS = [e for e in ALL if e.status == 201 and resource(e) not in GLOBAL | {"tenants"}]
GUARDED = [e for e in ALL if e.permission]


def test_every_endpoint_is_tested_here() -> None:
    assert set(BODIES) == {endpoint.action for endpoint in ENDPOINTS}
    assert len({(e.method, e.path) for e in ENDPOINTS}) == len(ENDPOINTS)


def test_every_permission_is_in_the_catalogue() -> None:
    assert {endpoint.permission for endpoint in GUARDED} <= set(BY_NAME)
    assert [e.action for e in ALL if not e.permission] == ["whoami"]


@pytest.mark.parametrize("endpoint", ALL, ids=names(ALL))
async def test_nobody_calls_without_a_credential(endpoint: Endpoint, client: Client) -> None:
    before = await dumps(client.world)
    path, body = client.world.path(endpoint.path, OWN), BODIES[endpoint.action]

    answer = await client.call(endpoint.method, path, body, token="")
    wrong = await client.call(endpoint.method, path, body, token="sga_" + "a" * 49)

    assert (answer.status, answer.json["code"]) == (401, "credential_missing")
    assert (wrong.status, wrong.json["code"]) == (401, "credential_invalid")
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert await dumps(client.world) == before


@pytest.mark.parametrize("endpoint", GUARDED, ids=names(GUARDED))
async def test_all_other_permissions_together_are_not_enough(
    endpoint: Endpoint, client: Client
) -> None:
    token = await token_with(client.world, allow="*", deny=endpoint.permission)
    before = await dumps(client.world)
    path, body = client.world.path(endpoint.path, OWN), BODIES[endpoint.action]

    answer = await client.call(endpoint.method, path, body, token=token)

    assert (answer.status, answer.json["code"]) == (403, "permission_denied")
    assert endpoint.permission in answer.json["error"]
    assert await dumps(client.world) == before


@pytest.mark.parametrize("endpoint", GUARDED, ids=names(GUARDED))
async def test_its_one_permission_is_enough(endpoint: Endpoint, client: Client) -> None:
    """But for the tenant that still has records, which nobody removes."""
    token = await token_with(client.world, allow=endpoint.permission, more=ACROSS_TENANTS)
    path, body = client.world.path(endpoint.path, OWN), BODIES[endpoint.action]
    if endpoint in CREATORS:
        body = {**(body or {}), "tenant": OWN}

    answer = await client.call(endpoint.method, path, body, token=token)

    expected = 409 if endpoint.action == "tenants.delete" else endpoint.status
    assert answer.status == expected, answer.body


@pytest.mark.parametrize("endpoint", OF_RECORDS, ids=names(OF_RECORDS))
async def test_a_record_of_another_tenant_does_not_exist(
    endpoint: Endpoint, client: Client
) -> None:
    """The answer is that for a record that is nowhere, and nothing has changed."""
    world = client.world
    before, body = await dumps(world), BODIES[endpoint.action]
    there = world.path(endpoint.path, OTHER)
    nowhere = endpoint.path.replace("{id}", "nowhere")

    answer = await client.call(endpoint.method, there, body, token=world.own)
    absent = await client.call(endpoint.method, nowhere, body, token=world.own)

    assert answer.status == absent.status == 404, answer.body
    shown = world.records[OTHER][resource(endpoint)]
    assert answer.json["error"].replace(shown, "nowhere") == absent.json["error"]
    assert await dumps(world) == before


@pytest.mark.parametrize("endpoint", LISTS, ids=names(LISTS))
async def test_a_list_holds_the_records_of_the_own_tenant_only(
    endpoint: Endpoint, client: Client
) -> None:
    world, column = client.world, "id" if resource(endpoint) == "tenants" else "tenant"

    answer = await client.call("GET", endpoint.path, token=world.own)
    everything = await client.call("GET", endpoint.path)

    assert {row[column] for row in answer.json["items"]} == {OWN}
    assert {row[column] for row in everything.json["items"]} >= {OWN, OTHER}
    if "tenant" in endpoint.filters:
        asked = await client.call("GET", f"{endpoint.path}?tenant={OTHER}", token=world.own)
        assert asked.json["items"] == []


@pytest.mark.parametrize("endpoint", CREATORS, ids=names(CREATORS))
async def test_nothing_is_made_for_another_tenant(endpoint: Endpoint, client: Client) -> None:
    world, body = client.world, BODIES[endpoint.action] or {}
    before = await dumps(world)

    for other in (OTHER, "nowhere"):
        answer = await client.call(
            endpoint.method, endpoint.path, {**body, "tenant": other}, token=world.own
        )
        assert answer.status == 404, answer.body
        assert answer.json["error"] == f'there is no tenant "{other}"'
    assert await dumps(world) == before

    made = await client.call(endpoint.method, endpoint.path, body, token=world.own)
    assert (made.status, made.json["tenant"]) == (201, OWN)


async def test_what_holds_for_every_tenant_is_written_by_who_administers_all(
    client: Client,
) -> None:
    world = client.world
    before = await dumps(world)
    cases = [
        ("POST", "/api/tenants", {"id": "gamma"}),
        ("PATCH", f"/api/tenants/{OWN}", {"disabled": True}),
        ("DELETE", f"/api/tenants/{OWN}", None),
        ("POST", "/api/roles", {"id": "helper", "allow": ["*"]}),
        ("PATCH", "/api/roles/support", {"allow": ["*"]}),
        ("DELETE", "/api/roles/support", None),
        ("POST", "/api/revocations", {"kind": "tenant", "name": OWN}),
        ("POST", "/api/tokens", {"roles": ["admin"]}),
        ("POST", "/api/bindings", {"subject": "eve", "role": "admin"}),
    ]

    for method, path, body in cases:
        answer = await client.call(method, path, body, token=world.own)
        assert (answer.status, answer.json["code"]) == (403, "forbidden"), (path, answer.body)
    revoke_all = {"kind": "jti", "name": "x", "tenant": "*"}
    assert (
        await client.call("POST", "/api/revocations", revoke_all, token=world.own)
    ).status == 404
    assert await dumps(world) == before


async def test_nobody_hands_out_administration_that_they_lack(client: Client) -> None:
    token = await token_with(client.world, allow="admin.tokens.write", more="admin.roles.write")

    for path, body in (
        ("/api/tokens", {"roles": ["tenant_admin"], "tenant": OWN}),
        ("/api/bindings", {"subject": "eve", "role": "auditor"}),
        ("/api/roles", {"id": "mine", "allow": ["admin.keys.write"]}),
    ):
        answer = await client.call("POST", path, body, token=token)
        assert (answer.status, answer.json["code"]) == (403, "forbidden"), answer.body
        assert "admin.keys" in answer.json["error"]


async def dumps(world: World) -> list[object]:
    return [await asyncio.to_thread(world.dump, tenant) for tenant in (OWN, OTHER)]


async def token_with(world: World, *, allow: str, more: str = "", deny: str = "") -> str:
    """A token of a role of its own, which spans tenants."""

    def make() -> str:
        allowed = {allow, ACROSS_TENANTS, *filter(None, [more])}
        name = f"role{len(world.identities.roles.page(ROOT).items)}"
        form = RoleForm(id=name, allow=tuple(allowed), deny=tuple(filter(None, [deny])))
        world.identities.roles.make(ROOT, form)
        return world.token(name)

    return await asyncio.to_thread(make)
