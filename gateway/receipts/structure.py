"""The form of receipts and control records: which members there are, and of what kind.

Only what a verifier relies on is required; what it does not know it leaves alone, so that a newer
gateway's receipts still verify. What it knows must be of its kind.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from gateway.receipts.receipt import ALGORITHM, GENESIS, MODES, VERSION
from gateway.receipts.record import KINDS, RECORD_VERSION

SCHEMA_VERSION: Final = 1
"""`metadata.sealgate.v`."""

Kind = type | Callable[[Any], bool]
"""A type that a value must have exactly (a truth value is no integer), or a test of it."""


class Shape:
    """The members of one object: those that it must have, and others that it may have.

    `is_closed`: a member that is not listed is a fault, since no verifier would know its meaning.
    """

    __slots__ = ("is_closed", "names", "required", "tests", "types")

    def __init__(
        self, required: Mapping[str, Kind], optional: Mapping[str, Kind], *, is_closed: bool
    ) -> None:
        every = {**required, **optional}
        self.required = frozenset(required)
        self.names = frozenset(every)
        self.types = {name: kind for name, kind in every.items() if isinstance(kind, type)}
        self.tests = {name: kind for name, kind in every.items() if not isinstance(kind, type)}
        self.is_closed = is_closed


_HEX_64 = re.compile(r"[0-9a-f]{64}")
_HEX_128 = re.compile(r"[0-9a-f]{128}")
_MOMENT = re.compile(
    r"[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])"
    r"T(?:[01][0-9]|2[0-3]):[0-5][0-9]:(?:[0-5][0-9]|60)\.[0-9]{3}Z"
)
_DID = re.compile(r"did:[a-z0-9]+:\S+")
_REF = re.compile(r"[0-9a-z]{26}")
_KEY_ID = re.compile(r"[0-9a-f]{16}")


def _matching(pattern: re.Pattern[str]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and pattern.fullmatch(value) is not None


def _one_of(*values: object) -> Callable[[Any], bool]:
    return lambda value: type(value) is not bool and value in values


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and value != ""


def _is_count(value: Any) -> bool:
    return type(value) is int and value >= 0


def _is_hash_or_genesis(value: Any) -> bool:
    return value == GENESIS or _is_hash(value)


_is_hash = _matching(_HEX_64)
_is_moment = _matching(_MOMENT)
_is_key_id = _matching(_KEY_ID)

_RECEIPT: Final[Mapping[str, Kind]] = {
    "agent_did": _matching(_DID),
    "chain": dict,
    "human_did": _matching(_DID),
    "id": _is_hash,
    "interaction": dict,
    "mode": _one_of(*MODES),
    "session_id": _is_name,
    "signature": dict,
    "timestamp": str,
    "version": _one_of(VERSION),
}
_RECEIPT_OPTIONAL: Final[Mapping[str, Kind]] = {
    "metadata": dict,
    "policy_state": dict,
    "policy_version": str,
    "telemetry": dict,
}
_INTERACTION: Final[Mapping[str, Kind]] = {
    "model": str,
    "prompt_hash": _is_hash,
    "response_hash": _is_hash,
}
_CHAIN: Final[Mapping[str, Kind]] = {"chain_hash": _is_hash, "previous_hash": _is_hash_or_genesis}
_SIGNATURE: Final[Mapping[str, Kind]] = {
    "algorithm": _one_of(ALGORITHM),
    "key_version": _is_name,
    "value": _matching(_HEX_128),
}
_SIGNATURE_OPTIONAL: Final[Mapping[str, Kind]] = {
    "public_key": _is_hash,
    "timestamp_signed": str,
}
_SEALGATE: Final[Mapping[str, Kind]] = {
    "key_id": _is_key_id,
    "log": dict,
    "seq": _is_count,
    "signed_at": _is_moment,
    "tenant": str,
    "v": _one_of(SCHEMA_VERSION),
}
_SEALGATE_OPTIONAL: Final[Mapping[str, Kind]] = {
    "attempts": list,
    "bytes": dict,
    "cost_micros": _is_count,
    "coverage": dict,
    "dialect": str,
    "digests": dict,
    "gateway": dict,
    "model": dict,
    "policy": dict,
    "principal": str,
    "redactions": dict,
    "ref": _matching(_REF),
    "request_id": str,
    "route": str,
    "status": _is_count,
    "stream": dict,
    "times_ms": dict,
    "trust": dict,
    "usage": dict,
    "verdicts": list,
}
_LOG: Final[Mapping[str, Kind]] = {"index": _is_count, "origin": _is_name}
_RECORD: Final[Mapping[str, Kind]] = {
    "detail": dict,
    "epoch": _is_count,
    "key_id": _is_key_id,
    "kind": _one_of(*sorted(KINDS)),
    "log": dict,
    "node": str,
    "signature": dict,
    "signed_at": _is_moment,
    "timestamp": _is_moment,
    "v": _one_of(RECORD_VERSION),
}
_MANIFEST: Final[Mapping[str, Kind]] = {
    "complete": bool,
    "count": _is_count,
    "erased": _is_count,
    "format": _one_of("csv", "json", "ndjson"),
    "key_id": _is_key_id,
    "kind": _one_of("export"),
    "query": dict,
    "rows_sha256": _is_hash,
    "signature": dict,
    "signed_at": _is_moment,
    "v": _one_of(1),
}
_MANIFEST_OPTIONAL: Final[Mapping[str, Kind]] = {
    "checkpoint": str,
    "first": dict,
    "last": dict,
}

_RECEIPT_SHAPE: Final = Shape(_RECEIPT, _RECEIPT_OPTIONAL, is_closed=True)
_INTERACTION_SHAPE: Final = Shape(_INTERACTION, {}, is_closed=False)
_CHAIN_SHAPE: Final = Shape(_CHAIN, {"chain_length": _is_count}, is_closed=True)
_BLOCK_SHAPE: Final = Shape(_SIGNATURE, _SIGNATURE_OPTIONAL, is_closed=True)
# A block of ours says all that it may say, so that leaving a part out shows as well.
_OWN_BLOCK_SHAPE: Final = Shape({**_SIGNATURE, **_SIGNATURE_OPTIONAL}, {}, is_closed=True)
_SEALGATE_SHAPE: Final = Shape(_SEALGATE, _SEALGATE_OPTIONAL, is_closed=False)
_LOG_SHAPE: Final = Shape(_LOG, {}, is_closed=True)
_RECORD_SHAPE: Final = Shape(_RECORD, {}, is_closed=True)
_MANIFEST_SHAPE: Final = Shape(_MANIFEST, _MANIFEST_OPTIONAL, is_closed=True)


def receipt_structure(receipt: Mapping[str, Any]) -> list[str]:
    """What is wrong with the form of a v2.2.0 receipt, any issuer's; empty if nothing is."""
    faults = _faults(receipt, _RECEIPT_SHAPE, "")
    if faults:
        return faults
    is_ours = "sealgate" in receipt.get("metadata", {})
    return [
        *_faults(receipt["interaction"], _INTERACTION_SHAPE, "interaction."),
        *_faults(receipt["chain"], _CHAIN_SHAPE, "chain."),
        *_block_faults(receipt, is_ours=is_ours),
    ]


def sealgate_structure(sealgate: Any) -> list[str]:
    """What is wrong with the form of `metadata.sealgate`; empty if nothing is."""
    if not isinstance(sealgate, dict):
        return ["metadata.sealgate is no object"]
    # What is not known is null in metadata, and only there.
    known = {name: value for name, value in sealgate.items() if value is not None}
    faults = _faults(known, _SEALGATE_SHAPE, "metadata.sealgate.")
    return faults or _faults(sealgate["log"], _LOG_SHAPE, "metadata.sealgate.log.")


def record_structure(record: Mapping[str, Any]) -> list[str]:
    """What is wrong with the form of a control record; empty if nothing is."""
    faults = _faults(record, _RECORD_SHAPE, "")
    if faults:
        return faults
    return [*_faults(record["log"], _LOG_SHAPE, "log."), *_block_faults(record)]


def manifest_structure(manifest: Mapping[str, Any]) -> list[str]:
    """What is wrong with the form of an export's manifest; empty if nothing is."""
    faults = _faults(manifest, _MANIFEST_SHAPE, "")
    return faults or _block_faults(manifest)


def _block_faults(document: Mapping[str, Any], *, is_ours: bool = True) -> list[str]:
    shape = _OWN_BLOCK_SHAPE if is_ours else _BLOCK_SHAPE
    return _faults(document["signature"], shape, "signature.")


def _faults(document: Mapping[str, Any], shape: Shape, prefix: str) -> list[str]:
    types, tests = shape.types, shape.tests
    faults = []
    for name, value in document.items():
        kind, test = types.get(name), tests.get(name)
        if (kind is not None and type(value) is not kind) or (test is not None and not test(value)):
            faults.append(f"{prefix}{name} is not as it must be")
    if not document.keys() >= shape.required:
        faults += [f"{prefix}{name} is missing" for name in shape.required - document.keys()]
    if shape.is_closed and not document.keys() <= shape.names:
        faults += [f"{prefix}{name} is unknown" for name in document.keys() - shape.names]
    return sorted(faults)
