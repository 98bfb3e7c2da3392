"""Whatever the headers say, reading them never fails and lets no client choose its address."""

from __future__ import annotations

from ipaddress import ip_address

from hypothesis import given
from hypothesis import strategies as st

from gateway.plugin.headers import Headers
from gateway.proxy.client_address import ClientAddresses
from gateway.proxy.forwarded import HOPS_MAX, forwarded_hops, x_forwarded_for_hops

# What a client may write, with the characters that matter drawn often.
texts = st.text(
    st.characters(max_codepoint=255) | st.sampled_from('",;=\\ for_:[]0.1'), max_size=60
)
PROXY = "10.0.0.1"
TRUE = "203.0.113.9"


def test_hops_come_newest_first() -> None:
    hops = list(x_forwarded_for_hops("1.1.1.1, x, 2.2.2.2"))

    assert hops == [ip_address("2.2.2.2"), None, ip_address("1.1.1.1")]
    assert list(forwarded_hops("for=1.1.1.1, for=_x, for=2.2.2.2") or ()) == hops


def test_no_more_hops_are_read_than_the_limit() -> None:
    assert len(list(x_forwarded_for_hops("1.1.1.1," * 9000))) == HOPS_MAX
    assert len(list(forwarded_hops("for=1.1.1.1," * 99 + "for=_x") or ())) == HOPS_MAX


@given(texts)
def test_any_text_can_be_read(text: str) -> None:
    list(x_forwarded_for_hops(text))
    list(forwarded_hops(text) or ())


@given(texts, st.booleans())
def test_no_client_text_moves_the_address_that_the_proxy_appended(
    text: str, own_line: bool
) -> None:
    addresses = ClientAddresses([PROXY])
    written = text.encode("latin-1")
    lines = [written, TRUE.encode()] if own_line else [written + b", " + TRUE.encode()]
    received = Headers([(b"x-forwarded-for", line) for line in lines])

    assert addresses.resolve(PROXY, received).text == TRUE


@given(texts, st.booleans())
def test_no_client_text_forges_a_forwarded_address(text: str, own_line: bool) -> None:
    """The true address, or none: never another one, and never the proxy's own."""
    addresses = ClientAddresses([PROXY])
    written, true = text.encode("latin-1"), b"for=" + TRUE.encode()
    lines = [written, true] if own_line else [written + b", " + true]

    found = addresses.resolve(PROXY, Headers([(b"forwarded", line) for line in lines])).address

    assert found in (None, ip_address(TRUE))
