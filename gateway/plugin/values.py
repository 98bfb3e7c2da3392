"""What a plugin asks of the store where sealed values wait for those who may read them again."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Keeping:
    """Fields to keep together: `tag` says for whom, `name` which set of them.

    The sets of one tag live in one slot of a cluster. The whole set is forgotten `ttl_ms` after it
    was last kept; of more than `fields_max` fields, those that were written longest ago go first.
    A value begins with the second in which it was written, in decimal digits, and a `|`. With
    `read`, everything that the set holds is asked for.
    """

    tag: str
    name: str
    fields: Mapping[str, str]
    ttl_ms: int
    fields_max: int
    read: bool = False


class ValueStore(Protocol):
    """Sets of fields, each a name and an opaque text, shared by all that name the same store.

    Every call is bounded by the store's deadline, and raises StoreUnavailableError (here or from
    the awaitable) where the store does not answer in time.
    """

    def keep(self, keeping: Keeping) -> Mapping[str, str] | Awaitable[Mapping[str, str]]:
        """Writes the fields and renews the set; never waits where it can answer at once.

        Gives all fields of the set where `keeping.read` asks for them, else nothing.
        """

    async def names(self, tag: str) -> Sequence[str]:
        """The names of all sets of a tag."""

    async def fields(self, tag: str, name: str) -> Mapping[str, str]:
        """All fields of a set, which is not renewed."""

    async def remove(self, tag: str, name: str, fields: Sequence[str]) -> None:
        """Removes these fields for good; a set without fields is gone."""
