"""The classes of what is looked for, and names for several of them."""

from __future__ import annotations

from typing import Final

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
