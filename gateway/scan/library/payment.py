"""Where money is: cards, accounts, wallets."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from gateway.plugin.pattern import Pattern
from gateway.scan.library.cards import may_begin
from gateway.scan.library.checks import Judged, Said, luhn
from gateway.scan.library.wallets import base58check, bech32, eip55

try:
    from gateway.scan import _cards, _numbers

    NATIVE = True
except ImportError:  # not compiled
    NATIVE = False

if TYPE_CHECKING:  # a word of the compiler; while running these are plain whole numbers
    from mypy_extensions import i64

_ISSUERS: Final = re.compile(
    r"4\d{12}(?:\d{3}|\d{6})?|5[1-5]\d{14}|2(?:22[1-9]|2[3-9]\d|[3-6]\d\d|7[01]\d|720)\d{12}"
    r"|3[47]\d{13}|3(?:0[0-5]|[689]\d)\d{11,16}|6(?:011|4[4-9]\d|5\d\d)\d{12,15}"
    r"|(?:2131|1800)\d{11}|35\d{14,17}|62\d{14,17}|(?:5[06-8]|6\d)\d{10,17}"
    r"|220[0-4]\d{12}"
)
_CARD_NEAR: Final = Said(
    r"(?i)(?:card|karte|carte|tarjeta|carta|cartão|kart|カード|卡)\W*(?:number|no|nr|is|#)?\W*$"
)
_IBAN_LENGTHS: Final = {
    code: int(length)
    for code, length in (
        pair.split(":")
        for pair in (
            "AD:24 AE:23 AL:28 AT:20 AZ:28 BA:20 BE:16 BG:22 BH:22 BI:27 BR:29 BY:28 CH:21 CR:22 "
            "CY:28 CZ:24 DE:22 DJ:27 DK:18 DO:28 EE:20 EG:29 ES:24 FI:18 FK:18 FO:18 FR:27 GB:22 "
            "GE:22 GI:23 GL:18 GR:27 GT:28 HN:28 HR:21 HU:28 IE:22 IL:23 IQ:23 IS:26 IT:27 JO:30 "
            "KW:30 KZ:20 LB:28 LC:32 LI:21 LT:20 LU:20 LV:21 LY:25 MC:27 MD:24 ME:22 MK:19 MN:20 "
            "MR:27 MT:31 MU:30 NI:28 NL:18 NO:15 OM:23 PK:24 PL:28 PS:29 PT:25 QA:29 RO:24 RS:22 "
            "RU:33 SA:24 SC:31 SD:18 SE:24 SI:19 SK:24 SM:27 SO:23 ST:25 SV:28 TL:23 TN:24 TR:26 "
            "UA:29 VA:22 VG:24 XK:20 YE:30"
        ).split()
    )
}
"""ISO 13616 registry: characters of an IBAN by country."""


def payment_patterns() -> list[Pattern]:
    """Cards, IBANs and crypto-currency wallets."""
    base58 = "[1-9A-HJ-NP-Za-km-z]"
    check = CardCheck()  # one, so that a text is screened once for all of them
    return [
        Pattern("card", "card", r"\d{12,19}", left=r"\w.", validator=check, crowded=True, rank=15),
        # Groups of four, 4-6-4, 4-6-5 and 4-4-4-4-3; a first digit that issuers have.
        *(
            Pattern(name, "card", expression, left=r"\w.", validator=check, rank=15)
            for name, expression in (
                ("card-grouped", r"[2-6]\d{3}(?:[ -]\d{4}){3}|3\d{3}[ -]\d{6}[ -]\d{4,5}"),
                ("card-grouped-long", r"[56]\d{3}(?:[ -]\d{4}){3}[ -]\d{3}"),
            )
        ),
        Pattern(
            "iban",
            "iban",
            _iban_expression(),
            validator=Judged(is_iban, may_be_iban),
            hint=r"\d{2}(?:(?:[ -]?[A-Za-z0-9]{2}){5}[ -]?[A-Za-z0-9]"
            r"|[ -]?[A-Za-z]?[ -]?\d{5}[ -]?\d{5}|[ -]?\d{3}[ -]?\d{7}[ -]?\d)",
            rank=15,
        ),
        Pattern(
            "bitcoin",
            "crypto_wallet",
            rf"[13]{base58}{{25,34}}",
            validator=base58check,
            rank=25,
        ),
        Pattern(
            "bitcoin-bech32",
            "crypto_wallet",
            r"(?:bc|tb)1[02-9ac-hj-np-z]{11,71}|BC1[02-9AC-HJ-NP-Z]{11,71}",
            validator=bech32,
            rank=25,
        ),
        Pattern(
            "ethereum",
            "crypto_wallet",
            r"0x[0-9a-fA-F]{40}",
            validator=eip55,
            rank=25,
        ),
    ]


_IBAN_BLOCKS: Final = (
    r"(?:FR|MC)[ -]?\d{2}[ -]?\d{5}[ -]?\d{5}[ -]?[A-Z0-9]{11}[ -]?\d{2}",
    r"(?:IT|SM)[ -]?\d{2}[ -]?[A-Z][ -]?\d{5}[ -]?\d{5}[ -]?[A-Z0-9]{12}",
    r"BE[ -]?\d{2}[ -]?\d{3}[ -]?\d{7}[ -]?\d{2}",
    r"PT[ -]?\d{2}[ -]?\d{4}[ -]?\d{4}[ -]?\d{11}[ -]?\d{2}",
)


def _iban_expression() -> str:
    """One branch for each length, so that what follows in the text is not taken with it.

    In groups of even lengths, or in the blocks of some countries: a separator between any two
    characters would have to be searched for in all prose.
    """
    by_length: dict[int, list[str]] = {}
    for code, length in _IBAN_LENGTHS.items():
        by_length.setdefault(length, []).append(code)
    branches = [
        f"(?:{'|'.join(codes)})[ -]?\\d{{2}}(?:[ -]?[A-Za-z0-9]{{2}}){{{length // 2 - 2}}}"
        f"{'[ -]?[A-Za-z0-9]' if length % 2 else ''}"
        for length, codes in sorted(by_length.items())
    ]
    branches += _IBAN_BLOCKS
    branches.append(r"[A-Z]{2}\d{2}[A-Z0-9]{11,30}")
    return f"(?i:{'|'.join(branches)})"


class CardCheck:
    """A number that passes Luhn's check, of an issuer's range or said to be of a card."""

    def screen(self, data: bytes) -> Iterator[int]:
        """See `Pattern.validator`."""
        return _cards.may_begin(data) if NATIVE else may_begin(data)

    def __call__(self, value: str, before: str) -> bool:
        return is_card(value, before)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, CardCheck)

    def __hash__(self) -> int:
        return hash(CardCheck)


def is_card(value: str, before: str) -> bool:
    """A number that passes Luhn's check, of an issuer's range or said to be of a card."""
    number = value.replace(" ", "").replace("-", "")
    if not luhn(number) or number == number[0] * len(number):
        return False
    return _ISSUERS.fullmatch(number) is not None or _CARD_NEAR(before)


def is_iban(value: str, before: str) -> bool:
    """ISO 13616: the length of the country, and modulo 97 of the rotated number is 1.

    What is said to be an IBAN may have another length.
    """
    text = value.replace(" ", "").replace("-", "").upper()
    known = _IBAN_LENGTHS.get(text[:2])
    if known is None or (known != len(text) and "iban" not in before.lower()):
        return False
    rotated = text[4:] + text[:4]
    if rotated.isascii() and rotated.isalnum():
        return _rest_97(rotated.encode()) == 1
    return int("".join([str(int(c, 36)) for c in rotated])) % 97 == 1


def may_be_iban(value: str) -> bool:
    """Whether the country has any, and the number is right; `_numbers.c` tells most that are not."""
    if value[:2].upper() not in _IBAN_LENGTHS:
        return False
    return not NATIVE or _numbers.iban(value) is not False


def _rest_97(data: bytes) -> i64:
    """What the number leaves that digits and capital letters spell, A as 10 and Z as 35."""
    size: i64 = len(data)
    rest: i64 = 0
    place: i64 = 0
    while place < size:
        byte: i64 = data[place]
        rest = rest * 10 + byte - 48 if byte < 65 else rest * 100 + byte - 55
        if rest > 1_000_000_000_000:
            rest %= 97
        place += 1
    return rest % 97
