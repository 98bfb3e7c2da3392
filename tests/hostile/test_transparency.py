"""What goes through the gateway is what was sent: the table of docs/reference/http.md."""

from __future__ import annotations

import dataclasses

import pytest

from tests.hostile import request_cases, response_cases
from tests.hostile.front import Front
from tests.hostile.raw_upstream import RawUpstream
from tests.hostile.request_cases import HOST, METHODS, TARGETS, RequestCase
from tests.hostile.response_cases import ResponseCase
from tests.hostile.transparency import check_request, check_response

TARGET_CASES = [
    RequestCase(repr(target)[2:60], [HOST], [HOST], method=b"GET", target=target)
    for target in TARGETS
]
METHOD_CASES = [RequestCase(method.decode(), [HOST], [HOST], method=method) for method in METHODS]
REQUESTS = [*TARGET_CASES, *METHOD_CASES, *request_cases.HEADERS, *request_cases.BODIES]
RESPONSES = [*response_cases.STATUSES, *response_cases.HEADERS, *response_cases.BODIES]


@pytest.mark.parametrize("case", REQUESTS, ids=lambda case: case.name)
def test_a_request_reaches_the_upstream_unchanged(
    case: RequestCase, front: Front, upstream: RawUpstream
) -> None:
    check_request(case, front, upstream)


@pytest.mark.parametrize("case", REQUESTS, ids=lambda case: case.name)
def test_a_request_behind_a_stripped_prefix_is_as_unchanged(
    case: RequestCase, front: Front, upstream: RawUpstream
) -> None:
    check_request(case, dataclasses.replace(front, prefix=b"/stripped"), upstream)


@pytest.mark.parametrize("case", RESPONSES, ids=lambda case: case.name)
def test_a_response_reaches_the_client_unchanged(
    case: ResponseCase, front: Front, upstream: RawUpstream
) -> None:
    check_response(case, front, upstream)
