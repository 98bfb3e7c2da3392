"""Target and proxy URLs are read strictly, and no refusal repeats what was written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.proxy.target_url import TargetUrl, UnusableUrlError, parse_proxy, parse_target

READ = {
    "http://host": ("http", "host", 80, "host", ""),
    "https://api.openai.com": ("https", "api.openai.com", 443, "api.openai.com", ""),
    "https://api.openai.com/": ("https", "api.openai.com", 443, "api.openai.com", ""),
    "HTTPS://API.Example.COM:443": ("https", "api.example.com", 443, "api.example.com", ""),
    "http://host:8000": ("http", "host", 8000, "host:8000", ""),
    "http://127.0.0.1:11434/base": ("http", "127.0.0.1", 11434, "127.0.0.1:11434", "/base"),
    "http://[2001:DB8::1]": ("http", "2001:db8::1", 80, "[2001:db8::1]", ""),
    "https://[::1]:8443/a/b/": ("https", "::1", 8443, "[::1]:8443", "/a/b"),
    "http://a_b.default.svc/x%2Fy": ("http", "a_b.default.svc", 80, "a_b.default.svc", "/x%2Fy"),
    "http://host/p@th": ("http", "host", 80, "host", "/p@th"),
    "http://host/Case:v1": ("http", "host", 80, "host", "/Case:v1"),
}


@pytest.mark.parametrize("url", READ)
def test_a_good_url_is_read_in_parts(url: str) -> None:
    read = parse_target(url)

    assert (read.scheme, read.host, read.port, read.authority, read.path) == READ[url]


@pytest.mark.parametrize(
    ("url", "unix_path", "path"),
    [
        ("unix:/run/x.sock", "/run/x.sock", ""),
        ("unix:///run/x.sock", "/run/x.sock", ""),
        ("unix:/run/x.sock:/base", "/run/x.sock", "/base"),
        ("unix:/run/x.sock:/", "/run/x.sock", ""),
        ("unix:/run/with space.sock", "/run/with space.sock", ""),
        ("unix:/run/a:b.sock:/base", "/run/a:b.sock", "/base"),
    ],
)
def test_a_unix_socket_is_read_with_its_base_path(url: str, unix_path: str, path: str) -> None:
    read = parse_target(url)

    assert (read.unix_path, read.path, read.authority) == (unix_path, path, "localhost")


REFUSED = {
    "": "scheme",
    "api.openai.com": "scheme",
    "//host": "scheme",
    "ftp://host": "scheme",
    "wss://host": "scheme",
    "file:///etc/passwd": "scheme",
    "http:/host": "scheme",
    "http://": "empty",
    "http:///path": "host name",
    "http://user:s3cret@host": "user name",
    "http://s3cret@host": "user name",
    "http://@host": "user name",
    "http://host?key=s3cret": "query",
    "http://host/?": "query",
    "http://host/#s3cret": "fragment",
    "http://host name": "character",
    "http://host/s3 cret": "character",
    "http://host\\s3cret": "character",
    "http://h\u00f6st": "character",
    "http://host\n": "character",
    "http://host\t/": "character",
    "http://host:": "port",
    "http://host:0": "port",
    "http://host:65536": "port",
    "http://host:+80": "port",
    "http://host:8o": "port",
    "http://host:000080": "port",
    "http://::1": "host name",
    "http://[::1": "IPv6",
    "http://[::1]x": "IPv6",
    "http://[127.0.0.1]": "IPv6",
    "http://[fe80::1%25eth0]": "IPv6",
    "http://-host": "host name",
    "http://ho..st": "host name",
    "http://host.": "host name",
    "http://" + "a" * 64: "host name",
    "http://" + ".".join(["a" * 60] * 5): "host name",
    "http://host/a/../b": "empty segment",
    "http://host/a/%2e%2E/b": "empty segment",
    "http://host/./b": "empty segment",
    "http://host//b": "empty segment",
    "http://host/a%zz": "percent-encoded",
    "http://host/[a]": "percent-encoded",
    "unix:x.sock": "absolute",
    "unix:": "absolute",
    "unix://host/x.sock": "absolute",
    "unix:/run/x\x00.sock": "absolute",
    "unix:/" + "x" * 107: "longer than 107 bytes",
    "unix:/run/x.sock:/base?a": "query",
    "unix:/run/x.sock:/../a": "empty segment",
}


@pytest.mark.parametrize("url", REFUSED)
def test_a_bad_url_is_refused_with_what_to_write_instead(url: str) -> None:
    with pytest.raises(UnusableUrlError) as caught:
        parse_target(url)

    assert REFUSED[url] in caught.value.message
    assert caught.value.hint
    assert "s3cret" not in caught.value.message + caught.value.hint


def test_a_proxy_url_may_hold_credentials_that_do_not_show() -> None:
    read = parse_proxy("http://user:s3cret@proxy.test:3128")

    assert (read.host, read.port, read.userinfo) == ("proxy.test", 3128, "user:s3cret")
    assert "s3cret" not in repr(read)


@pytest.mark.parametrize(
    "url",
    [
        "https://proxy.test",
        "socks5://proxy.test",
        "http://proxy.test/path",
        "http://a@b@proxy.test",
        "http://us er@proxy.test",
        "http://%zz@proxy.test",
        "unix:/run/proxy.sock",
    ],
)
def test_a_bad_proxy_url_is_refused(url: str) -> None:
    with pytest.raises(UnusableUrlError):
        parse_proxy(url)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://169.254.169.254", True),
        ("http://[fe80::1]", True),
        ("http://[::ffff:169.254.169.254]", True),
        ("http://[fd00:ec2::254]", True),
        ("http://100.100.100.200", True),
        ("http://127.0.0.1", False),
        ("http://10.0.0.1", False),
        ("http://metadata.google.internal", False),
    ],
)
def test_link_local_and_metadata_addresses_are_known(url: str, expected: bool) -> None:
    assert parse_target(url).link_local is expected


@given(st.text(max_size=60) | st.text("htps:/@?#[]%.0123456789ab\\ ", max_size=40))
def test_any_text_is_read_or_refused(text: str) -> None:
    """And what is read, reads the same again from its label."""
    for prefix in ("", "http://", "https://", "unix:/"):
        try:
            read = parse_target(prefix + text)
        except UnusableUrlError:
            continue
        assert isinstance(read, TargetUrl)
        assert parse_target(read.label) == read
        assert read.authority.isascii()
        assert read.path.isascii()
