"""Two tenants in one gateway: what each gets depends on its credential, and on nothing else."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from typing import Any

import orjson
import pytest

from tests.integration.gateway_process import SEALGATE, GatewayProcess, LogLine, running_gateway
from tests.integration.plugin_client import CHAT, HELLO, Answer, ask

HEAD = """
version: 1
name: {name}
match: {match}
chain:
  - auth: {{api_keys: true}}
"""
ACME = """
  - rbac:
      default_roles: [user]
      roles:
        night: {allow: [{permissions: [chat.create], output_tokens_max: 50}]}
        shared: {allow: [chat.create]}
  - request_limits: {models: [demo, acme-only]}
  - security_headers: {}
"""
GLOBEX = """
  - rbac:
      default_roles: [viewer]
      roles: {shared: {allow: [models.list]}}
"""
LARGE = """
  - rbac: {default_roles: [viewer]}
"""
POLICIES = {
    "1.yaml": HEAD.format(name="acme", match="{tenants: [acme]}") + ACME,
    "2.yaml": HEAD.format(name="globex-large", match="{tenants: [globex], models: [large-*]}")
    + LARGE,
    "3.yaml": HEAD.format(name="globex", match="{tenants: [globex]}") + GLOBEX,
}


class World:
    """One gateway with the keys of three tenants."""

    def __init__(self, gateway: GatewayProcess) -> None:
        self.gateway = gateway
        for tenant in ("acme", "globex", "initech"):
            self.tell("tenants", "create", tenant)
        self.tell("roles", "create", "ops", "--allow", "files.*")
        self.keys = {
            name: self.tell("apikeys", "create", "--subject", name, *how.split())["key"]
            for name, how in {
                "ann": "--tenant acme",
                "amy": "--tenant acme --role night",
                "abe": "--tenant acme --role shared",
                "alf": "--tenant acme --scope models.*",
                "gil": "--tenant globex",
                "gus": "--tenant globex --role shared",
                "ian": "--tenant initech",
                "ada": "--tenant acme --role ops",
            }.items()
        }

    def tell(self, *words: str) -> dict[str, Any]:
        """What `sealgate WORDS` says."""
        data_dir = str(self.gateway.folder / "data")
        command = [str(SEALGATE), *words, "--data-dir", data_dir, "--json"]
        run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        assert run.returncode == 0, run.stderr
        said: dict[str, Any] = orjson.loads(run.stdout)
        return said

    def ask(self, who: str, path: str = CHAT, **how: Any) -> tuple[Answer, LogLine]:
        """One exchange of `who`, and its line in the log."""
        before = len(self.gateway.exchanges)
        headers = {"authorization": f"Bearer {self.keys[who]}", **how.pop("headers", {})}
        answer = ask(self.gateway, path, headers=headers, **how)
        self.gateway.wait_for_log("exchange", count=before + 1)
        return answer, self.gateway.exchanges[before]


@pytest.fixture(scope="module")
def world() -> Iterator[World]:
    with running_gateway(policies=POLICIES) as gateway:
        yield World(gateway)


def models(world: World, who: str) -> tuple[Answer, LogLine]:
    return world.ask(who, "/demo/v1/models", method="GET", body=None)


def chat(**body: Any) -> bytes:
    return orjson.dumps({**orjson.loads(HELLO), **body})


def test_each_tenant_gets_its_own_policy(world: World) -> None:
    acme, acme_line = world.ask("ann")
    globex, globex_line = world.ask("gil")

    assert (acme[0], acme_line["policy"], acme_line["tenant"]) == (200, "acme", "acme")
    assert (globex[0], globex_line["policy"], globex_line["tenant"]) == (403, "globex", "globex")
    assert b"chat.create is needed" in globex[2]
    assert acme_line["subject"] == "ann"
    assert acme_line["key_id"].startswith("key_")


def test_auth_runs_once_and_the_rest_of_the_chain_after_it(world: World) -> None:
    _, line = world.ask("ann")

    ran = [v["plugin"] for v in line["verdicts"] if v["hook"] == "on_request_headers"]
    assert ran[:2] == ["auth", "rbac"]
    assert ran.count("auth") == 1


@pytest.mark.parametrize(
    "claims",
    [
        {"x-tenant": "globex"},
        {"X-Tenant-Id": "globex", "x_tenant_id": "globex"},
        {"x-sealgate-tenant": "globex", "x-sealgate-roles": "admin"},
        {"x-organization": "globex", "openai-organization": "globex"},
        {"x-forwarded-user": "gil", "x-auth-request-groups": "admin"},
    ],
)
def test_what_a_client_claims_of_itself_changes_nothing(
    world: World, claims: Mapping[str, str]
) -> None:
    path = f"{CHAT}?tenant=globex&role=admin&x-tenant=globex"
    body = chat(tenant="globex", metadata={"tenant": "globex"}, user="gil", roles=["admin"])

    (status, _, _), line = world.ask("ann", path, headers=claims, body=body)
    (refused, _, _), other = world.ask("gil", path, headers={**claims, "x-tenant": "acme"})
    assert (status, line["policy"], line["tenant"]) == (200, "acme", "acme")
    assert (refused, other["policy"], other["tenant"]) == (403, "globex", "globex")


def test_limits_of_one_tenants_policy_bind_no_other(world: World) -> None:
    body = chat(model="acme-only")
    denied = chat(model="something-else")

    assert world.ask("ann", body=body)[0][0] == 200
    answer, line = world.ask("ann", body=denied)
    assert (answer[0], line["reason"]) == (400, "model_denied")
    _, other = world.ask("gus", body=denied)
    assert other["reason"] == "permission_denied"
    assert models(world, "gus")[0][0] == 200


def test_a_role_of_one_name_means_what_the_tenants_own_policy_says(world: World) -> None:
    assert world.ask("abe")[0][0] == 200
    assert world.ask("gus")[0][0] == 403
    assert models(world, "abe")[0][0] == 403
    assert models(world, "gus")[0][0] == 200


def test_a_role_may_ask_what_only_the_body_tells(world: World) -> None:
    assert world.ask("amy", body=chat(max_tokens=50))[0][0] == 200
    assert world.ask("amy", body=chat(max_tokens=51))[0][0] == 403
    assert world.ask("amy", body=chat())[0][0] == 403
    assert world.ask("ann", body=chat())[0][0] == 200


def test_scopes_of_a_key_bound_its_roles(world: World) -> None:
    assert models(world, "alf")[0][0] == 200
    assert world.ask("alf")[0][0] == 403


def test_tenant_and_model_together_choose(world: World) -> None:
    _, line = world.ask("gil", body=chat(model="large-1"))
    _, other = world.ask("ann", body=chat(model="large-1"))

    assert line["policy"] == "globex-large"
    assert other["policy"] == "acme"


def test_a_tenant_without_a_policy_is_refused(world: World) -> None:
    (status, _, body), line = world.ask("ian")

    assert (status, line["reason"]) == (403, "no_policy")
    assert (line["policy"], line["tenant"], line["route"]) == ("", "initech", "demo")
    assert b"No policy covers this request" in body


@pytest.mark.parametrize(
    "headers", [{}, {"authorization": "Bearer sg_wrong"}, {"x-tenant": "acme"}]
)
def test_a_caller_who_is_not_known_is_refused_before_any_policy(
    world: World, headers: Mapping[str, str]
) -> None:
    before = len(world.gateway.exchanges)
    status, _, _ = ask(world.gateway, headers=headers)
    world.gateway.wait_for_log("exchange", count=before + 1)
    line = world.gateway.exchanges[before]

    assert status == 401
    assert (line["policy"], line["tenant"], line["subject"]) == ("", "", "")


def test_streams_and_refusals_of_the_chosen_policy_are_whole(world: World) -> None:
    (status, headers, body), _ = world.ask("ann", body=chat(stream=True))

    assert status == 200
    assert headers["content-type"].startswith("text/event-stream")
    assert body.rstrip().endswith(b"data: [DONE]")
    acme, globex = models(world, "abe")[0], world.ask("gus")[0]
    assert (acme[0], globex[0]) == (403, 403)
    assert acme[1]["x-content-type-options"] == "nosniff"
    assert "x-content-type-options" not in globex[1]


def test_a_changed_role_holds_without_a_reload(world: World) -> None:
    files = "/demo/v1/files"
    assert world.ask("ada", files, method="GET", body=None)[0][0] == 200
    assert world.ask("ann", files, method="GET", body=None)[0][0] == 403

    world.tell("roles", "grant", "ops", "ann", "--tenant", "acme")
    deadline, pause = time.monotonic() + 60, threading.Event()
    while world.ask("ann", files, method="GET", body=None)[0][0] != 200:
        assert time.monotonic() < deadline
        pause.wait(0.02)
    # Roles that are given take the place of the default ones.
    assert world.ask("ann")[0][0] == 403


def test_requests_are_counted_by_tenant(world: World) -> None:
    before = world.gateway.metric("sealgate_tenant_requests_total", tenant="globex")
    world.ask("gus")

    assert world.gateway.metric("sealgate_tenant_requests_total", tenant="globex") == before + 1
