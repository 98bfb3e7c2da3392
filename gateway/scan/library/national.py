"""What the numbers of python-stdnum's modules must satisfy, by name of the module.

Nothing here accepts a number: what it lets pass, python-stdnum is asked about.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

from gateway.scan.library.check_digits import (
    LETTERS,
    Chain,
    Form,
    Number,
    Repeated,
    Rule,
    luhn_rule,
    powers,
    values,
)
from gateway.scan.library.number_rules import (
    DAYS,
    LEAP,
    LEAP_BUT_00,
    MONTHS,
    Among,
    Dated,
    Palindrome,
    Verhoeff,
)
from gateway.scan.library.vat import may_be_vat

_ALPHABET: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_NEVER: Final = "!"
"""What no check digit is."""
_BY_ELEVEN_OR_ZERO: Final = "00987654321"
"""The digit that makes a sum divisible by 11, and 0 where there is none."""


def _one(size: int, *rules: Rule, known: Mapping[int, str] | None = None) -> Number:
    return Number({size: (Form(*rules, known=known),)})


def _numbered(size: int, numbers: Iterable[int]) -> list[str]:
    """They in so many digits."""
    return [f"{number:0{size}}" for number in numbers]


def _twice(number: int) -> int:
    return sum(divmod(number * 2, 36))


_DNI: Final = "TRWAGMYFPDXBNJZSQVHLCKE"
_DNI_WEIGHTS: Final = powers(10, 8, 23)
_PPS: Final = "W" + _ALPHABET[:22]
_PPS_WEIGHTS: Final = (8, 7, 6, 5, 4, 3, 2)
_PPS_VALUES: Final = values("0123456789" + _PPS, (*range(10), *range(23)))
_UEN: Final = "ABCDEFGHJKLMNPQRSTUVWX0123456789"
_UEN_VALUES: Final = values(_UEN + "IOYZ", (*range(32), 0, 0, 0, 0))
"""The last four are in no kind of entity."""
_CURP: Final = values("0123456789ABCDEFGHIJKLMN&OPQRSTUVWXYZ")
_FISCAL: Final = (1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22,
                  25, 24, 23)  # fmt: skip
_FISCAL_ODD: Final = values("0123456789" + _ALPHABET, (*_FISCAL[:10], *_FISCAL))
_FISCAL_EVEN: Final = values("0123456789" + _ALPHABET, (*range(10), *range(26)))
_GST_TWICE: Final = values("0123456789" + _ALPHABET, [_twice(number) for number in range(36)])
_CORSICA: Final = values("0123456789AB", (*range(10), 96, 95))
"""2A and 2B count as 19 and 18."""
_ANY_DAY: Final = bytes([1] * 100)
_NN_MONTHS: Final = bytes([1 if month < 13 else 0 for month in range(100)])
_PESEL_MONTHS: Final = bytes([MONTHS[month % 20] for month in range(100)])
_PESEL_OF_2000: Final = bytes(
    [MONTHS[month - 20] if 20 < month < 33 else 0 for month in range(100)]
)
_NIK_DAYS: Final = bytes([DAYS[day % 40] for day in range(100)])
_NO_DAYS: Final = bytes([DAYS[day - 40 if day > 40 else day] for day in range(80)] + [0] * 20)
_NO_MONTHS: Final = bytes([MONTHS[month - 40 if month > 40 else month] for month in range(100)])
_FISCAL_MONTHS: Final = values("ABCDEHLMPRST", range(1, 13))
_DATE_FIRST: Final = Dated(0, 2)
_YEAR_FIRST: Final = Dated(4, 2)


def _belgian(leaves: int) -> Form:
    """Of births in 2000 and later a 2 stands before it."""
    weights = [10**place % 97 for place in range(8, -1, -1)]
    rule = Rule((*weights, 10, 1), 97, leaves=leaves)
    return Form(Dated(4, 2, days=_ANY_DAY, months=_NN_MONTHS), rule)


def _brazilian(weights: Sequence[int]) -> list[Rule]:
    """Two check digits, of which the second is over the first as well."""
    return [
        Rule(weights[1:], 11, expected=_BY_ELEVEN_OR_ZERO),
        Rule(weights, 11, expected=_BY_ELEVEN_OR_ZERO),
    ]


def _chinese() -> Number:
    expected = "".join("0123456789X"[(1 - 2 * rest) % 11] for rest in range(11))
    return _one(18, Dated(12, 10), Rule(powers(13, 17, 11), 11, expected=expected))


QUICK: Final[Mapping[str, Callable[[str], bool]]] = {
    "ar.cuit": _one(
        11,
        Rule((5, 4, 3, 2, 7, 6, 5, 4, 3, 2), 11, expected="09987654321"),
        Among(0, ("20", "23", "24", "27", "30", "33", "34", "50", "51", "55")),
    ),
    "au.abn": _one(
        11,
        Rule((10, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19), 89, leaves=10),
        Among(0, _numbered(2, range(11, 100))),
    ),
    "au.acn": _one(9, Rule((8, 7, 6, 5, 4, 3, 2, 1, 1), 10)),
    "au.tfn": Number(
        {
            8: (Form(Rule((1, 4, 3, 7, 5, 8, 6, 9), 11)),),
            9: (Form(Rule((1, 4, 3, 7, 5, 8, 6, 9, 10), 11)),),
        }
    ),
    "be.nn": Number({11: (_belgian(0), _belgian(-2_000_000_000))}),
    "br.cnpj": _one(14, *_brazilian((6, 5, 4, 3, 2, 9, 8, 7, 6, 5, 4, 3, 2))),
    "br.cpf": _one(11, *_brazilian((11, 10, 9, 8, 7, 6, 5, 4, 3, 2))),
    "ca.sin": _one(9, luhn_rule(9), known={0: "12345679"}),
    "ch.ssn": _one(13, Rule((1, 3) * 6 + (1,), 10)),
    "cl.rut": Number(
        {
            8: (Form(Rule((8, 9, 4, 5, 6, 7, 8, 9)[1:], 11, expected="0123456789K")),),
            9: (Form(Rule((8, 9, 4, 5, 6, 7, 8, 9), 11, expected="0123456789K")),),
        }
    ),
    "cn.ric": _chinese(),
    "de.idnr": _one(11, Repeated(10), Chain(11), known={0: "123456789"}),
    "de.vat": _one(11, Chain(9, start=2), known={0: "D", 1: "E", 2: "123456789"}),
    "dk.cpr": _one(10, _DATE_FIRST),
    "es.dni": Number(
        {
            8: (Form(known={0: _NEVER}),),  # it has eight digits and a letter
            9: (Form(Rule(_DNI_WEIGHTS, 23, expected=_DNI)),),
        }
    ),
    "es.nie": _one(
        9,
        Rule(
            _DNI_WEIGHTS,
            23,
            expected=_DNI,
            even=values("0123456789XYZ", (*range(10), 0, 1, 2)),
        ),
    ),
    "eu.vat": may_be_vat,
    "fr.nir": _one(
        15,
        Rule((*powers(10, 13, 97), 10, 1), 97, even=_CORSICA),
        Among(13, _numbered(2, range(1, 98))),
        Among(5, (*_numbered(2, range(100)), "2A", "2B")),
    ),
    "gb.nhs": _one(10, Rule(range(10, 0, -1), 11)),
    "gr.amka": _one(11, Dated(0, 2, year=4, leap=LEAP), luhn_rule(11)),
    "id.nik": _one(16, Dated(6, 8, days=_NIK_DAYS)),
    "ie.pps": Number(
        {
            8: (Form(Rule(_PPS_WEIGHTS, 23, expected=_PPS)),),
            9: (
                Form(Rule(_PPS_WEIGHTS, 23, expected=_PPS), known={8: "WTX"}),
                Form(
                    Rule(
                        (*_PPS_WEIGHTS, 0, 9),
                        23,
                        expected=_PPS,
                        at=7,
                        even=_PPS_VALUES,
                        odd=_PPS_VALUES,
                    ),
                    known={8: "ABH"},
                ),
            ),
        }
    ),
    "il.idnr": _one(9, luhn_rule(9)),
    "in_.aadhaar": _one(12, Verhoeff(12), Palindrome(12), known={0: "23456789"}),
    "in_.epic": _one(10, luhn_rule(7, start=3)),
    "in_.gstin": _one(
        15,
        Rule((1,) * 15, 36, even=LETTERS, odd=_GST_TWICE),
        Among(0, _numbered(2, range(1, 38))),
        Among(7, ("0000",), barred=True),
        known={5: "ABCFGHLJPTK", 12: "123456789" + _ALPHABET, 13: "Z"},
    ),
    "it.codicefiscale": _one(
        16,
        Rule((1,) * 15, 26, expected=_ALPHABET, even=_FISCAL_ODD, odd=_FISCAL_EVEN),
        Dated(9, 8, days=_NIK_DAYS, months=_FISCAL_MONTHS, year=6, leap=LEAP, lettered=True),
    ),
    "it.iva": _one(
        11,
        luhn_rule(11),
        Among(7, (*_numbered(3, range(1, 101)), "120", "121", "888", "999")),
        Among(0, ("0000000",), barred=True),
    ),
    "kr.rrn": _one(
        13,
        _YEAR_FIRST,
        Rule((2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5), 11, expected="10987654321"),
    ),
    "mx.curp": Number(
        {
            18: [
                Form(
                    Dated(8, 6, year=4, leap=leap),
                    Rule(range(18, 1, -1), 10, expected="0987654321", even=_CURP, odd=_CURP),
                    known={16: those},
                )
                for leap, those in ((LEAP_BUT_00, "0123456789"), (LEAP, _ALPHABET))
            ]
        }
    ),
    "nl.bsn": _one(9, Rule((9, 8, 7, 6, 5, 4, 3, 2, -1), 11)),
    "no.fodselsnummer": _one(
        11,
        Dated(0, 2, days=_NO_DAYS, months=_NO_MONTHS),
        Rule((3, 7, 6, 1, 8, 9, 4, 5, 2, 1), 11),
        Rule((5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1), 11),
    ),
    "pl.pesel": Number(
        {
            11: [
                Form(
                    Dated(4, 2, months=months, year=0, leap=leap),
                    Rule((1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1), 10),
                )
                for months, leap in ((_PESEL_MONTHS, LEAP_BUT_00), (_PESEL_OF_2000, LEAP))
            ]
        }
    ),
    "pt.nif": _one(
        9,
        Rule((9, 8, 7, 6, 5, 4, 3, 2), 11, expected=_BY_ELEVEN_OR_ZERO),
        known={0: "123456789"},
    ),
    "se.personnummer": Number(
        {
            10: (Form(_YEAR_FIRST, luhn_rule(10)),),
            12: (Form(Dated(6, 4), luhn_rule(10, start=2)),),
        }
    ),
    "sg.uen": Number(
        {
            9: (Form(Rule((10, 4, 9, 3, 8, 2, 7, 1), 11, expected="XMKECAWLJDB")),),
            10: (
                Form(
                    Rule((10, 8, 6, 4, 9, 7, 5, 3, 1), 11, expected="ZKCMDNERGWH"),
                    known={0: "012"},  # it begins with a year that was
                ),
                Form(
                    Rule(
                        (4, 3, 5, 3, 10, 2, 2, 5, 7),
                        11,
                        expected=_UEN[6:11] + _UEN[:6],
                        even=_UEN_VALUES,
                        odd=_UEN_VALUES,
                    ),
                    known={0: "RST", 3: "CDFGHLMNPRSTVX", 4: "ABCDFHLMNPQRSUX"},
                ),
            ),
        }
    ),
    "th.pin": _one(
        13,
        Rule(range(2, -10, -1), 11, expected="10987654321"),
        known={0: "12345678"},
    ),
    "tr.tckimlik": _one(
        11,
        Rule((3, 1, 3, 1, 3, 1, 3, 1, 3, 1), 10),
        Rule((1,) * 10 + (-1,), 10),
        known={0: "123456789"},
    ),
    "us.rtn": _one(9, Rule((7, 3, 9, 7, 3, 9, 7, 3, -1), 10)),
    "za.idnr": _one(13, Dated(4, 2, year=0, leap=LEAP), luhn_rule(13), known={10: "01"}),
}
EXACT: Final = frozenset(
    "ar.cuit au.abn au.acn au.tfn br.cnpj br.cpf ca.sin ch.ssn cl.rut de.idnr de.vat es.dni es.nie"
    " fr.nir gb.nhs gr.amka ie.pps il.idnr in_.aadhaar in_.epic in_.gstin it.codicefiscale it.iva"
    " nl.bsn pl.pesel pt.nif th.pin tr.tckimlik us.rtn za.idnr".split()
)
"""Of these the quick form says all that python-stdnum would, but that no number is all zeros."""
