"""Texts of up to 200 bytes for tests that try every split there is."""

from __future__ import annotations

from typing import Final

import orjson

from tests.conformance.vectors import VECTORS as SECRETS
from tests.redaction_kit import ARGUMENTS, CARD, EMAIL, JWT, PRIVATE_KEY, SSN, VECTORS

BYTES_MAX: Final = 200


def _short(text: str) -> str:
    """As much of it as has up to 200 bytes."""
    return text.encode()[:BYTES_MAX].decode("utf-8", "ignore")


TEXTS: Final[tuple[str, ...]] = tuple(
    dict.fromkeys(
        _short(text)
        for text in (
            *(vector.text for vector in VECTORS),
            *(vector.text for vector in SECRETS),
            "hello foo@bar.com and x",
            "Nothing to see here, and no more of it.",
            f" my card {CARD} ok",
            f"{JWT[:60]}.{JWT[60:100]}. a@b.cc",
            f"key:\n{PRIVATE_KEY[:60]}\n-----END PRIVATE KEY----- {EMAIL}",
            "-----BEGIN PRIVATE KEY-----AAAAAAAAAAAA and then prose without an end. And more",
            "password: hunter2xyz! and the SSN is 536-22-8726 or 4111 1111",
            f"f\uff4f\u200bo@bar\u200b.com \u00e9 {EMAIL[:9]}\u200b{EMAIL[9:]} \U0001f600{SSN}",
            f'"{EMAIL}" \\ \u2028 {EMAIL}\n{EMAIL}\t\\n{EMAIL}',
            "Call +49 30 901820, or DE89 3704 0044 0532 0130 00, from 192.0.2.17.",
            "ghp_x7Kq2mWv9LsT4bNc8RzY1pHd6JfG3aUe5oQi https://u:s3cr3tpw@h.example/ 1980-02-03",
        )
    )
)
"""What people and models say, with values in it: together, at the ends, hidden, and cut off."""

CALLS: Final[tuple[str, ...]] = (
    ARGUMENTS,
    orjson.dumps({"to": EMAIL, "say": f'"{SSN}"\n\u00e9\U0001f600 {CARD}'}).decode(),
    '{"a":"\\u006aane.roe\\u0040acme-corp.org","b":[1,"536-22-8726\\n"]}',
    '{"key":"-----BEGIN PRIVATE KEY-----\\nMIIEvQIBADANBgkqhkiG9w0B\\n-----END PRIVATE KEY-----"}',
)
"""Arguments of a tool call: the source of a JSON text."""
