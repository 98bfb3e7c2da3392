"""Upstream settings become targets, or one list of everything that is wrong with them."""

from __future__ import annotations

import pytest

from gateway.errors import ConfigError
from gateway.proxy.target import compile_targets
from gateway.proxy.upstream_tls import ClientContexts
from gateway.settings import UpstreamSettings
from tests.unit.proxy.loopback import target_of


def problems_of(**settings: object) -> list[str]:
    written = UpstreamSettings.model_validate(settings)
    with pytest.raises(ConfigError) as caught:
        compile_targets("x", written, ClientContexts())
    return [str(problem) for problem in caught.value.problems]


def test_a_target_knows_all_that_a_request_needs() -> None:
    target = target_of("https://Api.Example.com:8443/base/")

    assert target.label == "https://api.example.com:8443/base"
    assert target.base_path == b"/base"
    assert target.host_header == b"api.example.com:8443"
    assert (target.host, target.port, target.server_name) == (
        "api.example.com",
        8443,
        "api.example.com",
    )
    assert target.tls is not None


def test_a_plain_target_has_no_tls() -> None:
    target = target_of("http://[::1]")

    assert (target.tls, target.server_name, target.host_header) == (None, None, b"[::1]")


def test_a_unix_target_is_called_localhost() -> None:
    target = target_of("unix:/run/x.sock:/base")

    assert (target.unix_path, target.base_path) == ("/run/x.sock", b"/base")
    assert (target.host_header, target.resolver) == (b"localhost", None)
    assert target.label == "unix:/run/x.sock:/base"


def test_several_targets_keep_their_order_and_weight() -> None:
    targets = [{"url": "http://a", "weight": 3}, {"url": "http://b"}]
    compiled = compile_targets(
        "x", UpstreamSettings.model_validate({"targets": targets}), ClientContexts()
    )

    assert [(target.label, target.weight) for target in compiled] == [
        ("http://a", 3),
        ("http://b", 1),
    ]


def test_targets_of_one_upstream_share_one_tls_context() -> None:
    targets = [{"url": "https://a"}, {"url": "https://b"}]
    first, second = compile_targets(
        "x", UpstreamSettings.model_validate({"targets": targets}), ClientContexts()
    )

    assert first.tls is second.tls
    assert (first.server_name, second.server_name) == ("a", "b")


def test_every_problem_is_listed_with_its_place() -> None:
    found = problems_of(
        targets=[{"url": "ftp://a"}, {"url": "http://b"}, {"url": "http://u:s3cret@c"}],
        proxy="socks5://u:s3cret@p",
    )

    assert found == [
        (
            "upstreams.x.proxy: the URL's scheme is missing or unknown "
            "(write http://[user:password@]host:port)"
        ),
        (
            "upstreams.x.targets[0].url: the URL's scheme is missing or unknown "
            "(write http://, https:// or unix:/path/to.sock)"
        ),
        (
            "upstreams.x.targets[2].url: a target URL cannot hold a user name or password "
            "(credentials pass through in the client's own headers)"
        ),
    ]


def test_url_and_targets_together_are_refused() -> None:
    assert problems_of(url="http://a", targets=[{"url": "http://b"}]) == [
        "upstreams.x.url: an upstream has either url or targets (move the url into targets)"
    ]


def test_a_unix_socket_behind_a_proxy_is_refused() -> None:
    assert problems_of(url="unix:/run/x.sock", proxy="http://p:1") == [
        (
            "upstreams.x.url: a Unix socket cannot be reached through a proxy "
            "(give this target an upstream of its own, without proxy)"
        )
    ]


def test_a_metadata_address_is_refused_unless_allowed() -> None:
    assert problems_of(url="http://169.254.169.254") == [
        (
            "upstreams.x.url: link-local and cloud metadata addresses hand out this machine's "
            "credentials (set allow_link_local: true on this upstream if it really is there)"
        )
    ]
    assert target_of("http://169.254.169.254", allow_link_local=True)


def test_a_bad_tls_file_is_one_problem_however_many_targets_use_it() -> None:
    found = problems_of(
        targets=[{"url": "https://a"}, {"url": "https://b"}], tls={"ca_file": "/nowhere/ca.pem"}
    )

    assert found == [
        "upstreams.x.tls.ca_file: /nowhere/ca.pem: No such file or directory (check the path)"
    ]
