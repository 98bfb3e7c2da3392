"""Receipts in other formats verified: npm v1.0, credentials, DSSE envelopes, `.sonate` manifests.

A credential and an envelope hold the native receipt as it is: it is verified as well, and its
verdicts are part of the answer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

from gateway.receipts.canonical import CanonicalError, canonical, parse
from gateway.receipts.ed25519 import VerifyingKey
from gateway.receipts.keys import KeyRing
from gateway.receipts.note import NoteError
from gateway.receipts.projections.credential import credential_faults
from gateway.receipts.projections.dsse import open_envelope
from gateway.receipts.projections.manifest import manifest_faults
from gateway.receipts.projections.npm_v1 import NPM_VERSION, npm_v1_faults
from gateway.receipts.verdict import Aspect, Report, State
from gateway.receipts.verify import check_document, report_on

Faults: TypeAlias = Callable[[VerifyingKey], list[str]]


def verify_projection(data: bytes, ring: KeyRing) -> Report | None:
    """The verdicts over a document of another format than the native one; None of any other."""
    try:
        document = parse(data)
    except CanonicalError:
        return None
    if not isinstance(document, dict):
        return None
    if "receiptHash" in document and document.get("version") == NPM_VERSION:
        report = Report("npm v1.0 receipt")
        _under_any_key(report, ring, lambda key: npm_v1_faults(document, key))
    elif "proof" in document and "@context" in document:
        report = Report("credential")
        _under_any_key(report, ring, lambda key: credential_faults(document, key))
        subject = document.get("credentialSubject")
        _inner(report, ring, subject.get("receipt") if isinstance(subject, dict) else None)
    elif "payloadType" in document:
        report = _envelope(document, ring)
    elif "workUnits" in document:
        report = _manifest(data, document, ring)
    else:
        return None
    return report


def _under_any_key(report: Report, ring: KeyRing, faults: Faults) -> None:
    """These formats name their key loosely or not at all: any pinned key of receipts will do."""
    keys = [ring.verifying(key) for key in ring.receipt_keys()]
    if not keys:
        message = "no key is pinned: anybody may have signed"
        report.add(Aspect.AUTHENTICITY, State.UNKNOWN, "unknown_key", message)
        return
    found = min((faults(key) for key in keys), key=len)
    for fault in found:
        report.add(Aspect.INTEGRITY, State.TAMPERED, "projection", fault)
    report.passed(Aspect.INTEGRITY)
    if not found:
        report.passed(Aspect.AUTHENTICITY)


def _inner(report: Report, ring: KeyRing, receipt: object) -> None:
    if not isinstance(receipt, dict):
        message = "the native receipt is not in it"
        report.add(Aspect.INTEGRITY, State.TAMPERED, "projection", message)
        return
    try:
        data = canonical(receipt)
    except CanonicalError as error:
        report.add(Aspect.INTEGRITY, State.TAMPERED, "not_canonical", str(error), "receipt")
        return
    report_on(report, check_document(data, ring), "receipt")


def _envelope(envelope: Mapping[str, Any], ring: KeyRing) -> Report:
    report = Report("DSSE envelope")
    payload: list[bytes] = []

    def faults(key: VerifyingKey) -> list[str]:
        try:
            payload.append(open_envelope(envelope, key))
        except ValueError as error:
            return [str(error)]
        return []

    _under_any_key(report, ring, faults)
    if payload:
        try:
            statement = parse(payload[0])
        except CanonicalError as error:
            report.add(Aspect.INTEGRITY, State.TAMPERED, "not_json", str(error), "payload")
        else:
            _inner(report, ring, statement.get("predicate"))
    return report


def _manifest(data: bytes, document: Mapping[str, Any], ring: KeyRing) -> Report:
    report = Report(".sonate manifest")
    try:
        keys = ring.log_keys(f"sonate/{document.get('projectId')}", any_origin=True)
    except NoteError as error:
        report.add(Aspect.INTEGRITY, State.TAMPERED, "projection", str(error))
        return report
    if not keys:
        message = "no key of a log is pinned: anybody may have signed"
        report.add(Aspect.AUTHENTICITY, State.UNKNOWN, "unknown_key", message)
        return report
    faults = manifest_faults(data, keys)
    for fault in faults:
        report.add(Aspect.INTEGRITY, State.TAMPERED, "projection", fault)
    report.passed(Aspect.INTEGRITY)
    if not faults:
        report.passed(Aspect.AUTHENTICITY)
    return report
