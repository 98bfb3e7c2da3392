"""A header section as it came: order, spelling and duplicates are kept, lookups ignore case."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

try:
    from gateway.plugin import _fields

    NATIVE = True
except ImportError:  # not compiled
    NATIVE = False

RawHeader = tuple[bytes, bytes]


def index_of(fields: list[RawHeader]) -> dict[bytes, RawHeader]:
    """The first field of each lower-case name; in wire order where no name is repeated."""
    return _fields.indexed(fields) if NATIVE else indexed(fields)


def indexed(fields: list[RawHeader]) -> dict[bytes, RawHeader]:
    """What `index_of` says; the plain form of `_fields.c`."""
    index = {field[0].lower(): field for field in fields}
    if len(index) != len(fields):
        index = {field[0].lower(): field for field in reversed(fields)}
    return index


def spellings(*names: str) -> frozenset[bytes]:
    """Each of `names` in lower case with every mix of `-` and `_`, which some servers equate.

    (CGI's rule, RFC 3875 section 4.1.18, makes both the same variable.)
    """
    found: set[bytes] = set()
    for name in names:
        parts = name.lower().replace("_", "-").encode("latin-1").split(b"-")
        spelled = {parts[0]}
        for part in parts[1:]:
            spelled = {begin + mark + part for begin in spelled for mark in (b"-", b"_")}
        found |= spelled
    return frozenset(found)


class Headers:
    """The fields of one message, in wire order (RFC 9110 section 5).

    `raw` is what was received and what will be sent; change it only through `set`, `add` and
    `remove`, which also keep the lookup index right. Names and values are decoded as Latin-1,
    which maps every byte to one character and back (RFC 9110 section 5.5).
    """

    __slots__ = ("_index", "raw")

    def __init__(self, raw: list[RawHeader], index: dict[bytes, RawHeader] | None = None) -> None:
        """`index` comes from `index_of`, where the caller made it already."""
        self.raw = raw
        self._index = index

    def _lookup(self) -> dict[bytes, RawHeader]:
        index = self._index
        if index is None:
            index = self._index = index_of(self.raw)
        return index

    def first(self, name: bytes) -> bytes | None:
        """The first value of the field `name`, which must be lower case; the hot path's lookup."""
        index = self._index
        if index is None:
            index = self._lookup()
        field = index.get(name)
        return None if field is None else field[1]

    def distinct(self) -> dict[bytes, RawHeader] | None:
        """The fields in wire order by lower-case name; None where a name occurs twice.

        Good until the next change of a field; not to be changed.
        """
        index = self._lookup() if self._index is None else self._index
        return index if len(index) == len(self.raw) else None

    def holds_any(self, names: tuple[bytes, ...]) -> bool:
        """Whether a field has one of these lower-case names."""
        index = self._lookup() if self._index is None else self._index
        for name in names:  # noqa: SIM110  # mypyc makes a list of a generator: `any` would ask all
            if name in index:
                return True
        return False

    def get(self, name: str, default: str | None = None) -> str | None:
        """The first value of the field `name` in any case, or `default`."""
        value = self.first(name.lower().encode("latin-1"))
        return default if value is None else value.decode("latin-1")

    def get_all(self, name: str) -> list[str]:
        """Every value of the field `name`, in order."""
        wanted = name.lower().encode("latin-1")
        if self.first(wanted) is None:
            return []
        return [v.decode("latin-1") for n, v in self.raw if n.lower() == wanted]

    def repeated(self, name: bytes) -> bool:
        """Whether there is more than one field `name`, which must be lower case."""
        if self.distinct() is not None:
            return False
        return sum(field.lower() == name for field, _ in self.raw) > 1

    def add(self, name: str, value: str) -> None:
        """Appends one more field."""
        self.raw.append((_token(name), _value(value)))
        self._index = None

    def add_raw(self, name: bytes, value: bytes) -> None:
        """Appends a field that is known to be well-formed; `name` must be lower case.

        For fields that a plugin built when the policy was compiled: nothing is checked again.
        """
        field = (name, value)
        self.raw.append(field)
        if self._index is not None:
            self._index.setdefault(name, field)

    def extend_raw(self, fields: list[RawHeader]) -> None:
        """Appends fields as `add_raw` does, in one go."""
        self.raw.extend(fields)
        index = self._index
        if index is not None:
            for field in fields:
                index.setdefault(field[0], field)

    def set(self, name: str, value: str) -> None:
        """Replaces every field called `name` by one, at the place of the first."""
        encoded, lowered = _token(name), name.lower().encode("latin-1")
        fresh: list[RawHeader] = []
        placed = False
        for old_name, old_value in self.raw:
            if old_name.lower() != lowered:
                fresh.append((old_name, old_value))
            elif not placed:
                fresh.append((encoded, _value(value)))
                placed = True
        if not placed:
            fresh.append((encoded, _value(value)))
        self.raw, self._index = fresh, None

    def remove(self, name: str) -> None:
        """Drops every field called `name`, in all spellings with `_` for `-` too."""
        self.drop(spellings(name))

    def drop_field(self, name: bytes) -> None:
        """Drops every field whose lower-case name is `name`, and no other spelling."""
        index = self._lookup() if self._index is None else self._index
        if name not in index:
            return
        if len(index) != len(self.raw):
            self.drop(frozenset((name,)))
            return
        del index[name]
        self.raw = list(index.values())  # a fresh one: whoever compares sees an edit

    def drop(self, names: frozenset[bytes]) -> None:
        """Drops every field whose lower-case name is one of `names`; see `spellings`."""
        index = self._lookup()
        if len(index) == len(self.raw):
            found = [name for name in names if name in index]
            if found:
                for name in found:
                    del index[name]
                self.raw = list(index.values())  # a fresh one: whoever compares sees an edit
        elif not names.isdisjoint(index):
            self.raw = [field for field in self.raw if field[0].lower() not in names]
            self._index = None

    def copy(self) -> Headers:
        return Headers(list(self.raw))

    def __contains__(self, name: str) -> bool:
        return self.first(name.lower().encode("latin-1")) is not None

    def __iter__(self) -> Iterator[tuple[str, str]]:
        return ((n.decode("latin-1"), v.decode("latin-1")) for n, v in self.raw)

    def __len__(self) -> int:
        return len(self.raw)

    def __repr__(self) -> str:
        # Names only: values may be credentials.
        return f"<Headers {[n.decode('latin-1') for n, _ in self.raw]}>"


_TOKEN: Final = frozenset(
    b"!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
)


# As numbers: a byte is found in bytes for a fraction of what a string of one byte takes.
_CR: Final = 13
_LF: Final = 10
_NUL: Final = 0


def _token(name: str) -> bytes:
    encoded = name.encode("latin-1")
    if not encoded or not _TOKEN.issuperset(encoded):
        raise ValueError(f"not a header name: {name!r}")
    return encoded


def _value(value: str) -> bytes:
    encoded = value.encode("latin-1")
    if _CR in encoded or _LF in encoded or _NUL in encoded:
        raise ValueError("a header value cannot hold CR, LF or NUL")
    return encoded
