"""Policies from texts, for the tests of what is made of them."""

from __future__ import annotations

from typing import Any

from gateway.policy.lifecycle import Compiled, Compiler, PolicyStore
from gateway.policy.loader import Bundle, Source
from gateway.settings import Settings
from tests.policy_plugins import registry

HEAD = "version: 1\nname: {name}\n"


def policy(chain: str = "[]", *, name: str = "p", **more: str) -> str:
    """One policy; `more` are further top-level keys as YAML."""
    lines = [HEAD.format(name=name), *(f"{key}: {value}\n" for key, value in more.items())]
    return "".join([*lines, f"chain: {chain}\n"])


def bundle(*texts: str) -> Bundle:
    """Files a.yaml, b.yaml, ... with these texts."""
    names = (f"{letter}.yaml" for letter in "abcdefghij")
    return Bundle("policies", tuple(Source(n, t) for n, t in zip(names, texts, strict=False)))


def compiled(*texts: str, **settings: Any) -> Compiled:
    return Compiler(Settings.model_validate(settings), registry=registry()).compile(
        bundle(*texts), version=1
    )


def store(**settings: Any) -> PolicyStore:
    return PolicyStore(Settings.model_validate(settings), registry=registry())
