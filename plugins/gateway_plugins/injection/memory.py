"""Remembers what was found in a text, because conversations repeat their history.

A text is looked up by itself first: where the core remembers the request, it is the very object of
before, whose hash Python keeps, so this costs next to nothing. Such texts are kept on two shelves:
a new one that is full becomes the old one, and of what stood there before stays what was asked for
since; so to find a text on the new one moves nothing. Then by a keyed digest, which is all that is
kept of most texts. Tenants and parts never share an entry, so that nobody can learn from an answer,
or from its speed, what another tenant sent.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Mapping
from types import MappingProxyType
from typing import Final, TypeAlias

from gateway.receipts.commitment import commit_with

RECENT_CHARS_MAX: Final = 2_097_152
"""Characters of texts that are kept as they are, for the quick look-up."""
ENTRIES_MAX: Final = 65_536
"""Digests that are kept."""
_DIGEST_DIGITS: Final = 32
_MISSED_MAX: Final = 64
_MISSED_CHARS_MAX: Final = 16_384
"""Texts that were asked for in vain, and will be put: their digests need not be made again."""
NOTHING: Final[Mapping[str, str]] = MappingProxyType({})
"""Shared by all texts of which there is nothing to tell: a dict for each would be a third of it."""


class Found:
    """What was found in a text; never changed, for many exchanges share it.

    `told` says why it is an attack, in names and numbers. `second` is what became of the second
    stage, if it was asked.
    """

    __slots__ = ("is_attack", "score", "second", "told")

    def __init__(
        self, score: float, is_attack: bool, second: str = "", told: Mapping[str, str] = NOTHING
    ) -> None:
        self.score = score
        self.is_attack = is_attack
        self.second = second
        self.told = told


_ByPart: TypeAlias = dict[str, dict[str, Found]]
_Shelf: TypeAlias = dict[str, _ByPart]


class Memory:
    """The findings of one use of the plugin, in one worker."""

    __slots__ = ("_chars", "_digests", "_key", "_missed", "_new", "_old")

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self._new: _Shelf = {}
        self._old: _Shelf = {}
        self._chars = 0  # of the texts on the new shelf
        self._digests: OrderedDict[bytes, Found] = OrderedDict()
        self._missed: dict[tuple[str, str, str], bytes] = {}

    @property
    def chars(self) -> int:
        """How many characters of texts are kept as they are."""
        kept = [parts for shelf in (self._new, self._old) for parts in shelf.values()]
        return sum(len(text) for parts in kept for texts in parts.values() for text in texts)

    def recent(self, tenant: str) -> _ByPart:
        """What was found in the texts of a tenant that came last, by part and text: for a look."""
        return self._new.get(tenant) or {}

    def get(self, tenant: str, part: str, text: str) -> Found | None:
        """What was found in this text of this tenant, or None."""
        found = _on(self._new, tenant, part, text)
        if found is not None:
            return found
        found = _on(self._old, tenant, part, text)
        if found is None:
            return self._look_up(tenant, part, text)
        self._hold(tenant, part, text, found)
        return found

    def _look_up(self, tenant: str, part: str, text: str) -> Found | None:
        name = (tenant, part, text)
        digest = self._digest(name)
        found = self._digests.get(digest)
        if found is not None:
            self._digests.move_to_end(digest)
            self._hold(tenant, part, text, found)
        elif len(text) <= _MISSED_CHARS_MAX:
            if len(self._missed) >= _MISSED_MAX:
                self._missed.clear()
            self._missed[name] = digest
        return found

    def put(self, tenant: str, part: str, text: str, found: Found) -> None:
        """Keeps what was found; the oldest findings are forgotten."""
        name = (tenant, part, text)
        digest = self._missed.pop(name, None)
        self._digests[self._digest(name) if digest is None else digest] = found
        if len(self._digests) > ENTRIES_MAX:
            self._digests.popitem(last=False)
        self._hold(tenant, part, text, found)

    def _hold(self, tenant: str, part: str, text: str, found: Found) -> None:
        """Puts a text on the new shelf, which holds half of what may be kept."""
        room = RECENT_CHARS_MAX // 2
        if len(text) > room:
            return
        texts = self._new.setdefault(tenant, {}).setdefault(part, {})
        if text not in texts:
            if self._chars + len(text) > room:
                self._old, self._new, self._chars = self._new, {}, 0
                texts = self._new.setdefault(tenant, {}).setdefault(part, {})
            self._chars += len(text)
        texts[text] = found

    def _digest(self, name: tuple[str, str, str]) -> bytes:
        tenant, part, text = name
        # Lengths in front, so that no tenant's name can run into what follows it.
        whose = f"{len(tenant)}:{tenant}{part}"
        label = whose if whose.isascii() else ascii(whose)
        said = text.encode("utf-8", "surrogatepass")
        return bytes.fromhex(commit_with(self._key, label, said)[:_DIGEST_DIGITS])


def _on(shelf: _Shelf, tenant: str, part: str, text: str) -> Found | None:
    parts = shelf.get(tenant)
    if parts is None:
        return None
    texts = parts.get(part)
    return None if texts is None else texts.get(text)
