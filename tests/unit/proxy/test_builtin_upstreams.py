"""The providers are there without a setting, and a setting changes only what it says."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.errors import Problem
from gateway.proxy.builtin_upstreams import missing_text, written_upstreams
from gateway.settings import Settings, TargetSettings, UpstreamSettings


def written(settings: Settings) -> dict[str, UpstreamSettings]:
    problems: list[Problem] = []
    upstreams = written_upstreams(settings, problems)
    assert problems == []
    return upstreams


def test_the_public_providers_are_there_by_default() -> None:
    upstreams = written(Settings(data_dir=Path("/data")))

    assert {name: upstream.url for name, upstream in upstreams.items()} == {
        "openai": "https://api.openai.com",
        "anthropic": "https://api.anthropic.com",
        "gemini": "https://generativelanguage.googleapis.com",
        "ollama": "http://127.0.0.1:11434",
        "vllm": "http://127.0.0.1:8000",
        "azure": None,
        "bedrock": None,
        "demo": "unix:/data/demo.sock",
    }


def test_a_built_in_upstream_keeps_its_url_when_only_other_settings_are_given() -> None:
    patient = UpstreamSettings.model_validate({"timeouts": {"connect_ms": 1}})
    upstreams = written(Settings(upstreams={"openai": patient}))

    assert upstreams["openai"].url == "https://api.openai.com"
    assert upstreams["openai"].timeouts.connect_ms == 1


@pytest.mark.parametrize(
    "own",
    [
        UpstreamSettings(url="http://127.0.0.1:1"),
        UpstreamSettings(targets=(TargetSettings(url="http://127.0.0.1:1"),)),
    ],
)
def test_an_own_address_replaces_the_built_in_one(own: UpstreamSettings) -> None:
    assert written(Settings(upstreams={"openai": own}))["openai"] == own


def test_the_demo_socket_has_an_absolute_path() -> None:
    url = written(Settings())["demo"].url

    assert url == f"unix:{Path.cwd()}/.sealgate/demo.sock"


def test_a_data_folder_too_deep_for_a_unix_socket_costs_only_the_demo() -> None:
    upstreams = written(Settings(data_dir=Path("/" + "d" * 120)))

    assert upstreams["demo"].url is None
    assert "--data-dir" in missing_text("demo")


def test_an_upstream_of_ones_own_needs_an_address() -> None:
    problems: list[Problem] = []
    written_upstreams(Settings(upstreams={"opnai": UpstreamSettings()}), problems)

    assert [str(problem) for problem in problems] == [
        (
            "upstreams.opnai: the upstream has no address (give it url or targets; the built-in "
            "upstreams are openai, anthropic, gemini, ollama, vllm, azure, bedrock, demo)"
        )
    ]


@pytest.mark.parametrize("name", ["", "Upper", "with space", "a/b", "x" * 64, '"', "-x"])
def test_a_name_that_metrics_or_the_command_line_could_not_hold_is_refused(name: str) -> None:
    problems: list[Problem] = []
    written_upstreams(Settings(upstreams={name: UpstreamSettings(url="http://a")}), problems)

    assert [problem.file for problem in problems] == [f"upstreams.{name}"]
