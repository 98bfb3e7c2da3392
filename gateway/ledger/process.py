"""The sequencer's own process: started by the supervisor, ended by the end of its standard input.

Its first line of input is the settings as JSON. When the input ends, the supervisor is gone or
wants it to end: it goes on until every writer of a journal is gone and all is in the ledger.
Its state stands in `status.json` in the ledger's folder.
"""

from __future__ import annotations

import gc
import logging
import os
import select
import signal
import sys
from typing import Any

import orjson

from gateway.ledger.folder import ledger_folder
from gateway.ledger.opening import Clocks, sequencer
from gateway.ledger.recovery import ACKNOWLEDGED_FILE, QuarantineError
from gateway.ledger.scheduling import ask_for_long_slices
from gateway.ledger.sequencer import BATCH_ENOUGH, Sequencer
from gateway.ledger.store import FencedError, LedgerAwayError, LedgerError
from gateway.ledger.tree import write_whole
from gateway.receipts.score import Band
from gateway.settings import Settings
from gateway.telemetry.lines import LineWriter
from gateway.telemetry.logs import configure_logging

STATUS_FILE = "status.json"
STATUS_INTERVAL_S = 1.0
RETRY_FIRST_S = 0.1
RETRY_MAX_S = 5.0
EXIT_FENCED = 3

_log = logging.getLogger("sealgate.ledger")


def main() -> int:
    """Runs the process; returns its exit code."""
    # The supervisor decides when this ends; a terminal's Ctrl-C goes to the whole group.
    for signum in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(signum, signal.SIG_IGN)
    # A batch makes thousands of objects and no cycles: looking for them often is in vain.
    gc.freeze()
    gc.set_threshold(100_000, 20, 20)
    ask_for_long_slices()
    settings = Settings.model_validate_json(sys.stdin.buffer.readline())
    writer = LineWriter(sys.stdout.fileno())
    configure_logging(settings.log, writer)
    for name in settings.ledger.keys.in_environment:
        _log.warning(
            "%s is a private key in the environment, which every child and crash report has: "
            "write file:/path or transit:NAME; `profile: production` refuses it",
            name,
        )
    try:
        with sequencer(settings) as running:
            return Loop(settings, running, Clocks()).run()
    except FencedError as error:
        _log.error("sequencer ended: %s", error)  # the text says all
        return EXIT_FENCED
    except LedgerError as error:
        _log.error("sequencer cannot go on: %s", error)  # the text says all
        return 1
    finally:
        writer.close()


class Loop:
    """Steps until the input ends and all is in the ledger; tells its state."""

    def __init__(self, settings: Settings, running: Sequencer, clocks: Clocks) -> None:
        self._folder = ledger_folder(settings)
        self._interval_s = settings.ledger.batch_interval_ms / 1000
        self._sequencer = running
        self._clocks = clocks
        self._ending = False
        self._state = "starting"
        self._error = ""
        self._alarm = ""
        self._next_status = 0.0
        self._retry_s = RETRY_FIRST_S

    def run(self) -> int:
        """The whole life. Raises LedgerError."""
        if not self._start():
            return 0
        while not self._done():
            entries = self._step()
            self._tell()
            if entries < 0:
                if self._ending:
                    # Nothing is lost: what is in the journals is read by the next start.
                    return 1
                self._pause(self._retry_s)
                self._retry_s = min(self._retry_s * 2, RETRY_MAX_S)
            elif entries == 0 or (entries < BATCH_ENOUGH and not self._ending):
                self._pause(self._interval_s)
        self._state = "stopped"
        self._tell(now=True)
        return 0

    def _done(self) -> bool:
        return self._ending and self._state == "running" and self._sequencer.finished()

    def _start(self) -> bool:
        """Whether the sequencer has started; waits in quarantine and while the ledger is away."""
        while not self._ending:
            seen = self._acknowledged()
            try:
                self._sequencer.start()
            except QuarantineError as error:
                self._say("quarantined", str(error), error.alarm)
                self._wait_for_acknowledgement(seen)
            except (LedgerAwayError, OSError) as error:
                self._say("away", str(error))
                self._pause(self._retry_s)
                self._retry_s = min(self._retry_s * 2, RETRY_MAX_S)
            else:
                self._say("running", "")
                return True
        return False

    def _wait_for_acknowledgement(self, seen: float) -> None:
        while not self._ending and self._acknowledged() == seen:
            self._pause(STATUS_INTERVAL_S)

    def _step(self) -> int:
        """The number of new entries; -1 where the ledger, a key or a file cannot be used now."""
        seen = self._acknowledged()
        try:
            entries = self._sequencer.step()
        except LedgerAwayError as error:
            self._say("away", str(error))
            return -1
        except QuarantineError as error:
            self._say("quarantined", str(error), error.alarm)
            self._wait_for_acknowledgement(seen)
            return -1
        except OSError as error:
            self._say("away", f"a file of the ledger cannot be used: {error.strerror}")
            return -1
        self._say("running", "")
        self._retry_s = RETRY_FIRST_S
        return entries

    def _say(self, state: str, error: str, alarm: str = "") -> None:
        if (state, error) == (self._state, self._error):
            return
        level = logging.INFO if state == "running" else logging.ERROR
        fields = {"state": state, "entries": self._sequencer.size, "epoch": self._sequencer.epoch}
        if error:
            fields["error"] = error
        if alarm:
            fields["alarm"], fields["band"] = alarm, Band.CRITICAL.value
        _log.log(level, "ledger is %s", state, extra={"fields": fields})
        self._state, self._error, self._alarm = state, error, alarm
        self._tell(now=True)

    def _tell(self, *, now: bool = False) -> None:
        """Writes the status file, about once a second."""
        moment = self._clocks.monotonic_s()
        if not now and moment < self._next_status:
            return
        self._next_status = moment + STATUS_INTERVAL_S
        status: dict[str, Any] = {
            "state": self._state,
            "error": self._error,
            "alarm": self._alarm,
            "entries": self._sequencer.size,
            "epoch": self._sequencer.epoch,
            "at_ms": self._clocks.wall_ms(),
            **self._sequencer.counters._asdict(),
        }
        if self._state == "running":
            status["waiting_bytes"] = self._sequencer.waiting_bytes()
            status["running"] = self._sequencer.open_count
        try:
            write_whole(self._folder / STATUS_FILE, orjson.dumps(status))
        except OSError as error:
            _log.warning("the ledger's status cannot be written: %s", error.strerror)

    def _pause(self, seconds: float) -> None:
        """Waits, or until the input ends."""
        if self._ending:
            select.select([], [], [], min(seconds, RETRY_FIRST_S))
            return
        readable, _, _ = select.select([sys.stdin], [], [], seconds)
        if readable and not os.read(sys.stdin.fileno(), 4096):
            self._ending = True

    def _acknowledged(self) -> float:
        try:
            return (self._folder / ACKNOWLEDGED_FILE).stat().st_mtime
        except OSError:
            return 0.0
