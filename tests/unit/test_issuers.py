"""What may be written of an issuer."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from gateway.issuers import IssuerSettings, check_url, is_loopback_host

MINIMAL = {"issuer": "https://id.example.com", "audience": "sealgate"}


def test_one_text_stands_for_a_list() -> None:
    assert IssuerSettings.model_validate(MINIMAL).audience == ("sealgate",)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"audience": []}, "at least 1"),
        ({"issuer": "http://id.example.com"}, "write https://"),
        ({"issuer": "id.example.com"}, "not a URL"),
        ({"jwks_url": "http://keys.example.com/"}, "write https://"),
        ({"jwks_url": "file:///etc/passwd"}, "not a URL"),
        ({"jwks_url": "https://user:pass@keys.example.com/"}, "neither a user name"),
        ({"jwks_url": "https://x/k", "jwks_file": "/k"}, "not from both"),
        ({"tenant": "a", "tenant_from": "b", "tenants": "*"}, "not both"),
        ({"tenant_from": "org"}, "needs `tenants`"),
        ({"tenants": ["a"]}, "which is not given"),
        ({"algorithms": ["HS256"]}, "RS256"),
        ({"algorithms": ["none"]}, "RS256"),
        ({"algorithms": []}, "at least 1"),
        ({"skew_s": 301}, "300"),
        ({"skew_s": -1}, "0"),
        ({"alogrithms": ["RS256"]}, "Extra"),
    ],
)
def test_what_cannot_be_is_refused_and_says_why(change: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        IssuerSettings.model_validate({**MINIMAL, **change})


@pytest.mark.parametrize(
    "change",
    [
        {"issuer": "http://127.0.0.1:9000"},
        {"issuer": "http://localhost:9000/realms/x"},
        {"issuer": "http://id.internal", "allow_http": True},
        {"issuer": "any text", "jwks_file": "/keys.json"},
        {"issuer": "any text", "jwks_url": "https://keys.example.com/k?tenant=1"},
        {"tenant_from": "org", "tenants": ["*"]},
    ],
)
def test_what_can_be_is_taken(change: dict[str, Any]) -> None:
    assert IssuerSettings.model_validate({**MINIMAL, **change})


@pytest.mark.parametrize(
    "url",
    ["", "x", "https://", "https:///k", "ftp://a/", "https://a:b:c/", "https://a/\n",
     "https://a/ b", "https://[::1", "https://a\\@b/", "https://a/#k", "https://ä.example/"],
)  # fmt: skip
def test_a_url_that_can_be_misread_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="URL"):
        check_url(url, allow_http=True)


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("localhost", True),
        ("x.localhost", True),
        ("127.8.8.8", True),
        ("::1", True),
        ("localhost.example.com", False),
        ("127.0.0.1.example.com", False),
        ("10.0.0.1", False),
    ],
)
def test_this_machine_is_told_by_its_names(host: str, loopback: bool) -> None:
    assert is_loopback_host(host) is loopback
