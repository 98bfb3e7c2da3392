"""Records that are written together: each answer waits for its own, and none is lost by another."""

from __future__ import annotations

import asyncio

import orjson

from gateway.plugin import Exchange
from gateway_plugins.receipt import Receipt
from tests.unit.gateway_plugins.receipt.exchanges import (
    ANSWER,
    MemoryJournal,
    answered,
    begun,
    plugin_with,
)


class Connection:
    """Notes how many records there were when its answer was let go."""

    def __init__(self, journal: MemoryJournal) -> None:
        self._journal = journal
        self.released_at: list[int] = []

    def release(self) -> None:
        self.released_at.append(len(self._journal.records))


def ended(plugin: Receipt, connection: Connection, content: str = "Hello") -> Exchange:
    """An exchange whose whole answer waits on `connection`."""
    request = {"model": "gpt-4o", "messages": [{"role": "user", "content": content}]}
    x = begun(plugin, orjson.dumps(request))
    answered(x, orjson.dumps(ANSWER))
    assert x.evidence is not None
    assert x.evidence.gathers
    x.evidence.held = connection
    assert plugin.on_complete(x) is None
    assert x.evidence.due
    return x


async def test_answers_wait_for_the_records_of_their_turn_which_are_one_write() -> None:
    journal = MemoryJournal()
    plugin = await plugin_with(journal)
    connections = [Connection(journal) for _ in range(5)]

    for connection in connections:
        ended(plugin, connection)
    assert journal.records == []
    await asyncio.sleep(0)

    assert [record["t"] for record in journal.records] == ["exchange"] * 5
    assert journal.writes == 1
    assert [connection.released_at for connection in connections] == [[5]] * 5


async def test_what_cannot_be_recorded_costs_the_others_nothing() -> None:
    journal = MemoryJournal()
    counted: list[str] = []
    plugin = await plugin_with(journal, counted, include_content=True)
    connections = [Connection(journal) for _ in range(3)]

    for connection, content in zip(connections, ("one", "\ud83d", "three"), strict=True):
        x = ended(plugin, connection)
        if content == "\ud83d":  # half a character, which no JSON can hold
            assert x.evidence is not None
            x.evidence.reason = content
    await asyncio.sleep(0)

    assert len(journal.records) == 2
    assert counted == ["gap"]
    assert [connection.released_at for connection in connections] == [[2]] * 3


async def test_a_journal_that_refuses_one_record_takes_the_others() -> None:
    journal = MemoryJournal()
    counted: list[str] = []
    plugin = await plugin_with(journal, counted)
    journal.bytes_max = 4_000
    short, long = Connection(journal), Connection(journal)

    ended(plugin, short)
    x = ended(plugin, long)
    assert x.evidence is not None
    x.evidence.reason = "x" * 5_000
    await asyncio.sleep(0)

    assert len(journal.records) == 1
    assert counted == ["gap"]
    assert short.released_at == long.released_at == [1]


async def test_a_failed_journal_keeps_no_answer_back() -> None:
    journal = MemoryJournal()
    counted: list[str] = []
    plugin = await plugin_with(journal, counted)
    connection = Connection(journal)

    ended(plugin, connection)
    journal.state = "failed"
    await asyncio.sleep(0)

    assert counted == ["gap"]
    assert connection.released_at == [0]


async def test_stopping_writes_what_is_due() -> None:
    journal = MemoryJournal()
    plugin = await plugin_with(journal)
    connection = Connection(journal)

    ended(plugin, connection)
    await plugin.stop()

    assert len(journal.records) == 1
    assert connection.released_at == [1]
    await asyncio.sleep(0)
    assert len(journal.records) == 1


async def test_an_answer_that_came_in_parts_is_not_kept_back() -> None:
    journal = MemoryJournal()
    plugin = await plugin_with(journal)
    x = begun(plugin)
    assert x.evidence is not None
    assert x.evidence.on_delay is not None

    x.evidence.on_delay(x, x.evidence)

    assert not x.evidence.gathers
    assert journal.only("opened")
