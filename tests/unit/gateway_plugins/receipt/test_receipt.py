"""One exchange, one record: commitments that can be opened, texts that can be hashed again."""

from __future__ import annotations

import asyncio
import gc
import gzip
import hashlib
import logging
import weakref
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.plugin import (
    COST_MICROS,
    PRINCIPAL,
    REDACTIONS,
    TRUST,
    Outcome,
    Principal,
    Reason,
    Reject,
    Verdict,
)
from gateway.plugin.evidence import STREAM_BATCH_BYTES, WHOLE_BYTES_MAX, Attempt, BodyTrace
from gateway.receipts.canonical import canonical
from gateway.receipts.commitment import opens, salt
from gateway.receipts.receipt import OPTIONAL, REQUIRED
from gateway.receipts.score import FACT_NAMES, score
from gateway_plugins.receipt import Receipt
from tests.unit.gateway_plugins.receipt.exchanges import (
    ANSWER,
    CHAT,
    EVENTS,
    REF,
    MemoryJournal,
    answered,
    begun,
    known_usage,
    plugin_with,
)


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def sealgate_of(record: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = record["draft"]["metadata"]["sealgate"]
    return found


async def test_a_whole_exchange_leaves_one_record() -> None:
    journal = MemoryJournal()
    plugin = await plugin_with(journal)
    x = begun(plugin)
    assert x.evidence is not None
    x.evidence.attempts.append(Attempt("api.openai.com:443", 200, ""))
    answered(x, orjson.dumps(ANSWER))

    assert plugin.on_request_headers(x) is None
    plugin.on_response_headers(x)
    assert plugin.on_complete(x) is None

    record = journal.only("exchange")
    draft, sealgate = record["draft"], sealgate_of(record)
    assert record["ref"] == REF == sealgate["ref"]
    assert REQUIRED <= draft.keys() <= REQUIRED | OPTIONAL
    assert draft["interaction"] == {
        "model": "gpt-4o",
        "provider": "openai",
        "prompt_hash": sha256("Hello"),
        "response_hash": sha256("Hi there"),
    }
    assert draft["timestamp"] == "2027-01-15T08:00:00.250Z"
    assert sealgate["model"] == {"asked": "gpt-4o", "served": "gpt-4o-2024-08-06"}
    assert sealgate["usage"] == {"input": 9, "output": 2, "cached": 0, "reasoning": 0}
    assert sealgate["digests"]["request_forwarded"] == "same"
    assert sealgate["digests"]["response_returned"] == "same"
    assert sealgate["attempts"] == [
        {"target": "api.openai.com:443", "status": 200, "outcome": "ok"}
    ]
    times = sealgate["times_ms"]
    assert times["forwarded"] - times["received"] == 100
    assert times["last_byte"] - times["first_byte"] == 100
    assert journal.records == [record]


async def test_who_has_salt_and_body_can_check_a_commitment() -> None:
    journal = MemoryJournal()
    plugin = await plugin_with(journal)
    x = begun(plugin)
    body = orjson.dumps(ANSWER)
    answered(x, body, returned=b"masked")
    plugin.on_complete(x)

    record = journal.only("exchange")
    secret = bytes.fromhex(record["private"]["k"])
    digests = sealgate_of(record)["digests"]
    bodies = {"request_received": x.request.body or b"", "response_received": body}
    for label, data in {**bodies, "response_returned": b"masked"}.items():
        assert opens(digests[label], salt(secret, label), data)
        assert not opens(digests[label], salt(secret, label), data + b" ")


async def test_without_a_salt_a_commitment_is_the_plain_digest() -> None:
    journal = MemoryJournal()
    plugin = await plugin_with(journal, commitment="sha256")
    x = begun(plugin)
    answered(x, orjson.dumps(ANSWER))
    plugin.on_complete(x)

    record = journal.only("exchange")
    assert len(record["private"]["k"]) == 64  # the log's entry is salted all the same
    expected = hashlib.sha256(x.request.body or b"").hexdigest()
    assert sealgate_of(record)["digests"]["request_received"] == expected


@given(pieces=st.integers(1, 80), repeats=st.sampled_from([1, 30, 300]))
async def test_a_stream_comes_to_the_same_whatever_its_pieces(pieces: int, repeats: int) -> None:
    journal = MemoryJournal()
    plugin = await plugin_with(journal, commitment="sha256")
    x = begun(plugin)
    body = EVENTS * repeats + b"data: [DONE]\n\n"
    answered(x, body, streamed=True, pieces=pieces)
    plugin.on_complete(x)

    record = journal.only("exchange")
    sealgate = sealgate_of(record)
    assert record["draft"]["interaction"]["response_hash"] == sha256("Hi there!" * repeats)
    assert sealgate["digests"]["response_received"] == hashlib.sha256(body).hexdigest()
    assert sealgate["stream"] == {"events": 3 * repeats, "outcome": "complete"}
    assert "unread" not in sealgate
    assert (len(body) > STREAM_BATCH_BYTES) == (repeats == 300)


async def test_a_stream_is_opened_before_its_first_byte() -> None:
    journal = MemoryJournal()
    plugin = await plugin_with(journal)
    x = begun(plugin)
    answered(x, EVENTS, streamed=True)
    plugin.on_response_headers(x)

    opened = journal.only("opened")
    assert opened["ref"] == REF
    assert sealgate_of(opened)["stream"]["outcome"] == "gateway_crash"

    plugin.on_complete(x)
    assert [record["t"] for record in journal.records] == ["opened", "exchange"]


@pytest.mark.parametrize("at_once", [True, False])
async def test_a_whole_answer_is_opened_where_it_comes_in_parts(at_once: bool) -> None:
    journal = MemoryJournal()
    plugin = await plugin_with(journal)
    x = begun(plugin)
    answered(x, orjson.dumps(ANSWER))
    assert x.evidence is not None
    plugin.on_response_headers(x)
    if not at_once:
        assert x.evidence.on_delay is not None
        x.evidence.on_delay(x, x.evidence)
    plugin.on_complete(x)
    assert [r["t"] for r in journal.records] == ["opened", "exchange"][at_once:]


async def test_strict_opens_on_the_disk_before_the_request_goes_on() -> None:
    journal = MemoryJournal()
    plugin = await plugin_with(journal, durability="strict")
    x = begun(plugin)
    step = plugin.on_request_headers(x)
    assert step is not None
    assert not isinstance(step, Reject)

    assert await step is None  # type: ignore[misc]  # a step that is no answer is an awaitable
    assert [record["t"] for record in journal.records] == ["opened"]
    assert journal.flushes == 1

    answered(x, EVENTS, streamed=True)
    plugin.on_response_headers(x)
    waiting = plugin.on_complete(x)
    assert waiting is not None
    await waiting
    assert [record["t"] for record in journal.records] == ["opened", "exchange"]
    assert journal.flushes == 2


async def test_a_compressed_answer_is_committed_to_without_its_encoding() -> None:
    journal = MemoryJournal()
    plugin = await plugin_with(journal, commitment="sha256")
    plain = orjson.dumps(ANSWER)
    for number, (body, coded) in enumerate(
        [(gzip.compress(plain), False), (b"no gzip at all", True)]
    ):
        x = begun(plugin)
        answered(x, body, headers={"content-encoding": "gzip"})
        plugin.on_complete(x)

        record = journal.records[number]
        sealgate = sealgate_of(record)
        expected = hashlib.sha256(body if coded else plain).hexdigest()
        assert sealgate["digests"]["response_received"] == expected
        assert sealgate.get("coded") == (["response_received"] if coded else None)
        assert sealgate.get("unread") == (["answer"] if coded else None)
        said = sha256("") if coded else sha256("Hi there")
        assert record["draft"]["interaction"]["response_hash"] == said


async def test_a_large_compressed_answer_is_decoded_away_from_the_loop() -> None:
    journal = MemoryJournal()
    plugin = await plugin_with(journal)
    x = begun(plugin)
    noise = "".join(hashlib.sha256(bytes([n % 256, n // 256])).hexdigest() for n in range(4000))
    answer = {**ANSWER, "choices": [{"message": {"content": noise}}]}
    answered(x, gzip.compress(orjson.dumps(answer)), headers={"content-encoding": "gzip"})

    waiting = plugin.on_complete(x)
    assert waiting is not None
    await waiting
    record = journal.only("exchange")
    assert record["draft"]["interaction"]["response_hash"] == sha256(noise)
    secret = bytes.fromhex(record["private"]["k"])
    committed = sealgate_of(record)["digests"]["response_received"]
    assert opens(committed, salt(secret, "response_received"), orjson.dumps(answer))


async def test_a_body_over_the_limit_is_committed_to_but_not_read() -> None:
    journal = MemoryJournal()
    plugin = await plugin_with(journal, commitment="sha256")
    large = orjson.dumps({**CHAT, "padding": "x" * WHOLE_BYTES_MAX})
    x = begun(plugin, large)
    answered(x, orjson.dumps(ANSWER))
    plugin.on_complete(x)

    record = journal.only("exchange")
    sealgate = sealgate_of(record)
    assert sealgate["digests"]["request_received"] == hashlib.sha256(large).hexdigest()
    assert sealgate["unread"] == ["prompt"]
    assert record["draft"]["interaction"]["prompt_hash"] == sha256("")


@pytest.mark.parametrize(
    ("body", "streamed"),
    [(b"RIFF\x00\x01 sound", False), (b'{"cut": ', False), (b"data: {not json}\n\n", True)],
)
async def test_what_cannot_be_read_is_named(body: bytes, streamed: bool) -> None:
    journal = MemoryJournal()
    plugin = await plugin_with(journal)
    x = begun(plugin)
    answered(x, body, streamed=streamed)
    plugin.on_complete(x)

    assert sealgate_of(journal.only("exchange"))["unread"] == ["answer"]


async def test_a_refusal_has_a_receipt_of_what_was_answered() -> None:
    journal = MemoryJournal()
    plugin = await plugin_with(journal, commitment="sha256")
    x = begun(plugin)
    evidence = x.evidence
    assert evidence is not None
    x.verdicts.append(Verdict("rate_limit", "on_request", Outcome.DENY, 2.0, "rate_limited"))
    evidence.request.add(x.request.body or b"")
    evidence.returned = BodyTrace("response_returned", evidence.sink)
    evidence.returned.add(b"refused")
    evidence.status, evidence.outcome, evidence.reason = 429, "refused", "rate_limited"
    evidence.stream_outcome = "cut_by_policy"
    plugin.on_complete(x)

    sealgate = sealgate_of(journal.only("exchange"))
    assert sealgate["digests"].keys() == {"request_received", "response_returned"}
    assert sealgate["digests"]["response_returned"] == hashlib.sha256(b"refused").hexdigest()
    assert (sealgate["status"], sealgate["reason"]) == (429, "rate_limited")
    assert sealgate["verdicts"][0]["outcome"] == "deny"


@pytest.mark.parametrize(
    ("failure", "answer", "counted"),
    [("refuse", Reason.RECEIPT_UNAVAILABLE, []), ("serve_and_mark_gap", None, ["gap"])],
)
@pytest.mark.parametrize("durability", ["batched", "strict"])
async def test_a_journal_that_fails_does_what_the_policy_says(
    failure: str, answer: Reason | None, counted: list[str], durability: str
) -> None:
    journal, events = MemoryJournal(), list[str]()
    plugin = await plugin_with(journal, events, on_ledger_failure=failure, durability=durability)
    journal.state = "failed"
    x = begun(plugin)
    await asyncio.gather(*plugin.runtime.tasks)

    assert x.evidence is None
    step = plugin.on_request_headers(x)
    assert (step.reason if isinstance(step, Reject) else step) == answer
    assert events == counted
    assert plugin.on_complete(x) is None


async def test_a_journal_that_fails_while_opening_refuses() -> None:
    journal = MemoryJournal()
    plugin = await plugin_with(journal, durability="strict")
    x = begun(plugin)
    journal.state = "failed"
    step = plugin.on_request_headers(x)
    assert not isinstance(step, Reject)
    assert step is not None

    found = await step
    assert isinstance(found, Reject)
    assert found.reason is Reason.RECEIPT_UNAVAILABLE
    assert x.evidence is None


async def test_another_journal_is_asked_for_and_told_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    journal = MemoryJournal()
    plugin = await plugin_with(journal)
    journal.state = "failed"
    with caplog.at_level(logging.INFO):
        assert begun(plugin).evidence is None
        await asyncio.gather(*plugin.runtime.tasks)
        journal.state = "open"
        assert begun(plugin).evidence is not None

    assert [record.message for record in caplog.records] == ["receipts are kept again"]


async def test_a_journal_that_fails_at_the_end_is_a_gap() -> None:
    journal, events = MemoryJournal(), list[str]()
    plugin = await plugin_with(journal, events)
    x = begun(plugin)
    answered(x, orjson.dumps(ANSWER))
    journal.state = "failed"

    assert plugin.on_complete(x) is None
    assert events == ["gap"]
    assert x.take_flag() == ("receipt_gap", {})


async def test_names_say_where_they_come_from() -> None:
    journal = MemoryJournal()
    plugin = await plugin_with(
        journal,
        agent={"header": "x-agent"},
        human={"header": "x-human", "claim": "did"},
    )
    headers = {"x-session-id": "s-1", "x-agent": "did:web:a.example", "x-human": "two words"}
    x = begun(plugin, headers=headers)
    principal = Principal("acme", "alice", "jwt", claims={"did": "did:example:alice"})
    x.provide(PRINCIPAL, principal)
    answered(x, orjson.dumps(ANSWER))
    plugin.on_complete(x)

    record = journal.only("exchange")
    draft, sealgate = record["draft"], sealgate_of(record)
    assert draft["session_id"] == "s-1"
    assert draft["agent_did"] == "did:web:a.example"
    assert draft["human_did"] == "did:example:alice"
    assert sealgate["names"] == {"session": "header", "agent": "header", "human": "claim"}
    assert sealgate["tenant"] == "acme"
    assert record["private"]["subject"] == sealgate["principal"]
    assert "alice" not in sealgate["principal"]


@pytest.mark.parametrize(
    ("metadata", "session", "source"),
    [
        ({"session_id": "t-9"}, "t-9", "metadata"),
        ({"session_id": 9}, REF, "exchange"),
        ({"session_id": "a b"}, REF, "exchange"),
        (None, REF, "exchange"),
    ],
)
async def test_a_session_may_stand_in_the_request(metadata: Any, session: str, source: str) -> None:
    journal = MemoryJournal()
    plugin = await plugin_with(journal)
    x = begun(plugin, orjson.dumps({**CHAT, "metadata": metadata}))
    answered(x, orjson.dumps(ANSWER))
    plugin.on_complete(x)

    record = journal.only("exchange")
    assert record["draft"]["session_id"] == session
    assert sealgate_of(record)["names"]["session"] == source


async def test_pseudonyms_tell_subjects_apart_and_tenants_too() -> None:
    journal = MemoryJournal()
    plugin = await plugin_with(journal)
    seen = []
    for tenant, subject in [("a", "x"), ("a", "x"), ("a", "y"), ("b", "x")]:
        x = begun(plugin)
        x.provide(PRINCIPAL, Principal(tenant, subject, "key"))
        answered(x, orjson.dumps(ANSWER))
        plugin.on_complete(x)
        seen.append(sealgate_of(journal.records[-1])["principal"])

    assert seen[0] == seen[1]
    assert len(set(seen)) == 3


async def test_what_other_plugins_found_out_is_in_it() -> None:
    journal = MemoryJournal()
    plugin = await plugin_with(journal)
    x = begun(plugin)
    answered(x, orjson.dumps(ANSWER))
    x.usage = known_usage()
    x.provide(COST_MICROS, 1234)
    x.provide(REDACTIONS, {"email": 2, "iban": 1})
    x.provide(TRUST, score(dict.fromkeys(FACT_NAMES, True)).document())
    plugin.on_complete(x)

    record = journal.only("exchange")
    assert sealgate_of(record)["cost_micros"] == 1234
    assert sealgate_of(record)["redactions"] == {"email": 2, "iban": 1}
    assert sealgate_of(record)["trust"]["result"] == 100
    assert record["draft"]["telemetry"]["overall_trust_score"] == 100
    assert record["draft"]["telemetry"]["trust_status"] == "PASS"


async def test_content_is_there_only_where_the_policy_asks_for_it() -> None:
    for wanted in (False, True):
        journal = MemoryJournal()
        plugin = await plugin_with(journal, include_content=wanted)
        x = begun(plugin)
        answered(x, EVENTS, streamed=True)
        plugin.on_complete(x)

        interaction = journal.only("exchange")["draft"]["interaction"]
        said = {name: interaction.get(name) for name in ("prompt", "response")}
        none = {"prompt": None, "response": None}
        assert said == ({"prompt": "Hello", "response": "Hi there!"} if wanted else none)
        if not wanted:
            assert b"Hi there" not in orjson.dumps(journal.records)


async def test_every_draft_is_in_the_canonical_subset() -> None:
    journal = MemoryJournal()
    plugin = await plugin_with(journal)
    x = begun(plugin)
    answered(x, orjson.dumps(ANSWER))
    x.provide(TRUST, score({"receipt_signed": True}).document())
    plugin.on_complete(x)

    draft = journal.only("exchange")["draft"]
    assert orjson.loads(canonical(draft)) == draft


async def test_no_evidence_no_record() -> None:
    """As in shadow mode, where the plugin is shown a copy."""
    journal = MemoryJournal()
    plugin: Receipt = await plugin_with(journal)
    x = begun(plugin).shadow()
    plugin.on_response_headers(x)

    assert plugin.on_complete(x) is None
    assert journal.records == []


class Finder:
    """Something that a weak reference can be had of."""


async def test_an_exchange_that_is_over_leaves_no_circle_behind() -> None:
    """Else every exchange would wait for the garbage collector, and its bodies with it."""
    journal = MemoryJournal()
    plugin = await plugin_with(journal)
    gc.collect()
    gc.disable()
    try:
        for streamed in (False, True):
            x = begun(plugin)
            answered(x, EVENTS if streamed else orjson.dumps(ANSWER), streamed=streamed)
            plugin.on_complete(x)
            found = Finder()
            x.flagged = ("", {"found": found})  # type: ignore[dict-item]  # a thing to look for
            held = weakref.ref(found)
            del x, found
            assert held() is None
    finally:
        gc.enable()
