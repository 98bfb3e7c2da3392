"""The model is read before the event loop runs, as a gateway does when it compiles a policy."""

from __future__ import annotations

import pytest

from gateway_plugins.injection import judging


@pytest.fixture(scope="session", autouse=True)
def _warm() -> None:
    judging.warm()
