"""Which members of an object that a provider describes are taken for texts."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.providers.gathering import STRUCTURAL, Gatherer

NAMES = st.one_of(st.sampled_from(sorted(STRUCTURAL)), st.text(max_size=4))
FREE = st.recursive(
    st.text(min_size=1),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=8,
)
"""Data with names of the client's own."""


def texts_of(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    inner = value.values() if isinstance(value, dict) else value
    return [text for one in inner for text in texts_of(one)]


def gathered(value: Any) -> list[str]:
    found = Gatherer()
    found.leaves("unknown", "other", value, ())
    return [span.text for span in found.spans]


def rest_of(members: dict[str, Any]) -> list[str]:
    found = Gatherer()
    found.rest("unknown", members, (), ())
    return [span.text for span in found.spans]


@pytest.mark.parametrize("holder", ["metadata", "variables", "arguments", "structuredContent"])
@given(data=FREE)
def test_no_name_hides_a_text_in_data(holder: str, data: Any) -> None:
    assert gathered({"brand_new": {holder: data}}) == texts_of(data)
    assert rest_of({holder: data}) == texts_of(data)


@pytest.mark.parametrize("name", sorted(STRUCTURAL))
def test_no_name_of_a_parameter_hides_what_is_said_of_it(name: str) -> None:
    schema = {"type": "object", "properties": {name: {"type": "string", "description": "Whom."}}}

    assert gathered([{"name": "f", "parameters": schema}]) == ["f", "Whom."]
    assert rest_of({"schema": schema}) == ["Whom."]


def test_what_a_provider_names_is_no_text() -> None:
    described = {"type": "t", "id": "i", "status": "s", "signature": "x", "note": "said"}

    assert gathered(described) == ["said"]
    assert rest_of(described) == ["said"]


def test_an_object_of_a_known_name_is_looked_into() -> None:
    """Ollama's `format` is a schema, whose descriptions the model reads."""
    assert rest_of({"format": {"type": "object", "description": "said"}}) == ["said"]
