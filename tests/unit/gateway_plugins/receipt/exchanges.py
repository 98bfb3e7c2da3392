"""Exchanges as the core leaves them for the receipt plugin."""

from __future__ import annotations

from typing import Any

import orjson

from gateway.errors import SealgateError
from gateway.plugin import Durability, Exchange, Runtime
from gateway.plugin.testing import make_exchange, make_response
from gateway.plugin.usage import Usage
from gateway_plugins.receipt import Receipt
from gateway_plugins.receipt.config import ReceiptConfig

REF = "abcdefghjkmnpqrstvwxyz0123"
CHAT: dict[str, Any] = {"model": "gpt-4o", "messages": [{"role": "user", "content": "Hello"}]}
ANSWER: dict[str, Any] = {
    "model": "gpt-4o-2024-08-06",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "Hi there"}}],
    "usage": {"prompt_tokens": 9, "completion_tokens": 2},
}
EVENTS = b"".join(
    b"data: "
    + orjson.dumps({"model": "gpt-4o", "choices": [{"index": 0, "delta": {"content": part}}]})
    + b"\n\n"
    for part in ("Hi", " there", "!")
)


class MemoryJournal:
    """A journal that keeps its records; `state` can be set to end it."""

    def __init__(self) -> None:
        self.state = "open"
        self.durability = "batched"
        self.records: list[dict[str, Any]] = []
        self.payloads: list[bytes] = []
        self.flushes = 0
        self.writes = 0
        self.bytes_max = 1_048_576

    def append(self, payload: bytes) -> None:
        self.extend([payload])

    def extend(self, payloads: list[bytes]) -> None:
        if self.state != "open":
            raise SealgateError("the journal is failed")
        assert all(payload.startswith(b'{"t":"') for payload in payloads)
        if any(len(payload) > self.bytes_max for payload in payloads):
            raise ValueError("a record is too long")
        self.writes += 1
        self.payloads += payloads
        self.records += [orjson.loads(payload) for payload in payloads]

    async def synced(self) -> None:
        if self.state != "open":
            raise SealgateError("the journal is failed")
        self.flushes += 1

    def only(self, kind: str) -> dict[str, Any]:
        """The one record of this kind."""
        (found,) = [record for record in self.records if record["t"] == kind]
        return found


async def plugin_with(
    journal: MemoryJournal, counted: list[str] | None = None, **config: Any
) -> Receipt:
    """A started use of the plugin that writes to `journal`."""

    def journal_of(durability: Durability | None) -> MemoryJournal:
        journal.durability = durability or "batched"
        return journal

    def count(plugin: str, event: str) -> None:
        assert plugin == "receipt"
        if counted is not None:
            counted.append(event)

    runtime = Runtime(
        monotonic=lambda: 100.0, wall=lambda: 1_800_000_000.25, journal=journal_of, count=count
    )
    plugin = Receipt(ReceiptConfig.model_validate(config), runtime)
    await plugin.start()
    return plugin


def begun(
    plugin: Receipt, body: bytes | None = None, *, headers: dict[str, str] | None = None
) -> Exchange:
    """An exchange whose policy was just chosen."""
    x = make_exchange(body=orjson.dumps(CHAT) if body is None else body, headers=headers or {})
    x.upstream, x.started_at = "openai", 99.5
    x.evidence = plugin.begin_evidence(x, REF)
    return x


def answered(
    x: Exchange,
    body: bytes,
    *,
    streamed: bool = False,
    returned: bytes | None = None,
    headers: dict[str, str] | None = None,
    pieces: int = 1,
) -> None:
    """The exchange's end, as the core notes it."""
    evidence, request = x.evidence, x.request
    assert evidence is not None
    fields = {"content-type": "text/event-stream" if streamed else "application/json"}
    x.response = make_response(headers={**fields, **(headers or {})}, streamed=streamed)
    evidence.response_encoding = (headers or {}).get("content-encoding", "").encode()
    evidence.request.add(request.body or b"")
    evidence.forwarded = evidence.request
    came, goes = evidence.begin_answer(edited=returned is not None, streamed=streamed)
    size = -(-len(body) // pieces)
    for start in range(0, len(body), size):
        came.add(body[start : start + size])
    if goes is not None:
        goes.add(returned or b"")
    evidence.status, evidence.outcome, evidence.stream_outcome = 200, "served", "complete"
    evidence.forwarded_at, evidence.first_byte_at, evidence.ended_at = 99.6, 99.8, 99.9
    x.bytes_in, x.bytes_out = len(request.body or b""), len(body)


def known_usage() -> Usage:
    """Usage that another plugin had the core read."""
    return Usage(input_tokens=9, output_tokens=2, estimated=False, model="gpt-4o-2024-08-06")
