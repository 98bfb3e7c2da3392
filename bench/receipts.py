"""What a receipt costs a worker: CPU time of noting, reading and writing, per exchange and event.

    PYTHONPATH=$(.ci/compile --path) python -P bench/receipts.py

The fastest of many runs counts: everything else is the machine's.
"""

from __future__ import annotations

import asyncio
import sys
import tempfile
import time
from pathlib import Path

import orjson

from gateway.build import KIND
from gateway.ledger.journal import Journal
from gateway.plugin import Outcome, Runtime, Verdict
from gateway.plugin.testing import make_exchange, make_response
from gateway_plugins.receipt import Receipt
from gateway_plugins.receipt.config import ReceiptConfig

CHAT = orjson.dumps(
    {
        "model": "gpt-4o",
        "messages": [
            {"role": "system", "content": "s" * 400},
            {"role": "user", "content": "hello " * 200},
        ],
    }
)
ANSWER = orjson.dumps(
    {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "model": "gpt-4o-2024-08-06",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "word " * 150},
                "finish_reason": "stop",
            }
        ],
        "usage": {"prompt_tokens": 400, "completion_tokens": 150, "total_tokens": 550},
    }
)
EVENTS = 1000
STREAM = [
    b"data: "
    + orjson.dumps(
        {
            "id": "chatcmpl-123456789",
            "object": "chat.completion.chunk",
            "created": 1700000000,
            "model": "gpt-4o-2024-08-06",
            "system_fingerprint": "fp_44709d6fcb",
            "choices": [
                {
                    "index": 0,
                    "delta": {"content": f" word{n}"},
                    "logprobs": None,
                    "finish_reason": None,
                }
            ],
        }
    )
    + b"\n\n"
    for n in range(EVENTS)
]
VERDICTS = [
    Verdict(plugin, hook, Outcome.ALLOW, 1.0)
    for plugin in ("ip_allowlist", "rate_limit", "injection", "dlp", "trust_score")
    for hook in ("on_request_headers", "on_request", "on_response_headers")
]


def exchange(plugin: Receipt, *, streamed: bool) -> float:
    """The seconds of CPU that the receipt adds to one exchange."""
    x = make_exchange(body=CHAT, model="gpt-4o")
    x.upstream, x.verdicts = "openai", list(VERDICTS)
    x.response = make_response(
        headers={"content-type": "text/event-stream" if streamed else "application/json"},
        streamed=streamed,
    )
    began = time.process_time()
    x.evidence = evidence = plugin.begin_evidence(x, "0" * 26)
    if evidence is None:
        raise SystemExit("the journal takes no records")
    plugin.on_request_headers(x)
    plugin.on_response_headers(x)
    evidence.request.add(CHAT)
    evidence.forwarded = evidence.request
    seen, _ = evidence.begin_answer(edited=False, streamed=streamed)
    for piece in STREAM if streamed else [ANSWER]:
        seen.add(piece)
    evidence.stream_outcome, evidence.outcome, evidence.status = "complete", "served", 200
    plugin.on_complete(x)
    return time.process_time() - began


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        journal = Journal(Path(folder), "bench")

        async def started() -> Receipt:
            plugin = Receipt(ReceiptConfig(), Runtime(journal=lambda _: journal))
            await plugin.start()
            return plugin

        plugin = asyncio.run(started())
        whole = min(exchange(plugin, streamed=False) for _ in range(5000)) * 1e6
        stream = min(exchange(plugin, streamed=True) for _ in range(100)) * 1e6
        journal.close()
    print(f"{KIND} build, Python {sys.version.split()[0]}")
    print(f"whole exchange   {whole:7.1f} us")
    print(f"streamed event   {(stream - whole) / EVENTS:7.2f} us   ({EVENTS} events)")


if __name__ == "__main__":
    main()
