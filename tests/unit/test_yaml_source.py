from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.errors import ConfigError
from gateway.yaml_source import BYTES_MAX, Position, read_yaml


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("", None),
        ("# nothing\n", None),
        ("a: off", {"a": "off"}),
        ("a: [NO, yes, on]", {"a": ["NO", "yes", "on"]}),
        ("a: [true, False, ~, null, '']", {"a": [True, False, None, None, ""]}),
        ("a: [1, -2, +3, 010, 0x1f, 0o17]", {"a": [1, -2, 3, 10, 31, 15]}),
        ("a: [1.5, .5, 1e3, 1_000]", {"a": [1.5, 0.5, 1000.0, "1_000"]}),
        (
            "a: [2024-01-01, 12:30:45, '5', 1.2.3.4]",
            {"a": ["2024-01-01", "12:30:45", "5", "1.2.3.4"]},
        ),
        ("a: &x {k: v}\nb: *x", {"a": {"k": "v"}, "b": {"k": "v"}}),
        ("a: |\n  two\n  lines\n", {"a": "two\nlines\n"}),
        ("1: x", {"1": "x"}),
    ],
)
def test_reads_the_core_schema(text: str, data: Any) -> None:
    assert read_yaml(text, "f.yaml").data == data


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("a: 1\na: 2", 'f.yaml:2:1: the key "a" stands twice (first in line 1)'),
        ("a: &x [*x]", "f.yaml:1:8: the alias *x names nothing above it"),
        (
            "a: !!python/object x",
            (
                "f.yaml:1:4: the tag tag:yaml.org,2002:python/object is not supported "
                "(write the plain value)"
            ),
        ),
        ("<<: {}", "f.yaml:1:1: merge keys are not supported (write the keys out)"),
        ("? [a]\n: b", "f.yaml:1:3: a key must be a plain word"),
        ("a: 1\n---\nb: 1", "f.yaml:2:1: only one document is allowed (remove the second '---')"),
        ("a: \x07", "f.yaml:1:4: the file holds a character that YAML does not allow"),
        (
            "a: b: c",
            (
                "f.yaml:1:5: not valid YAML: mapping values are not allowed in this context "
                "(check the indentation, and quote values that hold ': ')"
            ),
        ),
        (
            "\ta: 1",
            (
                "f.yaml:1:1: not valid YAML: found character that cannot start any token "
                "(indent with spaces, and quote values that start with a special character)"
            ),
        ),
    ],
)
def test_an_error_says_where_and_how_to_mend_it(text: str, line: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_yaml(text, "f.yaml")

    assert str(caught.value) == line


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[" * 100_000, "nested deeper than 64 levels"),
        ("{a: " * 100_000, "nested deeper than 64 levels"),
        ("#" * (BYTES_MAX + 1), "larger than 1048576 bytes"),
        ("- x\n" * 100_001, "more than 100000 values"),
        ("a: &a x\nb: [" + "*a, " * 101 + "]", "more than 100 aliases"),
        (
            "a: &a [" + "x, " * 2000 + "]\nb: [" + "*a, " * 60 + "]",
            "more than 100000 values",
        ),
    ],
)
def test_a_hostile_file_is_refused_before_it_costs_anything(text: str, message: str) -> None:
    """libyaml's own composer overflows the C stack on the first two."""
    with pytest.raises(ConfigError, match=message):
        read_yaml(text, "f.yaml")


def test_remembers_where_values_and_keys_stand() -> None:
    document = read_yaml("chain:\n  - ip_allowlist:\n      allow: [10.0.0.0/8]\n", "f.yaml")

    assert document.position(("chain", 0, "ip_allowlist", "allow", 0)) == Position(3, 15)
    assert document.position(("chain", 0, "ip_allowlist"), key=True) == Position(2, 5)
    assert document.position(("chain", 0, "absent", "deep")) == Position(2, 5)
    assert document.position(("absent",)) == Position(1, 1)


# What YAML has to escape and JSON may write as it is.
ESCAPED = "\x7f\ufeff\ufffe\uffff\u2028\u2029"
TEXT = st.text(
    st.characters(exclude_categories=("Cc", "Cs"), exclude_characters=ESCAPED), max_size=20
)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=20,
)


@given(PLAIN)
def test_json_is_read_as_what_it_is(data: Any) -> None:
    """YAML 1.2 holds JSON, and a generated configuration often is JSON."""
    assert read_yaml(orjson.dumps(data).decode(), "f.yaml").data == data
