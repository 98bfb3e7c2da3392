"""What may be written below `auth`."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from gateway_plugins.auth.config import AuthConfig

ISSUER = {"issuer": "https://id.example.com", "audience": "sealgate"}


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ({}, "nothing to check"),
        ({"optional": True}, "nothing to check"),
        ({"api_keys": {"store": "elsewhere"}}, "directory"),
        ({"api_keys": True, "header_name": "x y"}, "not the name of a header"),
        ({"jwt": [ISSUER, ISSUER]}, "stands twice"),
        ({"jwt": [{**ISSUER, "secret": "s", "jwks_url": "https://x"}]}, "no keys"),
        ({"jwt": [{**ISSUER, "secret": "s", "algorithms": ["RS256"]}]}, "no other algorithms"),
        ({"jwt": [{**ISSUER, "issuer": "http://id.example.com"}]}, "write https://"),
        ({"mtls": {"rules": []}}, "at least 1"),
        ({"mtls": {"rules": [{"tenant": "a"}]}}, "looks at one of"),
        ({"mtls": {"rules": [{"uri": "a", "dns": "b"}]}}, "looks at one of"),
        ({"header": {"subject": "x-user", "tenant_header": "x-t"}}, "needs `tenants`"),
        ({"header": {"subject": "x-user", "tenants": ["a"]}}, "needs `tenants`"),
        ({"header": {"subject": "x-user", "tenant": "a", "tenant_header": "b"}}, "not both"),
        ({"header": {"subject": "x user"}}, "not the name of a header"),
    ],
)
def test_what_cannot_be_is_refused_and_says_why(written: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        AuthConfig.model_validate(written)


def test_true_stands_for_the_directory() -> None:
    assert AuthConfig.model_validate({"api_keys": {}}).api_keys
    assert AuthConfig.model_validate({"api_keys": {"store": "directory"}}).api_keys


def test_an_issuer_with_a_secret_may_have_any_name() -> None:
    written = {"jwt": [{"issuer": "our own", "audience": "x", "secret": "s"}]}

    assert AuthConfig.model_validate(written).jwt[0].issuer == "our own"


def test_a_secret_is_not_shown() -> None:
    written = {"jwt": [{**ISSUER, "secret": "CANARY"}]}

    assert "CANARY" not in repr(AuthConfig.model_validate(written))
