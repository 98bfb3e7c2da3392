"""What may be written below `trust_score`, and what is said of the rest."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from pydantic import ValidationError

from gateway.receipts.score import TABLES
from gateway_plugins.trust_score.config import Profile, Table, TrustScoreConfig


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"profile": "healthcare", "table": "evaluator", "min_trust": 40, "on_unknown": "refuse"},
        {"consent": {"claim": "consent", "scope": "chat", "max_age": "90d"}},
        {"consent": {"registry": "/etc/consent.json", "on_withdrawal": "score"}},
        {"override": {"file": "/run/stop", "within": "500ms", "approval_header": "x-approved-by"}},
        {"rolling": {"exchanges": 1, "half_life": "1h", "floor": 10}, "agent_header": "x-agent"},
    ],
)
def test_good_configurations_are_read(config: dict[str, Any]) -> None:
    read = TrustScoreConfig.model_validate(config)

    assert read == TrustScoreConfig.model_validate(read.model_dump())


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"profile": "nautical"}, "'standard', 'healthcare'"),
        ({"table": "mine"}, "'spec' or 'evaluator'"),
        ({"consent": {}}, "consent needs a source"),
        ({"consent": {"header": "X-Consent"}}, "write it in small letters"),
        ({"consent": {"claim": "c", "max_age": "soon"}}, "soon"),
        ({"override": {}}, "Field required"),
        ({"min_trust": 101}, "less than or equal to 100"),
        ({"rolling": {"exchanges": 0}}, "greater than or equal to 1"),
        ({"trusted": True}, "Extra inputs are not permitted"),
    ],
)
def test_bad_configurations_are_refused_with_a_reason(config: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        TrustScoreConfig.model_validate(config)


def test_every_published_profile_and_table_can_be_written() -> None:
    assert set(get_args(Table)) == set(TABLES)
    assert {profile for rows in TABLES.values() for profile in rows} == set(get_args(Profile))
