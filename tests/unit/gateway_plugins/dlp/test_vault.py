"""Who gets a placeholder's value back, and who does not."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from pydantic import ValidationError

from gateway.identity.value_key import field_of
from gateway.plugin import Reason, Reject
from gateway.state.values import MemoryValues
from gateway_plugins.dlp.vault import Item, tag_of
from gateway_plugins.dlp.vault_config import TokenizeConfig
from tests.unit.gateway_plugins.dlp.vaults import (
    EMAIL,
    World,
    begin,
    chat,
    keys_of,
    place,
    placed,
    principal,
)

TEXT = f"write to {EMAIL.value}"
RESPONSES = "/v1/responses"


@pytest.fixture
def world() -> World:
    return World()


async def test_a_value_has_the_same_placeholder_in_every_turn_of_a_conversation(
    world: World,
) -> None:
    """Else the provider's prompt cache would be of no use."""
    vault = await world.vault()
    _, first = await placed(vault, chat(TEXT), EMAIL)
    phone = Item("phone", "+49 30 901820")
    later = chat(TEXT, "Sure.", "and ring +49 30 901820")
    _, second = await placed(vault, later, EMAIL, phone)
    assert second[EMAIL] == first[EMAIL]
    assert second[phone] != first[EMAIL]


@pytest.mark.parametrize(
    ("who", "text"),
    [
        (principal(tenant="globex"), TEXT),
        (principal(key_id="key_2"), TEXT),
        (principal(key_id="", subject="bob"), TEXT),
        (principal(), f"another chat about {EMAIL.value}"),
    ],
    ids=["tenant", "key", "user", "conversation"],
)
async def test_others_have_other_placeholders_and_restore_nothing(
    world: World, who: object, text: str
) -> None:
    vault = await world.vault()
    _, mine = await placed(vault, chat(TEXT), EMAIL)
    theirs = chat(text, who=who)  # type: ignore[arg-type]  # a table of principals
    session, others = await placed(vault, theirs, EMAIL)
    assert others[EMAIL] != mine[EMAIL]
    said = f"I wrote to {mine[EMAIL]}."
    assert session.restorer.whole("text", said) == said


async def test_other_gateways_have_other_placeholders(world: World) -> None:
    """Two deployments with secrets of their own share nothing, whatever the tenant is called."""
    _, mine = await placed(await world.vault(), chat(TEXT), EMAIL)
    vault = await world.vault()
    vault._root = lambda tenant: keys_of(f"other {tenant}")  # another secret
    _, others = await placed(vault, chat(TEXT), EMAIL)
    assert others[EMAIL] != mine[EMAIL]


async def test_an_invented_placeholder_restores_nothing(world: World) -> None:
    session, answer = await placed(await world.vault(), chat(TEXT), EMAIL)
    one = answer[EMAIL]
    for said in ("<EMAIL_00000000>", one[:-1], one.lower(), one[1:], "<EMAIL_1>"):
        assert session.restorer.whole("text", said) == said
    assert session.restorer.whole("text", f"{one}{one}") == EMAIL.value * 2
    assert session.restorer.restored == 2


async def test_a_restored_value_is_not_looked_at_again(world: World) -> None:
    vault = await world.vault()
    x = chat(TEXT)
    session, answer = await placed(vault, x, EMAIL)
    odd = Item("note", f"see {answer[EMAIL]}")
    placeholders = await place(session, x, odd)
    assert isinstance(placeholders, Mapping)
    assert session.restorer.whole("text", placeholders[odd]) == odd.value


@pytest.mark.parametrize("style", ["tagged", "lookalike"])
async def test_a_placeholder_never_is_what_the_text_says_by_itself(
    world: World, style: str
) -> None:
    vault = await world.vault(style=style)
    _, plain = await placed(vault, chat(TEXT), EMAIL)
    fresh = await World().vault(style=style)
    x = chat(TEXT, "Sure.", f"what is {plain[EMAIL]}?")
    session, answer = await placed(fresh, x, EMAIL)
    assert answer[EMAIL] != plain[EMAIL]
    said = f"{plain[EMAIL]} is no address, {answer[EMAIL]} is"
    expected = f"{plain[EMAIL]} is no address, {EMAIL.value} is"
    assert session.restorer.whole("text", said) == expected


async def test_one_that_an_earlier_answer_left_in_the_text_stays_the_same(world: World) -> None:
    """It is no collision: the store knows that it is this value's."""
    vault = await world.vault()
    _, first = await placed(vault, chat(TEXT), EMAIL)
    session, second = await placed(vault, chat(TEXT, f"wrote to {first[EMAIL]}", "ok"), EMAIL)
    assert second == first
    assert session.is_placeholder(first[EMAIL])


async def test_what_the_provider_holds_is_restored_from_the_store(world: World) -> None:
    """The second request of a chain does not say again what the first one said."""
    vault = await world.vault()
    _, first = await placed(vault, chat(TEXT, target=RESPONSES), EMAIL)
    x = chat("go on", target=RESPONSES, previous_response_id="resp_1")
    session, _ = await placed(vault, x)
    assert session.restorer.whole("text", f"to {first[EMAIL]}") == f"to {EMAIL.value}"
    other = chat("go on", target=RESPONSES, previous_response_id="r", who=principal("globex"))
    stranger, _ = await placed(vault, other)
    assert stranger.restorer.whole("text", first[EMAIL]) == first[EMAIL]


async def test_values_expire(world: World) -> None:
    vault = await world.vault(ttl="1h")
    _, first = await placed(vault, chat(TEXT, target=RESPONSES), EMAIL)
    world.monotonic.seconds += 3_600
    session, _ = await placed(vault, chat("go on", target=RESPONSES))
    assert session.restorer.whole("text", first[EMAIL]) == first[EMAIL]


async def test_use_keeps_values_alive(world: World) -> None:
    vault = await world.vault(ttl="1h")
    _, first = await placed(vault, chat(TEXT, target=RESPONSES), EMAIL)
    for _ in range(5):
        world.monotonic.seconds += 1_800
        session, _ = await placed(vault, chat("go on", target=RESPONSES))
        assert session.restorer.whole("text", first[EMAIL]) == EMAIL.value


@pytest.mark.parametrize("what", ["tenant", "conversation", "value"])
async def test_what_was_erased_is_neither_restored_nor_kept(world: World, what: str) -> None:
    vault = await world.vault()
    session, first = await placed(vault, chat(TEXT, target=RESPONSES), EMAIL)
    conversation = session.conversation if what == "conversation" else ""
    field = field_of(keys_of("acme"), EMAIL.value) if what == "value" else ""
    world.orders.order("acme", conversation, field)
    x = chat("go on", target=RESPONSES)
    session, _ = await placed(vault, x)
    assert session.restorer.whole("text", first[EMAIL]) == first[EMAIL]
    await vault.erasures.apply()
    assert await world.values.names(tag_of("acme")) == []


async def test_erasing_spares_others_and_what_comes_later(world: World) -> None:
    vault = await world.vault()
    other = Item("phone", "+49 30 901820")
    await placed(vault, chat(TEXT, target=RESPONSES), EMAIL, other)
    globex = principal("globex")
    await placed(vault, chat(TEXT, target=RESPONSES, who=globex), EMAIL)
    world.orders.order("acme", "", field_of(keys_of("acme"), EMAIL.value))
    await vault.erasures.apply()
    session, _ = await placed(vault, chat("go on", target=RESPONSES))
    assert len(session.table) == 1  # the phone
    assert len(await world.values.names(tag_of("globex"))) == 1
    world.wall.seconds += 1
    _, again = await placed(vault, chat(TEXT, target=RESPONSES), EMAIL)
    session, _ = await placed(vault, chat("go on", target=RESPONSES))
    assert session.restorer.whole("text", again[EMAIL]) == EMAIL.value


async def test_an_order_holds_while_the_store_is_away_and_is_carried_out_later(
    world: World,
) -> None:
    vault = await world.vault()
    await placed(vault, chat(TEXT, target=RESPONSES), EMAIL)
    values = world.values
    values.away = True
    world.orders.order("acme")
    with pytest.raises(Exception, match="away"):
        await vault.erasures.apply()
    values.away = False
    await vault.erasures.apply()
    assert len(values.held) == 0


async def test_a_store_that_is_away_refuses_what_must_be_kept(world: World) -> None:
    values = world.values
    values.away = True
    vault = await world.vault()
    x = chat(TEXT)
    answer = await place(begin(vault, x), x, EMAIL)
    assert isinstance(answer, Reject)
    assert answer.reason is Reason.VALUES_UNAVAILABLE


async def test_or_restores_in_the_answer_to_this_request_alone(world: World) -> None:
    values = world.values
    values.away = True
    vault = await world.vault(on_outage="exchange")
    session, answer = await placed(vault, chat(TEXT), EMAIL)
    assert session.unavailable
    assert session.restorer.whole("text", answer[EMAIL]) == EMAIL.value


async def test_a_store_that_is_away_leaves_placeholders_of_before_and_says_so(
    world: World,
) -> None:
    vault = await world.vault()
    values = world.values
    _, first = await placed(vault, chat(TEXT, target=RESPONSES), EMAIL)
    values.away = True
    session, _ = await placed(vault, chat("go on", target=RESPONSES))
    assert session.unavailable
    assert session.restorer.whole("text", first[EMAIL]) == first[EMAIL]


async def test_what_was_kept_a_moment_ago_asks_the_store_nothing(world: World) -> None:
    vault = await world.vault(ttl="8h")
    values = world.values
    await placed(vault, chat(TEXT), EMAIL)
    assert values.calls == 1
    await placed(vault, chat(TEXT, "ok", "next"), EMAIL)
    assert values.calls == 1
    world.monotonic.seconds += 3_600
    await placed(vault, chat(TEXT, "ok", "next"), EMAIL)
    assert values.calls == 2


async def test_the_store_holds_no_value_in_the_clear(world: World) -> None:
    vault = await world.vault()
    session, _ = await placed(vault, chat(TEXT), EMAIL)
    tag = tag_of("acme")
    (name,) = await world.values.names(tag)
    assert name == session.conversation
    kept = str(await world.values.fields(tag, name))
    assert "jane" not in kept
    assert "acme.test" not in kept


async def test_a_sealed_value_opens_nowhere_but_in_its_place(world: World) -> None:
    """Somebody who may write to the store moves one to a conversation of another caller."""
    vault = await world.vault()
    mine, first = await placed(vault, chat(TEXT, target=RESPONSES), EMAIL)
    mallory = principal(key_id="key_2")
    theirs, _ = await placed(vault, chat("hi", target=RESPONSES, who=mallory), Item("x", "y"))
    tag = tag_of("acme")
    stolen = dict(await world.values.fields(tag, mine.conversation))
    await place_by_force(world.values.held, tag, theirs.conversation, stolen)
    session, _ = await placed(vault, chat("go on", target=RESPONSES, who=mallory))
    assert session.restorer.whole("text", first[EMAIL]) == first[EMAIL]


async def place_by_force(
    values: MemoryValues, tag: str, name: str, fields: Mapping[str, str]
) -> None:
    values._sets[tag, name].fields.update(fields)  # what an intruder would do


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"ttl": "31d"}, "between one second and 30 days"),
        ({"ttl": 60}, "needs its unit"),
        ({"conversation": {}}, "give `header` or `metadata`"),
        ({"conversation": {"header": "x y"}}, "is no name of a header"),
        ({"style": "numbered"}, "tagged"),
        ({"salt": "x"}, "Extra inputs"),
    ],
)
def test_what_cannot_be_used_is_told(config: dict[str, object], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        TokenizeConfig.model_validate(config)
