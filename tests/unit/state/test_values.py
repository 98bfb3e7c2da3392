"""Values in memory: bounded in number, bytes and time."""

from __future__ import annotations

from typing import Any

import pytest

from gateway.plugin.values import Keeping
from gateway.settings import Settings
from gateway.state.redis.values import RedisValues
from gateway.state.stores import Stores
from gateway.state.values import MemoryValues, written_at


class Clock:
    def __init__(self) -> None:
        self.us = 0

    def __call__(self) -> int:
        return self.us


def keeping(name: str = "c", read: bool = True, **more: Any) -> Keeping:
    wanted: dict[str, Any] = {"tag": "t", "fields": {}, "ttl_ms": 1_000, "fields_max": 100}
    return Keeping(name=name, read=read, **(wanted | more))


def test_a_set_is_forgotten_after_its_time() -> None:
    clock = Clock()
    values = MemoryValues(clock)
    values.keep(keeping(fields={"a": "1|x"}))
    clock.us = 999_999
    assert values.keep(keeping()) == {"a": "1|x"}
    clock.us += 1_000_000
    assert values.keep(keeping()) == {}
    assert (len(values), values.cost) == (0, 0)


def test_what_has_run_out_makes_room_though_nobody_asks_for_it() -> None:
    clock = Clock()
    values = MemoryValues(clock)
    values.keep(keeping(name="old", fields={"a": "1|x"}))
    clock.us = 2_000_000
    values.keep(keeping(name="new", fields={"a": "1|x"}))
    assert len(values) == 1


def test_a_full_store_forgets_what_was_not_kept_for_longest() -> None:
    values = MemoryValues(Clock(), bytes_max=10_000)
    for number in range(20):
        values.keep(keeping(name="used", fields={"a": "1|x"}))
        values.keep(keeping(name=f"c{number}", fields={"a": "1|" + "x" * 1_000}))
        assert values.cost <= 10_000
    assert values.keep(keeping(name="used")) == {"a": "1|x"}
    assert values.keep(keeping(name="c0")) == {}
    assert values.keep(keeping(name="c19")) != {}


def test_the_fields_that_were_written_longest_ago_go_first() -> None:
    values = MemoryValues(Clock())
    fields = {"new": "3|x", "old": "1|x", "odd": "x", "middle": "2|x"}
    assert set(values.keep(keeping(fields=fields, fields_max=2))) == {"new", "middle"}


async def test_a_set_without_fields_is_gone() -> None:
    values = MemoryValues(Clock())
    values.keep(keeping(fields={"a": "1|x", "b": "1|x"}))
    await values.remove("t", "c", ["a", "b", "c"])
    await values.remove("t", "c", ["a"])
    assert (len(values), values.cost, await values.names("t")) == (0, 0, [])


@pytest.mark.parametrize(("text", "second"), [("12|x", 12), ("x", 0), ("|x", 0), ("٣|x", 0)])
def test_the_second_stands_in_front(text: str, second: int) -> None:
    assert written_at(text) == second


def test_values_stand_beside_the_counters_of_the_same_store() -> None:
    redis = {"url": "redis://redis.internal"}
    stores = Stores(Settings.model_validate({"stores": {"shared": redis}}))
    assert isinstance(stores.values("shared"), RedisValues)
    assert isinstance(stores.values("default"), MemoryValues)
    assert stores.values("default") is stores.values("default")
    with pytest.raises(ValueError, match=r'no store "share"'):
        stores.values("share")


def test_several_workers_cannot_keep_values_in_memory() -> None:
    stores = Stores(Settings.model_validate({"workers": 2}))
    with pytest.raises(ValueError, match=r"only the values it kept; .*kind: redis, url: "):
        stores.values("default")
