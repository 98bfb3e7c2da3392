"""The facts of one exchange that the gateway observed; what is not named here is unknown.

| fact                   | true                                  | false                         |
|------------------------|---------------------------------------|-------------------------------|
| `consent_on_record`    | a source has a consent                | the sources have none, or it  |
|                        |                                       | was withdrawn                 |
| `consent_in_scope`     | it covers the scope that is asked     | it does not                   |
| `consent_fresh`        | it is younger than asked              | it is older                   |
| `withdrawal_honoured`  | a source that knows of withdrawals    | withdrawn, and served         |
|                        | was asked, and none was served        |                               |
| `receipt_signed`       | a receipt is kept of this exchange    | none is                       |
| `receipt_verifiable`   | the same, and its bodies are          | none is                       |
|                        | committed to in the log               |                               |
| `audit_log_on`         | the ledger records administrative     | (unknown without a ledger)    |
|                        | acts in the same log                  |                               |
| `request_checked`      | a check ran over all of the request   | none ran, or not over all     |
| `response_checked`     | the same for the answer               | the same                      |
| `no_check_failed`      | checks ran, and none failed           | one failed or was late        |
| `no_check_skipped`     | checks ran, and none was skipped      | one was                       |
| `override_ready`       | the switch can be read                | it cannot                     |
| `override_in_time`     | it works as soon as asked             | it does not                   |
| `human_in_the_loop`    | the request names who approved it     | it names nobody               |
| `exit_without_penalty` | the client left, and the provider's   | (unknown where nobody left)   |
|                        | work was stopped at once              |                               |
| `deletion_possible`    | the receipt of a known caller can be  | content is kept for nobody    |
|                        | erased by that caller                 | who could ask                 |
| `no_manipulation_flag` | a check ran, and raised nothing       | one flagged or denied         |
| `limits_admitted`      | the client was told what could not be | (unknown without checks)      |
|                        | inspected (`x-sealgate-coverage`)     |                               |
"""

from __future__ import annotations

from typing import Final

from gateway.plugin import PRINCIPAL, Exchange, Outcome
from gateway_plugins.trust_score.consent import Found

Facts = dict[str, bool | None]

_REQUEST: Final = frozenset({"on_request_headers", "on_request"})
_RESPONSE: Final = frozenset({"on_response", "on_text"})
_ERROR: Final = Outcome.ERROR
_SKIP: Final = Outcome.SKIP
_DENY: Final = Outcome.DENY
_FLAG: Final = Outcome.FLAG
_PRINCIPAL: Final = PRINCIPAL


def consent_facts(
    found: Found, *, scope: str | None, max_age_s: float, now_s: float, served: bool
) -> Facts:
    """What the sources of consent say; `served` says that the exchange was not refused for it."""
    if not found.asked:
        return {}
    consent = found.consent
    facts: Facts = {"consent_on_record": consent is not None and not consent.withdrawn}
    if found.revocable:
        facts["withdrawal_honoured"] = not (consent is not None and consent.withdrawn and served)
    if consent is None or consent.withdrawn:
        return facts
    if scope is not None:
        facts["consent_in_scope"] = scope in consent.scopes
    if consent.granted_at is not None:
        facts["consent_fresh"] = 0 <= now_s - consent.granted_at <= max_age_s
    return facts


def check_facts(x: Exchange, checks: frozenset[str]) -> Facts:
    """What the checks of the policy came to in this exchange."""
    failed = skipped = found = request = response = False
    asked = done = 0
    for v in x.verdicts:
        if not v.enforced or v.plugin not in checks:
            continue
        asked += 1
        outcome = v.outcome
        # By identity: a set of them asks each for its hash, and an enum makes that in Python.
        if outcome is _ERROR:
            failed = True
        elif outcome is _SKIP:
            skipped = True
        else:
            done += 1
            found = found or outcome is _DENY or outcome is _FLAG
            request = request or v.hook in _REQUEST
            response = response or v.hook in _RESPONSE
    coverage = x.coverage
    request = request and coverage is not None and coverage.request.level == "full"
    response = response and coverage is not None and coverage.response.level == "full"
    facts: Facts = {"request_checked": request, "response_checked": response}
    if asked:
        facts["no_check_failed"] = not failed
        facts["no_check_skipped"] = not skipped
        if done:
            facts["no_manipulation_flag"] = not found
    if coverage is not None:
        facts["limits_admitted"] = True
    return facts


def receipt_facts(x: Exchange) -> Facts:
    """What is kept of this exchange, and whether it can be taken away again."""
    kept = x.evidence is not None
    facts: Facts = {"receipt_signed": kept, "receipt_verifiable": kept}
    if kept:
        facts["audit_log_on"] = True
        if x.facts.get(_PRINCIPAL) is not None:
            facts["deletion_possible"] = True
    if x.evidence is not None and x.evidence.stream_outcome == "client_gone":
        facts["exit_without_penalty"] = True
    return facts
