"""What stands in the journal, byte for byte, and the secrets that nobody shares."""

from __future__ import annotations

import os
from pathlib import Path

import orjson
import pytest

from gateway import __version__
from gateway.build import KIND
from gateway.plugin import TRUST, TRUST_BAND, Outcome, Verdict
from gateway.plugin.evidence import Attempt
from gateway.receipts.commitment import SECRET_BYTES
from gateway.receipts.score import score
from gateway_plugins.receipt import recording
from tests.unit.gateway_plugins.receipt.exchanges import (
    ANSWER,
    EVENTS,
    MemoryJournal,
    answered,
    begun,
    plugin_with,
)

RECORDS = Path(__file__).with_name("records.jsonl")
"""A whole exchange, then the two records of a stream."""


@pytest.fixture(autouse=True)
def secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    """Secrets of sevens, and none left from other tests."""
    recording._drawn.clear()
    monkeypatch.setattr(os, "urandom", lambda size: b"\x07" * size)


def expected() -> list[bytes]:
    """The records as this build and version write them."""
    gateway = b'"gateway":{"build":"%b","version":"%b"}' % (KIND.encode(), __version__.encode())
    return [
        line.replace(b'"gateway":{"build":"interpreted","version":"0.1.0"}', gateway)
        for line in RECORDS.read_bytes().splitlines()
    ]


async def test_a_whole_exchange_comes_to_these_bytes() -> None:
    journal = MemoryJournal()
    plugin = await plugin_with(journal)
    x = begun(plugin)
    assert x.evidence is not None
    x.evidence.attempts.append(Attempt("api.openai.com:443", 200, ""))
    x.verdicts += [
        Verdict("auth", "on_request_headers", Outcome.ALLOW, 12.9),
        Verdict("dlp", "on_request", Outcome.FLAG, 30.5, "found"),
        Verdict("auth", "on_complete", Outcome.ALLOW, 2.4),
        Verdict("threat", "on_request", Outcome.DENY, 4.0, "sql", enforced=False),
        Verdict("threat", "on_request", Outcome.ALLOW, 3.0, "odd"),
    ]
    x.provide(TRUST, score({"receipt_signed": True, "no_check_failed": False}).document())
    x.provide(TRUST_BAND, "critical")
    answered(x, orjson.dumps(ANSWER), returned=orjson.dumps({**ANSWER, "id": "a-1"}))
    plugin.on_complete(x)

    assert journal.payloads == expected()[:1]


async def test_a_stream_comes_to_these_bytes() -> None:
    journal = MemoryJournal()
    plugin = await plugin_with(journal, include_content=True, session={"metadata": "session_id"})
    x = begun(plugin, b'{"model":"a \\"b\\"","metadata":{"session_id":"s-1"},"prompt":"H\xc3\xbc"}')
    answered(x, EVENTS, streamed=True, pieces=3)
    plugin.on_response_headers(x)
    plugin.on_complete(x)

    assert journal.payloads == expected()[1:]


def test_no_two_exchanges_have_one_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    drawn = [recording.fresh_secret() for _ in range(3 * recording.SECRETS_AT_ONCE)]

    assert len(set(drawn)) == len(drawn)
    assert {len(secret) for secret in drawn} == {SECRET_BYTES}


def test_a_process_that_was_forked_draws_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.undo()
    recording.fresh_secret()
    left = list(recording._drawn)
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        os.write(writer, recording.fresh_secret())
        os._exit(0)
    os.waitpid(child, 0)
    theirs = os.read(reader, SECRET_BYTES)
    os.close(reader)
    os.close(writer)

    assert len(theirs) == SECRET_BYTES
    assert theirs not in left
    assert recording._drawn == left
