"""What holds for every policy, every text and every order of reloads."""

from __future__ import annotations

import asyncio
import contextlib
from typing import Any

import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gateway.errors import ConfigError, PluginLoadError
from gateway.policy.describe import describe_chain
from gateway.policy.lifecycle import Compiled
from gateway.yaml_source import resolve_scalar
from tests.golden.golden import golden_files, split
from tests.policies import bundle, compiled, policy, store
from tests.policy_plugins import Keeper

names = st.from_regex(r"[a-z0-9][a-z0-9_-]{0,20}", fullmatch=True)
words = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=12)
methods = st.sampled_from(["GET", "POST", "DELETE", "*"])
paths = st.from_regex(r"/[a-z0-9/._*-]{0,12}", fullmatch=True)
headers = st.dictionaries(st.from_regex(r"[A-Za-z][a-z-]{0,8}", fullmatch=True), words, max_size=2)
routes = st.sampled_from(["openai", "anthropic", "*", "*a*"])


def some(values: st.SearchStrategy[str]) -> st.SearchStrategy[list[str]]:
    return st.lists(values, max_size=3)


conditions = st.fixed_dictionaries(
    {},
    optional={
        "routes": some(routes),
        "paths": some(paths),
        "methods": some(methods),
        "models": some(words),
        "headers": headers,
    },
)
uses = st.fixed_dictionaries(
    {},
    optional={
        "mode": st.sampled_from(["enforce", "shadow", "off"]),
        "timeout_ms": st.integers(1, 86_400_000),
        "on_error": st.sampled_from(["reject", "continue"]),
        "when": conditions,
        "label": words,
        "level": st.integers(0, 9),
        "tags": some(words),
        "nested": st.dictionaries(words, st.integers(-(2**63), 2**63 - 1), max_size=2),
    },
)
steps = st.fixed_dictionaries({"probe": uses})
policies = st.fixed_dictionaries(
    {"version": st.just(1), "name": names, "chain": st.lists(steps, max_size=4)},
    optional={
        "mode": st.sampled_from(["enforce", "shadow"]),
        "match": conditions,
        "description": words,
    },
)


class Writer(yaml.SafeDumper):
    """Quotes what PyYAML takes for a word by YAML 1.1, and we read otherwise by 1.2: `0E0`."""

    def word(self, text: str) -> yaml.ScalarNode:
        style = None if resolve_scalar(text) == text else "'"
        return self.represent_scalar("tag:yaml.org,2002:str", text, style=style)


Writer.add_representer(str, Writer.word)


def dump(data: Any, *, flow: bool | None = False) -> str:
    return yaml.dump(
        data, Dumper=Writer, default_flow_style=flow, allow_unicode=True, sort_keys=False
    )


def described(made: Compiled) -> list[str]:
    """All chains of a snapshot as text."""
    lines = []
    for entry in made.snapshot.entries():
        for candidate in entry.candidates:
            lines += [entry.route.name, candidate.binding.policy_name]
            lines += describe_chain(candidate.binding.chain)
    return lines


@given(policies, st.sampled_from([True, False, None]))
def test_a_policy_that_is_written_down_again_compiles_to_the_same(
    data: dict[str, Any], flow: bool | None
) -> None:
    first = compiled(dump(data))
    again = first.policies[0].file.model_dump(mode="json", exclude_defaults=True)
    second = compiled(dump({"version": 1, **again}, flow=flow))

    assert second.policies[0].file == first.policies[0].file
    assert [u.config for u in second.policies[0].uses] == [u.config for u in first.policies[0].uses]
    assert described(second) == described(first)


@given(policies)
def test_the_digest_depends_on_what_is_said_and_not_on_how(data: dict[str, Any]) -> None:
    turned = dict(reversed(list(data.items())))

    assert compiled(dump(data)).snapshot.digest == compiled(dump(turned, flow=True)).snapshot.digest


def attempt(text: str) -> list[str]:
    """The problems of a text; anything but a result or a ConfigError fails the test."""
    try:
        compiled(text)
    except ConfigError as error:
        lines = text.count("\n") + 1
        for problem in error.problems:
            assert problem.message
            assert 0 <= problem.line <= lines + 1
        return str(error).splitlines()
    except PluginLoadError as error:
        return [str(error)]
    return []


@given(st.text(max_size=200))
@example("[" * 100_000)
@example("a: &a [*a]")
@example("{a: 1, b: {? [x] : y}}")
def test_any_text_is_a_policy_or_an_explained_error(text: str) -> None:
    attempt(text)


TEXTS = [split(path)[0] for path in golden_files()]


@settings(max_examples=300)
@given(st.sampled_from(TEXTS), st.data())
def test_a_policy_with_one_slip_of_the_pen_is_still_read_or_explained(
    text: str, data: st.DataObject
) -> None:
    """Fuzzed from policies that are nearly right, where faults hide deepest."""
    at = data.draw(st.integers(0, len(text) - 1))
    length = data.draw(st.integers(0, 6))
    insert = data.draw(
        st.sampled_from(["", " ", "\n", ":", "-", "{", "]", "*", "&a ", "!!x ", "7"])
    )

    attempt(text[:at] + insert + text[at + length :])


data_of_any_shape = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=8,
)


@given(
    st.sampled_from(["version", "name", "profile", "match", "mode", "chain", "description"]),
    data_of_any_shape,
)
def test_a_key_with_a_value_of_any_shape_is_read_or_explained(key: str, value: Any) -> None:
    attempt(dump({"version": 1, "name": "p", "chain": [], key: value}))


@given(
    st.sampled_from(["mode", "timeout_ms", "on_error", "when", "label", "level", "tags", "nested"]),
    data_of_any_shape,
)
def test_a_key_of_a_use_with_a_value_of_any_shape_is_read_or_explained(
    key: str, value: Any
) -> None:
    attempt(dump({"version": 1, "name": "p", "chain": [{"probe": {key: value}}]}))


keepers = st.lists(
    st.tuples(st.sampled_from("abc"), st.sampled_from(["", "", "", "make", "start"])), max_size=3
)


@settings(max_examples=60)
@given(st.lists(st.tuples(keepers, st.sampled_from(["commit", "abort", "again"])), max_size=6))
def test_whatever_the_order_of_reloads_every_instance_starts_and_stops_once(
    reloads: list[tuple[list[tuple[str, str]], str]],
) -> None:
    Keeper.log.clear()

    asyncio.run(_live(reloads))

    started = sorted(line.split()[1] for line in Keeper.log if line.startswith("start"))
    stopped = sorted(line.split()[1] for line in Keeper.log if line.startswith("stop"))
    assert started == stopped


async def _live(reloads: list[tuple[list[tuple[str, str]], str]]) -> None:
    policies = store()
    in_force = 0
    for version, (chain, then) in enumerate(reloads, 1):
        pinned = policies.current
        pinned.acquire()
        steps = ", ".join(
            f"{{keeper: {{label: {label}, fail: '{fail}'}}}}" for label, fail in chain
        )
        with contextlib.suppress(ConfigError):
            await policies.prepare(version, bundle(policy(f"[{steps}]")))
            if then == "commit":
                policies.commit(version)
                in_force = version
        if then == "abort":
            await policies.abort(version)
        pinned.release()
        assert policies.current.version == in_force
    await policies.close()
