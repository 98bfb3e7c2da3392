"""The kit itself: it finds every leak, and it finds none where there is none."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conformance.__main__ import main
from tests.conformance.dialects import DIALECTS, Spoken
from tests.conformance.leaks import leaked, texts_of
from tests.conformance.runner import WHOLE, Case, Gateway, cases, table
from tests.conformance.upstream import Upstream, running_upstream
from tests.conformance.vectors import VECTORS

SPOKEN = pytest.mark.parametrize("spoken", DIALECTS, ids=lambda spoken: spoken.name)
JWT, PEM, SSN, EMAIL = VECTORS


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with running_upstream() as upstream:
        yield upstream


def test_the_secrets_have_the_sizes_at_which_masks_fail() -> None:
    assert (len(JWT.secret), len(PEM.secret)) == (154, 711)


@SPOKEN
@pytest.mark.parametrize("place", ["content", "arguments"])
@pytest.mark.parametrize("size", [WHOLE, 1, 8, 100])
def test_without_a_gateway_everything_leaks(
    upstream: Upstream, spoken: Spoken, place: str, size: int
) -> None:
    """The upstream is asked itself, as if a gateway did nothing."""
    gateway = Gateway(upstream.url, upstream, {})

    for vector in VECTORS:
        result = gateway.run(Case(spoken, vector, place, size))
        assert (result.status, result.cut) == (200, False)
        assert result.leaked == len(vector.kept_secret.replace("\n", ""))


@SPOKEN
def test_texts_are_put_together_without_knowing_the_dialect(spoken: Spoken) -> None:
    body = spoken.write(["Write to al", "ice."], ['{"note": "a', 'b"}'])

    texts = texts_of(body, spoken.content_type).values()

    assert any("Write to alice." in text for text in texts)


def test_a_run_that_is_in_every_text_is_no_leak() -> None:
    assert leaked("abcdefgh", b'{"a":"abcde"}', "application/json") == 0
    assert leaked("abcdefgh", b'{"a":"xxabcdefxx"}', "application/json") == 6


def test_the_report_names_the_worst_of_each_kind(upstream: Upstream) -> None:
    gateway = Gateway(upstream.url, upstream, {})
    results = [gateway.run(case) for case in cases([WHOLE, 3], DIALECTS[:1], [EMAIL])]

    lines = table(results).split("\n")

    assert lines[2:] == [
        "| openai_chat | email | content | 2 | 25 | 25 | whole |",
        "| openai_chat | email | arguments | 2 | 25 | 25 | whole |",
    ]


def test_by_hand_it_says_whether_anything_leaked(
    upstream: Upstream, capsys: pytest.CaptureFixture[str]
) -> None:
    """It is pointed at a gateway by URL; this one has an upstream of its own, which says `{}`."""
    upstream.say(b"{}", "application/json", streamed=False)
    arguments = ["--base-url", upstream.url, "--listen", "127.0.0.1:0", "--sizes", "0,4-5"]

    code = main([*arguments, "--dialect", "ollama", "--secret", "ssn"])

    assert code == 0
    assert "| ollama | ssn | content | 3 | 0 | 11 |  |" in capsys.readouterr().out
