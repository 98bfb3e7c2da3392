"""What a European VAT number must satisfy, by state: the rules of python-stdnum's eu.vat.

Nothing here accepts a number: what it lets pass, python-stdnum is asked about.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from gateway.scan.library.check_digits import (
    DIGITS,
    LETTERS,
    YES,
    Chain,
    Form,
    Rule,
    any_told,
    luhn_rule,
    powers,
    values,
)
from gateway.scan.library.number_rules import MONTHS, Dated

_ALPHABET: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_NOT_ZERO: Final[Mapping[int, str]] = {0: "123456789"}
_BY_ELEVEN_OR_ZERO: Final = "00987654321"
"""The digit that makes a sum divisible by 11, and 0 where there is none."""
_REST: Final = "01234567890"
"""The rest itself, and 0 for 10."""
_REST_OR_ANY: Final = "0123456789?"
"""After 10 there is a second sum, which is not told here."""
_BULGARIAN_MONTHS: Final = bytes([MONTHS[month % 20] if month < 60 else 0 for month in range(100)])
_CZECH_MONTHS: Final = bytes([MONTHS[month % 50 % 20] for month in range(100)])
_CYPRIOT: Final = values("0123456789", (1, 0, 5, 7, 9, 13, 15, 17, 19, 21))
_DNI: Final = "TRWAGMYFPDXBNJZSQVHLCKE"
_NIE: Final = values("0123456789XYZ", (*range(10), 0, 1, 2))
_FRENCH: Final = "ABCDEFGHJKLMNPQRSTUVWXYZ"
_IRISH: Final = "W" + _ALPHABET[:22]
_IRISH_VALUES: Final = values("0123456789" + _IRISH, (*range(10), *range(23)))
_DUTCH: Final = values("0123456789B")
_ROMANIAN: Final = (7, 5, 3, 2, 1, 7, 5, 3, 2)

_Forms = Mapping[int, Sequence[Form]]


def _czech() -> _Forms:
    """Companies, persons who were born before 1954 and special numbers, other persons."""
    date = Dated(4, 2, months=_CZECH_MONTHS)
    special = Rule(range(8, 1, -1), 11, expected="89012345678", start=1)
    person = Rule(powers(10, 9, 11), 11, expected=_REST)
    return {
        8: [
            Form(Rule(range(8, 1, -1), 11, expected="10987654321"), known={0: "012345678"}),
        ],
        9: [Form(date, known={0: "012345789"}), Form(special, known={0: "6"})],
        10: [Form(date, person)],
    }


def _dutch(count: int) -> list[Form]:
    """So many digits, B and two more: of a person, or with a check of all of it (mod 97, 10)."""
    person = Rule((*range(count, 1, -1), -1), 11)
    weights = [10 ** (place + 4) for place in range(count - 1, -1, -1)]
    # N, L and B are 23, 21 and 11; the B counts apart, in whatever place it stands.
    whole = Rule(
        (*weights, 0, 10, 1),
        97,
        leaves=1 - 2321 * 10**13 - 1100,
        even=_DUTCH,
        odd=_DUTCH,
    )
    return [Form(person, known={count: "B"}), Form(whole, known={count: "B"})]


def _french() -> list[Form]:
    """Two check digits, or a letter among them; then a number of the register with its own."""
    weights = [10**place * 100 for place in range(8, -1, -1)]
    numeric = Form(Rule((-10, -1, *weights), 97, leaves=-12))
    lettered = [Form(luhn_rule(9, start=2), known={place: _FRENCH}) for place in (0, 1)]
    unregistered = [Form(known={place: _FRENCH, 2: "0", 3: "0", 4: "0"}) for place in (0, 1)]
    return [numeric, *lettered, *unregistered]


def _irish() -> _Forms:
    """A letter behind seven digits, or instead of the second one."""
    old = Form(Rule((2, 0, 7, 6, 5, 4, 3), 23, expected=_IRISH, odd=LETTERS))
    plain = Form(Rule(range(8, 1, -1), 23, expected=_IRISH))
    weights = (*range(8, 1, -1), 0, 9)
    longer = Rule(weights, 23, expected=_IRISH, at=7, even=_IRISH_VALUES, odd=_IRISH_VALUES)
    return {8: [plain, old], 9: [Form(longer), old]}


def _latvian() -> list[Form]:
    """Companies begin with more than 3, persons with their date of birth or with 32."""
    person = Rule((10, 5, 8, 4, 2, 1, 6, 3, 7, 9), 11, expected="12345678900")
    company = Rule((9, 1, 4, 8, 3, 10, 2, 5, 7, 6, 1), 11, leaves=3)
    return [
        Form(company, known={0: "456789"}),
        Form(person, known={0: "3", 1: "2"}),
        Form(Dated(0, 2), person, known={0: "0123"}),
    ]


def _romanian() -> _Forms:
    """Up to ten digits; a person's thirteen are not told here."""
    forms = {
        size: [
            Form(
                Rule(_ROMANIAN[10 - size :], 11, expected=_BY_ELEVEN_OR_ZERO),
                known=_NOT_ZERO,
            )
        ]
        for size in range(2, 11)
    }
    return {**forms, 13: [Form()]}


def _spanish() -> list[Form]:
    """Persons, foreigners, those without a number of either, and companies."""
    company = {0: "ABCDEFGHJNPQRSUVW"}
    return [
        Form(Rule(powers(10, 8, 23), 23, expected=_DNI)),
        Form(Rule(powers(10, 8, 23), 23, expected=_DNI, even=_NIE), known={0: "XYZ"}),
        Form(Rule(powers(10, 7, 23), 23, expected=_DNI, start=1), known={0: "KLM"}),
        *(
            Form(luhn_rule(7, start=1, twice_last=True, expected=expected), known=company)
            for expected in ("0987654321", "JIHGFEDCBA")
        ),
    ]


_STATES: Final[Mapping[str, _Forms]] = {
    "AT": {9: [Form(luhn_rule(7, start=1, expected="6543210987"), known={0: "U"})]},
    "BE": {
        9: [Form(Rule((*powers(10, 7, 97), 10, 1), 97))],
        10: [Form(Rule((*powers(10, 8, 97), 10, 1), 97), known={0: "01"})],
    },
    "BG": {
        9: [Form(Rule(range(1, 9), 11, expected=_REST_OR_ANY))],
        10: [
            Form(
                Dated(4, 2, months=_BULGARIAN_MONTHS),
                Rule((2, 4, 8, 5, 10, 9, 7, 3, 6), 11, expected=_REST),
            ),
            Form(Rule((21, 19, 17, 13, 11, 9, 7, 3, 1), 10, expected="0123456789")),
            Form(Rule((4, 3, 2, 7, 6, 5, 4, 3, 2, 1), 11)),
        ],
    },
    "CY": {9: [Form(Rule((1,) * 8, 26, expected=_ALPHABET, even=_CYPRIOT, odd=DIGITS))]},
    "CZ": _czech(),
    "DE": {9: [Form(Chain(9), known=_NOT_ZERO)]},
    "DK": {8: [Form(Rule((2, 7, 6, 5, 4, 3, 2, 1), 11), known=_NOT_ZERO)]},
    "EE": {9: [Form(Rule((3, 7, 1) * 3, 10))]},
    "EL": {
        8: [Form(Rule((128, 64, 32, 16, 8, 4, 2), 11, expected=_REST))],
        9: [Form(Rule((256, 128, 64, 32, 16, 8, 4, 2), 11, expected=_REST))],
    },
    "ES": {9: _spanish()},
    "FI": {8: [Form(Rule((7, 9, 10, 5, 8, 4, 2, 1), 11))]},
    "FR": {11: _french()},
    "HR": {11: [Form(Chain(11))]},
    "HU": {8: [Form(Rule((9, 7, 3, 1) * 2, 10))]},
    "IE": _irish(),
    "IT": {11: [Form(luhn_rule(11), known={7: "0189"})]},
    "LT": {
        9: [Form(Rule(range(1, 9), 11, expected=_REST_OR_ANY), known={7: "1"})],
        12: [Form(Rule((*range(1, 10), 1, 2), 11, expected=_REST_OR_ANY), known={10: "1"})],
    },
    "LU": {8: [Form(Rule((*powers(10, 6, 89), -10, -1), 89))]},
    "LV": {11: _latvian()},
    "MT": {8: [Form(Rule((3, 4, 6, 7, 8, 9, 10, 1), 37), known=_NOT_ZERO)]},
    "NL": {count + 3: _dutch(count) for count in range(1, 10)},
    "PL": {10: [Form(Rule((6, 5, 7, 2, 3, 4, 5, 6, 7, -1), 11))]},
    "PT": {9: [Form(Rule(range(9, 1, -1), 11, expected=_BY_ELEVEN_OR_ZERO), known=_NOT_ZERO)]},
    "RO": _romanian(),
    "SE": {12: [Form(luhn_rule(10), known={10: "0", 11: "1"})]},
    "SI": {8: [Form(Rule(range(8, 1, -1), 11, expected="!0987654321"), known=_NOT_ZERO)]},
    "SK": {10: [Form(Rule(powers(10, 9, 11), 11, expected=_REST))]},
}


def may_be_vat(value: str) -> bool:
    """Whether it may be one; what is written in another way, or of another state, may be as well."""
    if not (value.isascii() and value.isalnum() and value.isupper()):
        return True
    forms = _STATES.get(value[:2])
    if forms is None:
        return True
    data = value.encode()[2:]
    several = forms.get(len(data))
    return several is not None and any_told(several, data) == YES
