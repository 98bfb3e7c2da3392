"""`when`, as the runner asks it."""

from __future__ import annotations

import pytest

from gateway.chain.matching import Conditions, Matcher
from gateway.plugin.testing import make_exchange
from gateway.policy.condition import Condition
from gateway.policy.models import When
from gateway.policy.routes import Route
from gateway.settings import Dialect


@pytest.mark.parametrize(
    ("target", "model", "expected"),
    [
        ("/openai/v1/chat", "gpt-4", True),
        ("/openai/v1/chat", "o3", False),
        ("/openai/v1/chat", None, False),
        ("/openai/v1/files", "gpt-4", False),
    ],
)
def test_path_and_model_are_those_of_the_exchange(
    target: str, model: str | None, expected: bool
) -> None:
    when = When(paths=("/v1/chat",), models=("gpt-*",))
    route = Route("openai", "openai", Dialect.OPENAI, strip_prefix="/openai")
    condition = Condition(Matcher(Conditions(paths=when.paths, models=when.models)), route, when)

    assert condition(make_exchange(target=target, model=model)) is expected
    assert str(condition) == "paths /v1/chat, models gpt-*"
