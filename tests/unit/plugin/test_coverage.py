"""What becomes of what cannot be inspected, and what is said of it."""

from __future__ import annotations

import pytest

from gateway.plugin import Coverage, Gap, OnUninspectable, Reason, Reject, Uninspectable
from gateway.plugin.coverage import DEFAULT_ACTIONS, GAPS, SHOWN_ONLY
from gateway.plugin.testing import make_exchange
from tests.project.tree import ROOT


@pytest.mark.parametrize(
    ("config", "gap", "outcome"),
    [
        (None, Gap.DUPLICATE_KEYS, "block"),
        (None, Gap.IMAGE, "flag"),
        ("block", Gap.IMAGE, "block"),
        ("pass", Gap.DUPLICATE_KEYS, "pass"),
        ({Gap.IMAGE: "block"}, Gap.IMAGE, "block"),
        ({Gap.IMAGE: "block"}, Gap.BINARY, "flag"),
        ({Gap.IMAGE: "block"}, Gap.INVALID_UTF8, "block"),
    ],
)
def test_the_policy_decides(config: OnUninspectable | None, gap: Gap, outcome: str) -> None:
    x = make_exchange()

    reject = Uninspectable(config).judge(x, [gap])

    assert reject == (Reject(Reason.UNINSPECTABLE, gap.value) if outcome == "block" else None)
    assert x.take_flag() == (("uninspected", {"gaps": gap.value}) if outcome == "flag" else None)


def test_a_plugin_that_only_looks_refuses_what_cannot_be_shown() -> None:
    x = make_exchange()

    refused = {gap for gap in Gap if SHOWN_ONLY.judge(x, [gap]) is not None}

    assert refused == {Gap.UNKNOWN_ENCODING, Gap.INVALID_UTF8, Gap.TOO_LARGE}
    assert x.take_flag() is None


def test_every_part_has_its_level() -> None:
    coverage = Coverage()
    assert str(coverage) == "request=full; response=full; tools=full"

    coverage.request.note([Gap.IMAGE])
    coverage.response.note([Gap.TOO_LARGE], unread=True)

    assert str(coverage) == "request=partial; response=none; tools=full"
    assert coverage.gaps == "image,too_large"


def test_the_documentation_lists_every_gap_with_its_default() -> None:
    page = (ROOT / "docs" / "concepts" / "text.md").read_text(encoding="utf-8")

    for gap in Gap:
        assert f"| `{gap.value}` | {DEFAULT_ACTIONS[gap]} | {GAPS[gap]} |" in page
