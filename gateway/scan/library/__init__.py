"""What is looked for, by class: personal data, financial data, secrets."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache
from typing import Final

from gateway.plugin.pattern import Pattern

CLASSES: Final[dict[str, str]] = {
    "email": "Email addresses.",
    "phone": "Telephone numbers: international, grouped as somewhere usual, or named as one.",
    "card": "Payment cards: a range of an issuer, and Luhn's check.",
    "iban": "IBANs: the length of the country, and modulo 97.",
    "ssn": "Social security numbers of the USA, as far as they were ever issued.",
    "national_id": "Numbers of people and companies in some forty countries, by their check digits.",
    "passport": "Passport numbers that are named as such.",
    "date_of_birth": "Dates that are named as somebody's birth.",
    "address": "Postal addresses that are named as such, and streets of the USA.",
    "ip": "IPv4 and IPv6 addresses.",
    "mac": "Hardware addresses.",
    "crypto_wallet": "Bitcoin (base58check, bech32) and Ethereum (EIP-55).",
    "jwt": "JSON Web Tokens with a readable header.",
    "pem": "Private keys: PEM, PGP, JWK, and PEM in base 64.",
    "api_key": "Keys and tokens of some 140 services, by their form.",
    "secret": "What is assigned to a token, a secret or a key and looks random.",
    "password": "What is assigned to a password and looks like one.",
    "url_credentials": "The password in a URL.",
    "key_material": "Lines of 64 or 70 characters of base 64, as keys have them.",
}
"""Every class with what it finds."""

GROUPS: Final[dict[str, tuple[str, ...]]] = {
    "pii": (
        "email", "phone", "ssn", "national_id", "passport", "date_of_birth", "address", "ip", "mac",
    ),
    "financial": ("card", "iban", "crypto_wallet"),
    "secrets": (
        "jwt", "pem", "api_key", "secret", "password", "url_credentials", "key_material",
    ),
    "all": tuple(CLASSES),
}  # fmt: skip
"""Names for several classes."""


@cache
def library() -> dict[str, tuple[Pattern, ...]]:
    """The patterns of every class; made when they are first asked for."""
    from gateway.scan.library.contact import contact_patterns  # noqa: PLC0415  # only where used
    from gateway.scan.library.contexts import context_patterns  # noqa: PLC0415  # the same
    from gateway.scan.library.identity import identity_patterns  # noqa: PLC0415  # the same
    from gateway.scan.library.keys import key_patterns  # noqa: PLC0415  # the same
    from gateway.scan.library.network import network_patterns  # noqa: PLC0415  # the same
    from gateway.scan.library.payment import payment_patterns  # noqa: PLC0415  # the same
    from gateway.scan.library.private_keys import (  # noqa: PLC0415  # the same
        private_key_patterns,
        token_patterns,
    )

    found: dict[str, list[Pattern]] = {name: [] for name in CLASSES}
    for patterns in (
        contact_patterns(), payment_patterns(), identity_patterns(), network_patterns(),
        key_patterns(), context_patterns(), private_key_patterns(), token_patterns(),
    ):  # fmt: skip
        for pattern in patterns:
            found[pattern.kind].append(pattern)
    return {name: tuple(patterns) for name, patterns in found.items()}


def patterns_of(names: Iterable[str]) -> list[Pattern]:
    """The patterns of classes and groups. Raises KeyError with a name that is neither."""
    wanted = dict.fromkeys(name for each in names for name in GROUPS.get(each, (each,)))
    return [pattern for name in wanted for pattern in library()[name]]
