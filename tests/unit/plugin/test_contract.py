"""The contract refuses what would silently never run."""

from __future__ import annotations

import pytest

from gateway.errors import PluginLoadError
from gateway.plugin import Exchange, Plugin, PluginConfig, Runtime


def test_a_misspelt_hook_is_refused_when_the_class_is_made() -> None:
    with pytest.raises(PluginLoadError, match=r"Wrong\.on_reqest is not a hook; the hooks are"):

        class Wrong(Plugin):
            name = "wrong"

            def on_reqest(self, x: Exchange) -> None: ...


def test_an_instance_may_skip_hooks_without_touching_others() -> None:
    class Some(Plugin):
        name = "some"

    one, other = Some(PluginConfig(), Runtime()), Some(PluginConfig(), Runtime())
    one.skips_hooks = frozenset({"on_request"})

    assert other.skips_hooks == frozenset()


def test_a_configuration_refuses_unknown_keys_and_changes() -> None:
    config = PluginConfig()

    with pytest.raises(ValueError, match="Extra inputs"):
        PluginConfig.model_validate({"a": 1})
    with pytest.raises(ValueError, match=r"frozen|no field"):
        config.a = 1  # type: ignore[attr-defined]  # that is the point
