"""When a sequencer is wanted: what the settings say, or a step of any policy."""

from __future__ import annotations

import pytest

from gateway.ledger_settings import LedgerSettings
from gateway.policy.loader import Bundle, Source
from gateway.server.sequencer_process import SequencerProcess, keeps_receipts
from gateway.settings import Settings
from gateway.telemetry.metrics import MetricsSnapshot


def bundle(*texts: str) -> Bundle:
    return Bundle("here", tuple(Source(f"{n}.yaml", text) for n, text in enumerate(texts)))


HEAD = "version: 1\nname: p\nchain:\n"
WITH = HEAD + "  - auth: {}\n  - receipt: {durability: strict}\n"
BARE = HEAD + "  - receipt\n"
WITHOUT = HEAD + "  - auth: {}  # no receipt here\n"


@pytest.mark.parametrize(
    ("enabled", "texts", "wanted"),
    [
        (None, [WITHOUT], False),
        (None, [WITH], True),
        (None, [BARE], True),
        (None, [WITHOUT, WITH], True),
        (None, ["receipt: 1\n"], False),
        (None, ["[receipt]\n"], False),
        (False, [WITH], False),
        (True, [WITHOUT], True),
    ],
)
def test_a_sequencer_runs_where_receipts_are_kept(
    enabled: bool | None, texts: list[str], wanted: bool
) -> None:
    assert keeps_receipts(LedgerSettings(enabled=enabled), bundle(*texts)) is wanted


async def test_where_none_is_wanted_nothing_runs_and_nothing_is_counted() -> None:
    process = SequencerProcess(Settings())
    process.ensure(bundle(WITHOUT))
    snapshot = MetricsSnapshot()
    process.write_to(snapshot)
    await process.tell("policy_loaded", {})
    await process.stop()

    assert not process.wanted
    assert snapshot.gauges == {}
