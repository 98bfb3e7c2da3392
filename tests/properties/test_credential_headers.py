"""However a client spells it, a credential of the gateway does not travel on."""

from __future__ import annotations

from urllib.parse import quote

from hypothesis import given
from hypothesis import strategies as st

from gateway.plugin import Headers, RequestView, spellings
from gateway.providers.client_credentials import CREDENTIAL_HEADERS
from gateway_plugins.auth.presented import Places

KEY = "sg_" + "k" * 49
OWN = "x-sealgate-key"
NAMES = (*CREDENTIAL_HEADERS, OWN)


@st.composite
def spelled(draw: st.DrawFn, names: tuple[str, ...] = NAMES) -> bytes:
    """One of `names` in any case, with any mix of `-` and `_`."""
    letters = []
    for letter in draw(st.sampled_from(names)):
        choice = draw(st.sampled_from([letter.lower(), letter.upper()]))
        letters.append(draw(st.sampled_from("-_")) if letter == "-" else choice)
    return "".join(letters).encode()


@st.composite
def fields(draw: st.DrawFn) -> list[tuple[bytes, bytes]]:
    """Header fields among which credentials of ours and of others stand in odd spellings."""
    value = st.sampled_from([KEY.encode(), b"Bearer " + KEY.encode(), b"sk-other", b""])
    other = st.tuples(st.sampled_from([b"X-Other", b"a_b", b"Content-Type"]), st.just(b"v"))
    return draw(st.lists(st.tuples(spelled(), value) | other, max_size=8))


def processed(raw: list[tuple[bytes, bytes]], target: str = "/v1/x") -> RequestView:
    """What is left of a request when all that was found is taken off."""
    places = Places(OWN, tokens=False)
    request = RequestView("POST", target, Headers(list(raw)))
    found = places.find(request)
    places.take_off_twins(request.headers)
    for where in found.values():
        places.take_off(request, where)
    return request


@given(fields())
def test_no_spelling_of_a_header_carries_the_key_on(raw: list[tuple[bytes, bytes]]) -> None:
    left = processed(raw).headers

    assert not any(KEY.encode() in value for _, value in left.raw)
    assert [field for field in left.raw if field[1] == b"v"] == [f for f in raw if f[1] == b"v"]
    assert all(left.first(name.lower()) is not None for name, _ in left.raw)


@given(fields())
def test_what_was_read_is_what_the_next_hop_would_have_read(
    raw: list[tuple[bytes, bytes]],
) -> None:
    """A name with `_` is no credential to us, so it must be none to anybody behind us."""
    left = processed(raw).headers

    assert not any(b"_" in name and name.lower() in spellings(*NAMES) for name, _ in left.raw)


@given(
    st.lists(
        st.sampled_from(
            [f"key={KEY}", f"%6bey={KEY}", f"k%65y={quote(KEY)}", "a=1", "", "keys=2", "=", "b"]
        ),
        max_size=6,
    )
)
def test_the_query_keeps_everything_else(pairs: list[str]) -> None:
    target = "/v1/x?" + "&".join(pairs)
    kept = [pair for pair in pairs if KEY not in pair]
    expected = target if kept == pairs else "/v1/x" + ("?" + "&".join(kept) if kept else "")

    assert processed([], target).target == expected


@given(st.sampled_from(NAMES), spelled())
def test_every_spelling_of_a_name_is_listed(name: str, written: bytes) -> None:
    same = written.lower().replace(b"_", b"-") == name.encode()

    assert (written.lower() in spellings(name)) is same
