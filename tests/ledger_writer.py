"""A process that writes a journal as a worker does, until it is killed; for the storms.

    python -m tests.ledger_writer DATA_DIR ACCEPTED_FILE

Each exchange is opened, told (a line in ACCEPTED_FILE, as a response's head would tell a client),
and closed. What was told must be in the log at the end, whatever was killed when.
"""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path

from gateway.ledger.folder import open_journal
from gateway.settings import Settings
from tests.ledger_drafts import make_draft, make_payload, make_ref

PACE_S = 0.005
"""About what a busy worker takes for an exchange; unpaced, three writers outrun any sequencer."""
TENANTS = ("acme", "beta", "gamma")


def main(data_dir: Path, accepted: Path) -> None:
    """Writes for ever."""
    settings = Settings.model_validate({"data_dir": data_dir})
    journal = open_journal(settings, str(os.getpid()), "batched")
    told = os.open(accepted, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    number = 0
    pace = threading.Event()
    while not pace.wait(PACE_S):
        number += 1
        draft = make_draft(TENANTS[number % 3])
        ref = make_ref()
        journal.append(make_payload("opened", ref, draft=draft, subject=f"s{number % 5}"))
        os.write(told, ref.encode() + b"\n")
        journal.append(make_payload("exchange", ref, draft=draft, subject=f"s{number % 5}"))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
