"""Inner targets are found in every spelling that some client understands."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.scan.threats.target import Hosts, host_of, is_inner_host

INNER = [
    "http://127.0.0.1/", "http://127.1/", "http://2130706433/", "http://0x7f000001/",
    "http://0177.0.0.1/", "http://0x7f.0.0.1/", "http://127.0.1/", "http://0/",
    "http://10.1.2.3:8080/a", "http://172.16.0.1/", "http://192.168.1.1/", "http://169.254.169.254/",
    "http://100.64.0.1/", "http://[::1]/", "http://[::ffff:127.0.0.1]/", "http://[::ffff:7f00:1]/",
    "http://[fe80::1%25eth0]/", "http://[fd00:ec2::254]/", "http://[64:ff9b::a00:1]/",
    "http://[2002:7f00:1::]/", "http://localhost/", "http://LOCALHOST./", "http://a.localhost/",
    "http://user@127.0.0.1/", "http://ok.example@10.0.0.1/", "http://127.0.0.1#@ok.example/",
    "http://127.0.0.1\\@ok.example/", "http://127.0.0.1.nip.io/", "http://a-10-0-0-1.sslip.io/",
    "http://app.lvh.me/", "http://redis:6379/", "http://api.svc/", "http://metadata.google.internal/",
    "http://%31%32%37.0.0.1/",
]  # fmt: skip
OUTER = [
    "https://example.com/", "https://8.8.8.8/", "https://api.example.com:8443/x?u=http://a",
    "https://[2606:4700::1111]/", "https://example.com/@127.0.0.1", "https://8.8.8.8.nip.io/",
    "https://134744072/", "https://127.0.0.1.example.com/",
]  # fmt: skip


@pytest.mark.parametrize("url", INNER)
def test_an_inner_target_is_seen(url: str) -> None:
    assert is_inner_host(host_of(url))


@pytest.mark.parametrize("url", OUTER)
def test_a_public_target_passes(url: str) -> None:
    assert not is_inner_host(host_of(url))


def test_hosts_are_names_or_all_below_one() -> None:
    hosts = Hosts(["api.example.com", "*.internal.example"])

    assert "api.example.com" in hosts
    assert "a.b.internal.example" in hosts
    assert "internal.example" not in hosts
    assert "xapi.example.com" not in hosts


@given(st.text(max_size=80))
def test_no_text_makes_it_fail(text: str) -> None:
    is_inner_host(host_of(text))
