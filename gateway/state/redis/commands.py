"""The functions of library.lua as commands: keys, arguments, answers."""

from __future__ import annotations

from binascii import crc_hqx
from collections.abc import Sequence
from typing import Any

from gateway.plugin.limits import Demand, Standing
from gateway.plugin.scores import ScoreRule
from gateway.plugin.values import Keeping
from gateway.state.redis.wire import Word, pack

SLOTS = 16_384
SCORES_MAX = 1_000
"""Scores of one owner; of more, those that were moved longest ago go."""
_LETTERS = "lgts"
"""Of each algorithm, so that one key never holds what another algorithm wrote."""


class Keys:
    """Names keys. All keys of one tag begin with the same hash tag, so they share a slot."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix
        self.registry = f"{prefix}{{workers}}"

    def base(self, tag: str) -> str:
        """The beginning of the keys of `tag`. A hash tag ends at its first brace."""
        if not tag or "}" in tag or "%" in tag:
            tag = tag.replace("%", "%25").replace("}", "%7D") or "%"
        return f"{self._prefix}{{{tag}}}"


def slot_of(base: str) -> int:
    """The cluster's slot of a `Keys.base`: CRC-16/XMODEM of what stands between the braces."""
    return crc_hqx(base[base.index("{") + 1 : -1].encode("utf-8", "surrogateescape"), 0) % SLOTS


def counter_key(base: str, demand: Demand) -> bytes:
    """The key of one counter."""
    return f"{base}{_LETTERS[demand.algorithm]}{demand.key}".encode("utf-8", "surrogateescape")


def peer_key(base: str, worker: str) -> bytes:
    """The key where the store remembers what it did for one worker under this tag."""
    return f"{base}p{worker}".encode("utf-8", "surrogateescape")


def set_key(base: str, name: str) -> bytes:
    """The key of one set of values."""
    return f"{base}v{name}".encode("utf-8", "surrogateescape")


def sets_key(base: str) -> bytes:
    """The key where the names of all sets of values of a tag stand."""
    return f"{base}V".encode("utf-8", "surrogateescape")


def score_key(base: str) -> bytes:
    """The key of the scores of one owner."""
    return f"{base}m".encode("utf-8", "surrogateescape")


def score_command(base: str, name: str, result_milli: int, rule: ScoreRule) -> bytes:
    """Counts one result for a score."""
    words: tuple[Word, ...] = ("FCALL", "sealgate_score", 1, score_key(base), name, result_milli)
    return pack((*words, rule.exchanges, rule.half_life_us, rule.floor_milli, SCORES_MAX))


def read_score_command(base: str, name: str) -> bytes:
    """Reads a score."""
    return pack(("FCALL", "sealgate_read_score", 1, score_key(base), name))


def keep_command(base: str, keeping: Keeping) -> bytes:
    """Writes fields of a set of values and renews it."""
    words: list[Word] = ["FCALL", "sealgate_keep", 2]
    words += (set_key(base, keeping.name), sets_key(base), keeping.name)
    words += (keeping.ttl_ms, keeping.fields_max, 1 if keeping.read else 0)
    for field, value in keeping.fields.items():
        words += (field, value)
    return pack(tuple(words))


def take_command(
    base: str, demands: Sequence[Demand], worker: str, number: int, confirmed: int
) -> bytes:
    """Take number `number`; the answers of all up to `confirmed` have arrived."""
    words: list[Word] = ["FCALL", "sealgate_take", len(demands) + 1]
    words += [counter_key(base, demand) for demand in demands]
    words += (peer_key(base, worker), worker, number, confirmed)
    for demand in demands:
        words += _fields(demand)
        words.append(1 if demand.report_only else 0)
    return pack(tuple(words))


def settle_command(
    base: str,
    demands: Sequence[Demand],
    amounts: Sequence[int],
    *,
    worker: str,
    numbers: tuple[int, int],
    times: str,
) -> bytes:
    """Correction of a take; `numbers` are the take's and its own.

    `times` come from the answer; without them the store looks up whether the take was done.
    """
    words: list[Word] = ["FCALL", "sealgate_settle", len(demands) + 1]
    words += [counter_key(base, demand) for demand in demands]
    words += (peer_key(base, worker), worker, *numbers, times)
    for demand, amount in zip(demands, amounts, strict=True):
        words += _fields(demand)
        words.append(amount)
    return pack(tuple(words))


def renew_command(
    base: str, demands: Sequence[Demand], indexes: Sequence[int], worker: str, number: int
) -> bytes:
    """Renews those slots of a take that stand at `indexes` of its demands."""
    words: list[Word] = ["FCALL", "sealgate_renew", len(indexes)]
    words += [counter_key(base, demands[index]) for index in indexes]
    words += (worker, number)
    for index in indexes:
        words += (*_fields(demands[index]), index + 1)
    return pack(tuple(words))


def read_command(base: str, demands: Sequence[Demand]) -> bytes:
    """Reads counters."""
    words: list[Word] = ["FCALL", "sealgate_read", len(demands)]
    words += [counter_key(base, demand) for demand in demands]
    for demand in demands:
        words += (*_fields(demand), 1 if demand.report_only else 0)
    return pack(tuple(words))


def _fields(demand: Demand) -> tuple[int, int, int, int, int]:
    return (
        int(demand.algorithm),
        demand.amount,
        demand.capacity,
        demand.window_us,
        demand.burst,
    )


def standings_from(
    demands: Sequence[Demand], reply: Sequence[Any], start: int
) -> tuple[Standing, ...]:
    """The standings of an answer whose numbers begin at `start`: four for each demand."""
    standings = []
    for demand in demands:
        used: int = reply[start]
        left = _room(demand) - used
        standings.append(Standing(used, max(0, left), reply[start + 1], reply[start + 2]))
        start += 4
    return tuple(standings)


def _room(demand: Demand) -> int:
    """What an unused counter admits at once: of GCRA its burst."""
    return (demand.burst or demand.capacity) if demand.algorithm == 1 else demand.capacity
