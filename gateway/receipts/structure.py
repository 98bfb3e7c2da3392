"""The form of receipts and control records: which members there are, and of what kind.

Only what a verifier relies on is required; what it does not know it leaves alone, so that a newer
gateway's receipts still verify. What it knows must be of its kind.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import NoneType
from typing import Any, Final

from gateway.receipts.receipt import ALGORITHM, GENESIS, MODES, VERSION
from gateway.receipts.record import KINDS, RECORD_VERSION

SCHEMA_VERSION: Final = 1
"""`metadata.sealgate.v`."""

Kind = type | re.Pattern[str] | Callable[[Any], bool]
"""A type that a value must have exactly (a truth value is no integer), what a text matches as a
whole, or a test of any value."""


LAYOUTS_REMEMBERED: Final = 64
"""Layouts that a shape keeps: gateways of one version write a handful, anybody else writes more."""

Test = tuple[str, Callable[[Any], object]]
Layout = tuple[list[str], list[Test]]
"""The faults that names and types alone show, and the values that are left to test."""


class Shape:
    """The members of one object: those that it must have, and others that it may have.

    `is_closed`: a member that is not listed is a fault, since no verifier would know its meaning.
    `is_null_absent`: a member that is null counts as if it were not there.

    The receipts of a log have few layouts: the names of the members with the types of their values.
    What a layout alone shows is found out once.
    """

    __slots__ = ("_layouts", "is_closed", "is_null_absent", "kinds", "required")

    def __init__(
        self,
        required: Mapping[str, Kind],
        optional: Mapping[str, Kind],
        *,
        is_closed: bool,
        is_null_absent: bool = False,
    ) -> None:
        self.kinds: dict[str, Kind] = {**required, **optional}
        self.required = frozenset(required)
        self.is_closed = is_closed
        self.is_null_absent = is_null_absent
        self._layouts: dict[tuple[tuple[str, ...], tuple[type, ...]], Layout] = {}

    def layout(self, document: Mapping[str, Any]) -> Layout:
        """What names and types of the document say, and what is left to test."""
        key = (tuple(document), tuple(map(type, document.values())))
        found = self._layouts.get(key)
        if found is None:
            found = self._look_at(dict(zip(*key, strict=True)))
            if len(self._layouts) >= LAYOUTS_REMEMBERED:
                self._layouts.clear()
            self._layouts[key] = found
        return found

    def _look_at(self, types: dict[str, type]) -> Layout:
        if self.is_null_absent:
            types = {name: kind for name, kind in types.items() if kind is not NoneType}
        faults = [f"{name} is missing" for name in self.required - types.keys()]
        if self.is_closed:
            faults += [f"{name} is unknown" for name in types.keys() - self.kinds.keys()]
        tests: list[Test] = []
        for name in types.keys() & self.kinds.keys():
            kind = self.kinds[name]
            right = str if isinstance(kind, re.Pattern) else kind
            if isinstance(right, type) and types[name] is not right:
                faults.append(f"{name} is not as it must be")
            elif isinstance(kind, re.Pattern):
                tests.append((name, kind.fullmatch))
            elif not isinstance(kind, type):
                tests.append((name, kind))
        return faults, tests


_NAME = re.compile(r"(?s:.+)")
_HEX_64 = re.compile(r"[0-9a-f]{64}")
_HEX_64_OR_GENESIS = re.compile(rf"[0-9a-f]{{64}}|{GENESIS}")
_HEX_128 = re.compile(r"[0-9a-f]{128}")
_MOMENT = re.compile(
    r"[0-9]{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01])"
    r"T(?:[01][0-9]|2[0-3]):[0-5][0-9]:(?:[0-5][0-9]|60)\.[0-9]{3}Z"
)
_DID = re.compile(r"did:[a-z0-9]+:\S+")
_REF = re.compile(r"[0-9a-z]{26}")
_KEY_ID = re.compile(r"[0-9a-f]{16}")


def _one_of(*values: object) -> Callable[[Any], bool]:
    return lambda value: type(value) is not bool and value in values


def _is_count(value: Any) -> bool:
    return type(value) is int and value >= 0


_RECEIPT: Final[Mapping[str, Kind]] = {
    "agent_did": _DID,
    "chain": dict,
    "human_did": _DID,
    "id": _HEX_64,
    "interaction": dict,
    "mode": _one_of(*MODES),
    "session_id": _NAME,
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
    "prompt_hash": _HEX_64,
    "response_hash": _HEX_64,
}
_CHAIN: Final[Mapping[str, Kind]] = {"chain_hash": _HEX_64, "previous_hash": _HEX_64_OR_GENESIS}
_SIGNATURE: Final[Mapping[str, Kind]] = {
    "algorithm": _one_of(ALGORITHM),
    "key_version": _NAME,
    "value": _HEX_128,
}
_SIGNATURE_OPTIONAL: Final[Mapping[str, Kind]] = {
    "public_key": _HEX_64,
    "timestamp_signed": str,
}
_SEALGATE: Final[Mapping[str, Kind]] = {
    "key_id": _KEY_ID,
    "log": dict,
    "seq": _is_count,
    "signed_at": _MOMENT,
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
    "ref": _REF,
    "request_id": str,
    "route": str,
    "status": _is_count,
    "stream": dict,
    "times_ms": dict,
    "trust": dict,
    "usage": dict,
    "verdicts": list,
}
_LOG: Final[Mapping[str, Kind]] = {"index": _is_count, "origin": _NAME}
_RECORD: Final[Mapping[str, Kind]] = {
    "detail": dict,
    "epoch": _is_count,
    "key_id": _KEY_ID,
    "kind": _one_of(*sorted(KINDS)),
    "log": dict,
    "node": str,
    "signature": dict,
    "signed_at": _MOMENT,
    "timestamp": _MOMENT,
    "v": _one_of(RECORD_VERSION),
}
_MANIFEST: Final[Mapping[str, Kind]] = {
    "complete": bool,
    "count": _is_count,
    "erased": _is_count,
    "format": _one_of("csv", "json", "ndjson"),
    "key_id": _KEY_ID,
    "kind": _one_of("export"),
    "query": dict,
    "rows_sha256": _HEX_64,
    "signature": dict,
    "signed_at": _MOMENT,
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
# What is not known is null in metadata, and only there.
_SEALGATE_SHAPE: Final = Shape(_SEALGATE, _SEALGATE_OPTIONAL, is_closed=False, is_null_absent=True)
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
    faults = _faults(sealgate, _SEALGATE_SHAPE, "metadata.sealgate.")
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
    faults, tests = shape.layout(document)
    wrong = [name for name, test in tests if not test(document[name])]
    if not faults and not wrong:
        return []
    found = [*faults, *(f"{name} is not as it must be" for name in wrong)]
    return sorted(prefix + fault for fault in found)
