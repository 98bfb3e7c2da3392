"""The library of classes: what each finds, and what it leaves alone."""

from __future__ import annotations

import gzip
import re
from functools import cache
from pathlib import Path
from random import Random
from string import ascii_uppercase, digits
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum.eu import vat
from typer.testing import CliRunner

from gateway.cli import app
from gateway.plugin.pattern import BEFORE_CHARACTERS
from gateway.scan.binding import engine_for
from gateway.scan.library import CLASSES, GROUPS, library, patterns_of
from gateway.scan.library.checks import entropy, is_placeholder, verhoeff
from gateway.scan.library.evaluation import evaluate_pii, evaluate_secrets
from gateway.scan.library.wallets import keccak256
from gateway.scan.scanner import UseScanner
from tests.project.tree import ROOT

SHARED = ROOT.parent / "shared" / "data" / "detection"


@cache
def scanner() -> UseScanner:
    patterns = patterns_of(["all"])
    engine = engine_for(patterns)
    return UseScanner(patterns, {"request": engine, "response": engine})


def kinds(text: str) -> list[tuple[str, str]]:
    return [(f.pattern.kind, f.value) for f in scanner().find(text)]


VAT_SHAPES = [
    "AT U99999999",
    "BE 0999999999",
    "BE 1999999999",
    "BG 999999999",
    "BG 9999999999",
    "CY 99999999A",
    "CZ 99999999",
    "CZ 999999999",
    "CZ 9999999999",
    "DE 999999999",
    "DK 99999999",
    "EE 999999999",
    "EL 999999999",
    "ES A99999999",
    "ES 99999999A",
    "ES X9999999A",
    "ES A9999999A",
    "FI 99999999",
    "FR 99999999999",
    "FR A9999999999",
    "FR 9A999999999",
    "FR AA999999999",
    "HR 99999999999",
    "HU 99999999",
    "IE 9999999A",
    "IE 9999999AA",
    "IE 9A99999A",
    "IT 99999999999",
    "LT 999999999",
    "LT 999999999999",
    "LU 99999999",
    "LV 99999999999",
    "MT 99999999",
    "NL 999999999B99",
    "PL 9999999999",
    "PT 999999999",
    "RO 99999999",
    "RO 9999999999",
    "SE 999999999901",
    "SI 99999999",
    "SK 9999999999",
]
"""A state and how its numbers are written: a 9 is any digit, an A any letter."""


def test_the_shapes_are_of_all_states() -> None:
    assert {shape[:2].lower() for shape in VAT_SHAPES} == {"el", *vat.MEMBER_STATES} - {"gr", "xi"}


@pytest.mark.parametrize("shape", VAT_SHAPES)
def test_no_european_vat_number_lacks_what_it_is_searched_by(shape: str) -> None:
    """Nor does one with a letter in the place of any digit, as far as it is valid too."""
    random, found = Random(1), 0  # noqa: S311  # the same in every run
    while found < 3:
        number = "".join(
            random.choice({"9": digits, "A": ascii_uppercase}.get(sign, sign)) for sign in shape[3:]
        )
        if not vat.is_valid(shape[:2] + number):
            continue
        found += 1
        near = [
            f"{number[:at]}{letter}{number[at + 1 :]}"
            for at in range(len(number))
            for letter in ascii_uppercase
        ]
        valid = [number, *(one for one in near if vat.is_valid(shape[:2] + one))]
        assert not [one for one in valid if not re.search(r"\d{5}", one)]


@pytest.mark.parametrize("number", ["822156199408230022", "12727219191210754X"])
def test_a_number_that_no_table_places_is_found_all_the_same(number: str) -> None:
    """python-stdnum raises KeyError for a county that it does not know."""
    assert ("national_id", number) in kinds(f"order {number} is open")


def test_every_class_has_patterns_and_every_group_knows_its_classes() -> None:
    assert set(library()) == set(CLASSES)
    assert all(library().values())
    assert {name for names in GROUPS.values() for name in names} == set(CLASSES)


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("to jane.roe+x@sub.example.co.uk!", "email", "jane.roe+x@sub.example.co.uk"),
        ("ring +49 30 901820-10 now", "phone", "+49 30 901820-10"),
        ("call 4141 55 66 77", "phone", "4141 55 66 77"),
        ("pay 5500-0055-5555-5559.", "card", "5500-0055-5555-5559"),
        ("1 4111 1111 1111 1111 2", "card", "4111 1111 1111 1111 2"[:19]),
        ("536-22-8726 4111111111111111", "card", "4111111111111111"),
        ("8726 +49 30 901820-10", "phone", "+49 30 901820-10"),
        ("amex 3782 822463 10005", "card", "3782 822463 10005"),
        ("IBAN gb82 west 1234 5698 7654 32", "iban", "gb82 west 1234 5698 7654 32"),
        ("ssn: 536-22-8726", "ssn", "536-22-8726"),
        ("CPF 529.982.247-25", "national_id", "529.982.247-25"),
        ("codice RSSMRA85T10A562S", "national_id", "RSSMRA85T10A562S"),
        ("NIF 12345678Z", "national_id", "12345678Z"),
        ("passport number C01X00T47", "passport", "C01X00T47"),
        ("born on 3 May 1981 in", "date_of_birth", "3 May 1981"),
        ("host 203.0.113.9:443", "ip", "203.0.113.9"),
        ("at 2001:db8::8a2e:370:7334", "ip", "2001:db8::8a2e:370:7334"),
        ("mac 00:1A:2B:3C:4D:5E", "mac", "00:1A:2B:3C:4D:5E"),
        (
            "to 1BoatSLRHtKNngkdXEeobR76b53LETtpyT",
            "crypto_wallet",
            "1BoatSLRHtKNngkdXEeobR76b53LETtpyT",
        ),
        (
            "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
            "crypto_wallet",
            "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed",
        ),
        ("AKIA2OGYBAH6STMMNXNN", "api_key", "AKIA2OGYBAH6STMMNXNN"),
        ("password: tr0ub4dor&3", "password", "tr0ub4dor&3"),
        ("https://joe:s3cr3t9@db.example/x", "url_credentials", "s3cr3t9@db.example"),
        ('api_token = "9f2Kd81LmQ47vXz0"', "secret", "9f2Kd81LmQ47vXz0"),
        ("\uff14\uff11\uff11\uff11 1111 1111\u200b 1111", "card", "4111 1111 1111 1111"),
    ],
)
def test_what_is_found(text: str, kind: str, value: str) -> None:
    assert (kind, value) in kinds(text)


@pytest.mark.parametrize(
    "text",
    [
        "1234 5678 9012 3456 is not a card, order 442378404",
        "version 10.2.3.4-beta, build 1.2.3.4.5, 2024-01-15 12:30:45",
        "commit 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b",
        "id 123e4567-e89b-12d3-a456-426614174000",
        '"integrity": "sha512-sO3jdX1s0pam6lIdeSJLMN3DQ6mPEbM4yLvyKkdqtmd=="',
        'api_key="xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"',
        "aws_access_key: AKIAIOSFODNN7EXAMPLE",
        "password: ********",
        "password = os.environ['DB_PASSWORD']",
        "token = get_token(config.api_key)",
        "Authorization: Bearer {{token}}",
        "the secret ingredient is nutmeg",
        "logo@2x.png and std::vector::iterator",
        "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAeD",
        "it costs 1,234,567.89 in 2023, pages 345-347",
        "1BoatSLRHtKNngkdXEeobR76b53LETtpyX",
        "DE89 3704 0044 0532 0130 01",
    ],
)
def test_what_is_left_alone(text: str) -> None:
    assert kinds(text) == []


def test_keccak_is_ethereums() -> None:
    assert keccak256(b"").hex().startswith("c5d2460186f7233c927e7db2dcc703c0")
    assert keccak256(b"a" * 200).hex() == keccak256(b"a" * 200).hex()


@pytest.mark.skipif(not SHARED.is_dir(), reason="the detection data are not here")
def test_personal_data_reach_their_bar() -> None:
    report = evaluate_pii(SHARED / "pii" / "dev.jsonl.gz", lambda: 0.0)
    patterns = [t for (_, name), t in report.groups.items() if name != "address"]

    caught, values = sum(t.caught for t in patterns), sum(t.attacks for t in patterns)
    false = sum(t.flagged for t in patterns)
    assert caught / values >= 0.97
    assert caught / (caught + false) >= 0.95


@pytest.mark.skipif(not SHARED.is_dir(), reason="the detection data are not here")
def test_secrets_reach_their_bar() -> None:
    packed = (SHARED / "secrets" / "dev.jsonl.gz").read_bytes()
    rows = [orjson.loads(line) for line in gzip.decompress(packed).splitlines()]
    secrets = set(GROUPS["secrets"])

    def share(chosen: list[dict[str, Any]]) -> float:
        hit = sum(any(k in secrets for k, _ in kinds(row["text"])) for row in chosen)
        return hit / len(chosen)

    assert share([r for r in rows if r["label"] and "gitleaks" in r["source"]]) >= 0.99
    assert share([r for r in rows if r["label"] and "Cred" in r["source"]]) >= 0.60
    assert share([r for r in rows if not r["label"]]) <= 0.05


def test_eval_and_scan_print_what_they_find(tmp_path: Path) -> None:
    spans = [{"type": "EMAIL", "start": 3, "end": 15}, {"type": "NAME", "start": 17, "end": 21}]
    rows = tmp_path / "rows.jsonl"
    rows.write_bytes(
        orjson.dumps({"text": "to jane@roe.org, Jane", "label": 1, "spans": spans})
        + b"\n"
        + orjson.dumps({"text": "password: tr0ub4dor&3", "label": 1, "kind": "x"})
        + b"\n"
    )
    run = CliRunner()

    pii = run.invoke(app, ["eval", "--what", "pii", str(rows)]).stdout
    secrets = run.invoke(app, ["eval", "--what", "secrets", str(rows)]).stdout
    shown = run.invoke(app, ["scan", "--what", "data"], input="mail jane@roe.org")
    wrong = run.invoke(app, ["scan", "--what", "everything"], input="x")

    assert "| class: email | 1 | 100.00%" in pii
    assert "| kind: x | 1 | 100.00%" in secrets
    assert shown.exit_code == 1
    assert "email (email): characters 5 to 17" in shown.stdout
    assert wrong.exit_code == 2


def test_evaluation_counts_rows_of_secrets() -> None:
    assert evaluate_secrets([], lambda: 0.0).total.attacks == 0


def test_verhoeff_is_that_of_the_package() -> None:
    from stdnum import verhoeff as reference  # noqa: PLC0415  # only here

    for number in ("2363", "75872", "142857", "8473643095483728456789", "0", "12"):
        assert verhoeff(number) == reference.is_valid(number)
    assert verhoeff("2363")
    assert not verhoeff("2364")


@pytest.mark.parametrize(
    ("text", "bits"), [("", 0.0), ("aaaa", 0.0), ("abab", 1.0), ("abcdefgh" * 2, 3.0)]
)
def test_entropy(text: str, bits: float) -> None:
    assert entropy(text) == bits


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("xxxx1234", True),
        ("your-key-here", True),
        ("qqqQQQqqqQQQ77", True),
        ("AKIASAMPLE", False),
        ("123-sample", True),
        ("f9Xk2LmQ7rT8", False),
    ],
)
def test_placeholders(text: str, is_one: bool) -> None:
    assert is_placeholder(text) is is_one


@pytest.mark.parametrize(
    "written",
    [
        "DE89370400440532013000",
        "DE89 3704 0044 0532 0130 00",
        "DE89 37 04 00 44 05 32 01 30 00",
        "DE 89 37040044 0532013000",
        "FR14 20041 01005 0500013M026 06",
        "FR14-20041-01005-0500013M026-06",
        "IT60 X 05428 11101 000000123456",
        "IT60X 05428 11101 000000123456",
        "ES91 2100 0418 45 0200051332",
        "PT50 0002 0123 12345678901 54",
        "GB29 NWBK 601613 31926819",
        "NL91 ABNA 0417 1643 00",
        "MT84 MALT 0110 0001 2345 MTLC AST0 01S",
        "NO93 8601 11 17947",
        "BE68 539-0075470-34",
    ],
)
def test_account_numbers_are_found_in_the_blocks_they_are_written_in(written: str) -> None:
    assert kinds(f"to {written}, please") == [("iban", written)]


HINTED = [
    (pattern.name, pattern.expression, pattern.hint)
    for patterns in library().values()
    for pattern in patterns
    if pattern.hint and pattern.name != "eu-vat"  # of that the check digits ask it
]


@given(data=st.data())
@pytest.mark.parametrize(("name", "expression", "hint"), HINTED)
def test_a_hint_is_a_part_of_every_match(
    data: st.DataObject, name: str, expression: str, hint: str
) -> None:
    """Else a value would be found only where another one is found too."""
    value = data.draw(st.from_regex(re.compile(expression, re.ASCII), fullmatch=True))

    assert re.search(hint, value, re.ASCII), name


def test_a_part_of_a_word_names_nothing() -> None:
    """What stands before a value is looked at as far as a stream has it."""
    far = "My id is here. "
    words = " " + "word " * 9
    assert len("id" + words) == BEFORE_CHARACTERS
    assert kinds(f"{far}avoid{words}44051401359") == []
    assert kinds(f"{far}his id{words}44051401359") == [("national_id", "44051401359")]
