"""What the quick rules turn down, python-stdnum turns down as well; and that is most of it."""

from __future__ import annotations

import re
from random import Random
from string import ascii_uppercase, digits
from typing import Any

import pytest
from stdnum.eu import vat

from gateway.scan.expression import parse
from gateway.scan.library.check_digits import NATIVE, Chain, Form, Number, Repeated, Rule
from gateway.scan.library.identity import _NOTHING, _NUMBERS, _asked, _Checked
from gateway.scan.library.national import EXACT, QUICK
from gateway.scan.library.number_rules import Among, Dated, Palindrome, Verhoeff
from gateway.scan.library.vat import may_be_vat
from tests.expression_texts import spelled

VALID = {
    "ar.cuit": ["55-67356661-7", "20-05536168-2"],
    "au.abn": ["25 899 356 233"],
    "au.acn": ["762 198 863"],
    "au.tfn": ["422220 810", "12345679"],
    "be.nn": ["11.01.63-993.71", "85.07.30-033.28", "17.07.30-033.84"],
    "br.cnpj": ["30.828.038/8343-02"],
    "br.cpf": ["289.520.173-07"],
    "ca.sin": ["123-456-782", "130692544"],
    "ch.ssn": ["756.0885.7712.95"],
    "cl.rut": ["46.188.214-5", "6.265.837-1"],
    "cn.ric": ["520300206301060704", "11010519491231002X"],
    "de.idnr": ["34371 298 363", "36 574 261 809"],
    "de.vat": ["dE668627-049", "DE136695976"],
    "dk.cpr": ["240612-8128"],
    "es.dni": ["61936736-J"],
    "es.nie": ["X4886939-Z", "y7418962g"],
    "fr.nir": ["2 08 5696440571 46", "2 53 07 2A 073 004 43", "1 85 01 2B 033 021 27"],
    "gb.nhs": ["334-706-6065"],
    "gr.amka": ["12020937236"],
    "id.nik": ["7213479311194069"],
    "ie.pps": ["1974497F", "6433435OA", "6433435FT"],
    "il.idnr": ["674906672"],
    "in_.aadhaar": ["2341 2341 2346"],
    "in_.epic": ["CSE8013377"],
    "in_.gstin": ["08PVBHC4687RJZH"],
    "it.codicefiscale": ["NZwIpa56l82Q987U", "RCCMNL83S18D969H"],
    "it.iva": ["79788660995"],
    "kr.rrn": ["020128-5820776"],
    "mx.curp": ["CNMA461221HTLUSIZ5", "BOXW310820HNERXN09"],
    "nl.bsn": ["640941369"],
    "no.fodselsnummer": ["590780 69028"],
    "pl.pesel": ["00022115203"],
    "pt.nif": ["485591499"],
    "se.personnummer": ["73500417+8801", "880320-0016", "8803200016"],
    "sg.uen": ["19160806L", "197401143C", "T01FC6132D"],
    "th.pin": ["4-6855-56802-69-3"],
    "tr.tckimlik": ["64490395718"],
    "us.rtn": ["881548888"],
    "za.idnr": ["7503305044089"],
}
"""Of each form that python-stdnum accepts, where there is more than one."""
ENDS = [*digits, *ascii_uppercase, *(f"{number:02}" for number in range(100))]
VAT = {
    "AT": ["U99999999"],
    "BE": ["0999999999", "1999999999", "999999999"],
    "BG": ["999999999", "9999999999"],
    "CY": ["99999999A"],
    "CZ": ["99999999", "999999999", "699999999", "9999999999"],
    "DE": ["999999999"],
    "DK": ["99999999"],
    "EE": ["999999999"],
    "EL": ["99999999", "999999999"],
    "ES": ["A99999999", "99999999A", "X9999999A", "A9999999A", "K9999999A", "Z9999999A"],
    "FI": ["99999999"],
    "FR": ["99999999999", "A9999999999", "9A999999999", "AA999999999", "A9000999999"],
    "HR": ["99999999999"],
    "HU": ["99999999"],
    "IE": ["9999999A", "9999999AA", "9A99999A", "9A99999AA"],
    "IT": ["99999990999", "99999999999"],
    "LT": ["999999919", "999999999919"],
    "LU": ["99999999"],
    "LV": ["99999999999", "32999999999", "01019999999"],
    "MT": ["99999999"],
    "NL": ["999999999B99", "99999999B99", "99B99"],
    "PL": ["9999999999"],
    "PT": ["999999999"],
    "RO": ["99", "9999999", "999999999", "9999999999"],
    "SE": ["999999999901"],
    "SI": ["99999999"],
    "SK": ["9999999999"],
}
"""A 9 is any digit, an A any letter, except where the number must have that one."""


def accepts(module: Any, value: str) -> bool:
    return _asked(module, value)


def near(value: str, random: Random) -> str:
    """With a character or two changed, now and then to one that is written in another way."""
    letters = list(value)
    for _ in range(random.randint(1, 2)):
        place = random.randrange(len(letters))
        if random.random() < 0.1:
            letters[place] = random.choice(" -.:/\t\n+x\uff11\u0663\u2013")
        elif letters[place].isdigit():
            letters[place] = random.choice(digits)
        elif letters[place].isalpha():
            letters[place] = random.choice(ascii_uppercase)
    return "".join(letters)


def test_every_kind_of_number_is_told_quickly() -> None:
    modules = {module for _, _, module, _ in _NUMBERS}
    assert modules == {*QUICK, "in_.pan", "kr.brn", "us.ein", "us.itin"}
    assert set(VALID) == set(QUICK) - {"eu.vat"}


@pytest.mark.parametrize("module", VALID)
def test_no_valid_number_is_turned_down(module: str) -> None:
    random, valid = Random(1), list(VALID[module])  # noqa: S311  # the same in every run
    assert all(accepts(module, value) for value in valid)
    for _ in range(60):
        value = near(random.choice(valid), random)
        for end in ENDS:
            changed = value[: -len(end)] + end
            if accepts(module, changed):
                assert QUICK[module](changed), changed
                valid.append(changed)
    assert len(valid) > 10
    for value in valid[:300]:
        wide = value.replace("1", "\uff11").replace("-", "\u2013")
        assert QUICK[module](wide) or not accepts(module, wide)


@pytest.mark.parametrize(
    ("expression", "module"),
    [(e, m) for _, e, m, _ in _NUMBERS if m in VALID],
    ids=[n for n, _, m, _ in _NUMBERS if m in VALID],
)
def test_about_as_many_pass_as_are_valid(expression: str, module: str) -> None:
    random, tree = Random(2), parse(expression)  # noqa: S311  # the same in every run
    values = [spelled(tree, random, 40) for _ in range(600)]
    passed = [value for value in values if QUICK[module](value)]
    valid = [value for value in values if accepts(module, value)]
    assert set(valid) <= set(passed)
    assert len(passed) <= 1.25 * len(valid) + 0.09 * len(values)


@pytest.mark.parametrize("state", VAT)
def test_no_valid_vat_number_is_turned_down(state: str) -> None:
    random, valid, passed = Random(3), 0, 0  # noqa: S311  # the same in every run
    shapes = VAT[state]
    for _ in range(800):
        shape = random.choice(shapes)
        number = state + "".join(
            random.choice({"9": digits, "A": ascii_uppercase}.get(sign, sign)) for sign in shape
        )
        accepted = vat.is_valid(number)
        assert may_be_vat(number) or not accepted, number
        valid += accepted
        passed += may_be_vat(number)
    assert valid
    assert passed <= valid * 1.5 + 200


@pytest.mark.parametrize(
    "value", ["XI123456789", "de136695976", "DE 136695976", "DE1366959\uff17\uff16", "", "1234"]
)
def test_a_vat_number_in_another_form_is_asked_about(value: str) -> None:
    assert may_be_vat(value)


def test_a_vat_number_of_no_length_of_its_state_is_none() -> None:
    assert not may_be_vat("DE1366959760")
    assert not vat.is_valid("DE1366959760")


@pytest.mark.parametrize("named", [True, False])
def test_a_check_that_turns_down_asks_nobody(named: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.scan.library.identity._module", None)
    assert not _Checked("gb.nhs", named=named)("943 476 5871", "")


@pytest.mark.parametrize(
    ("expression", "module"), [(e, m) for _, e, m, _ in _NUMBERS if m in EXACT]
)
def test_what_is_not_asked_would_be_accepted(expression: str, module: str) -> None:
    random = Random(expression)  # noqa: S311  # the same in every run
    tree, right = parse(expression), 0
    for _ in range(4000):
        value = spelled(tree, random, 40)
        if random.random() < 0.2:
            zeros = re.sub(r"\d", lambda sign: random.choice(("0", "0", sign[0])), value)
            value = zeros if re.fullmatch(expression, zeros) else value
        if QUICK[module](value) and value.strip(_NOTHING):
            right += 1
            assert _asked(module, value), value
    assert right > 5


DIGITS = [module for module, quick in QUICK.items() if isinstance(quick, Number)]


@pytest.mark.skipif(not NATIVE, reason="this build has no C")
@pytest.mark.parametrize("module", DIGITS)
def test_both_forms_tell_the_same(module: str) -> None:
    random, quick = Random(module), QUICK[module]  # noqa: S311  # the same in every run
    assert isinstance(quick, Number)
    trees = [parse(e) for _, e, m, _ in _NUMBERS if m == module]
    for _ in range(1500):
        value = random.choice(
            (random.choice(VALID[module]), spelled(random.choice(trees), random, 40))
        )
        value = near(value, random) if random.random() < 0.7 else value
        value = random.choice((value, value.lower(), value + "9", value[:-1], f"{value:.>70}", ""))
        assert quick(value) == quick.told_plainly(value), value


@pytest.mark.skipif(not NATIVE, reason="this build has no C")
@pytest.mark.parametrize(
    "rule",
    [
        Rule((1,) * 5, 10),
        Rule((1,) * 4, 10, expected="0123456789"),
        Rule((1,) * 2, 11, expected="0123456789"),
        Chain(5),
        Repeated(5),
        Dated(3, 1),
        Dated(0, 3),
        Dated(0, 2, year=3),
        Dated(0, 2, days=b"1"),
        Dated(0, 2, months=bytes([13] * 100)),
        Among(2, ["123"]),
        Verhoeff(5),
        Palindrome(5),
    ],
)
def test_no_rule_reads_beyond_its_number(rule: Rule) -> None:
    with pytest.raises(ValueError, match="beyond the number"):
        Number({4: [Form(rule)]})
