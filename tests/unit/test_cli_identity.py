"""The verbs of identity, on a data folder of their own."""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import Any

import orjson
import pytest
from typer.testing import CliRunner

from gateway.cli import app
from gateway.identity.directory import StoredDirectory
from gateway.plugin.identity import Principal
from gateway.plugin.verdict import Reject


class Shell:
    def __init__(self, data_dir: Path) -> None:
        self.data_dir = data_dir

    def run(self, *arguments: str, code: int = 0) -> Any:
        flags = ["--data-dir", str(self.data_dir)]
        result = CliRunner().invoke(app, [*arguments, *flags], env={"COLUMNS": "200"})
        assert result.exit_code == code, result.stderr or result.exception
        return result

    def json(self, *arguments: str) -> Any:
        return orjson.loads(self.run(*arguments, "--json").stdout)

    def judge(self, key: str) -> Principal | Reject:
        directory = StoredDirectory(self.data_dir, time.time)  # noqa: TID251  # as it is served
        directory.poll()
        return directory.principal_of_key(key)


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path / "data")


def test_a_key_lives_from_its_making_to_its_end(shell: Shell) -> None:
    made = shell.json(
        *("apikeys", "create", "--subject", "ada", "--scope", "chat.*", "--model", "gpt-*"),
        *("--limit", '{"requests": 5, "window": "60s"}', "--expires-in", "30d", "--role", "user"),
    )
    caller = shell.judge(made["key"])
    assert isinstance(caller, Principal)
    assert (caller.subject, caller.models, caller.roles) == ("ada", ("gpt-*",), {"user"})

    rotated = shell.json("apikeys", "rotate", made["id"], "--overlap", "0")
    assert isinstance(shell.judge(made["key"]), Reject)
    assert isinstance(shell.judge(rotated["key"]), Principal)

    shell.run("apikeys", "revoke", made["id"])
    assert isinstance(shell.judge(rotated["key"]), Reject)
    assert shell.json("apikeys", "show", made["id"])["revoked_at"] is not None
    shell.run("apikeys", "delete", made["id"])
    assert shell.json("apikeys", "list") == []


def test_a_table_shows_ids_in_full_and_no_secret(shell: Shell) -> None:
    made = shell.json("apikeys", "create", "--subject", "[red]ada", "--name", "laptop")
    shown = shell.run("apikeys", "list").stdout

    assert made["id"] in shown
    assert "[red]ada" in shown
    assert made["key"] not in shown


def test_all_pages_are_listed(shell: Shell) -> None:
    for number in range(3):
        shell.run("tenants", "create", f"t{number}")

    assert [row["id"] for row in shell.json("tenants", "list")] == ["default", "t0", "t1", "t2"]


def test_a_disabled_tenant_refuses_until_it_is_enabled(shell: Shell) -> None:
    shell.run("tenants", "create", "acme", "--name", "Acme Inc")
    key = shell.json("apikeys", "create", "--subject", "ada", "--tenant", "acme")["key"]

    shell.run("tenants", "disable", "acme")
    assert isinstance(shell.judge(key), Reject)
    shell.run("tenants", "enable", "acme")
    assert isinstance(shell.judge(key), Principal)
    assert "in use" in shell.run("tenants", "delete", "acme", code=2).stderr


def test_a_role_is_made_given_and_taken(shell: Shell) -> None:
    shell.run("roles", "create", "support", "--allow", "chat.*", "--deny", "files.*")
    shell.run("roles", "grant", "support", "ada")
    key = shell.json("apikeys", "create", "--subject", "ada")["key"]
    caller = shell.judge(key)
    assert isinstance(caller, Principal)
    assert caller.roles == {"support"}

    (grant,) = shell.json("roles", "grants")
    shell.run("roles", "withdraw", grant["id"])
    shell.run("roles", "delete", "support")
    assert "support" not in shell.run("roles", "list").stdout
    assert "admin" in shell.run("roles", "show", "admin").stdout


def test_an_admin_token_is_made_for_everything_unless_told(shell: Shell) -> None:
    shell.run("tenants", "create", "acme")
    everything = shell.json("tokens", "create")
    bound = shell.json("tokens", "create", "--tenant", "acme", "--role", "tenant_admin")

    assert (everything["tenant"], everything["roles"]) == (None, ["admin"])
    assert (bound["tenant"], bound["roles"]) == ("acme", ["tenant_admin"])
    shell.run("tokens", "delete", everything["id"])
    listed = shell.run("tokens", "list").stdout
    assert bound["id"] in listed
    assert everything["id"] not in listed


def test_a_user_is_refused_and_let_in_again(shell: Shell) -> None:
    key = shell.json("apikeys", "create", "--subject", "ada")["key"]

    shell.run("revocations", "create", "subject", "ada", "--reason", "left", "--before", "now")
    assert isinstance(shell.judge(key), Reject)
    (row,) = shell.json("revocations", "list")
    assert (row["name"], row["reason"], row["created_by"][:6]) == ("ada", "left", "local:")
    shell.run("revocations", "delete", row["id"])
    assert isinstance(shell.judge(key), Principal)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("apikeys", "show", "nope"), 'there is no key "nope"'),
        (("apikeys", "create", "--subject", ""), "subject must not be empty"),
        (("apikeys", "create", "--subject", "a", "--limit", "5"), 'write {"requests": 60'),
        (("apikeys", "create", "--subject", "a", "--expires-in", "5"), "such as 500ms"),
        (("apikeys", "create", "--subject", "a", "--tenant", "x"), 'there is no tenant "x"'),
        (("roles", "create", "x", "--allow", "chats.*"), 'no permission "chats.*"'),
        (("revocations", "create", "jti", "a", "--before", "noon"), "with its offset"),
        (("revocations", "create", "jti", "a", "--before", "2030-01-01"), "with its offset"),
        (("revocations", "create", "user", "a"), "kind"),
    ],
)
def test_what_cannot_be_done_is_told_in_one_line(
    arguments: tuple[str, ...], said: str, shell: Shell
) -> None:
    result = shell.run(*arguments, code=2)

    assert said in result.stderr
    assert re.fullmatch(r"sealgate: [^\n]+\n", result.stderr)
    assert result.stdout == ""
