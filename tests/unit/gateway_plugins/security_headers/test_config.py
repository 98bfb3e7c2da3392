"""What may be written below `security_headers`, and what is said of the rest."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from gateway_plugins.security_headers.config import SecurityHeadersConfig

ORIGIN = "https://app.example.com"


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"headers": {"x-frame-options": "DENY", "referrer-policy": None}, "apply_to": "all"},
        {"strict_transport_security": None, "remove": ["server", "x-powered-by"]},
        {"cors": {"origins": [ORIGIN, "https://*.example.com", "http://localhost:3000"]}},
        {"cors": {"origins": ["*"], "headers": ["authorization"], "max_age_s": 0}},
        {"cors": {"origins": ["chrome-extension://abcdef", "http://[::1]:8080"]}},
        {"cors": {"origins": [ORIGIN], "credentials": True, "expose_headers": []}},
    ],
)
def test_good_configurations_are_read(config: dict[str, Any]) -> None:
    read = SecurityHeadersConfig.model_validate(config)

    assert read == SecurityHeadersConfig.model_validate(read.model_dump())


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"headers": {"X-Frame-Options": "DENY"}}, "write it in small letters"),
        ({"headers": {"x-a": "b\r\nset-cookie: c"}}, "printable ASCII"),
        ({"headers": {"x-a": ""}}, "printable ASCII"),
        ({"headers": {"content-length": "0"}}, "frames the message"),
        ({"remove": ["transfer-encoding"]}, "frames the message"),
        ({"remove": ["x y"]}, "is no header name"),
        ({"apply_to": "upstream"}, "'local' or 'all'"),
        ({"hsts": "max-age=1"}, "Extra inputs are not permitted"),
        ({"cors": {}}, "Field required"),
        ({"cors": {"origins": []}}, "at least 1 item"),
        ({"cors": {"origins": ["app.example.com"]}}, "is no origin; write one as https://app"),
        ({"cors": {"origins": ["https://*"]}}, "is no origin"),
        ({"cors": {"origins": ["https://a.*.example.com"]}}, "is no origin"),
        ({"cors": {"origins": ["https://"]}}, "is no origin"),
        ({"cors": {"origins": ["null"]}}, "is no origin"),
        ({"cors": {"origins": [f"{ORIGIN}/"]}}, f"write {ORIGIN}"),
        ({"cors": {"origins": [f"{ORIGIN}:443"]}}, f"write {ORIGIN}"),
        ({"cors": {"origins": ["http://a.example:80"]}}, "write http://a.example"),
        ({"cors": {"origins": ["HTTPS://App.example.com"]}}, f"write {ORIGIN}"),
        ({"cors": {"origins": ["*"], "credentials": True}}, "list the origins"),
        ({"cors": {"origins": [ORIGIN], "methods": ["post"]}}, "write it in capitals"),
        ({"cors": {"origins": [ORIGIN], "methods": []}}, "at least 1 item"),
        ({"cors": {"origins": [ORIGIN], "headers": ["X Y"]}}, "is no header name"),
        ({"cors": {"origins": [ORIGIN], "max_age_s": -1}}, "greater than or equal to 0"),
        ({"cors": {"origins": [ORIGIN], "origin": 1}}, "Extra inputs are not permitted"),
    ],
)
def test_a_bad_configuration_says_what_to_write(config: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        SecurityHeadersConfig.model_validate(config)

    assert said in str(caught.value)
