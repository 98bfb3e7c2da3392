"""Remembers what was found in a text, because conversations repeat their history.

A text is looked up by itself first: where the core remembers the request, it is the very object of
before, whose hash Python keeps, so this costs next to nothing. Then by a keyed digest, which
is all that is kept of most texts. Tenants and parts never share an entry, so that nobody can learn
from an answer, or from its speed, what another tenant sent.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from types import MappingProxyType
from typing import Final

RECENT_CHARS_MAX: Final = 2_097_152
"""Characters of texts that are kept as they are, for the quick look-up."""
ENTRIES_MAX: Final = 65_536
"""Digests that are kept."""
_DIGEST_BYTES: Final = 16
_MISSED_MAX: Final = 64
_MISSED_CHARS_MAX: Final = 16_384
"""Texts that were asked for in vain, and will be put: their digests need not be made again."""
NOTHING: Final[Mapping[str, str]] = MappingProxyType({})
"""Shared by all texts of which there is nothing to tell: a dict for each would be a third of it."""


@dataclass(frozen=True, slots=True)
class Found:
    """What was found in a text: `told` says why it is an attack, in names and numbers.

    `second` is what became of the second stage, if it was asked.
    """

    score: float
    is_attack: bool
    second: str = ""
    told: Mapping[str, str] = field(default_factory=lambda: NOTHING)


class Memory:
    """The findings of one use of the plugin, in one worker."""

    __slots__ = ("_chars", "_digests", "_key", "_missed", "_recent")

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self._recent: OrderedDict[tuple[str, str, str], Found] = OrderedDict()
        self._digests: OrderedDict[bytes, Found] = OrderedDict()
        self._missed: dict[tuple[str, str, str], bytes] = {}
        self._chars = 0

    @property
    def texts(self) -> int:
        """How many texts are kept as they are."""
        return len(self._recent)

    def get(self, tenant: str, part: str, text: str) -> Found | None:
        """What was found in this text of this tenant, or None."""
        name = (tenant, part, text)
        found = self._recent.get(name)
        if found is not None:
            self._recent.move_to_end(name)
            return found
        digest = self._digest(name)
        found = self._digests.get(digest)
        if found is not None:
            self._digests.move_to_end(digest)
            self._hold(name, found)
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
        self._hold(name, found)

    def _hold(self, name: tuple[str, str, str], found: Found) -> None:
        if len(name[2]) > RECENT_CHARS_MAX:
            return
        if name not in self._recent:
            self._chars += len(name[2])
        self._recent[name] = found
        while self._chars > RECENT_CHARS_MAX:
            (_, _, text), _ = self._recent.popitem(last=False)
            self._chars -= len(text)

    def _digest(self, name: tuple[str, str, str]) -> bytes:
        tenant, part, text = name
        # Lengths in front, so that no tenant's name can run into what follows it. Nobody is shown a
        # digest, so a key in front will do; processors have instructions for this hash.
        said = f"{len(tenant)}:{tenant}{part}:{text}".encode("utf-8", "surrogatepass")
        return sha256(self._key + said).digest()[:_DIGEST_BYTES]
