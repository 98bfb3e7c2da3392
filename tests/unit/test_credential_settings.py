"""Keys are referred to and never written."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from gateway.credential_settings import CredentialSettings, VaultSettings


@pytest.mark.parametrize(
    "keys", ["${NAME}", "file:/run/secrets/x", "vault:openai#key", ["${A}", "vault:a/b-c.d#f"]]
)
def test_references_are_taken(keys: Any) -> None:
    assert CredentialSettings.model_validate({"keys": keys}).keys


@pytest.mark.parametrize(
    "keys",
    ["", [], "sk-proj-abc", "$NAME", "file:relative", "vault:x", "vault:#f", "vault:/x#f",
     "vault:../x#f", "vault:a/../x#f", "vault:x?version=1#f", ["${A}", "sk-abc"]],
)  # fmt: skip
def test_everything_else_is_refused(keys: Any) -> None:
    with pytest.raises(ValidationError):
        CredentialSettings.model_validate({"keys": keys})


@pytest.mark.parametrize(
    "change",
    [
        {"header": "x y"},
        {"format": "Token {key}"},
        {"header": "x", "format": "Token"},
        {"header": "x", "format": "{key}{key}"},
        {"header": "x", "format": "a\r\n{key}"},
    ],
)
def test_a_header_must_be_one(change: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        CredentialSettings.model_validate({"keys": "${A}", **change})


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ({"address": "http://vault.example.com:8200"}, "write https://"),
        ({"address": "https://vault.example.com"}, "token"),
        ({"address": "https://v", "token": "hvs.abc"}, "never written"),
        ({"address": "https://v", "method": "approle", "role_id": "${A}"}, "`secret_id`"),
        ({"address": "https://v", "method": "kubernetes"}, "`role`"),
        ({"address": "https://v", "token": "${A}", "mount": "/secret"}, "pattern"),
        ({"address": "https://v", "token": "${A}", "mount": "a/../b//c"}, "pattern"),
    ],
)
def test_vault_needs_what_its_method_needs(written: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        VaultSettings.model_validate(written)


def test_an_agent_on_this_machine_may_be_plain() -> None:
    written = {"address": "http://127.0.0.1:8200/", "token": "${A}"}

    assert VaultSettings.model_validate(written).address == "http://127.0.0.1:8200"
