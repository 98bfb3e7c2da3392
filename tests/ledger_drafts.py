"""Exchanges as a worker writes them to its journal, and a node's ledger on its own folder."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from gateway.ledger.folder import open_journal
from gateway.ledger.opening import Clocks, sequencer
from gateway.ledger.sequencer import Sequencer
from gateway.settings import Settings

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
EMPTY = hashlib.sha256(b"").hexdigest()


def make_ref(number: int | None = None) -> str:
    """A ref as the gateway makes it, or the same one for the same number."""
    if number is not None:
        return f"{number:026d}"
    return "".join(ALPHABET[byte % 32] for byte in os.urandom(26))


def _digest() -> str:
    return hashlib.sha256(os.urandom(8)).hexdigest()


def _sealgate(tenant: str) -> dict[str, Any]:
    """What the gateway adds to a receipt of a chat through six plugins."""
    names = ("ip_allowlist", "auth", "rate_limit", "injection", "dlp", "trust_score")
    points = ("request_received", "request_forwarded", "response_received", "response_returned")
    times = (("received", 0), ("forwarded", 2), ("first_byte", 422), ("last_byte", 1622))
    return {
        "v": 1,
        "tenant": tenant,
        "request_id": make_ref(),
        "route": "openai",
        "dialect": "openai",
        "policy": {"name": "production", "version": 7, "digest": _digest()},
        "gateway": {"version": "0.1.0", "build": "compiled"},
        "digests": {
            p: "same" if p.endswith(("forwarded", "returned")) else _digest() for p in points
        },
        "bytes": {point: 1711 if "request" in point else 5234 for point in points},
        "stream": {"events": 84, "outcome": "complete"},
        "status": 200,
        "verdicts": [
            {"plugin": n, "mode": "enforce", "outcome": "allow", "reason": "", "us": 17}
            for n in names
        ],
        "coverage": {"request": "full", "response": "full", "tools": "full"},
        "redactions": {"email": 2},
        "usage": {"input": 412, "output": 183, "cached": 0, "reasoning": 0},
        "cost_micros": 2860,
        "model": {"asked": "gpt-4o", "served": "gpt-4o-2024-08-06"},
        "attempts": [{"target": "https://api.openai.com", "outcome": "ok", "us": 912345}],
        "principal": _digest()[:32],
        "times_ms": {name: 1_767_323_045_678 + after for name, after in times},
    }


def make_draft(tenant: str = "acme", session: str = "session-1", **sealgate: Any) -> dict[str, Any]:
    """A draft of the size and shape that a chat through six plugins leaves."""
    return {
        "timestamp": "2026-01-02T03:04:05.678Z",
        "session_id": session,
        "agent_did": "did:sonate:gpt-4o",
        "human_did": "did:sonate:anonymous",
        "mode": "constitutional",
        "policy_version": "7",
        "interaction": {
            "model": "gpt-4o",
            "provider": "openai",
            "prompt_hash": _digest(),
            "response_hash": _digest(),
        },
        "metadata": {"sealgate": {**_sealgate(tenant), **sealgate}},
    }


def make_payload(
    kind: str = "exchange",
    ref: str | None = None,
    *,
    subject: str | None = None,
    retention: str = "default",
    draft: dict[str, Any] | None = None,
) -> bytes:
    """One record of a journal."""
    return orjson.dumps(
        {
            "t": kind,
            "ref": ref or make_ref(),
            "draft": draft or make_draft(),
            "private": {"k": os.urandom(32).hex(), "subject": subject, "retention": retention},
        }
    )


def make_control(kind: str, ref: str | None = None, **detail: Any) -> bytes:
    """A control record, or a request to the sequencer."""
    draft = {"kind": kind, "detail": detail}
    return orjson.dumps({"t": "control", "ref": ref or make_ref(), "draft": draft})


class Clock:
    """Both clocks of a sequencer, moved by hand."""

    def __init__(self) -> None:
        self.now_s = 1_000.0
        self.wall = 1_800_000_000_000
        self.breaths = 0

    def advance(self, seconds: float) -> None:
        self.now_s += seconds
        self.wall += round(seconds * 1000)

    @property
    def clocks(self) -> Clocks:
        return Clocks(lambda: self.now_s, lambda: self.wall, self._breathe)

    def _breathe(self) -> None:
        self.breaths += 1


class Node:
    """One node: its settings and its clock."""

    def __init__(self, folder: Path, **ledger: Any) -> None:
        self.folder = folder / "ledger"
        self.settings = Settings.model_validate(
            {"data_dir": folder, "ledger": {"node": "node-1", "heartbeat_s": 3600, **ledger}}
        )
        self.clock = Clock()

    @contextlib.contextmanager
    def sequencer(self) -> Iterator[Sequencer]:
        """The sequencer, started."""
        with sequencer(self.settings, self.clock.clocks) as running:
            running.start()
            yield running

    def write(self, *payloads: bytes, worker: str = "0", durability: str = "batched") -> None:
        """A worker that writes these records and ends."""
        journal = open_journal(self.settings, worker, durability)
        for payload in payloads:
            journal.append(payload)
        journal.close()

    def settle(self) -> int:
        """Brings all that is in the journals into the ledger; the size of the log then."""
        with self.sequencer() as running:
            while running.waiting_bytes():
                running.step()
            running.step()
            return running.size
