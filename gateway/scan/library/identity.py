"""Numbers by which states know people, with the check digits that each has (python-stdnum)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from gateway.plugin.pattern import Pattern
from gateway.scan.library.alike import ALIKE
from gateway.scan.library.check_digits import LETTERS, Form, Number, Rule, powers, values
from gateway.scan.library.checks import Judged, digits
from gateway.scan.library.contact import names_phone
from gateway.scan.library.national import EXACT, QUICK
from gateway.scan.library.number_rules import Dated

if TYPE_CHECKING:  # a word of the compiler; while running these are plain whole numbers
    from mypy_extensions import i64

_SSN: Final = re.compile(r"(?!000|666|9)\d{3}\D?(?!00)\d{2}\D?(?!0000)\d{4}")
_SSN_KNOWN: Final = frozenset({"123456789", "078051120", "219099999", "987654321"})
_NOTHING: Final = "0 -./"
_DIGITS_MIN: Final = 5
_ZERO: Final = 48
_NINE: Final = 57

_NAMED: Final = (
    r"(?i:\bssn|\bsocial (?:security|insurance)|\bnational (?:id|insurance|identity)"
    r"|\b(?:tax|taxpayer|personal|identity|id) (?:id|number|no\.?|card)|\btin\b|\bnin\b|\bnif\b"
    r"|steuer-?(?:id|nummer)|sozialversicherungsnummer|codice fiscale|numéro de sécurité sociale"
    r"|\bdni\b|\bcpf\b|\bpesel\b|personnummer|\bbsn\b|aadhaar|\bnhs\b)"
    r"(?i:[\s\"'#:.]{0,3}(?:number|no|nr|id)?[\s\"'#:.=]{0,3}(?:is\s)?[\s\"':]{0,3})"
)


class _Checked:
    """A validator by a module of python-stdnum; `named` says that something before names it."""

    __slots__ = ("_alike", "_exact", "_module", "_named", "alone")

    def __init__(self, module: str, *, named: bool) -> None:
        self._module = module
        self._named = named
        quick = QUICK.get(module)
        self.alone = quick.quick if isinstance(quick, Number) else quick
        """What the matcher asks of a value first (`Judged`)."""
        self._exact = module in EXACT
        self._alike = ALIKE.get(module)

    def prepare(self) -> None:
        """Loads the module and its tables, so that no request waits for them."""
        _module(self._module)
        example = _WITH_TABLES.get(self._module)
        if example is not None:
            _asked(self._module, example)

    def __call__(self, value: str, before: str) -> bool:
        quick = self.alone
        if quick is not None and not quick(value):
            return False
        alike = self._alike
        like = "" if alike is None else alike(value)
        if like and not _answer(self._module, like):
            return False
        if not self._named and names_phone(before):
            return False
        # What is all zeros is asked about.
        is_told = bool(like) or (self._exact and bool(value.strip(_NOTHING)))
        return is_told or _asked(self._module, value)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Checked) and other._key() == self._key()

    def __hash__(self) -> int:
        return hash(self._key())

    def _key(self) -> tuple[str, bool]:
        return self._module, self._named


_WITH_TABLES: Final[Mapping[str, str]] = {
    "cn.ric": "11010119900307803X",
    "id.nik": "3171011708450001",
    "us.ein": "04-2103594",
}
"""Modules that read a table when they are first asked about a number that is right: up to 40 ms."""


def _asked(module: str, value: str) -> bool:
    try:
        return bool(_module(module).is_valid(value))
    except Exception:  # noqa: BLE001  # a number that the module's tables cannot place
        return True  # its digits were right as far as they were asked about


_answer: Final = lru_cache(maxsize=1024)(_asked)
"""Of the numbers that stand for many: there are fewer."""


@lru_cache(maxsize=128)
def _module(name: str) -> Any:
    from stdnum import get_cc_module  # noqa: PLC0415  # only where such numbers are looked for

    country, _, number = name.partition(".")
    return get_cc_module(country.rstrip("_"), number)


_NUMBERS: Final[tuple[tuple[str, str, str, str], ...]] = (
    # name, expression, module of python-stdnum, what must stand before it
    ("us-itin-near", r"9\d{8}", "us.itin", r"(?i)itin|taxpayer"),
    ("us-ein", r"\d{2}-\d{7}", "us.ein", r"(?i)\bein\b|employer id|tax id"),
    ("us-routing", r"\d{9}", "us.rtn", r"(?i)\baba\b|routing|transit"),
    ("ca-sin", r"[1-9]\d{2}[- ]\d{3}[- ]\d{3}", "ca.sin", ""),
    ("ca-sin-near", r"[1-9]\d{8}", "ca.sin", r"(?i)\bsin\b|social insurance"),
    ("gb-nhs", r"\d{3}[- ]\d{3}[- ]\d{4}", "gb.nhs", ""),
    ("gb-nhs-near", r"\d{10}", "gb.nhs", r"(?i)\bnhs\b|health"),
    ("es-nif", r"\d{7,8}-?[A-Z]", "es.dni", ""),
    ("es-nie", r"(?i:[XYZ]-?\d{7}-?[A-Z])", "es.nie", ""),
    ("it-fiscal-code", r"(?i:[A-Z]{6}\d{2}[A-EHLMPR-T]\d{2}[A-Z]\d{3}[A-Z])", "it.codicefiscale", ""),
    ("it-vat", r"\d{11}", "it.iva", r"(?i)\bp\.?\s?iva|partita|vat"),
    ("fr-nir", r"[12][ ]?\d{2}[ ]?\d{2}[ ]?\d[\dAB][ ]?\d{3}[ ]?\d{3}[ ]?\d{2}", "fr.nir", ""),
    ("de-tax-id", r"\d{2}[ ]?\d{3}[ ]?\d{3}[ ]?\d{3}", "de.idnr", r"(?i)steuer|tax|idnr|\btin\b"),
    ("de-vat", r"(?i:DE)[ .-]?\d{3}[ .-]?\d{3}[ .-]?\d{3}", "de.vat", ""),
    ("nl-bsn", r"\d{9}", "nl.bsn", r"(?i)\bbsn\b|burgerservice|sofi"),
    ("be-nn", r"\d{2}\.\d{2}\.\d{2}-\d{3}\.\d{2}", "be.nn", ""),
    ("pl-pesel", r"\d{11}", "pl.pesel", r"(?i)pesel|\bid\b|ident|ssn|national"),
    ("se-personnummer", r"(?:\d{6}|\d{8})[-+]\d{4}", "se.personnummer", ""),
    ("se-personnummer-near", r"\d{10}|\d{12}", "se.personnummer", r"(?i)person|\bssn\b|ident"),
    ("dk-cpr", r"\d{6}-\d{4}", "dk.cpr", r"(?i)cpr|person|ssn"),
    ("no-fodselsnummer", r"\d{6}[ ]?\d{5}", "no.fodselsnummer", r"(?i)f(?:ø|oe|o)dsel|person|ssn"),
    ("pt-nif", r"\d{9}", "pt.nif", r"(?i)\bnif\b|contribuinte"),
    ("ie-pps", r"\d{7}[A-W][A-IW]?", "ie.pps", r"(?i)\bpps"),
    ("ch-ssn", r"756\.\d{4}\.\d{4}\.\d{2}", "ch.ssn", ""),
    ("gr-amka", r"\d{11}", "gr.amka", r"(?i)amka|αμκα"),
    ("br-cpf", r"\d{3}\.\d{3}\.\d{3}-\d{2}", "br.cpf", ""),
    ("br-cpf-near", r"\d{11}", "br.cpf", r"(?i)\bcpf\b|\bssn\b"),
    ("br-cnpj", r"\d{2}\.\d{3}\.\d{3}/\d{4}-\d{2}", "br.cnpj", ""),
    ("ar-cuit", r"\d{2}-\d{8}-\d", "ar.cuit", ""),
    ("cl-rut", r"\d{1,2}\.\d{3}\.\d{3}-[\dKk]", "cl.rut", ""),
    ("mx-curp", r"[A-Z]{4}\d{6}[HM][A-Z]{5}[A-Z0-9]\d", "mx.curp", ""),
    ("in-aadhaar", r"[2-9]\d{3}[- ]\d{4}[- ]\d{4}", "in_.aadhaar", ""),
    ("in-aadhaar-near", r"[2-9]\d{11}", "in_.aadhaar", r"(?i)aadh?aa?r|uid|aadhar"),
    ("in-pan", r"[A-Z]{3}[ABCFGHJLPT][A-Z]\d{4}[A-Z]", "in_.pan", ""),
    ("in-gstin", r"\d{2}[A-Z]{5}\d{4}[A-Z][1-9A-Z]Z[0-9A-Z]", "in_.gstin", ""),
    ("in-voter", r"[A-Z]{3}\d{7}", "in_.epic", r"(?i)voter|epic|election"),
    ("sg-uen", r"(?:\d{8,9}|T\d{2}[A-Z]{2}\d{4})[A-Z]", "sg.uen", ""),
    ("au-tfn", r"\d{3}[ ]?\d{3}[ ]?\d{2,3}", "au.tfn", r"(?i)tfn|tax file"),
    ("au-abn", r"\d{2}[ ]\d{3}[ ]\d{3}[ ]\d{3}", "au.abn", ""),
    ("au-acn", r"\d{3}[ ]\d{3}[ ]\d{3}", "au.acn", r"(?i)\bacn\b"),
    ("kr-rrn", r"\d{6}-[1-8]\d{6}", "kr.rrn", ""),
    ("kr-rrn-near", r"\d{13}", "kr.rrn", r"(?i)\brrn\b|주민"),
    ("kr-brn", r"\d{3}-\d{2}-\d{5}|\d{10}", "kr.brn", r"(?i)\bbrn\b|business"),
    ("cn-ric", r"[1-9]\d{5}(?:19|20)\d{9}[\dX]", "cn.ric", ""),
    ("tr-tckimlik", r"[1-9]\d{10}", "tr.tckimlik", r"(?i)kimlik|tckn|\btc\b|t\.c|ssn|turk|national"),
    ("za-id", r"\d{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{4}[01]\d{2}", "za.idnr", ""),
    ("th-pin", r"\d-\d{4}-\d{5}-\d{2}-\d", "th.pin", ""),
    ("th-pin-near", r"[1-8]\d{12}", "th.pin", r"(?i)thai|tnin|ประชาชน"),
    ("id-nik", r"\d{16}", "id.nik", r"(?i)\bnik\b|ktp"),
    ("il-idnr", r"\d{9}", "il.idnr", r"(?i)teudat|ת\.ז|israeli? id"),
    ("eu-vat", r"(?:AT|BE|BG|CY|CZ|DK|EE|EL|ES|FI|FR|HR|HU|IE|IT|LT|LU|LV|MT|NL|PL|PT|RO|SE|SI|SK)"
     r"[A-Z0-9]{8,12}", "eu.vat", r"(?i)vat|ust|tva|iva|btw"),
)  # fmt: skip
_HINTS: Final[Mapping[str, str]] = {"eu-vat": r"\d{5}", "za-id": r"\d{12}", "cn-ric": r"\d{12}"}
"""What check digits ask of a number, where its expression does not; and what cards begin with, which
is searched for in any case."""
_CROWDED: Final = frozenset({"za-id", "cn-ric"})

_PLAIN: Final[tuple[tuple[str, str, str], ...]] = (
    # name, expression, what must stand before it
    ("us-mbi", r"[1-9][AC-HJKMNP-RT-Y][AC-HJKMNP-RT-Y0-9]\d-?[AC-HJKMNP-RT-Y]"
     r"[AC-HJKMNP-RT-Y0-9]\d-?[AC-HJKMNP-RT-Y]{2}\d{2}", ""),
    ("us-npi", r"[12]\d{9}", r"(?i:\bnpi\b)"),
    ("us-driver-license", r"[A-Z]\d{6,14}|\d{7,9}", r"(?i:driver'?s? licen[sc]e|\bdl\b)"),
    ("gb-driving-licence", r"(?i:[A-Z9]{5}\d[0156]\d(?:[0-2]\d|3[01])\d[A-Z9]{2}[A-Z0-9]{3})", ""),
    ("de-id-card", r"[CFGHJKLMNPRTVWXYZ][CFGHJKLMNPRTVWXYZ0-9]{8}\d?D?",
     r"(?i:ausweis|id card|identity card|identitätskarte)"),
    ("de-social-security", r"\d{2}[ ]?\d{6}[ ]?[A-Z][ ]?\d{3}",
     r"(?i:versicherung|\bsv|rente|social|ssn)"),
    ("de-health-insurance", r"[A-Z]\d{9}", r"(?i:versicher|kranken|\bkv\b|health)"),
    ("passport", r"[A-Z]{1,2}\d{6,8}[A-Z]?|\d{9}|[A-Z][A-Z0-9]{8}",
     r"(?i:passport|reisepass|passeport|pasaporte|passaporto|passaporte|paspoort|护照|旅券|여권)"),
)  # fmt: skip


def identity_patterns() -> list[Pattern]:
    """US social security, and the numbers of some forty other countries; passports in context."""
    return [*_social_security(), *_by_check_digits(), *_by_what_names_them()]


def _social_security() -> list[Pattern]:
    return [
        Pattern(
            "us-ssn",
            "ssn",
            r"\d{3}[- .]\d{2}[- .]\d{4}",
            left=r"\w.-",
            right=r"\w-",
            validator=is_ssn,
            rank=20,
        ),
        Pattern(
            "us-ssn-near",
            "ssn",
            r"\d{9}",
            near=r"(?i:\bssn|social security)",
            validator=is_ssn,
            rank=20,
        ),
    ]


def _by_check_digits() -> list[Pattern]:
    nino = r"(?i:[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?\d{2} ?\d{2} ?\d{2} ?[A-D])"
    own = (
        ("sg-nric", r"[STFGM]\d{7}[A-Z]", Judged(is_nric, _NRIC.quick)),
        ("us-itin", r"9\d{2}[- ]?\d{2}[- ]\d{4}", is_itin),
        ("fi-hetu", r"\d{6}[-+A-FU-Y]\d{3}[0-9A-Y]", Judged(is_hetu, _HETU_NUMBER.quick)),
        ("gb-nino", nino, is_nino),
    )
    found = [Pattern(n, "national_id", e, validator=check, rank=22) for n, e, check in own]
    return found + [
        Pattern(
            name,
            "national_id",
            expression,
            left=r"\w.-",
            apart=" -" if " " in expression else "",
            near=near,
            hint=_HINTS.get(name, ""),
            crowded=name in _CROWDED,
            validator=_Checked(module, named=bool(near)),
            rank=22,
        )
        for name, expression, module, near in _NUMBERS
    ]


def _by_what_names_them() -> list[Pattern]:
    value = r"(?P<value>[A-Z0-9]{1,15}(?:[ ./-]?[A-Z0-9]{1,14}){0,5})"
    named = Pattern("named-id", "national_id", _NAMED + value, validator=_HAS_DIGITS, rank=29)
    return [named] + [
        Pattern(
            name,
            "passport" if name == "passport" else "national_id",
            expression,
            left=r"\w-",
            near=near,
            validator=_HAS_DIGITS if near else None,
            rank=28,
        )
        for name, expression, near in _PLAIN
    ]


def is_ssn(value: str, before: str) -> bool:
    """What was ever issued: area, group and serial (SSA); not the numbers of advertisements."""
    del before
    return _SSN.fullmatch(value) is not None and digits(value) not in _SSN_KNOWN


def has_digits(value: str, before: str) -> bool:
    """A number, and no word."""
    del before
    return _has_digits(value)


def _has_digits(value: str) -> bool:
    data = value.encode("utf-8", "replace")
    size: i64 = len(data)
    place: i64 = 0
    found: i64 = 0
    while place < size:
        byte: i64 = data[place]
        found += _ZERO <= byte <= _NINE
        place += 1
    return bool(found >= _DIGITS_MIN)


_HAS_DIGITS: Final = Judged(has_digits, _has_digits)


_NRIC_WEIGHTS: Final = (2, 7, 6, 5, 4, 3, 2)
_NRIC_LETTERS: Final = {"ST": "JZIHGFEDCBA", "FG": "XWUTRQPNMLK", "M": "KLJNPQRTUWX"}
_NRIC: Final = Number(
    {
        9: [
            Form(
                Rule(
                    (1, *_NRIC_WEIGHTS),
                    11,
                    expected=letters,
                    even=values("0123456789" + kinds, (*range(10), *starts)),
                ),
                known={0: kinds},
            )
            for kinds, starts, letters in (
                ("ST", (0, 4), "JZIHGFEDCBA"),
                ("FG", (0, 4), "XWUTRQPNMLK"),
                ("M", (3,), "XWUTRQPNJLK"),
            )
        ]
    }
)
"""The letter counts as well: 4 for the later series."""


def is_nric(value: str, before: str) -> bool:
    """Singapore's check letter."""
    del before
    if not _NRIC(value):
        return False
    total = sum(int(d) * w for d, w in zip(value[1:8], _NRIC_WEIGHTS, strict=True))
    total += {"T": 4, "G": 4, "M": 3}.get(value[0], 0)
    letters = next(v for k, v in _NRIC_LETTERS.items() if value[0] in k)
    place = total % 11
    return letters[10 - place if value[0] == "M" else place] == value[8]


def is_itin(value: str, before: str) -> bool:
    """Group numbers that the IRS gives out."""
    del before
    group = int(digits(value)[3:5])
    return 50 <= group <= 65 or 70 <= group <= 88 or 90 <= group <= 92 or group >= 94


_DAYS: Final = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_HETU: Final = "0123456789ABCDEFHJKLMNPRSTUVWXY"
_HETU_WEIGHTS: Final = powers(10, 9, 31)
_HETU_NUMBER: Final = Number(
    {
        10: [Form(Dated(0, 2), Rule(_HETU_WEIGHTS, 31, expected=_HETU))],
        11: [
            Form(
                Dated(0, 2),
                Rule(
                    (*_HETU_WEIGHTS[:6], 0, *_HETU_WEIGHTS[6:]),
                    31,
                    expected=_HETU,
                    even=LETTERS,
                    odd=LETTERS,
                ),
            )
        ],
    }
)
"""With a sign of the century that separates, or with a letter for it."""


def is_hetu(value: str, before: str) -> bool:
    """Finland's: a date, a number, and their remainder by 31 as a letter."""
    del before
    day, month = int(value[:2]), int(value[2:4])
    if not 1 <= month <= 12 or not 1 <= day <= _DAYS[month - 1]:
        return False
    number = int(value[:6] + value[7:10])
    return _HETU[number % 31] == value[10]


_NO_NINO: Final = frozenset({"BG", "GB", "KN", "NK", "NT", "TN", "ZZ"})


def is_nino(value: str, before: str) -> bool:
    """Prefixes that HMRC allocates."""
    del before
    return value[:2].upper() not in _NO_NINO
