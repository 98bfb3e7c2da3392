"""One call of the admin API: reading it, refusing it, answering it, recording it."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.admin.api import BODY_BYTES_MAX
from gateway.admin.failures import FAILURES_MAX, Failures
from gateway.identity.database import DATABASE_FILE
from gateway.identity.keys import TOKEN_PREFIX, mint
from tests.unit.admin.admin_world import OWN, Client, World, serving


async def test_a_key_is_shown_once_and_its_record_ever_after(client: Client) -> None:
    limits = [{"requests": 60, "window": "60s"}]
    body = {
        "subject": "ada",
        "name": "laptop",
        "scopes": ["chat.*"],
        "roles": ["user"],
        "models": ["gpt-*"],
        "limits": limits,
        "expires_at": "2090-01-31T00:00:00+01:00",
    }
    made = await client.call("POST", "/api/keys", body)
    read = await client.call("GET", made.headers["location"])

    assert made.status == 201
    assert made.json["key"].startswith("sg_")
    assert made.headers["cache-control"] == "no-store"
    assert "key" not in read.json
    assert read.json == {k: v for k, v in made.json.items() if k != "key"}
    assert read.json["tenant"] == "default"
    assert read.json["expires_at"] == "2090-01-30T23:00:00Z"
    assert read.json["limits"] == limits
    assert read.json["secrets"][0]["hint"] == made.json["key"][:7]
    assert read.json["created_by"].startswith("tok_")


async def test_a_key_is_changed_as_far_as_it_is_named(client: Client) -> None:
    made = (await client.call("POST", "/api/keys", {"subject": "ada", "name": "old"})).json

    patch = {"name": "new", "models": ["a"], "expires_at": None}
    changed = await client.call("PATCH", f"/api/keys/{made['id']}", patch)

    assert changed.json["name"] == "new"
    assert changed.json["models"] == ["a"]
    assert changed.json["subject"] == "ada"
    assert changed.headers["etag"] == '"2"'


async def test_a_change_of_what_was_changed_since_is_refused(client: Client) -> None:
    path = f"/api/keys/{client.world.records[OWN]['keys']}"
    read = await client.call("GET", path)
    fresh = {"if-match": read.headers["etag"]}

    first = await client.call("PATCH", path, {"name": "a"}, headers=fresh)
    second = await client.call("PATCH", path, {"name": "b"}, headers=fresh)
    removed = await client.call("DELETE", path, headers=fresh)
    any_version = await client.call("DELETE", path, headers={"if-match": "*"})

    assert [a.status for a in (first, second, removed, any_version)] == [200, 412, 412, 204]
    assert second.json["code"] == "stale"


async def test_a_weak_or_foreign_etag_is_told_apart(client: Client) -> None:
    path = f"/api/keys/{client.world.records[OWN]['keys']}"

    for text in ('W/"1"', "1", '"x"', '"1", "2"'):
        answer = await client.call("DELETE", path, headers={"if-match": text})
        assert answer.status == 422
        assert answer.json["problems"][0]["where"] == "if-match"


async def test_a_revoked_key_stays_revoked(client: Client) -> None:
    path = f"/api/keys/{client.world.records[OWN]['keys']}"

    first = await client.call("POST", f"{path}/revoke")
    again = await client.call("POST", f"{path}/revoke")
    rotated = await client.call("POST", f"{path}/rotate", {})

    assert first.json["revoked_at"] == again.json["revoked_at"] is not None
    assert (rotated.status, rotated.json["code"]) == (409, "conflict")


async def test_pages_hold_every_record_once(client: Client) -> None:
    made = set()
    for number in range(5):
        body = {"subject": "pager", "name": str(number)}
        made.add((await client.call("POST", "/api/keys", body)).json["id"])

    seen: list[str] = []
    after: str | None = ""
    while after is not None:
        page = await client.call("GET", f"/api/keys?subject=pager&limit=2&after={after}")
        assert len(page.json["items"]) <= 2
        seen += [row["id"] for row in page.json["items"]]
        after = page.json["next"]

    assert len(seen) == 5
    assert set(seen) == made


async def test_roles_page_over_built_in_ones_too(client: Client) -> None:
    everything = await client.call("GET", "/api/roles")
    seen: list[str] = []
    after: str | None = ""
    while after is not None:
        page = await client.call("GET", f"/api/roles?limit=3&after={after}")
        seen += [row["id"] for row in page.json["items"]]
        after = page.json["next"]

    assert seen == [row["id"] for row in everything.json["items"]]
    assert {"admin", "support", "viewer"} <= set(seen)


@pytest.mark.parametrize(
    ("query", "where"),
    [
        ("limit=0", "?limit"),
        ("limit=201", "?limit"),
        ("limit=-1", "?limit"),
        ("limit=1&limit=2", "?limit"),
        ("limit=%D9%A1", "?limit"),
        ("tenent=acme", "?tenent"),
        ("cursor=x", "?cursor"),
    ],
)
async def test_a_query_that_is_not_understood_is_refused(
    query: str, where: str, client: Client
) -> None:
    answer = await client.call("GET", f"/api/keys?{query}")

    assert answer.status == 422
    assert answer.json["problems"][0]["where"] == where


@pytest.mark.parametrize(
    ("body", "where", "message"),
    [
        ({}, "body", "subject"),
        ({"subject": ""}, "subject", "must not be empty"),
        ({"subject": 7}, "subject", "text"),
        ({"subject": "a\nb"}, "subject", "control characters"),
        ({"subject": "a", "scope": ["x"]}, "scope", "unknown"),
        ({"subject": "a", "scopes": "x"}, "scopes", "list"),
        ({"subject": "a", "limits": [1]}, "limits[0]", "mapping"),
        ({"subject": "a", "expires_at": "tomorrow"}, "expires_at", ""),
        ({"subject": "a", "expires_at": "2030-01-01T00:00:00"}, "expires_at", "timezone"),
        ({"subject": "a", "expires_at": "9999-12-31T23:59:59-23:59"}, "expires_at", "1970"),
        ({"subject": "a", "expires_at": "1969-12-31T23:59:59Z"}, "expires_at", "1970"),
        ({"subject": "a", "tenant": "no/slash"}, "tenant", ""),
        ({"subject": "a", "models": ["m"] * 65}, "models", "64"),
    ],
)
async def test_a_value_that_cannot_be_used_is_told_by_its_place(
    body: Any, where: str, message: str, client: Client
) -> None:
    answer = await client.call("POST", "/api/keys", body)

    assert (answer.status, answer.json["code"]) == (422, "invalid")
    problem = answer.json["problems"][0]
    assert problem["where"] == where
    assert message in problem["message"].lower()


async def test_a_misspelt_member_is_guessed(client: Client) -> None:
    answer = await client.call("POST", "/api/keys", {"subject": "a", "model": ["m"]})

    assert "models" in answer.json["problems"][0]["hint"]


async def test_a_broken_permission_is_told(client: Client) -> None:
    answer = await client.call("POST", "/api/roles", {"id": "x", "allow": ["chats.create"]})

    assert answer.status == 422
    assert "chat.create" in str(answer.json["problems"])


@pytest.mark.parametrize(
    ("raw", "content_type", "status", "code"),
    [
        (b"", "application/json", 400, "malformed"),
        (b"{", "application/json", 400, "malformed"),
        (b"[]", "application/json", 400, "malformed"),
        (b'{"subject":"a","subject":"b"}', "application/json", 400, "malformed"),
        (b'{"subject":"\xff"}', "application/json", 400, "malformed"),
        (b"[" * 50_000, "application/json", 400, "malformed"),
        (b"{}" + b" " * BODY_BYTES_MAX, "application/json", 413, "too_large"),
        (b'{"subject":"a"}', "text/plain", 415, "not_json"),
        (b"subject=a", "application/x-www-form-urlencoded", 415, "not_json"),
    ],
)
async def test_a_body_that_cannot_be_read_is_refused(
    raw: bytes, content_type: str, status: int, code: str, client: Client
) -> None:
    headers = {"content-type": content_type}
    answer = await client.call("POST", "/api/keys", raw=raw, headers=headers)

    assert (answer.status, answer.json["code"]) == (status, code)


async def test_what_is_there_already_is_a_conflict(client: Client) -> None:
    for path, body in (
        ("/api/tenants", {"id": OWN}),
        ("/api/roles", {"id": "support", "allow": ["chat.*"]}),
        ("/api/roles", {"id": "admin", "allow": ["chat.*"]}),
        ("/api/bindings", {"tenant": OWN, "subject": "ada", "role": "user"}),
    ):
        answer = await client.call("POST", path, body)
        assert (answer.status, answer.json["code"]) == (409, "conflict")


@pytest.mark.parametrize("path", ["/api/keys/%ff", "/api/keys/%00", "/api/keys/%ED%A0%80"])
async def test_an_id_that_is_no_text_is_not_found(path: str, client: Client) -> None:
    answer = await client.call("GET", path)

    assert (answer.status, answer.json["code"]) == (404, "not_found")


@pytest.mark.parametrize("query", ["after=%ff", "subject=%ED%A0%80", "tenant=%00"])
async def test_a_query_that_is_no_text_finds_nothing_wrong(query: str, client: Client) -> None:
    answer = await client.call("GET", f"/api/keys?{query}")

    assert answer.status in {200, 422}


async def test_a_token_that_expired_or_was_removed_is_refused(client: Client) -> None:
    soon = (datetime.now(UTC) - timedelta(seconds=1)).isoformat()
    old = await client.call("POST", "/api/tokens", {"roles": ["admin"], "expires_at": soon})
    gone = await client.call("POST", "/api/tokens", {"roles": ["admin"]})
    await client.call("DELETE", f"/api/tokens/{gone.json['id']}")

    for made in (old, gone):
        answer = await client.call("GET", "/api/whoami", token=made.json["token"])
        assert (answer.status, answer.json["code"]) == (401, "credential_invalid")


async def test_a_token_of_a_disabled_tenant_is_refused(client: Client) -> None:
    await client.call("PATCH", f"/api/tenants/{OWN}", {"disabled": True})

    assert (await client.call("GET", "/api/whoami", token=client.world.own)).status == 401


async def test_says_who_one_is(client: Client) -> None:
    everything = (await client.call("GET", "/api/whoami")).json
    bound = (await client.call("GET", "/api/whoami", token=client.world.own)).json

    assert (everything["tenant"], everything["roles"]) == (None, ["admin"])
    assert "admin.keys.write" in everything["permissions"]
    assert bound["tenant"] == OWN


@pytest.mark.parametrize(
    "header",
    ["", "Basic abc", "Bearer", "Bearer ", "sga_abc", "Token sga_abc"],
)
async def test_what_is_no_bearer_credential_is_missing(header: str, client: Client) -> None:
    answer = await client.call("GET", "/api/whoami", token="", headers={"authorization": header})

    assert (answer.status, answer.json["code"]) == (401, "credential_missing")


async def test_wrong_credentials_of_one_address_are_bounded_and_right_ones_are_not(
    world: World,
) -> None:
    now_s = 0.0
    async with serving(world, failures=Failures(lambda: now_s)) as client:
        for _ in range(FAILURES_MAX):
            answer = await client.call("GET", "/api/whoami", token=mint(TOKEN_PREFIX))
            assert answer.status == 401
        refused = await client.call("GET", "/api/whoami", token=mint(TOKEN_PREFIX))
        right = await client.call("GET", "/api/whoami")
        now_s = 60.0
        later = await client.call("GET", "/api/whoami", token=mint(TOKEN_PREFIX))

    assert refused.status == 429
    assert 0 < int(refused.headers["retry-after"]) <= 61
    assert right.status == 200
    assert later.status == 401


async def test_a_page_of_another_site_cannot_use_it(client: Client) -> None:
    """No cookie is read and no origin is let in, so there is nothing to forge."""
    headers = {"origin": "https://evil.example", "cookie": f"token={client.world.root}"}
    answer = await client.call("GET", "/api/keys", token="", headers=headers)
    preflight = await client.call("OPTIONS", "/api/keys", token="", headers=headers)
    rebound = await client.call("GET", "/api/keys", headers={"host": "evil.example"})

    assert answer.status == 401
    assert preflight.status == 405
    assert "access-control-allow-origin" not in {*answer.headers, *preflight.headers}
    assert rebound.status == 421


async def test_every_call_leaves_one_line_and_no_secret(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    made = await client.call("POST", "/api/keys", {"subject": "ada", "name": "canary"})
    await client.call("GET", f"/api/keys/{made.json['key']}")
    await client.call("GET", "/api/keys", token=mint(TOKEN_PREFIX))
    await client.call("POST", "/api/tenants", {"id": "x"}, token=client.world.own)

    lines = [r.__dict__["fields"] for r in caplog.records if r.name == "sealgate.audit"]
    assert [(line["action"], line["outcome"], line["status"]) for line in lines] == [
        ("keys.create", "done", 201),
        ("keys.read", "not_found", 404),
        ("keys.list", "unauthenticated", 401),
        ("tenants.create", "forbidden", 403),
    ]
    assert lines[0]["object"] == made.json["id"]
    assert lines[0]["tenant"] == "*"
    assert lines[1]["object"] == "(a secret)"
    assert lines[2]["actor"] == ""
    assert lines[3]["tenant"] == OWN
    logged = str([r.__dict__ for r in caplog.records])
    assert made.json["key"] not in logged
    assert client.world.root not in logged
    assert "canary" not in logged


async def test_a_database_that_is_away_is_told_as_such(client: Client, tmp_path: Path) -> None:
    """Somebody holds the file: the call is told to come back."""

    def hold() -> sqlite3.Connection:
        client.world.identities.keys._db.connection.execute("PRAGMA busy_timeout = 1")
        file = tmp_path / DATABASE_FILE
        holder = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
        holder.execute("BEGIN IMMEDIATE")
        return holder

    holder = await asyncio.to_thread(hold)
    answer = await client.call("POST", "/api/keys", {"subject": "ada"})
    await asyncio.to_thread(holder.close)

    assert (answer.status, answer.json["code"]) == (503, "unavailable")
