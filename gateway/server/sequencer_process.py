"""The supervisor's side of the sequencer: started when receipts are kept, kept up, ended last."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
from typing import Any

import orjson

from gateway.errors import SealgateError
from gateway.ledger.folder import new_ref, open_journal
from gateway.ledger.journal import BATCHED, Journal
from gateway.ledger_settings import LedgerSettings
from gateway.policy.loader import Bundle
from gateway.server.journals import STATUS_FILE
from gateway.server.workers import restart_delay
from gateway.settings import Settings
from gateway.telemetry import catalogue
from gateway.telemetry.metrics import MetricsSnapshot
from gateway.yaml_source import read_yaml

PLUGIN = "receipt"
STOP_TIMEOUT_S = 10.0
"""Time to bring what is in the journals into the ledger at the end; later starts read the rest."""
STATUS_INTERVAL_S = 1.0
STATES = ("running", "away", "quarantined", "starting", "stopped")

_log = logging.getLogger("sealgate.supervisor")


def keeps_receipts(settings: LedgerSettings, bundle: Any) -> bool:
    """Whether a sequencer is wanted: by the settings, or by a policy that uses the plugin."""
    if settings.enabled is not None:
        return settings.enabled
    return isinstance(bundle, Bundle) and uses_plugin(bundle, PLUGIN)


def uses_plugin(bundle: Bundle, name: str) -> bool:
    """Whether any chain of the bundle has a step of that plugin."""
    for source in bundle.files:
        if name not in source.text:
            continue
        data = read_yaml(source.text, source.name).data
        chain = data.get("chain") if isinstance(data, dict) else None
        for step in chain if isinstance(chain, list) else ():
            if step == name or (isinstance(step, dict) and name in step):
                return True
    return False


class SequencerProcess:
    """The one sequencer process of this node; nothing runs until `ensure` finds it wanted."""

    def __init__(self, settings: Settings) -> None:
        self.restarts = 0
        self._settings = settings
        self._process: asyncio.subprocess.Process | None = None
        self._keeper: asyncio.Task[None] | None = None
        self._watcher: asyncio.Task[None] | None = None
        self._ending = asyncio.Event()
        self._journal: Journal | None = None
        self._status: dict[str, Any] = {"state": "starting", "error": ""}

    @property
    def wanted(self) -> bool:
        """Whether receipts are kept since some moment; it then runs until the gateway ends."""
        return self._keeper is not None

    def ensure(self, bundle: Any) -> None:
        """Starts it where the policies in force want it and it does not run yet."""
        if self._keeper is None and keeps_receipts(self._settings.ledger, bundle):
            loop = asyncio.get_running_loop()
            self._keeper = loop.create_task(self._keep())
            self._watcher = loop.create_task(self._watch())

    async def tell(self, kind: str, detail: dict[str, Any]) -> None:
        """Puts a control record into the log, where receipts are kept; a fault is logged."""
        if self.wanted:
            draft = {"kind": kind, "detail": detail}
            payload = orjson.dumps({"t": "control", "ref": new_ref(), "draft": draft})
            await asyncio.to_thread(self._append, payload)

    async def stop(self) -> None:
        """Lets it read all journals to their end, and waits; called when every writer has ended."""
        self._ending.set()
        if self._keeper is None:
            return
        if self._journal is not None:
            await asyncio.to_thread(self._journal.close)
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
        try:
            await asyncio.wait_for(asyncio.shield(self._keeper), STOP_TIMEOUT_S)
        except TimeoutError:
            _log.warning("the sequencer did not end in time; the next start reads the rest")
            if self._process is not None:
                with contextlib.suppress(ProcessLookupError):
                    self._process.kill()
            await self._keeper
        if self._watcher is not None:
            self._watcher.cancel()

    def status(self) -> dict[str, Any]:
        """What the process last said of itself."""
        return {**self._status, "restarts": self.restarts}

    def write_to(self, snapshot: MetricsSnapshot) -> None:
        """The metrics of the ledger; none where no receipts are kept."""
        if not self.wanted:
            return
        status = self._status
        for state in STATES:
            snapshot.gauge(catalogue.LEDGER_STATE, int(status["state"] == state), state)
        snapshot.gauge(catalogue.LEDGER_ENTRIES, status.get("entries", 0))
        snapshot.gauge(catalogue.LEDGER_WAITING, status.get("waiting_bytes", 0))
        for name in ("opened", "closed", "interrupted", "dropped"):
            snapshot.count(catalogue.LEDGER_EXCHANGES, status.get(name, 0), name)
        snapshot.count(catalogue.LEDGER_GAPS, status.get("gaps", 0))

    def _append(self, payload: bytes) -> None:
        try:
            if self._journal is None or self._journal.state != "open":
                self._journal = open_journal(self._settings, f"control-{os.getpid()}", BATCHED)
            self._journal.append(payload)
        except (SealgateError, OSError) as error:
            _log.error("event not in the ledger", extra={"fields": {"error": str(error)}})

    async def _keep(self) -> None:
        """Starts it, and starts it again when it ends before it should."""
        loop = asyncio.get_running_loop()
        delay_s: float | None = None
        while not self._ending.is_set():
            began = loop.time()
            code = await self._run()
            if self._ending.is_set():
                return
            self.restarts += 1
            delay_s = restart_delay(delay_s, loop.time() - began)
            fields = {"exit_code": code, "after_s": delay_s}
            _log.warning("replacing sequencer", extra={"fields": fields})
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ending.wait(), max(delay_s, 0.001))

    async def _run(self) -> int:
        command = (
            f"import sys; sys.path[:] = {sys.path!r}; "
            "from gateway.ledger.process import main; sys.exit(main())"
        )
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-P", "-c", command, stdin=asyncio.subprocess.PIPE
        )
        self._process = process
        if process.stdin is not None:
            process.stdin.write(self._settings.model_dump_json().encode() + b"\n")
            if self._ending.is_set():
                process.stdin.close()
        return await process.wait()

    async def _watch(self) -> None:
        """Reads the status that the process writes, about once a second."""
        while True:
            said = await asyncio.to_thread(self._read_status)
            if self._process is None or self._process.returncode is not None:
                said["state"] = "starting"
            self._status = said
            await asyncio.wait([self._keeper or asyncio.Future()], timeout=STATUS_INTERVAL_S)

    def _read_status(self) -> dict[str, Any]:
        folder = self._settings.ledger.folder or self._settings.data_dir / "ledger"
        try:
            status: dict[str, Any] = orjson.loads((folder / STATUS_FILE).read_bytes())
        except (OSError, ValueError):
            return {"state": "starting", "error": ""}
        return status
