"""Whichever way a provider reads a body, no model that the policy denies gets through."""

from __future__ import annotations

import json  # noqa: TID251  # shows duplicate keys, which orjson does not
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from gateway.plugin import Runtime
from gateway.plugin.testing import make_exchange
from gateway_plugins.request_limits import RequestLimits

ALLOWED = "good"
PLUGIN = RequestLimits(RequestLimits.Config.model_validate({"models": [ALLOWED]}), Runtime())

keys = st.sampled_from(
    ['"model"', r'"mod\u0065l"', r'"\u006Dodel"', '"Model"', '"MODEL"', '"x"', r'"\"model"',
     '"model "', r'"mode\u006C"', '"mod\u0435l"']
)  # fmt: skip
values = st.sampled_from(
    ['"good"', '"bad"', r'"\u0067ood"', "null", "1", '["good"]', '{"model":"bad"}', '"go\\u006fd"',
     '[{"model":"bad"}]', '"\\"model\\":\\"bad\\""']
)  # fmt: skip
spaces = st.sampled_from(["", " ", "\n", "\t \r"])
members = st.tuples(spaces, keys, spaces, spaces, values, spaces).map(
    lambda part: f"{part[0]}{part[1]}{part[2]}:{part[3]}{part[4]}{part[5]}"
)
bodies = st.builds(
    lambda written, end: "{" + ",".join(written) + "}" + end,
    st.lists(members, max_size=4),
    st.sampled_from(["", " ", "\n", "x", ',{"model":"bad"}', "\x00"]),
)


def readings(text: str) -> list[Any]:
    """The model as each kind of parser takes it: the first, the last, the last in any case."""
    pairs: list[tuple[str, Any]] = json.JSONDecoder(object_pairs_hook=list).raw_decode(text)[0]
    exact = [value for key, value in pairs if key == "model"]
    any_case = [value for key, value in pairs if key.lower() == "model"]
    return [*exact[:1], *exact[-1:], *any_case[-1:]]


@given(bodies)
def test_what_passes_names_an_allowed_model_for_every_parser(text: str) -> None:
    verdict = PLUGIN.on_request(make_exchange(body=text.encode()))

    if verdict is None:
        found = readings(text)
        assert found != []
        assert all(model == ALLOWED for model in found)


@given(st.text(max_size=40))
def test_any_text_gets_a_verdict(text: str) -> None:
    PLUGIN.on_request(make_exchange(body=text.encode("utf-8", "surrogatepass")))
