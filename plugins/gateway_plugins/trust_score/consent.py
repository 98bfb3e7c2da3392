"""Consent on record: in a registry, in a verified claim, or as a client says in a header.

A registry is a JSON file:

    {"records": [{"tenant": "acme", "subject": "alice", "scopes": ["chat"],
                  "granted_at": "2026-01-15T08:00:00Z", "withdrawn_at": null}]}

A claim is such a record without tenant and subject. A header is `granted` or `withdrawn`, then
`; scope="chat analytics"` and `; at=2026-01-15T08:00:00Z`, both optional.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

import orjson

from gateway.plugin import PRINCIPAL, Exchange
from gateway_plugins.trust_score.config import ConsentConfig

REGISTRY_BYTES_MAX: Final = 67_108_864
_HEADER: Final = re.compile(
    r"(granted|withdrawn)(?:\s*;\s*scope=\"?([A-Za-z0-9 ._:-]*)\"?)?(?:\s*;\s*at=([0-9TZ:.+-]+))?"
)

_Key = tuple[str, str]


class Consent(NamedTuple):
    """What is on record; `granted_at` is seconds since 1970, None where nobody says."""

    withdrawn: bool
    scopes: frozenset[str]
    granted_at: float | None


class Found(NamedTuple):
    """The answer of the sources: `asked` says that one could tell, `revocable` that it also knows
    of withdrawals.
    """

    consent: Consent | None
    asked: bool
    revocable: bool


NOWHERE: Final = Found(None, asked=False, revocable=False)


class Consents:
    """The sources of one policy, asked in their order."""

    def __init__(self, config: ConsentConfig) -> None:
        self._config = config
        self._records: Mapping[_Key, Consent] = {}
        self._seen: tuple[int, int] | None = None
        self._usable = False

    def find(self, x: Exchange) -> Found:
        """What is on record of the caller of `x`."""
        config = self._config
        principal = x.facts.get(PRINCIPAL)
        asked = revocable = False
        if config.registry is not None and principal is not None and self._usable:
            asked = revocable = True
            known = self._records.get((principal.tenant, principal.subject))
            if known is not None:
                return Found(known, asked=True, revocable=True)
        if config.claim is not None and principal is not None:
            asked = True
            claim = principal.claims.get(config.claim)
            if isinstance(claim, Mapping):
                return Found(record_of(claim), asked=True, revocable=revocable)
        if config.header is not None:
            asked = True
            shown = x.request.headers.get(config.header)
            consent = None if shown is None else from_header(shown)
            if consent is not None:
                return Found(consent, asked=True, revocable=True)
        return Found(None, asked=asked, revocable=revocable)

    def refresh(self) -> str:
        """Reads the registry again if it is another one; returns what is wrong with it, or "".

        The last good records stay where a new file cannot be read. Reads a file: not for a loop.
        """
        path = self._config.registry
        if path is None:
            return ""
        try:
            found = path.stat()
            seen = (found.st_mtime_ns, found.st_ino)
            if seen == self._seen:
                return ""
            if found.st_size > REGISTRY_BYTES_MAX:
                raise ValueError(f"it is larger than {REGISTRY_BYTES_MAX} bytes")  # noqa: TRY301  # one report for all
            self._records = read_registry(path.read_bytes())
        except (OSError, ValueError) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            return f"the registry of consent {path} cannot be read: {reason}"
        self._seen, self._usable = seen, True
        return ""


def read_registry(data: bytes) -> dict[_Key, Consent]:
    """The records of a registry. Raises ValueError, which quotes nothing of it."""
    try:
        document = orjson.loads(data)
    except orjson.JSONDecodeError:
        raise ValueError("it is not JSON") from None
    records = document.get("records") if isinstance(document, dict) else None
    if not isinstance(records, list):
        raise ValueError('it has no list "records"')  # noqa: TRY004  # told like all else
    found: dict[_Key, Consent] = {}
    for number, record in enumerate(records):
        tenant = record.get("tenant") if isinstance(record, dict) else None
        subject = record.get("subject") if isinstance(record, dict) else None
        if not isinstance(tenant, str) or not isinstance(subject, str):
            raise ValueError(f"record {number} names no tenant and subject")  # noqa: TRY004  # told like all else
        found[tenant, subject] = record_of(record)
    return found


def record_of(record: Mapping[str, Any]) -> Consent:
    """One record; what cannot be read of it is not there."""
    scopes = record.get("scopes")
    listed = scopes.split() if isinstance(scopes, str) else scopes
    names = [s for s in listed if isinstance(s, str)] if isinstance(listed, list | tuple) else []
    return Consent(
        withdrawn=bool(record.get("withdrawn_at") or record.get("withdrawn")),
        scopes=frozenset(names),
        granted_at=_moment(record.get("granted_at")),
    )


def from_header(text: str) -> Consent | None:
    """What a header says, if it says anything."""
    found = _HEADER.fullmatch(text.strip())
    if found is None:
        return None
    return Consent(found[1] == "withdrawn", frozenset((found[2] or "").split()), _moment(found[3]))


def _moment(value: Any) -> float | None:
    if not isinstance(value, str):
        return None
    try:
        found = datetime.fromisoformat(value)
    except ValueError:
        return None
    return found.replace(tzinfo=found.tzinfo or UTC).timestamp()
