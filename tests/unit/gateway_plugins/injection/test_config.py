"""What a policy may write, and what it is told where it may not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from gateway_plugins.injection.config import InjectionConfig
from gateway_plugins.injection.parts import parts_of

ALL = InjectionConfig.model_validate({})


def test_nothing_need_be_given() -> None:
    assert ALL.actions.user == "block"
    assert ALL.actions.tool_result == "block"
    assert ALL.actions.answer == "flag"
    assert (ALL.thresholds.user, ALL.thresholds.tool) == (0.5, 0.5)
    assert ALL.history == "known"


@pytest.mark.parametrize(
    ("config", "told"),
    [
        ({"threshold": 0.9}, "threshold"),
        ({"thresholds": {"user": 0}}, "greater than 0"),
        ({"thresholds": {"tool": 1}}, "less than 1"),
        ({"actions": {"user": "tag_untrusted"}}, "block"),
        ({"actions": {"answer": "tag_untrusted"}}, "block"),
        ({"actions": {"nobody": "block"}}, "nobody"),
        ({"history": "some"}, "known"),
        ({"actions": dict.fromkeys(type(ALL.actions).model_fields, "off")}, "leave one on"),
        ({"second_stage": {"model": "/nowhere"}}, "model.onnx"),
        ({"on_uninspectable": "wave"}, "block"),
    ],
)
def test_what_makes_no_sense_is_refused(config: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        InjectionConfig.model_validate(config)


def test_a_band_that_holds_no_score_is_refused(tmp_path: Path) -> None:
    for name in ("model.onnx", "tokenizer.json"):
        (tmp_path / name).write_bytes(b"")

    with pytest.raises(ValidationError, match="no text lies between"):
        InjectionConfig.model_validate(
            {"second_stage": {"model": str(tmp_path), "above": 0.9, "below": 0.1}}
        )


@pytest.mark.parametrize(
    ("part", "role", "threshold"),
    [
        ("user", "user", 0.6),
        ("assistant", "user", 0.6),
        ("answer", "user", 0.6),
        ("system", "system", 0.6),
        ("tool_description", "tool_description", 0.7),
        ("tool_result", "tool", 0.7),
        ("document", "document", 0.7),
        ("other", "tool", 0.7),
    ],
)
def test_each_part_has_the_threshold_of_who_speaks(part: str, role: str, threshold: float) -> None:
    config = InjectionConfig.model_validate({"thresholds": {"user": 0.6, "tool": 0.7}})
    found = parts_of(config)[part]

    assert (found.role, found.threshold) == (role, threshold)
