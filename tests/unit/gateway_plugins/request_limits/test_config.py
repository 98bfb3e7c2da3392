"""What may be written below `request_limits`, and what is said of the rest."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from gateway_plugins.request_limits.config import RequestLimitsConfig


@pytest.mark.parametrize(
    ("config", "reads_body"),
    [
        ({"methods": ["GET", "POST"]}, False),
        ({"query_bytes_max": 0}, False),
        ({"body_bytes_max": 0}, False),
        ({"content_types": ["application/json", "image/*", "*/*"]}, False),
        ({"models": ["gpt-*", ""]}, True),
        ({"models_denied": ["*-preview"], "uninspectable": "pass"}, True),
        ({"json_depth_max": 1}, True),
        ({"json_containers_max": 1}, True),
    ],
)
def test_good_configurations_are_read(config: dict[str, Any], reads_body: bool) -> None:
    read = RequestLimitsConfig.model_validate(config)

    assert read == RequestLimitsConfig.model_validate(read.model_dump())
    assert read.reads_body == reads_body


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({}, "nothing to check: give at least one limit"),
        ({"uninspectable": "pass"}, "nothing to check"),
        ({"models": []}, "nothing to check"),
        ({"methods": ["post"]}, "write it in capitals, such as POST"),
        ({"methods": [""]}, "is no method"),
        ({"content_types": ["json"]}, "is no content type"),
        ({"content_types": ["Application/JSON"]}, "write it in small letters"),
        ({"content_types": ["application/json; charset=utf-8"]}, "without parameters"),
        ({"body_bytes_max": -1}, "greater than or equal to 0"),
        ({"body_bytes_max": "32MB"}, "valid integer"),
        ({"query_bytes_max": -1}, "greater than or equal to 0"),
        ({"json_depth_max": 0}, "greater than or equal to 1"),
        ({"json_depth_max": 1025}, "less than or equal to 1024"),
        ({"json_containers_max": 0}, "greater than or equal to 1"),
        ({"uninspectable": "flag", "models": ["a"]}, "'block' or 'pass'"),
        ({"model": ["a"]}, "Extra inputs are not permitted"),
    ],
)
def test_a_bad_configuration_says_what_to_write(config: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        RequestLimitsConfig.model_validate(config)

    assert said in str(caught.value)
