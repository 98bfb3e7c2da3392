"""The gateway under test and its upstream, one pair per module; connections end with each test."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

# Their asserts are the checks, so they must explain themselves as those of a test do.
pytest.register_assert_rewrite("tests.hostile.transparency", "tests.hostile.smuggling")

from tests.hostile.front import Front  # noqa: E402  # after the line above
from tests.hostile.gateway import running_front  # noqa: E402  # after the line above
from tests.hostile.raw_upstream import (  # noqa: E402  # after the line above
    AnsweringUpstream,
    RawUpstream,
)


@pytest.fixture(scope="module")
def raw_upstream() -> Iterator[RawUpstream]:
    upstream = RawUpstream()
    yield upstream
    upstream.close()


@pytest.fixture(scope="module")
def raw_front(raw_upstream: RawUpstream) -> Iterator[Front]:
    with running_front(raw_upstream.port) as (_, front):
        yield front


@pytest.fixture
def upstream(raw_upstream: RawUpstream) -> Iterator[RawUpstream]:
    """An upstream in the test's hands, without connections from earlier tests."""
    yield raw_upstream
    raw_upstream.forget()


@pytest.fixture
def front(raw_front: Front) -> Iterator[Front]:
    """The gateway in front of `upstream`."""
    yield raw_front
    raw_front.close_clients()


@pytest.fixture(scope="module")
def answering_upstream() -> Iterator[AnsweringUpstream]:
    upstream = AnsweringUpstream()
    yield upstream
    upstream.close()


@pytest.fixture(scope="module")
def answering_front(answering_upstream: AnsweringUpstream) -> Iterator[Front]:
    """The gateway in front of an upstream that answers by itself."""
    with running_front(answering_upstream.port) as (_, front):
        yield front
