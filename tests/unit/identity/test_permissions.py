"""The closed catalogue and the patterns over it."""

from __future__ import annotations

import pytest

from gateway.identity.permissions import ADMIN_PERMISSIONS, BY_NAME, CATALOGUE, Pattern
from gateway.providers.operations import OPERATIONS


def test_every_operation_is_a_permission_and_every_name_stands_once() -> None:
    assert {operation.name for operation in OPERATIONS} < BY_NAME.keys()
    assert len(BY_NAME) == len(CATALOGUE)
    assert all(p.admin and not p.has_model for p in ADMIN_PERMISSIONS)


@pytest.mark.parametrize(
    ("text", "some", "never"),
    [
        ("chat.create", "chat.create", "chat.read"),
        ("chat.*", "chat.write", "messages.create"),
        ("*.create", "images.create", "files.read"),
        ("admin.*.read", "admin.keys.read", "admin.keys.write"),
        ("*", "admin.tokens.write", ""),
        ("chat.create:gpt-4*", "chat.create", "chat.read"),
        ("*:gpt-4*", "embeddings.create", "files.read"),
        ("chat.create:llama3:8b", "chat.create", "chat.write"),
    ],
)
def test_a_pattern_covers_what_it_says(text: str, some: str, never: str) -> None:
    covered = {permission.name for permission in Pattern.parse(text).covered()}

    assert some in covered
    assert never not in covered


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("chat.creat", 'no permission "chat.creat" (did you mean "chat.create"?)'),
        ("Chat.Create", 'no permission "Chat.Create" (did you mean "chat.create"?)'),
        ("admin.key.read", 'no permission "admin.key.read" (did you mean "admin.keys.read"?)'),
        ("zzz.*", "docs/reference/permissions.md lists them"),
        ("", 'no permission ""'),
        ("files.read:gpt-4", '"files.read" has no model; write it without ":gpt-4"'),
        ("chat.create:", '"chat.create:" names no model after the colon'),
    ],
)
def test_what_covers_nothing_is_refused_with_a_way_out(text: str, said: str) -> None:
    with pytest.raises(ValueError) as caught:
        Pattern.parse(text)

    assert said in str(caught.value)
