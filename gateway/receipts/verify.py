"""One document verified: a receipt or a control record, alone or with its proof.

Everything is recomputed: `id`, `chain_hash`, the signature, the copies of the signature block
inside the signed part, the version, the chain's length, the trust score from its facts. Keys are
pinned: what the document says of its own key decides nothing but whether the document agrees with
itself.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any, Final

from gateway.receipts import score
from gateway.receipts.canonical import (
    CanonicalError,
    canonical,
    canonical_parsed,
    check,
    jcs,
    loads,
    parse,
    unchecked,
)
from gateway.receipts.ed25519 import verify
from gateway.receipts.keys import KeyRing
from gateway.receipts.merkle import ProofError
from gateway.receipts.note import NoteError, UnknownSignerError
from gateway.receipts.proof import parse_proof, verify_proof
from gateway.receipts.receipt import GENESIS, Forms, key_id_of, signed_bytes
from gateway.receipts.record import is_record
from gateway.receipts.structure import (
    manifest_structure,
    receipt_structure,
    record_structure,
    sealgate_structure,
)
from gateway.receipts.verdict import Aspect, Finding, Report, State

FUTURE_MAX: Final = timedelta(minutes=5)
"""Clocks differ by so much; a receipt from further ahead is not fresh but strange."""
SCORES_REMEMBERED: Final = 1024
DOCUMENT_BYTES_MAX: Final = 16 * 1024 * 1024


@dataclass(slots=True)
class Checked:
    """One document after its checks.

    `data` are its canonical bytes, what the log's entry commits to. `origin`, `index`, `tenant`,
    `seq` are where it says that it stands; None where it does not say (another issuer's receipt).
    """

    document: dict[str, Any]
    data: bytes
    findings: list[Finding] = field(default_factory=list)
    is_record: bool = False
    is_authentic: bool = False
    is_ours: bool = True
    origin: str | None = None
    index: int | None = None
    tenant: str | None = None
    seq: int | None = None

    @property
    def previous_hash(self) -> str:
        """`chain.previous_hash` of a receipt."""
        return str(self.document["chain"]["previous_hash"])

    @property
    def chain_hash(self) -> str:
        """`chain.chain_hash` of a receipt."""
        return str(self.document["chain"]["chain_hash"])

    def tampered(self, code: str, message: str, aspect: Aspect = Aspect.INTEGRITY) -> None:
        """Adds a finding."""
        self.findings.append(Finding(aspect, State.TAMPERED, code, message))


def check_document(data: bytes, ring: KeyRing) -> Checked:
    """All that can be said of one receipt or control record by itself.

    Args:
        data: its JSON. The canonical bytes, or any other way to write the same value with spaces.
        ring: the pinned keys.

    """
    if len(data) > DOCUMENT_BYTES_MAX:
        return _unreadable(f"more than {DOCUMENT_BYTES_MAX} bytes")
    try:
        document, own, forms = _read(data)
    except CanonicalError as error:
        return _unreadable(str(error))
    if not isinstance(document, dict):
        return _unreadable("not a JSON object")
    checked = Checked(document, own)
    # Spaces and another order of members come with tools that show JSON. A text of the same length
    # made of other bytes was changed where that does not change the value: the case of an escape.
    if data != own and len(data) == len(own) and sorted(data) != sorted(own):
        checked.tampered("not_canonical", "the bytes are not those that were signed")
    try:
        if is_record(document):
            _check_record(checked, ring)
        else:
            _check_receipt(checked, ring, forms)
    except (CanonicalError, RecursionError) as error:
        checked.tampered("not_canonical", str(error))
    return checked


def _read(data: bytes) -> tuple[Any, bytes, Forms | None]:
    """The value, its canonical bytes, and its forms where they were needed to know those bytes.

    A receipt is hashed from its parts anyway, and where those come together to `data`, that is
    canonical: no member stands twice and no number has another form. Raises CanonicalError.
    """
    value = loads(data)
    if isinstance(value, dict) and "interaction" in value:
        try:
            chain, signature = value["chain"], value["signature"]
            forms = Forms(value, chain, unchecked)
            if forms.whole(chain["chain_hash"], signature) == data:
                check(data, value)
                return value, data, forms
        except (AttributeError, KeyError, TypeError, ValueError):
            pass  # whatever it is, the slower way says what is wrong
    elif value is not None and canonical_parsed(value) == data:
        return value, data, None
    value = parse(data)
    return value, _canonical_of(value), None


def check_manifest(data: bytes, ring: KeyRing) -> Checked:
    """All that can be said of the manifest of an export by itself."""
    try:
        document = parse(data)
        own = canonical(document)
    except CanonicalError as error:
        return _unreadable(str(error))
    if not isinstance(document, dict):
        return _unreadable("not a JSON object")
    checked = Checked(document, own, is_record=True)
    if faults := manifest_structure(document):
        _misshapen(checked, faults)
    else:
        _check_copies(checked, document["signature"], document)
        _check_signature(checked, document["signature"], signed_bytes(document), ring)
    return checked


def verify_document(
    data: bytes,
    ring: KeyRing,
    *,
    proof: str | None = None,
    now: datetime | None = None,
    age_max: timedelta | None = None,
) -> Report:
    """The verdicts over one receipt or control record.

    Args:
        data: its JSON.
        ring: the pinned keys of receipts, and of the log for a proof.
        proof: its `tlog-proof@v1`. Without one, completeness stays unchecked.
        now: the time, UTC; without it freshness stays unchecked.
        age_max: older than this is stale.

    """
    checked = check_document(data, ring)
    report = Report("record" if checked.is_record else "receipt")
    report_on(report, checked)
    if proof is not None:
        _check_proof(report, checked, proof, ring)
    if now is not None:
        check_freshness(report, checked.document.get("timestamp"), now, age_max)
    return report


def report_on(report: Report, checked: Checked, where: str = "") -> None:
    """Takes one document's findings into a report, at a place."""
    for finding in checked.findings:
        report.add(finding.aspect, finding.state, finding.code, finding.message, where)
    report.passed(Aspect.INTEGRITY)
    if checked.is_authentic:
        report.passed(Aspect.AUTHENTICITY)


def check_freshness(
    report: Report, timestamp: object, now: datetime, age_max: timedelta | None
) -> None:
    """Whether a moment is not in the future, and not older than was asked for."""
    try:
        moment = datetime.fromisoformat(str(timestamp))
        age = now - moment
    except (TypeError, ValueError):
        report.add(Aspect.FRESHNESS, State.UNKNOWN, "no_time", "the timestamp cannot be read")
        return
    if age < -FUTURE_MAX:
        report.add(Aspect.FRESHNESS, State.UNKNOWN, "future", f"{timestamp} lies in the future")
    elif age_max is not None and age > age_max:
        report.add(Aspect.FRESHNESS, State.STALE, "too_old", f"{timestamp} is older than asked for")
    else:
        report.passed(Aspect.FRESHNESS)


def _check_receipt(checked: Checked, ring: KeyRing, forms: Forms | None) -> None:
    receipt = checked.document
    faults = receipt_structure(receipt)
    sealgate = receipt.get("metadata", {}).get("sealgate") if not faults else None
    checked.is_ours = sealgate is not None
    if sealgate is not None:
        faults += sealgate_structure(sealgate)
    if faults:
        _misshapen(checked, faults)
        return
    chain, signature = receipt["chain"], receipt["signature"]
    forms = forms or Forms(receipt, chain, _canonical_of)
    if forms.id != receipt["id"]:
        checked.tampered("id", "the id is not the hash of the receipt")
    if forms.chain_hash != chain["chain_hash"]:
        message_text = "chain_hash is not that of the receipt and the one before"
        checked.tampered("chain_hash", message_text)
    if sealgate is not None:
        _check_sealgate(checked, receipt, sealgate)
    # The signature is over what stands in the document, whether or not the hashes above are right.
    message = forms.signed(chain["chain_hash"])
    if forms.id != receipt["id"]:
        message = _canonical_of({k: v for k, v in receipt.items() if k != "signature"})
    _check_signature(checked, signature, message, ring)


def _check_sealgate(
    checked: Checked, receipt: Mapping[str, Any], sealgate: Mapping[str, Any]
) -> None:
    """The copies that the signature covers, the score, and where the receipt stands."""
    checked.origin, checked.index = sealgate["log"]["origin"], sealgate["log"]["index"]
    checked.tenant, checked.seq = sealgate["tenant"], sealgate["seq"]
    chain = receipt["chain"]
    _check_copies(checked, receipt["signature"], sealgate)
    if chain.get("chain_length") != sealgate["seq"]:
        checked.tampered("chain_length", "chain_length is not the number that was signed")
    if (chain["previous_hash"] == GENESIS) != (sealgate["seq"] == 1):
        checked.tampered("genesis", "only the first receipt of a tenant follows GENESIS")
    trust = sealgate.get("trust")
    shown = receipt.get("telemetry", {}).get("overall_trust_score")
    if trust is not None:
        for fault in _score_faults(unchecked(trust)):
            checked.tampered("score", fault)
    if shown is not None and shown != (trust or {}).get("result"):
        checked.tampered("score", "telemetry.overall_trust_score does not rest on facts")


@lru_cache(SCORES_REMEMBERED)
def _score_faults(trust: bytes) -> tuple[str, ...]:
    """The faults of a score; most receipts of a log share one of a few sets of facts."""
    return tuple(score.faults(parse(trust)))


def _check_record(checked: Checked, ring: KeyRing) -> None:
    record = checked.document
    checked.is_record = True
    faults = record_structure(record)
    if faults:
        _misshapen(checked, faults)
        return
    checked.origin, checked.index = record["log"]["origin"], record["log"]["index"]
    tenant = record["detail"].get("tenant")
    checked.tenant = tenant if isinstance(tenant, str) else None
    _check_copies(checked, record["signature"], record)
    _check_signature(checked, record["signature"], signed_bytes(record), ring)


def _check_copies(
    checked: Checked, signature: Mapping[str, Any], signed: Mapping[str, Any]
) -> None:
    """A signature cannot cover its own block, so the block must repeat what is signed."""
    if signature["key_version"] != signed["key_id"]:
        checked.tampered("key_version", "signature.key_version is not the key that was signed")
    if signature.get("timestamp_signed") != signed["signed_at"]:
        checked.tampered("timestamp_signed", "signature.timestamp_signed is not as it was signed")
    shown = signature.get("public_key")
    if shown is not None and key_id_of(bytes.fromhex(shown)) != signed["key_id"]:
        checked.tampered("public_key", "signature.public_key is not the key that was signed")


def _check_signature(
    checked: Checked, signature: Mapping[str, Any], message: bytes, ring: KeyRing
) -> None:
    value = bytes.fromhex(signature["value"])
    shown = bytes.fromhex(signature.get("public_key", ""))
    key = ring.find(signature["key_version"]) or ring.find(key_id_of(shown))
    if key is None and not checked.is_ours:
        # Another issuer names its keys as it likes: a pinned key counts under whatever name.
        key = next(
            (k for k in ring.receipt_keys() if ring.verifying(k).verify(message, value)), None
        )
    if key is None:
        _without_key(checked, shown, message, value)
        return
    if not ring.verifying(key).verify(message, value):
        checked.tampered("signature", "the signature is wrong", Aspect.AUTHENTICITY)
    elif fault := key.fault_at(checked.index):
        checked.tampered("key_range", fault, Aspect.AUTHENTICITY)
    else:
        checked.is_authentic = True


def _without_key(checked: Checked, shown: bytes, signed: bytes, value: bytes) -> None:
    """No pinned key fits: all that can be said is whether the document agrees with its own key."""
    if shown and not verify(shown, signed, value):
        checked.tampered(
            "signature", "the signature is wrong under the key that the document shows"
        )
    name = checked.document["signature"]["key_version"]
    message = f"no pinned key is {name}, so anybody may have signed"
    checked.findings.append(Finding(Aspect.AUTHENTICITY, State.UNKNOWN, "unknown_key", message))


def _check_proof(report: Report, checked: Checked, text: str, ring: KeyRing) -> None:
    try:
        proof = parse_proof(text)
        checkpoint = ring.open_checkpoint(proof.checkpoint)
        verify_proof(proof, checked.data, checkpoint)
    except NoteError as error:
        unknown = isinstance(error, UnknownSignerError)
        state = State.UNKNOWN if unknown else State.TAMPERED
        report.add(Aspect.COMPLETENESS, state, "checkpoint", str(error), "proof")
        return
    except ProofError as error:
        report.add(Aspect.COMPLETENESS, State.TAMPERED, "inclusion", str(error), "proof")
        return
    if (checkpoint.origin, proof.index) != (checked.origin, checked.index):
        message = "the proof is for another place in the log"
        report.add(Aspect.COMPLETENESS, State.TAMPERED, "log_index", message, "proof")
    else:
        report.passed(Aspect.COMPLETENESS)


def _misshapen(checked: Checked, faults: Iterable[str]) -> None:
    for fault in faults:
        checked.tampered("structure", fault)


def _unreadable(why: str) -> Checked:
    checked = Checked({}, b"")
    checked.tampered("not_json", why)
    return checked


def _canonical_of(value: Any) -> bytes:
    """Canonical bytes of any document: another issuer's may hold what our subset lacks."""
    try:
        return canonical_parsed(value)
    except CanonicalError:
        return jcs(value)
