"""References to secrets: what they lead to, and that no error repeats one."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.plugin import PluginConfig, Secret
from gateway.plugin.secret import RESOLVER, SECRET_BYTES_MAX, check_secret, resolve_secret


class Config(PluginConfig):
    key: Secret


def test_a_variable_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("A_KEY", "value")

    assert resolve_secret("${A_KEY}") == "value"


@pytest.mark.parametrize("value", [None, ""])
def test_a_variable_that_is_not_set_is_an_error(
    monkeypatch: pytest.MonkeyPatch, value: str | None
) -> None:
    monkeypatch.delenv("A_KEY", raising=False)
    if value is not None:
        monkeypatch.setenv("A_KEY", value)

    with pytest.raises(ValueError, match="the environment variable A_KEY is not set"):
        resolve_secret("${A_KEY}")


def test_a_file_is_read_without_its_last_line_end(tmp_path: Path) -> None:
    (tmp_path / "key").write_bytes(b"line one\nline two\r\n")

    assert resolve_secret(f"file:{tmp_path}/key") == "line one\nline two"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "cannot be read: No such file or directory"),
        (b"", "is empty"),
        (b"\n", "is empty"),
        (b"\xff", "is not UTF-8"),
        (b"x" * (SECRET_BYTES_MAX + 1), "is larger than 65536 bytes"),
    ],
)
def test_a_file_that_holds_no_secret_is_an_error(
    tmp_path: Path, content: bytes | None, said: str
) -> None:
    path = tmp_path / "key"
    if content is not None:
        path.write_bytes(content)

    with pytest.raises(ValueError, match=said):
        resolve_secret(f"file:{path}")


@pytest.mark.parametrize("text", ["sk-live-1", "$A_KEY", "${A KEY}", "x${A_KEY}", "${A_KEY}x", ""])
def test_anything_else_is_no_reference_and_is_not_repeated(text: str) -> None:
    with pytest.raises(ValueError, match="a secret is never written into a policy") as caught:
        check_secret(text)

    assert "sk-live" not in str(caught.value)


def test_a_relative_file_is_refused() -> None:
    with pytest.raises(ValueError, match="needs an absolute path"):
        check_secret("file:key")


def test_a_check_reads_nothing() -> None:
    assert check_secret("${NOT_SET_ANYWHERE}") == "${NOT_SET_ANYWHERE}"
    assert check_secret("file:/nonexistent") == "file:/nonexistent"


def test_without_a_resolver_text_is_taken_as_it_is() -> None:
    """That is how the tests of a plugin make a configuration."""
    assert Config.model_validate({"key": "k"}).key.get_secret_value() == "k"
    assert "k" not in repr(Config.model_validate({"key": "k"}).key)


def test_with_a_resolver_only_references_are_taken() -> None:
    context = {RESOLVER: lambda text: text.upper()}

    assert Config.model_validate({"key": "k"}, context=context).key.get_secret_value() == "K"
