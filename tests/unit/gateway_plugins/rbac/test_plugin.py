"""Requests of callers with roles: who may do what, and what a refusal says."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
import pytest

from gateway.identity.roles import Role
from gateway.plugin import PRINCIPAL, Exchange, Plugin, Principal, Reason, Reject, Runtime
from gateway.plugin.identity import IdentityUnavailableError
from gateway.plugin.testing import make_exchange, play, running
from gateway.settings import Dialect
from gateway_plugins.rbac import Rbac

NOON = 1_772_452_800.0
"""Monday, 2026-03-02 12:00 UTC."""


@dataclass
class FakeDirectory:
    """The roles of a directory, and nothing else of it."""

    written: dict[str, Role] = field(default_factory=dict)
    generation: int = 1
    broken: bool = False
    asked: int = 0

    def roles(self) -> Mapping[str, Any]:
        self.asked += 1
        if self.broken:
            raise IdentityUnavailableError
        return self.written

    def principal_of_key(self, presented: str) -> Principal | Reject:
        raise AssertionError

    def is_revoked(
        self, kind: str, name: str, *, tenant: str = "", issued_at: float | None = None
    ) -> bool:
        raise AssertionError

    def roles_of(self, tenant: str, subject: str) -> frozenset[str]:
        raise AssertionError

    def note_use(self, key_id: str) -> None:
        raise AssertionError


def caller(*roles: str, tenant: str = "acme", scopes: tuple[str, ...] = ()) -> Principal:
    return Principal(
        tenant, "ann", "key", key_id="k1", roles=frozenset(roles), scopes=frozenset(scopes)
    )


def request(
    principal: Principal | None,
    target: str = "/v1/chat/completions",
    method: str = "POST",
    body: Any = None,
    **more: Any,
) -> Exchange:
    raw = body if isinstance(body, bytes | None) else orjson.dumps(body)
    x = make_exchange(method, target, body=raw, **more)
    if principal is not None:
        x.provide(PRINCIPAL, principal)
    return x


async def answer(
    x: Exchange,
    written: dict[str, Any] | None = None,
    directory: FakeDirectory | None = None,
) -> Reject | None:
    runtime = Runtime(wall=lambda: NOON, directory=directory)
    async with running(Rbac, written, runtime) as rbac:
        found = (await play(rbac, x)).answer
    assert found is None or isinstance(found, Reject)
    return found


def refusal(message: str) -> Reject:
    return Reject(Reason.PERMISSION_DENIED, message)


def roles(**written: Any) -> dict[str, Any]:
    return {"roles": written}


async def test_a_role_allows_its_operations_and_no_other() -> None:
    assert await answer(request(caller("user"))) is None
    assert await answer(request(caller("viewer"))) == refusal("chat.create is needed")
    assert await answer(request(caller("user"), "/v1/files")) == refusal("files.write is needed")
    assert await answer(request(caller("admin"), "/v1/nothing")) is None
    assert await answer(request(caller("developer"), "/v1/nothing")) == refusal("other is needed")


async def test_a_caller_who_is_not_known_may_do_nothing() -> None:
    assert await answer(request(None)) == refusal("the caller is not known")


async def test_a_caller_without_roles_has_the_default_ones_and_no_others() -> None:
    default = {"default_roles": ["viewer"]}

    assert await answer(request(caller(), "/v1/models", "GET"), default) is None
    assert await answer(request(caller()), default) == refusal("chat.create is needed")
    assert await answer(request(caller(), "/v1/models", "GET")) == refusal("models.list is needed")
    assert await answer(request(caller("ghost"), "/v1/models", "GET"), default) is not None


async def test_more_may_be_asked_of_every_request() -> None:
    required = {"require": ["files.write"]}

    assert await answer(request(caller("user")), required) == refusal("files.write is needed")
    assert await answer(request(caller("developer")), required) is None


async def test_what_a_client_says_of_its_roles_is_no_role() -> None:
    headers = {"x-role": "admin", "x-roles": "admin", "x-sealgate-roles": "admin"}
    body = {"roles": ["admin"], "model": "gpt-4"}
    x = request(caller("viewer"), "/v1/chat/completions?role=admin", body=body, headers=headers)

    assert await answer(x) == refusal("chat.create is needed")


async def test_scopes_of_the_credential_bound_its_roles() -> None:
    x = request(caller("developer", scopes=("embeddings.*",)))

    assert await answer(x) == refusal("chat.create is needed")


async def test_models_of_scopes_are_held_by_who_verified_them_where_no_body_is_read() -> None:
    def asks(*roles: str, model: str = "gpt-4") -> Exchange:
        principal = caller(*roles, scopes=("chat.create:gpt-4*", "models.*"))
        return request(principal, body={"model": model})

    assert await answer(asks("user")) is None
    assert await answer(asks("viewer")) == refusal("chat.create is needed")
    read = {"read_body": True}
    assert await answer(asks("user"), read) is None
    assert await answer(asks("user", model="o3"), read) == refusal("chat.create is needed for o3")


async def test_the_prefix_of_the_route_is_not_part_of_the_path() -> None:
    x = request(caller("user"), "/team/v1/files")
    x.path = "/v1/files"

    assert await answer(x) == refusal("files.write is needed")


async def test_conditions_look_at_client_route_and_clock() -> None:
    office = roles(
        office={
            "allow": [{"permissions": ["chat.*"], "networks": ["10.0.0.0/8"], "weekdays": ["mon"]}]
        }
    )

    assert await answer(request(caller("office"), client_ip="10.1.2.3"), office) is None
    assert await answer(request(caller("office")), office) == refusal("chat.create is needed")
    assert await answer(request(caller("office"), client_ip="unknown"), office) is not None


GPT = roles(gpt={"allow": ["chat.create:gpt-4*", "models.list"]})


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"model": "gpt-4o"}, None),
        ({"model": "o3"}, refusal("chat.create is needed for o3")),
        ({}, refusal("chat.create is needed")),
        (b"", refusal("chat.create is needed")),
        ({"model": "gpt-4o", "models": ["gpt-4", "o3"]}, refusal("chat.create is needed for o3")),
        ({"model": "gpt-4o", "models": 1}, refusal("`models` is no list of texts")),
        ({"model": "x" * 300}, refusal("chat.create is needed")),
        ({"model": "\n"}, refusal("chat.create is needed")),
    ],
)
async def test_a_model_is_judged_where_the_body_names_it(
    body: Any, expected: Reject | None
) -> None:
    assert await answer(request(caller("gpt"), body=body), GPT) == expected


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b'{"model": "gpt-4o", "model": "o3"}', Reason.AMBIGUOUS_REQUEST),
        (b'{"Model": "o3", "model": "gpt-4o"}', Reason.AMBIGUOUS_REQUEST),
        (b"--form", Reason.UNINSPECTABLE),
        (b"[" * 5000, Reason.UNINSPECTABLE),
        (b'{"model": ["gpt-4o"]}', Reason.UNINSPECTABLE),
    ],
)
async def test_a_body_that_does_not_tell_its_model_is_refused(body: bytes, reason: Reason) -> None:
    found = await answer(request(caller("gpt"), body=body), GPT)

    assert found is not None
    assert found.reason is reason


async def test_a_large_body_is_judged_as_well() -> None:
    padding = "x" * 300_000
    good = request(caller("gpt"), body={"pad": padding, "model": "gpt-4o"})
    bad = request(caller("gpt"), body={"pad": padding, "model": "o3"})

    assert await answer(good, GPT) is None
    assert await answer(bad, GPT) == refusal("chat.create is needed for o3")


async def test_a_model_in_the_path_needs_no_body() -> None:
    def gemini(model: str) -> Exchange:
        path = f"/v1beta/models/{model}:generateContent"
        return request(caller("gpt"), path, dialect=Dialect.GEMINI)

    plain = GPT | {"read_body": False}
    assert await answer(gemini("gpt-4o"), plain) is None
    assert await answer(gemini("gemini-2.5"), plain) == refusal(
        "chat.create is needed for gemini-2.5"
    )


async def test_the_model_is_noted_for_those_that_come_after() -> None:
    x = request(caller("gpt"), body={"model": "gpt-4o"})
    await answer(x, GPT)

    assert x.model == "gpt-4o"


async def test_a_bound_of_tokens_is_read_from_the_body() -> None:
    small = roles(
        small={"allow": [{"permissions": ["chat.*", "messages.*"], "output_tokens_max": 100}]}
    )

    def asks(**body: Any) -> Exchange:
        return request(caller("small"), body={"model": "m", **body})

    assert await answer(asks(max_tokens=100), small) is None
    assert await answer(asks(max_tokens=101), small) == refusal("chat.create is needed for m")
    assert await answer(asks(), small) == refusal("chat.create is needed for m")


@pytest.mark.parametrize(
    ("written", "held"),
    [
        ({}, False),
        (GPT, True),
        (GPT | {"read_body": False}, False),
        ({"read_body": True}, True),
        (roles(any={"allow": ["*"]}, gpt={"allow": ["chat.create:gpt-4"]}), True),
        (roles(no={"deny": ["chat.create:gpt-5"]}), True),
    ],
)
async def test_the_body_is_held_only_where_a_role_of_the_policy_asks(
    written: dict[str, Any], held: bool
) -> None:
    async with running(Rbac, written) as rbac:
        assert ("on_request" not in rbac.skips_hooks) is held


async def test_a_directory_role_is_refused_what_it_cannot_prove() -> None:
    directory = FakeDirectory({"gpt": Role(allow=("chat.create:gpt-4*",))})
    body = {"model": "gpt-4o"}

    held = await answer(request(caller("gpt"), body=body), {"read_body": True}, directory)
    streamed = await answer(request(caller("gpt"), body=body), {}, directory)
    assert held is None
    assert streamed == refusal("chat.create depends on the body, which `rbac` does not read here")


async def test_a_changed_role_holds_for_the_next_request_and_is_read_once() -> None:
    directory = FakeDirectory({"ops": Role(allow=("files.*",))})
    async with running(Rbac, {}, Runtime(directory=directory)) as rbac:
        for _ in range(3):
            assert _head(rbac, request(caller("ops"), "/v1/files")) is None
        asked = directory.asked
        directory.written = {"ops": Role(allow=("models.list",))}
        directory.generation += 1
        assert _head(rbac, request(caller("ops"), "/v1/files")) is not None

    assert (asked, directory.asked) == (1, 2)


async def test_roles_of_the_policy_hide_those_of_the_directory_and_built_in_ones_stay() -> None:
    directory = FakeDirectory(
        {"ops": Role(allow=("*",)), "viewer": Role(allow=("*",)), "more": Role(allow=("files.*",))}
    )
    written = roles(ops={"allow": ["models.list"]})

    assert await answer(request(caller("ops"), "/v1/files"), written, directory) is not None
    assert await answer(request(caller("viewer"), "/v1/files"), written, directory) is not None
    assert await answer(request(caller("more"), "/v1/files"), written, directory) is None


async def test_roles_that_cannot_be_read_refuse_everything() -> None:
    directory = FakeDirectory(broken=True)

    found = await answer(request(caller("admin")), {"read_body": True}, directory)
    assert found == Reject(Reason.IDENTITY_UNAVAILABLE, "roles cannot be read")


async def test_a_role_of_one_tenant_is_nothing_to_another() -> None:
    written = roles(ops={"allow": ["*"], "tenants": ["acme"]})

    assert await answer(request(caller("ops")), written) is None
    assert await answer(request(caller("ops", tenant="globex")), written) is not None


async def test_a_default_role_that_nobody_knows_is_told(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.WARNING)
    await answer(request(caller()), {"default_roles": ["ghost", "user"]})

    assert [record.getMessage() for record in caplog.records] == ["default role ghost is not known"]


async def test_the_memory_of_paths_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway_plugins.rbac.plugin.OPERATIONS_MAX", 3)
    async with running(Rbac) as rbac:
        for number in range(9):
            _head(rbac, request(caller("admin"), f"/v1/files/f{number}"))
        _head(rbac, request(caller("admin"), f"/v1/files/{'f' * 400}"))

        assert 0 < len(rbac._operations) <= 3


def _head(plugin: Plugin, x: Exchange) -> Any:
    return plugin.on_request_headers(x)
