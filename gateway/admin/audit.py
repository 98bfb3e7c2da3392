"""One line per call of the admin API: who did what to which record, and what came of it.

No credential, no body: only names and ids. The lines are written whatever `log.level` says.
"""

from __future__ import annotations

import logging
from typing import Any

from gateway.identity.keys import KEY_PREFIX, TOKEN_PREFIX
from gateway.receipts.score import Band

_log = logging.getLogger("sealgate.audit")
_log.setLevel(logging.INFO)

OUTCOMES = {401: "unauthenticated", 403: "forbidden", 404: "not_found", 429: "rate_limited"}
"""What the status of an answer means; other refusals are `refused`, faults `failed`."""


def record(
    *,
    action: str,
    actor: str,
    tenant: str | None,
    record_id: str,
    client_ip: str,
    status: int,
    alarm: str = "",
) -> dict[str, Any]:
    """Writes the line, and returns what of it may stand in the ledger for ever.

    `tenant` None stands for all of them; `record_id` is "" for none. `alarm` is what the act
    raises, as `gateway.receipts.score.Alarm` names it: its line is a warning, its record critical.
    """
    if status < 400:  # noqa: PLR2004  # the classes of RFC 9110 section 15
        outcome = "done"
    else:
        outcome = OUTCOMES.get(status, "failed" if status >= 500 else "refused")  # noqa: PLR2004  # the classes of RFC 9110 section 15
    fields: dict[str, Any] = {
        "action": action,
        "actor": actor,
        "tenant": "*" if tenant is None else tenant,
        "object": _shown(record_id),
        "client_ip": client_ip,
        "outcome": outcome,
        "status": status,
    }
    told = {"actor": actor, "action": action, "target": fields["object"], "outcome": outcome}
    if alarm:
        fields["alarm"], fields["band"] = alarm, Band.CRITICAL.value
        told["alarm"] = alarm
    _log.log(logging.WARNING if alarm else logging.INFO, "admin action", extra={"fields": fields})
    return {**told, "tenant": tenant or "", "status": status}


def _shown(record_id: str) -> str:
    """An id as far as it is none of the secrets that people paste into URLs."""
    secret = record_id.startswith((KEY_PREFIX, TOKEN_PREFIX))
    return "(a secret)" if secret else record_id[:128]
