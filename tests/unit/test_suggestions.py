from __future__ import annotations

import pytest
from pydantic import ValidationError

from gateway.settings import Settings, UpstreamSettings
from gateway.suggestions import did_you_mean, dotted, explain, fields_at, nearest


@pytest.mark.parametrize(
    ("word", "known", "found"),
    [
        ("lisener", ["listener", "admin"], "listener"),
        ("LISTENER", ["listener"], "listener"),
        ("SEALGATE_PROT", ["SEALGATE_PORT", "SEALGATE_HOST"], "SEALGATE_PORT"),
        ("zzz", ["listener"], None),
        ("x", [], None),
    ],
)
def test_finds_the_word_that_was_meant(word: str, known: list[str], found: str | None) -> None:
    assert nearest(word, known) == found


def test_lists_what_is_known_where_nothing_is_near() -> None:
    assert did_you_mean("zzz", ["b", "a"]) == "known: a, b"
    assert did_you_mean("zzz", [f"name{n}" for n in range(50)]) == ""


def test_writes_paths_as_people_do() -> None:
    assert dotted(("chain", 0, "allow", 2)) == "chain[0].allow[2]"


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ((), "listener"),
        (("listener", "tls"), "cert_file"),
        (("upstreams", "any"), "url"),
        (("upstreams", "any", "targets", 3), "weight"),
        (("routes", 0, "match"), "methods"),
    ],
)
def test_knows_which_keys_are_legal_where(path: tuple[str | int, ...], field: str) -> None:
    assert field in fields_at(Settings, path)


def test_knows_no_keys_where_none_can_be() -> None:
    assert fields_at(Settings, ("workers",)) == set()
    assert fields_at(Settings, ("listener", "absent", "deep")) == set()


def test_a_union_is_one_finding_and_no_value_is_shown() -> None:
    with pytest.raises(ValidationError) as caught:
        Settings.model_validate({"workers": "sk-canary", "upstreams": {"a": {"x-canary": 1}}})

    findings = explain(Settings, caught.value.errors(), "setting")

    assert [finding.path for finding in findings] == [("workers",), ("upstreams", "a", "x-canary")]
    assert "sk-canary" not in str(findings)
    assert findings[1].key
    assert UpstreamSettings.model_fields.keys() >= {"url"}
