"""This gateway, with `dlp` in its policy, run through the kit: nothing of any secret comes out."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import entry_points

import pytest

from tests.conformance.dialects import DIALECTS, Spoken
from tests.conformance.runner import WHOLE, Gateway, cases, table
from tests.conformance.upstream import Upstream, running_upstream
from tests.hostile.gateway import config
from tests.integration.gateway_process import running_gateway

SUITE_SIZES = (WHOLE, 1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 100)
"""Of the sizes up to 100; `python -m tests.conformance` runs them all."""
POLICY = "version: 1\nname: redacted\nchain:\n  - dlp: {action: redact}\n"

pytestmark = pytest.mark.skipif(
    "dlp" not in {entry.name for entry in entry_points(group="sealgate.plugins")},
    reason="this build has no dlp",
)


@pytest.fixture(scope="module")
def upstream() -> Iterator[Upstream]:
    with running_upstream() as upstream:
        yield upstream


@pytest.fixture(scope="module")
def gateway(upstream: Upstream) -> Iterator[Gateway]:
    port = int(upstream.url.rpartition(":")[2])
    with running_gateway(config=config(port), policies=POLICY) as process:
        yield Gateway(f"http://127.0.0.1:{process.port}", upstream, {})


@pytest.mark.parametrize("spoken", DIALECTS, ids=lambda spoken: spoken.name)
def test_nothing_of_a_secret_comes_out(gateway: Gateway, spoken: Spoken) -> None:
    """Whole, and in deltas of 1 to 100 characters, in what is said and in calls of tools."""
    results = [gateway.run(case) for case in cases(SUITE_SIZES, dialects=[spoken])]

    assert {result.status for result in results} == {200}
    assert not any(result.leaked or result.cut for result in results), table(results)
