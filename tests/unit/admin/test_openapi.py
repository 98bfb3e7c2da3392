"""The description of the API says what the routes do, since both are made from one table."""

from __future__ import annotations

from typing import Any

from gateway.admin.api import OPENAPI_PATH
from gateway.admin.endpoints import ENDPOINTS
from gateway.admin.openapi import describe
from tests.unit.admin.admin_world import Client


def references(document: Any) -> set[str]:
    if isinstance(document, dict):
        own = {document["$ref"]} if isinstance(document.get("$ref"), str) else set()
        return own.union(*(references(value) for value in document.values()))
    if isinstance(document, list):
        return set().union(*(references(value) for value in document))
    return set()


def test_every_route_is_described() -> None:
    document = describe(ENDPOINTS)
    described = {
        (method.upper(), path) for path, item in document["paths"].items() for method in item
    }

    assert described == {(e.method, e.path) for e in ENDPOINTS}


def test_every_reference_leads_somewhere() -> None:
    document = describe(ENDPOINTS)
    known = {f"#/components/schemas/{name}" for name in document["components"]["schemas"]}

    assert references(document) <= known


def test_every_path_parameter_and_permission_is_told() -> None:
    for path, item in describe(ENDPOINTS)["paths"].items():
        for operation in item.values():
            named = {p["name"] for p in operation["parameters"] if p["in"] == "path"}
            assert all(f"{{{name}}}" in path for name in named)
            assert ("{" in path) == bool(named)
            assert operation["operationId"] == "whoami" or "admin." in operation["description"]


async def test_is_served_to_whoever_may_call(client: Client) -> None:
    answer = await client.call("GET", OPENAPI_PATH, token=client.world.own)
    refused = await client.call("GET", OPENAPI_PATH, token="")

    assert answer.json == describe(ENDPOINTS)
    assert refused.status == 401


async def test_the_routes_are_those_of_the_table_and_no_others(client: Client) -> None:
    """A method that the table does not know is refused, whatever the path."""
    known = {(e.method, e.path) for e in ENDPOINTS}
    for path in {e.path for e in ENDPOINTS}:
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
            if (method, path) not in known:
                answer = await client.call(method, client.world.path(path, "acme"))
                assert answer.status == 405, (method, path)
