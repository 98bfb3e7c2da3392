"""Secrets that only their surroundings give away: what is assigned to a password, a token, a key.

The values are told by `_values.c`; what is said `plainly` is its plain form, as in checks.py.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Final

from gateway.plugin.pattern import Pattern
from gateway.scan.library.checks import (
    PLACEHOLDER,
    RANDOM_LENGTH,
    Judged,
    Said,
    has_entropy_plainly,
    is_placeholder,
    is_placeholder_plainly,
    repeats,
    told_in_c,
)

try:
    from gateway.scan import _values

    NATIVE = True
except ImportError:  # not compiled
    NATIVE = False

_ASSIGN: Final = r"""["'`\])]{0,2}(?:: ?[A-Za-z]{1,10})?\s{0,4}(?:[:=|?!+]{0,4}[=>]|:|,|\|\|)\s{0,12}["'`=\s\\({]{0,6}"""
_NAME_REST: Final = r"[\w.-]{0,8}"
_SECRET_NAMES: Final = (
    r"(?i:token|secret(?:[ _.-]?key)?|api[ _.-]?key|access[ _.-]?key|private[ _.-]?key|auth[_.-]?key"
    r"|encryption[_.-]?key|license[_.-]?key|client[_.-]?key|account[_.-]?key"
    r"|activation[ _.-]?key|credentials?|authorization|signature|signing[_.-]?key|webhook[_.-]?key|auth"
    r"|authentication)"
)
_PASSWORD_NAMES: Final = (
    r"(?i:pass?w(?:or)?s?d|pswr?d|passw(?:or|o|r)s?d|pss?w(?:or)?d|passphrase|passcode|passwort|kennwort"
    r"|contrase(?:ñ|n)a|senha|mot de passe|wachtwoord|parola|密码|пароль)"
)
_WORDS: Final = re.compile(r"[A-Za-z]*[a-z][A-Za-z]*(?:[_.\- /][A-Za-z]+)*|[A-Z_]+|[A-Za-z_.]+")
_CODE_FORM: Final = (
    r"^\$[({]|^\$[A-Za-z_]+$|^%\w+%$|^[{<\[(]|[{(\[]|^[A-Za-z_][\w.]*\(|\)$|^(?:os|self|this|process|env|config|settings)\."
    r"|^(?:https?|file|s3)://|^/|^\.|^[A-Za-z]:\\|::|->|\\n$|^@|^&\w+;"
)
_CODE: Final = Said(_CODE_FORM)
_NO_PASSWORD: Final = Said(f"{PLACEHOLDER}|{_CODE_FORM}")
_CODE_IN_SECRET_FORM: Final = (
    r"^\$|^[{<\[]|\(|^(?:os|self|this|process|env|config|settings)\.|://|^\./|^/\w+/"
)
_CODE_IN_SECRET: Final = Said(_CODE_IN_SECRET_FORM)
_NO_SECRET: Final = Said(f"{PLACEHOLDER}|{_CODE_IN_SECRET_FORM}")
_UUID: Final = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")
_DATE: Final = re.compile(r"\d{4}-\d\d-\d\d|\d{1,2}:\d\d(?:\D|$)")
_NAME_OF_IT: Final = Said(r"(?i)(?:credentials?|secrets?|token)[_-]?ids?[\"'>]?\W{0,12}$")
_PARTS: Final = re.compile(r"[._=:/-]+")
_WORDY: Final = 0.5
"""A value of which more than this is words is a name."""
_DIGITS_MIN: Final = 2


def looks_assigned(value: str, before: str) -> bool:
    """Whether the value of a token is one, and no name, path, expression or placeholder."""
    told = _values.assigned(value) if NATIVE else None
    if told is None:
        return looks_assigned_plainly(value) and not _names_id(before)
    return told and not _names_id(before)


def looks_assigned_plainly(value: str) -> bool:
    """The plain form of it, whatever stands before."""
    text = value.rstrip("=.,;")
    if _is_no_secret(text) or (text[:1].isdigit() and _DATE.match(text)):
        return False
    if text.endswith("1234567890"):
        return False
    if _WORDS.fullmatch(text):
        # Without a digit: only a long text that is no row of words.
        return len(text) >= 20 and "_" not in text and "." not in text and _mixed(text)
    number = sum(c.isdigit() for c in text)
    if number == len(text):
        return number >= 16 and has_entropy_plainly(text, 2.2)
    parts = _PARTS.split(text)
    if len(parts) > 1 and sum(len(p) for p in parts if p.isalpha()) > _WORDY * len(text):
        return False
    if number < _DIGITS_MIN and not _mixed(text):
        return False
    return (
        has_entropy_plainly(text, 3.0 if len(text) >= 16 else 2.6)
        or _UUID.fullmatch(text) is not None
    )


def _names_id(before: str) -> bool:
    """Whether what follows is what a secret is told by, and not the secret."""
    told = _values.names_id(before) if NATIVE else None
    return names_id_plainly(before) if told is None else told


def names_id_plainly(before: str) -> bool:
    """The plain form of it."""
    return "id" in before.lower() and _NAME_OF_IT(before)


def _is_no_secret(text: str) -> bool:
    """A placeholder or an expression; both in one search where both may be."""
    if len(text) > RANDOM_LENGTH:
        return _CODE_IN_SECRET(text)
    return _NO_SECRET(text) or repeats(text)


def _mixed(text: str) -> bool:
    """Many changes of case: no CamelCase of words."""
    changes = sum(a.islower() != b.islower() for a, b in pairwise(text))
    return changes * 3 >= len(text) and has_entropy_plainly(text, 3.2)


def looks_like_password(value: str, before: str) -> bool:
    """Whether somebody could have chosen it: two kinds of characters, no expression, no word."""
    del before
    told = _values.password(value) if NATIVE else None
    return looks_like_password_plainly(value) if told is None else told


def looks_like_password_plainly(value: str) -> bool:
    """The plain form of it."""
    text = value.rstrip(".,;:")
    if len(text) < 6 or len(set(text)) < 4:
        return False
    # One search tells that it is neither; only where it is one of them, which.
    is_either = _NO_PASSWORD(text)
    if is_placeholder_plainly(text) if is_either else repeats(text):
        return False
    if _WORDS.fullmatch(text) or _UUID.fullmatch(text):
        return False
    parts = _PARTS.split(text)
    if len(parts) > 1 and all(p.isalpha() or not p for p in parts):
        return False
    letters = any(c.isalpha() for c in text)
    number = any(c.isdigit() for c in text)
    special = any(not c.isalnum() and c not in "_-." for c in text)
    if is_either and _CODE(text) and not (number and special and text[0] not in "<{[/."):
        return False
    return letters and (number or special)


def is_credential(value: str, before: str) -> bool:
    """The password of a URL or of a command."""
    del before
    return (
        not is_placeholder(value)
        and not value.startswith(("$", "{", "<", "[", "%"))
        and (value.lower() not in _DUMMIES)
    )


_DUMMIES: Final = frozenset(
    {"password", "pass", "passwd", "pwd", "secret", "token", "user", "xxx", "yyy"}
)


_VALUE: Final = r"(?P<value>[^\s\"'`<>,;|\\]{6,72})"
_SECRET: Final = r"(?P<value>[A-Za-z0-9][\w./+=~@%:!$#&*?^-]{9,160})"


def context_patterns() -> list[Pattern]:
    """All of them."""
    return [*_passwords(), *_secrets(), *_sent()]


def _passwords() -> list[Pattern]:
    return [
        Pattern(
            "password",
            "password",
            _PASSWORD_NAMES + _NAME_REST + _ASSIGN + _VALUE,
            left="",
            right=r"\w",
            validator=_PASSWORD,
            seldom=True,
            rank=40,
        ),
        Pattern(
            "password-short",
            "password",
            r"(?:(?i:pass|pwd|pw)|[A-Z_]PASS)" + _ASSIGN + _VALUE,
            left="A-Za-z0-9",
            right=r"\w",
            validator=_PASSWORD,
            seldom=True,
            rank=41,
        ),
        # Behind what may not stand before a short one, so that no name is looked at by both.
        Pattern(
            "password-constant",
            "password",
            r"[A-Za-z0-9](?:PASS|PWD|PW)" + _ASSIGN + _VALUE,
            left="",
            right=r"\w",
            validator=_PASSWORD,
            seldom=True,
            rank=41,
        ),
        Pattern(
            "password-sql",
            "password",
            r"(?i:identified by|login password|with password|password)\s{1,3}['\"]?"
            r"(?P<value>[^\s\"'`<>,;|\\]{6,72})",
            left=r"\w",
            right=r"\w",
            validator=_PASSWORD,
            seldom=True,
            rank=42,
        ),
        Pattern(
            "password-option",
            "password",
            r"(?:-pass(?:in|out)? [\"']?pass:|--?(?:password|passwd|pass|token|secret|api-key"
            r"|oauth2-bearer|key)[= ]\s{0,2}[\"']?)(?P<value>[^\s\"'`<>,;|\\]{6,160})",
            left=r"\w",
            right=r"\w",
            validator=_PASSWORD,
            seldom=True,
            rank=43,
        ),
    ]


def _secrets() -> list[Pattern]:
    return [
        Pattern(
            "assigned-secret",
            "secret",
            _SECRET_NAMES + _NAME_REST + _ASSIGN + _SECRET,
            left="",
            right=r"\w",
            validator=_ASSIGNED,
            rank=45,
        ),
        Pattern(
            "assigned-key",
            "secret",
            r"(?:[_.-]?[Kk]ey|_KEY|[_.-](?:[Ii]d|ID))(?:_?[A-Za-z]{1,8})?" + _ASSIGN + _SECRET,
            left="",
            right=r"\w",
            validator=_STRICT,
            rank=46,
        ),
        Pattern(
            "service-secret",
            "secret",
            r"(?i:sumo(?:logic)?|sonar|messagebird|linkedin|facebook|asana|discord|bitbucket|plaid"
            r"|looker|adobe|confluent|snyk|heroku|hubspot|algolia|twitter|twitch|okta|datadog"
            r"|contribsys__com)[\w.-]{0,24}" + _ASSIGN + r"(?P<value>[A-Za-z0-9][\w=:.-]{11,80})",
            left="",
            right=r"\w",
            validator=_STRICT,
            rank=47,
        ),
        Pattern(
            "sidekiq",
            "secret",
            r"(?i:contribsys__com)[\w.-]{0,10}" + _ASSIGN + r"(?P<value>[a-f0-9]{8}:[a-f0-9]{8})",
            left="",
            rank=44,
        ),
    ]


def _sent() -> list[Pattern]:
    """What is sent along to somebody: in headers, commands and URLs."""
    return [
        Pattern(
            "authorization",
            "secret",
            r"(?i:authorization[\"']?\s{0,2}[:=]\s{0,2}[\"']?[a-z-]{3,16}\s{1,2}"
            r"|x-api-key\s{0,2}:\s{0,2})(?P<value>[A-Za-z0-9][\w./+=~-]{7,400})",
            left=r"\w",
            right=r"\w",
            validator=_HEADER,
            rank=44,
        ),
        Pattern(
            "curl-user",
            "password",
            r"curl\s[^|;&]{0,200}?(?:-u|--user)[ =]{0,2}[\"']?[\w.@-]{2,64}:"
            r"(?P<value>[^\s\"']{3,80})",
            left=r"\w",
            right="",
            validator=is_credential,
            rank=44,
        ),
        Pattern(
            "url-credentials",
            "url_credentials",
            r"[A-Za-z][A-Za-z0-9+.-]{1,15}://[^\s:@/\"'<>]{0,64}:(?P<value>[^\s:@/\"'<>]{3,128})@",
            left=r"\w",
            right="",
            validator=is_credential,
            rank=30,
        ),
    ]


def _strict(value: str, before: str) -> bool:
    """For names that mean little: the value must be of one piece and clearly random."""
    told = _values.strictly_assigned(value) if NATIVE else None
    if told is None:
        return is_strict_plainly(value) and not _names_id(before)
    return told and not _names_id(before)


def is_strict_plainly(value: str) -> bool:
    """The plain form of it, whatever stands before."""
    text = value.rstrip("=.,;")
    if not looks_assigned_plainly(value):
        return False
    if _UUID.fullmatch(text):
        return True
    return has_entropy_plainly(text, 3.0) and "/" not in text and "." not in text[:-1]


def _header(value: str, before: str) -> bool:
    del before
    told = _values.header(value) if NATIVE else None
    return is_header_plainly(value) if told is None else told


def is_header_plainly(value: str) -> bool:
    """No placeholder, with a digit or an equals sign."""
    return not is_placeholder_plainly(value) and any(c.isdigit() or c == "=" for c in value)


_PASSWORD: Final = Judged(looks_like_password, told_in_c("password"))
_ASSIGNED: Final = Judged(looks_assigned, told_in_c("assigned"))
_STRICT: Final = Judged(_strict, told_in_c("strictly_assigned"))
_HEADER: Final = Judged(_header, told_in_c("header"))
