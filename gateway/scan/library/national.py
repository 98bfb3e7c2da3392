"""What the numbers of python-stdnum's modules must satisfy, by name of the module.

Nothing here accepts a number: what it lets pass, python-stdnum is asked about.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from gateway.scan.library.check_digits import (
    DAYS,
    LETTERS,
    MONTHS,
    Chain,
    Dated,
    Form,
    Number,
    Repeated,
    Rule,
    luhn_rule,
    powers,
    values,
)
from gateway.scan.library.checks import digits, luhn, verhoeff
from gateway.scan.library.vat import may_be_vat

_ALPHABET: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
_NEVER: Final = "!"
"""What no check digit is."""
_BY_ELEVEN_OR_ZERO: Final = "00987654321"
"""The digit that makes a sum divisible by 11, and 0 where there is none."""


def _one(size: int, *rules: Rule, known: Mapping[int, str] | None = None) -> Number:
    return Number({size: (Form(*rules, known=known),)})


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
_NIK_DAYS: Final = bytes([DAYS[day % 40] for day in range(100)])
_NO_DAYS: Final = bytes([DAYS[day - 40 if day > 40 else day] for day in range(80)] + [0] * 20)
_NO_MONTHS: Final = bytes([MONTHS[month - 40 if month > 40 else month] for month in range(100)])
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


def _of_check_digits(check: Callable[[str], bool]) -> Callable[[str], bool]:
    def quick(value: str) -> bool:
        return check(digits(value))

    return quick


QUICK: Final[Mapping[str, Callable[[str], bool]]] = {
    "ar.cuit": _one(
        11,
        Rule((5, 4, 3, 2, 7, 6, 5, 4, 3, 2), 11, expected="09987654321"),
        known={0: "235", 1: "013457"},
    ),
    "au.abn": _one(11, Rule((10, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19), 89, leaves=10)),
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
    "ca.sin": _of_check_digits(luhn),
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
    "fr.nir": _one(15, Rule((*powers(10, 13, 97), 10, 1), 97, even=_CORSICA)),
    "gb.nhs": _one(10, Rule(range(10, 0, -1), 11)),
    "gr.amka": _one(11, _DATE_FIRST, luhn_rule(11)),
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
    "in_.aadhaar": _of_check_digits(verhoeff),
    "in_.epic": _one(10, luhn_rule(7, start=3)),
    "in_.gstin": _one(
        15, Rule((1,) * 15, 36, even=LETTERS, odd=_GST_TWICE), known={0: "0123", 13: "Z"}
    ),
    "it.codicefiscale": _one(
        16, Rule((1,) * 15, 26, expected=_ALPHABET, even=_FISCAL_ODD, odd=_FISCAL_EVEN)
    ),
    "it.iva": _one(11, luhn_rule(11), known={7: "0189"}),
    "kr.rrn": _one(
        13,
        _YEAR_FIRST,
        Rule((2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5), 11, expected="10987654321"),
    ),
    "mx.curp": _one(
        18,
        Dated(8, 6),
        Rule(range(18, 1, -1), 10, expected="0987654321", even=_CURP, odd=_CURP),
    ),
    "nl.bsn": _one(9, Rule((9, 8, 7, 6, 5, 4, 3, 2, -1), 11)),
    "no.fodselsnummer": _one(
        11,
        Dated(0, 2, days=_NO_DAYS, months=_NO_MONTHS),
        Rule((3, 7, 6, 1, 8, 9, 4, 5, 2, 1), 11),
        Rule((5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1), 11),
    ),
    "pl.pesel": _one(
        11, Dated(4, 2, months=_PESEL_MONTHS), Rule((1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1), 10)
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
    "za.idnr": _of_check_digits(luhn),
}
EXACT: Final = frozenset(
    "au.acn au.tfn br.cnpj br.cpf ch.ssn cl.rut de.vat es.dni es.nie gb.nhs il.idnr in_.epic nl.bsn"
    " pt.nif th.pin tr.tckimlik us.rtn".split()
)
"""Of these the quick form says all that python-stdnum would, but that no number is all zeros."""
