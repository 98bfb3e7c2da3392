"""Canonical JSON (RFC 8785), two writers: a fast one for our own documents, a full one for others'.

Our documents stay in a subset where sorted members and compact separators are RFC 8785 byte for
byte: ASCII member names, no floats, integers within +-(2^53 - 1), valid Unicode. `canonical` writes
it and refuses the rest by the member's name. `jcs` writes any JSON value, with numbers as
ECMAScript prints them and members in order of their UTF-16 code units.
"""

from __future__ import annotations

import json  # noqa: TID251  # the verifier runs without orjson; duplicate members need a hook
import re
from collections.abc import Iterable
from typing import Any, Final, NoReturn

try:
    import orjson
except ImportError:  # the stand-alone verifier's environment
    HAS_ORJSON = False
    _OPTIONS = 0
else:
    HAS_ORJSON = True
    _OPTIONS = (
        orjson.OPT_SORT_KEYS
        | orjson.OPT_STRICT_INTEGER
        | orjson.OPT_PASSTHROUGH_DATACLASS
        | orjson.OPT_PASSTHROUGH_DATETIME
        | orjson.OPT_PASSTHROUGH_SUBCLASS
    )

INTEGER_MAX: Final = 2**53 - 1
"""Beyond it a reader that keeps numbers as doubles sees another number (RFC 7493)."""
DEPTH_MAX: Final = 64
"""Deeper documents are refused before the interpreter's own limit is met."""

# How a float ends: behind a number of ours there is neither a point nor an exponent. Both begin
# with one character that is looked for, which is several times as fast as an expression with two
# ways.
_FRACTION = re.compile(rb"\.[0-9]+(?:e[+-]?[0-9]+)?(?:[,}\]]|\Z)")
_EXPONENT = re.compile(rb"e[+-]?[0-9]+(?:[,}\]]|\Z)")
_ESCAPED = re.compile(r'[\x00-\x1f"\\]')
_ESCAPES = {
    '"': '\\"',
    "\\": "\\\\",
    "\b": "\\b",
    "\t": "\\t",
    "\n": "\\n",
    "\f": "\\f",
    "\r": "\\r",
}


class CanonicalError(ValueError):
    """A value that has no canonical form, or a text that is not strict JSON; says which member."""


def canonical(value: Any) -> bytes:
    """The canonical bytes of a value of our subset. Raises CanonicalError with the member."""
    return _canonical(value, is_parsed=False)


def canonical_parsed(value: Any) -> bytes:
    """The same of a value that was read from JSON, where no null can have been a NaN: faster."""
    return _canonical(value, is_parsed=True)


def _canonical(value: Any, *, is_parsed: bool) -> bytes:
    if not HAS_ORJSON:
        _check(value, (), 0)
        return _dumps(value)
    data = unchecked(value)
    if _is_suspect(data, is_parsed=is_parsed):
        _check(value, (), 0)
    return data


def unchecked(value: Any) -> bytes:
    """The canonical bytes of a part of a value, if it is of our subset; `check` tells whether.

    Raises CanonicalError for what is no JSON at all.
    """
    if not HAS_ORJSON:
        return canonical_parsed(value)
    try:
        return orjson.dumps(value, option=_OPTIONS)
    except (TypeError, ValueError):
        _check(value, (), 0)
        raise CanonicalError("the value is no JSON") from None


def check(data: bytes, value: Any) -> None:
    """Raises CanonicalError where `data`, which `unchecked` wrote of `value`, is not canonical."""
    if _is_suspect(data, is_parsed=True):
        _check(value, (), 0)


def jcs(value: Any) -> bytes:
    """The RFC 8785 form of any JSON value. Raises CanonicalError.

    An integer that a double cannot hold is rounded as ECMAScript would (section 3.2.2.3).
    """
    pieces: list[str] = []
    _write(value, pieces, (), 0)
    try:
        return "".join(pieces).encode()
    except UnicodeEncodeError:
        raise CanonicalError("a text holds a lone surrogate, which UTF-8 cannot carry") from None


def parse(data: bytes | str) -> Any:
    """A strict JSON text as a value. Raises CanonicalError.

    Refused: a member that stands twice (two readers may take different ones), NaN and Infinity,
    lone surrogates, a byte-order mark, and more than `DEPTH_MAX` levels.
    """
    try:
        text = data if isinstance(data, str) else data.decode()
        value = _DECODER.decode(text)
    except CanonicalError:
        raise
    except RecursionError:
        raise CanonicalError(f"nested deeper than {DEPTH_MAX} levels") from None
    except ValueError as error:
        raise CanonicalError(f"not JSON: {error}") from None
    _check_texts(value, 0)
    return value


def loads(data: bytes) -> Any | None:
    """The value of a JSON text, fast and not strictly; None where orjson cannot, or is not there.

    Only for a text that is compared with the canonical form of its value: then a member that stands
    twice, or a number that two readers may take for different ones, makes the two differ.
    """
    if not HAS_ORJSON:
        return None
    try:
        return orjson.loads(data)
    except ValueError:
        return None


def number(value: float) -> str:
    """A double as ECMAScript prints it (ECMA-262, Number::toString, radix 10).

    Raises CanonicalError for NaN and infinities, which JSON lacks.
    """
    if value != value or value in {float("inf"), float("-inf")}:  # noqa: PLR0124  # NaN differs from itself
        raise CanonicalError("NaN and Infinity are no JSON numbers")
    if value == 0:
        return "0"
    if value < 0:
        return "-" + number(-value)
    # Python prints the same shortest digits; only where the point stands and when an exponent is
    # used differ.
    mantissa, _, exponent = repr(value).partition("e")
    whole, _, fraction = mantissa.partition(".")
    fraction = "" if fraction == "0" else fraction
    point = len(whole) + int(exponent or 0)
    digits = whole + fraction
    stripped = digits.lstrip("0")
    point -= len(digits) - len(stripped)
    return _placed(stripped.rstrip("0"), point)


_FIXED_POINT_MAX = 21
_FIXED_POINT_MIN = -6


def _placed(digits: str, point: int) -> str:
    """`digits` with the point after the first `point` of them, which may lie outside."""
    count = len(digits)
    if count <= point <= _FIXED_POINT_MAX:
        return digits + "0" * (point - count)
    if 0 < point <= _FIXED_POINT_MAX:
        return f"{digits[:point]}.{digits[point:]}"
    if _FIXED_POINT_MIN < point <= 0:
        return "0." + "0" * -point + digits
    sign = "+" if point > 0 else "-"
    tail = "." + digits[1:] if count > 1 else ""
    return f"{digits[0]}{tail}e{sign}{abs(point - 1)}"


def _is_suspect(data: bytes, *, is_parsed: bool) -> bool:
    """Whether orjson may have written what the subset lacks: then the value is walked.

    It says nothing of a float, of a null that was NaN, and of a name beyond ASCII. A text may look
    alike, which costs the walk and no more.
    """
    if _FRACTION.search(data) or _EXPONENT.search(data):
        return True
    if not is_parsed and b"null" in data:
        return True
    return not data.isascii() and _has_wide_name(data)


def _has_wide_name(data: bytes) -> bool:
    """Whether a member's name goes beyond ASCII: a text that a colon follows."""
    pieces = data.replace(b"\\\\", b"").replace(b'\\"', b"").split(b'"')
    texts = zip(pieces[1::2], pieces[2::2], strict=True)
    return not b"".join([text for text, after in texts if after[:1] == b":"]).isascii()


def _write(value: Any, pieces: list[str], path: tuple[str, ...], depth: int) -> None:
    if depth > DEPTH_MAX:
        _refuse(path, f"nested deeper than {DEPTH_MAX} levels")
    if value is None or value is True or value is False:
        pieces.append({None: "null", True: "true", False: "false"}[value])
    elif isinstance(value, str):
        pieces.append(_quoted(value))
    elif isinstance(value, int | float):
        pieces.append(_number(value, path))
    elif isinstance(value, dict):
        _write_object(value, pieces, path, depth)
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            pieces.append("," if index else "[")
            _write(item, pieces, (*path, str(index)), depth + 1)
        pieces.append("]" if value else "[]")
    else:
        _refuse(path, f"a {type(value).__name__} is no JSON value")


def _write_object(
    value: dict[Any, Any], pieces: list[str], path: tuple[str, ...], depth: int
) -> None:
    for name in value:
        if not isinstance(name, str):
            _refuse(path, f"a member's name is a {type(name).__name__}, not a text")
    separator = "{"
    for name in sorted(value, key=_utf16):
        pieces.append(f"{separator}{_quoted(name)}:")
        _write(value[name], pieces, (*path, name), depth + 1)
        separator = ","
    pieces.append("}" if value else "{}")


def _utf16(name: str) -> bytes:
    """Big-endian, so that bytes compare as code units do (RFC 8785 section 3.2.3)."""
    return name.encode("utf-16-be", "surrogatepass")


def _number(value: float, path: tuple[str, ...]) -> str:
    if isinstance(value, int) and -INTEGER_MAX <= value <= INTEGER_MAX:
        return str(value)
    try:
        return number(float(value))
    except (CanonicalError, OverflowError):
        _refuse(path, "a number that no double holds")


def _quoted(text: str) -> str:
    if _ESCAPED.search(text) is None:
        return f'"{text}"'
    return f'"{_ESCAPED.sub(_escape, text)}"'


def _escape(found: re.Match[str]) -> str:
    character = found.group()
    return _ESCAPES.get(character) or f"\\u{ord(character):04x}"


def _check(value: Any, path: tuple[str, ...], depth: int) -> None:
    """Raises CanonicalError where the value leaves the subset."""
    if depth > DEPTH_MAX:
        _refuse(path, f"nested deeper than {DEPTH_MAX} levels")
    kind = type(value)
    if kind is str:
        _check_text(value, path)
    elif kind is int:
        if not -INTEGER_MAX <= value <= INTEGER_MAX:
            _refuse(path, "an integer beyond 2^53 - 1; write it as a text")
    elif kind is dict:
        for name, item in value.items():
            if type(name) is not str or not name.isascii():
                _refuse(path, f"the member name {name!r} is not ASCII text")
            _check(item, (*path, name), depth + 1)
    elif kind is list or kind is tuple:
        for index, item in enumerate(value):
            _check(item, (*path, str(index)), depth + 1)
    elif kind is float:
        _refuse(path, "a float; write an integer of a smaller unit")
    elif value is not None and kind is not bool:
        _refuse(path, f"a {kind.__name__} is no JSON value")


def _check_texts(value: Any, depth: int) -> None:
    if depth > DEPTH_MAX:
        raise CanonicalError(f"nested deeper than {DEPTH_MAX} levels")
    if isinstance(value, str):
        _check_text(value, ())
    elif isinstance(value, dict):
        for name, item in value.items():
            _check_text(name, ())
            _check_texts(item, depth + 1)
    elif isinstance(value, list):
        for item in value:
            _check_texts(item, depth + 1)


def _check_text(text: str, path: tuple[str, ...]) -> None:
    if text.isascii():
        return
    try:
        text.encode()
    except UnicodeEncodeError:
        _refuse(path, "a text holds a lone surrogate")


def _refuse(path: Iterable[str], why: str) -> NoReturn:
    where = ".".join(path)
    raise CanonicalError(f"{where}: {why}" if where else why)


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise CanonicalError(f"{twice}: the member stands twice")
    return members


def _no_constant(name: str) -> NoReturn:
    raise CanonicalError(f"{name} is no JSON number")


def _dumps(value: Any) -> bytes:
    return json.dumps(
        value, ensure_ascii=False, allow_nan=False, sort_keys=True, separators=(",", ":")
    ).encode()


_DECODER = json.JSONDecoder(object_pairs_hook=_members, parse_constant=_no_constant)
