"""Where people can be reached: email, telephone, address; and when they were born."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Final

from gateway.plugin.pattern import Pattern
from gateway.scan.library.checks import Judged, Said, digits
from gateway.scan.re2_body import Re2Body

try:
    from gateway.scan._phones import Phones

    NATIVE = True
except ImportError:  # not compiled
    NATIVE = False

if TYPE_CHECKING:  # a word of the compiler; while running these are plain whole numbers
    from mypy_extensions import i64

_PHONE_NEAR: Final = Said(
    r"(?i)(?:phone|\btel\b|tel[.:]|telephone|mobile|mobil|cell|\bcall|fax|dial|whatsapp|\bsms"
    r"|text me|\bring\b|contact|reach|telefon|tel[ée]fono|t[ée]l[ée]phone|telefone|电话|電話|전화|тел)"
    r"[^\d\n]{0,30}$"
)
_NOT_PHONE: Final = Said(
    r"(?i)(?:order|ticket|invoice|version|isbn|issn|serial|account|card|part|item|ref|ssn|iban|zip"
    r"|build|port|commit|year|total|amount|sum|price|code|id|key|npi|routing|license|passport|[$€£#])"
    r"\W{0,3}(?:no\W*|number\W*|is\W*)*$"
)
_DATES: Final = Said(
    r"^(?:(?:19|20)\d\d[-./ ](?:0?[1-9]|1[0-2])[-./ ](?:0?[1-9]|[12]\d|3[01])(?:[ ]\d\d)?"
    r"|(?:0?[1-9]|[12]\d|3[01])[-./](?:0?[1-9]|[12]\d|3[01])[-./](?:(?:19|20)\d\d|\d\d)"
    r"|(?:\d{1,3}\.){3}\d{1,3}|\d+\.\d+|(?:19|20)\d\d\s?[-/]\s?(?:19|20)?\d\d)$"
)
_DOTTED: Final = Said(r"^(?:\d{1,3}\.){3,8}\d{1,3}$")
_REGIONS: Final = (
    "PH",
    "KR",
    "US",
    "GB",
    "DE",
    "FR",
    "IN",
    "BR",
    "JP",
    "IT",
    "ES",
    "NL",
    "AU",
    "TR",
)
_ZERO: Final = 48
_NINE: Final = 57
_BIG_A: Final = 65
_BIG_Z: Final = 90
_SMALL_A: Final = 97
_SMALL_Z: Final = 122
_ASCII_LAST: Final = 127
_DIGITS_MIN: Final = 7
_DIGITS_MAX: Final = 15
_INTERNATIONAL_MIN: Final = 8
_GROUPED_MIN: Final = 9


def contact_patterns() -> list[Pattern]:
    """Email, telephone, address in context, date of birth in context."""
    return [*_reach_patterns(), *_context_patterns()]


_NUMBER = r"[\d ().\-/]{5,24}\d(?: ?(?:x|ext\.? ?)\d{1,6})?"


def _reach_patterns() -> list[Pattern]:
    return [
        Pattern(
            "email",
            "email",
            r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]{1,64}(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]{1,32}){0,6}"
            r"@(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,40}[A-Za-z0-9])?\.){1,6}[A-Za-z]{2,24}",
            left=r"A-Za-z0-9.!#$%&*+/=?^_`{|}~-",
            right=r"\w-",
            validator=is_email,
            rank=35,
        ),
        Pattern(
            "phone",
            "phone",
            r"\d" + _NUMBER,
            left=r"\w+.(/-",
            apart=" -",
            validator=PhoneCheck(),
            rank=60,
        ),
        Pattern(
            "phone-marked",
            "phone",
            r"(?:\+\d|\+?\(\+?\d{1,5}\))" + _NUMBER,
            left=r"\w+.(/-",
            validator=PhoneCheck(),
            rank=60,
        ),
    ]


def _context_patterns() -> list[Pattern]:
    date = (
        r"(?P<value>\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/. ]\d{1,2}[-/. ]\d{2,4}"
        r"|\d{1,2}(?:st|nd|rd|th|\.)? [A-Za-zäéû]{3,9}\.?,? \d{4}"
        r"|[A-Za-z]{3,9}\.? \d{1,2}(?:st|nd|rd|th)?,? \d{4})"
    )
    return [
        Pattern(
            "date-of-birth",
            "date_of_birth",
            r"(?i:date of birth|birth ?date|birthday|born(?: on)?|d\.?o\.?b\.?|geburtsdatum"
            r"|geboren(?: am)?|née? le|date de naissance|fecha de nacimiento|nacid[oa] el"
            r"|data di nascita|nat[oa] il|data de nascimento)[\"']?\s{0,3}(?:is|was|[:=(-])?"
            r"\s{0,3}[\"']?" + date,
            seldom=True,
            rank=50,
        ),
        Pattern(
            "address-near",
            "address",
            r"(?i:lives at|living at|resides at|residing at|address(?: is)?|shipped to|ship to"
            r"|deliver(?:ed)? to|write to|mail to|moved to|wohnhaft in|wohnt in|anschrift|adresse"
            r"|dirección|indirizzo)\s{0,2}[:=]?\s{0,2}[\"']?"
            r"(?P<value>[A-Za-zÀ-ɏ0-9](?:[^\n\"<>{}|;.]|\.[^\s\"]"
            r"|(?:St|Av|Ave|Dr|pl|ul|al|os|No|C|Pl|Str)\. ){8,100})",
            right="",
            validator=Judged(is_address, has_street),
            rank=70,
        ),
        Pattern(
            "address-us",
            "address",
            r"\d{1,6} (?:[A-Z][A-Za-z.]{1,20} ){1,4}(?:Street|St|Avenue|Ave|Road|Rd|Boulevard|Blvd"
            r"|Lane|Ln|Drive|Dr|Court|Ct|Square|Sq|Parkway|Pkwy|Highway|Hwy|Terrace|Place|Way)\b\.?"
            r"(?:,? (?:Apt|Suite|Ste|Unit|Floor|#)\.? ?[A-Za-z0-9-]{1,6})?"
            r"(?:, [A-Z][A-Za-z .]{1,30}, [A-Z]{2}(?: \d{5}(?:-\d{4})?)?)?",
            rank=71,
        ),
    ]


def is_email(value: str, before: str) -> bool:
    """No address of a file with a density (`logo@2x.png`), no user of a repository's URL."""
    del before
    local, _, domain = value.rpartition("@")
    return domain.rpartition(".")[2].lower() not in _FILE_ENDINGS and not local.endswith(".")


_FILE_ENDINGS: Final = frozenset(
    {"png", "jpg", "jpeg", "gif", "svg", "webp", "css", "js", "json", "html", "py", "md", "tgz"}
)


def is_address(value: str, before: str) -> bool:
    """A street has a number, and words."""
    del before
    if value.isascii():
        return has_street(value)
    return any(c.isdigit() for c in value) and sum(c.isalpha() for c in value) >= 6


def has_street(value: str) -> bool:
    """The same of ASCII."""
    data = value.encode("utf-8", "replace")
    size: i64 = len(data)
    letters: i64 = 0
    figures: i64 = 0
    place: i64 = 0
    while place < size:
        byte: i64 = data[place]
        figures += _ZERO <= byte <= _NINE
        letters += _BIG_A <= byte <= _BIG_Z or _SMALL_A <= byte <= _SMALL_Z
        place += 1
    return bool(figures and letters >= 6)


def names_phone(before: str) -> bool:
    """Whether what comes is said to be a telephone number."""
    return _has_word(before) and _PHONE_NEAR(before)


def _has_word(before: str) -> bool:
    """Whether two letters, or a sign of what is counted, stand behind the last digit.

    What says that a number is a telephone number, or none, has these, and no digit behind them.
    """
    place: i64 = len(before)
    letter = False
    while place:
        place -= 1
        code: i64 = ord(before[place])
        if _ZERO <= code <= _NINE:
            return False
        if _BIG_A <= code <= _BIG_Z or _SMALL_A <= code <= _SMALL_Z or _is_letter(code):
            if letter:
                return True
            letter = True
        else:
            if chr(code) in "$€£#":
                return True
            letter = False
    return False


def _is_letter(code: i64) -> bool:
    """Whether a character beyond ASCII is a letter."""
    return code > _ASCII_LAST and chr(code).isalpha()


class PhoneCheck:
    """Valid somewhere; a bare number only where something before says that it is one."""

    def prepare(self) -> None:
        """Loads the numbering plans, so that no request waits for it."""
        _plans_abroad()
        _plans()
        for said in (_PHONE_NEAR, _NOT_PHONE, _DATES, _DOTTED):
            said.prepare()

    @property
    def within(self) -> Callable[[bytes, int, int], bool] | None:
        """What tells in C what is none; None where nothing is compiled. See `Validator`."""
        return _within() if NATIVE else None

    def __call__(self, value: str, before: str) -> bool:
        return _is_phone(value, before)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, PhoneCheck)

    def __hash__(self) -> int:
        return hash(PhoneCheck)


@cache
def _within() -> Callable[[bytes, int, int], bool] | None:
    near, plans = _PHONE_NEAR.looker, _plans().looker
    if isinstance(near, Re2Body) or isinstance(plans, Re2Body):
        return None
    return Phones(near.search, plans.search).may_be


def _number_of(value: str) -> str:
    """The digits of what may be a telephone number; none of what is none whatever stands before."""
    is_bare = value.isdigit()
    number = value if is_bare else digits(value.partition("x")[0].partition("e")[0])
    size = len(number)
    if size < _DIGITS_MIN or size > _DIGITS_MAX or number == number[0] * size:
        return ""
    if not is_bare and value[0].isdigit() and _DATES(value):  # each has a separator
        return ""
    return number


def _is_phone(value: str, before: str) -> bool:
    number = _number_of(value)
    if not number:
        return False
    spoken = _has_word(before)
    if spoken and _PHONE_NEAR(before):
        return True
    return _is_valid(value, number) and not (spoken and _NOT_PHONE(before))


def _is_valid(value: str, number: str) -> bool:
    """By what it is written like, without a word that says what it is."""
    if value.startswith("+"):
        return len(number) >= _INTERNATIONAL_MIN and _valid_abroad(number)
    inner = value.strip()
    grouped = " " in inner or "-" in inner or "." in inner or "(" in inner or ")" in inner
    if not grouped:
        # A trunk prefix: with it, a number of ten or eleven digits is little else.
        return number[0] == "0" and len(number) in {10, 11} and _valid_at_home(number)
    if len(number) < _GROUPED_MIN or "/" in value:
        return False
    if _DOTTED(value) and number[0] != "0":
        return False
    return _valid_at_home(number)


def _valid_abroad(number: str) -> bool:
    """A country calling code, and as many digits as there may be (ITU-T E.164)."""
    plans = _plans_abroad()
    for size in (1, 2, 3):
        known = plans.get(int(number[:size]))
        if known is not None:
            rest = number[size:]
            return not known or any(plan.fullmatch(rest) for plan in known)
    return False


def _valid_at_home(number: str) -> bool:
    """A number as one of the plans has them, with its trunk prefix or without."""
    short = number[1:] if number[0] in "01" else number
    return _plans()(short)


@cache
def _plans_abroad() -> dict[int, tuple[re.Pattern[str], ...]]:
    """By country calling code the plans of its regions that are known here."""
    import phonenumbers  # noqa: PLC0415  # its tables take memory

    return {
        code: tuple([_plan(region) for region in regions if region in _REGIONS])
        for code, regions in phonenumbers.COUNTRY_CODE_TO_REGION_CODE.items()
    }


@cache
def _plans() -> Said:
    """The national numbers of all regions that are known here."""
    plans = Said(f"^(?:{'|'.join(_plan(region).pattern for region in _REGIONS)})$")
    plans.prepare()
    return plans


@cache
def _plan(region: str) -> re.Pattern[str]:
    """All national numbers of a region, as Google's tables know them."""
    import phonenumbers  # noqa: PLC0415  # its tables take memory

    metadata = phonenumbers.PhoneMetadata.metadata_for_region(region)
    form = None if metadata is None else metadata.general_desc
    pattern = None if form is None else form.national_number_pattern
    return re.compile(pattern or r"\d{6,14}")
