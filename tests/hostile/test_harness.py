"""The checks can fail: a careless proxy does not pass them, and nginx passes most.

A check that no proxy fails proves nothing; one that every proxy fails proves as little.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.hostile import nginx_peer, test_flow, test_upstream_faults, wire
from tests.hostile.careless_proxy import CarelessProxy
from tests.hostile.front import Front
from tests.hostile.raw_upstream import AnsweringUpstream, RawUpstream
from tests.hostile.smuggling import check_vector
from tests.hostile.smuggling_corpus import corpus
from tests.hostile.test_transparency import REQUESTS, RESPONSES
from tests.hostile.transparency import check_request, check_response

FAILURES = (AssertionError, OSError, wire.MalformedError, wire.TruncatedError)
VECTORS = {vector.name: vector for vector in corpus()}


@pytest.fixture(autouse=True)
def short_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    """A careless proxy hangs often; a second is long enough to see it."""
    monkeypatch.setattr(wire, "DEADLINE_S", 1.0)


@pytest.fixture
def upstream() -> Iterator[RawUpstream]:
    upstream = RawUpstream()
    yield upstream
    upstream.close()


@pytest.fixture
def careless(upstream: RawUpstream) -> Iterator[Front]:
    proxy = CarelessProxy(upstream.port)
    yield proxy.front
    proxy.front.close_clients()
    proxy.close()


@pytest.mark.parametrize(
    "name",
    [
        "/v1/models/a%3Ab'",
        "/v1/chat/completions?bracket[]=1&brace={x}'",
        "letter case",
        "duplicates",
        "obs-text bytes",
        "fields named in connection",
        "chunked, several",
        "one trailer",
    ],
)
def test_a_careless_proxy_fails_a_request_check(
    name: str, careless: Front, upstream: RawUpstream
) -> None:
    case = next(case for case in REQUESTS if case.name == name)
    with pytest.raises(FAILURES):
        check_request(case, careless, upstream)


@pytest.mark.parametrize("name", ["/v1/models'", "PUT", "nothing but host"])
def test_a_careless_proxy_passes_the_plainest_checks(
    name: str, careless: Front, upstream: RawUpstream
) -> None:
    case = next(case for case in REQUESTS if case.name == name)
    # The one careless thing that every request meets is the case of the field that it adds.
    seen_case = dataclasses.replace(case, seen=[*case.seen, (b"X-Request-Id", b"1")])
    check_request(seen_case, careless, upstream)


@pytest.mark.parametrize(
    "name", ["three cookies", "letter case", "obs-text bytes", "one trailer", "chunked, several"]
)
def test_a_careless_proxy_fails_a_response_check(
    name: str, careless: Front, upstream: RawUpstream
) -> None:
    case = next(case for case in RESPONSES if case.name == name)
    with pytest.raises(FAILURES):
        check_response(case, careless, upstream)


@pytest.mark.parametrize(
    "name",
    [
        "cl.te b'Transfer-Encoding: chunked'",
        "te.cl b'Transfer-Encoding: chunked'",
        "te alone b'Transfer-Encoding: xchunked'",
        "te alone b'X: y\\nTransfer-Encoding: chunked'",
        "length b'5_0'",
        "lengths b'5' b'6'",
        "te in http/1.0",
        "two hosts",
        "line feeds only",
    ],
)
def test_a_careless_proxy_fails_a_smuggling_vector(name: str) -> None:
    upstream = AnsweringUpstream()
    proxy = CarelessProxy(upstream.port)
    with pytest.raises(FAILURES):
        check_vector(VECTORS[name], proxy.front, upstream)
    proxy.front.close_clients()
    proxy.close()
    upstream.close()


@pytest.mark.parametrize(
    "check",
    [
        test_flow.test_each_chunk_of_an_answer_arrives_before_the_next_is_sent,
        test_flow.test_a_waiting_client_is_told_to_continue_and_its_body_arrives_whole,
        test_flow.test_early_hints_pass,
        test_upstream_faults.test_bytes_on_an_idle_connection_are_nobodys_answer,
        test_upstream_faults.test_an_end_before_the_head_is_a_502_with_its_own_code,
    ],
)
def test_a_careless_proxy_fails_a_check_of_behaviour(
    check: Callable[..., None], careless: Front, upstream: RawUpstream
) -> None:
    arguments = {"how": "close", "sent": b""} if "502" in check.__name__ else {}
    with pytest.raises((*FAILURES, pytest.fail.Exception)):
        check(careless, upstream, **arguments)


@pytest.mark.skipif(not nginx_peer.available(), reason="nginx is not installed")
def test_nginx_passes_the_targets_and_statuses(upstream: RawUpstream, tmp_path: Path) -> None:
    """The checks ask nothing that a mature proxy in its plain form does not do."""
    peer = nginx_peer.Nginx(upstream.port, tmp_path)
    odd = {"/v1/models/a%00b'", "/v1/models/zz%zz'", "/v1/models/end%'"}  # nginx answers 400
    targets = [case for case in REQUESTS if case.name.startswith("/") and case.name not in odd]
    statuses = [case for case in RESPONSES if case.name.startswith("status ")]
    for request in targets:
        check_request(request, peer.front, upstream)
    for response in statuses:
        check_response(response, peer.front, upstream)
    peer.front.close_clients()
    peer.close()
