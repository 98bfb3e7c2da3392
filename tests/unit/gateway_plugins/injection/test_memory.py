"""What was found is remembered, for one tenant and one part, and within bounds."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.plugin import PRINCIPAL, Principal
from gateway.plugin.testing import make_exchange, play, running
from gateway_plugins.injection import Injection, memory
from gateway_plugins.injection.memory import Found, Memory
from tests.injection_texts import ATTACK, HARMLESS, chat, user

FOUND = Found(0.9, is_attack=True)


def test_a_text_is_found_again() -> None:
    kept = Memory()
    kept.put("a", "user", ATTACK, FOUND)

    assert kept.get("a", "user", ATTACK) == FOUND
    assert kept.get("a", "user", "".join(list(ATTACK))) == FOUND


@pytest.mark.parametrize(
    ("tenant", "part", "text"),
    [("b", "user", ATTACK), ("a", "tool_result", ATTACK), ("a", "user", HARMLESS)],
)
def test_nothing_else_is(tenant: str, part: str, text: str) -> None:
    kept = Memory()
    kept.put("a", "user", ATTACK, FOUND)

    assert kept.get(tenant, part, text) is None


def test_names_cannot_run_into_each_other() -> None:
    kept = Memory()
    kept.put("a", "user", "1:x", FOUND)

    assert kept.get("", "auser", "1:x") is None


def test_the_oldest_texts_go_and_their_digests_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "RECENT_CHARS_MAX", 12)
    kept = Memory()
    for text in ("aaaaaa", "bbbbbb", "cccccc"):
        kept.put("t", "user", text, FOUND)

    assert kept.recent("t") == {"user": {"cccccc": FOUND}}
    assert kept.chars == 12
    assert kept.get("t", "user", "aaaaaa") == FOUND
    assert kept.chars == 12


def test_a_text_that_is_asked_for_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "RECENT_CHARS_MAX", 12)
    kept = Memory()
    for text in ("aaa", "bbb", "ccc", "ddd"):
        kept.put("t", "user", text, FOUND)
        kept.get("t", "user", "aaa")

    assert "aaa" in kept.recent("t")["user"]
    assert "bbb" not in kept.recent("t")["user"]


@given(
    st.lists(
        st.tuples(st.sampled_from("tu"), st.sampled_from("pq"), st.text("ab", max_size=4)),
        max_size=60,
    )
)
def test_what_was_put_is_found_and_the_room_is_kept(names: list[tuple[str, str, str]]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(memory, "RECENT_CHARS_MAX", 8)
        kept, known = Memory(), dict[tuple[str, str, str], Found]()
        for name in names:
            assert kept.get(*name) is known.get(name)
            if name not in known:
                known[name] = Found(len(known) / 100, is_attack=False)
                kept.put(*name, known[name])
            assert kept.chars <= 8


def test_a_text_longer_than_the_room_is_kept_as_a_digest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "RECENT_CHARS_MAX", 10)
    kept = Memory()
    kept.put("t", "user", "x" * 6, FOUND)

    assert kept.chars == 0
    assert kept.get("t", "user", "x" * 6) == FOUND


def test_the_oldest_digests_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "RECENT_CHARS_MAX", 0)
    monkeypatch.setattr(memory, "ENTRIES_MAX", 2)
    kept = Memory()
    for text in ("a", "b"):
        kept.put("t", "user", text, FOUND)
    kept.get("t", "user", "a")
    kept.put("t", "user", "c", FOUND)

    assert kept.get("t", "user", "b") is None
    assert kept.get("t", "user", "a") == FOUND


async def test_a_remembered_text_is_not_scored_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(Injection) as plugin:
        await play(plugin, make_exchange(body=chat(user(HARMLESS))))
        scored: list[str] = []
        score = plugin._judging.first_score
        monkeypatch.setattr(
            plugin._judging,
            "first_score",
            lambda text, part: scored.append(text) or score(text, part),
        )
        await play(plugin, make_exchange(body=chat(user(HARMLESS), user("And then?"))))

    assert scored == ["And then?"]


def of_tenant(tenant: str, body: bytes) -> Any:
    x = make_exchange(body=body)
    x.provide(PRINCIPAL, Principal(tenant=tenant, subject="s", method="key"))
    return x


async def test_what_one_tenant_sent_changes_nothing_for_another() -> None:
    """In the first tenant's history the text is known to be refused; in the other's it is new."""
    body = chat(user(ATTACK), user(HARMLESS))
    async with running(Injection) as plugin:
        await play(plugin, of_tenant("a", chat(user(ATTACK))))
        first = await play(plugin, of_tenant("a", body))
        other = await play(plugin, of_tenant("b", body))

    assert first.answer is None
    assert other.answer is not None
