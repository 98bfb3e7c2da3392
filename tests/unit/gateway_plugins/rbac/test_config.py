"""What may stand below `rbac`."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from gateway_plugins.rbac.config import RbacConfig


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ({"roles": {"admin": {"allow": ["*"]}}}, '"admin" is a built-in role'),
        ({"roles": {"Not A Name": {"allow": ["*"]}}}, "pattern"),
        ({"roles": {"a": {"allow": ["chat.crate"]}}}, 'did you mean "chat.create"?'),
        ({"require": ["chat.*"]}, 'no permission "chat.*" for requests'),
        ({"require": ["chat.creat"]}, 'did you mean "chat.create"?'),
        ({"require": ["admin.keys.read"]}, "for requests"),
        ({"default_role": ["user"]}, "Extra inputs"),
    ],
)
def test_what_cannot_be_meant_is_refused(written: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as caught:
        RbacConfig.model_validate(written)

    assert said in str(caught.value)


def test_nothing_needs_to_be_written() -> None:
    assert RbacConfig.model_validate({}).default_roles == ()
