"""House rules no linter knows: sizes, names, leftovers, what never belongs in the tree."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import grimp
import pytest

from tests.project.tree import name_of, python_files, source_files, syntax, tracked

FUNCTION_LINES_MAX = 60
MODULE_LINES_MAX = 400
TEST_MODULE_LINES_MAX = 500  # tables of cases grow longer than code may
BANNED_MODULE_NAMES = {"base", "common", "helper", "helpers", "manager", "misc", "util", "utils"}

# Put together from pieces, so that this file does not hold what it forbids.
MARKERS = re.compile(
    "TO" + "DO|FIX" + r"ME|\bXX" + "X\\b|NotImplemented" + "Error|pragma: no " + "cover"
)
SLEEPS = re.compile(r"\b(?:asyncio|time|anyio)\.sle" + r"ep\((?!0\))")
MACHINE = re.compile(
    "/(?:wo" + "rk|fa" + "rm)/|(?:python" + "hosted|npm" + r"js)\.org|/sim" + "ple/"
)
EXCUSES = re.compile(r"#\s*(?:no" + r"qa|type:\s*ig" + "nore)")
EXCUSED = re.compile(r"#\s*(?:no" + r"qa: [A-Z0-9, ]+|type: ig" + r"nore\[[a-z, -]+\])\s+#\s*\S+")

PYTHON = [*source_files(), *python_files("tests", "bench")]
SOURCES = source_files()


def lines_with(pattern: re.Pattern[str], path: Path) -> list[str]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return [f"{number}: {line}" for number, line in enumerate(lines, 1) if pattern.search(line)]


def functions(path: Path) -> Iterator[tuple[str, int]]:
    for node in ast.walk(syntax(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, (node.end_lineno or 0) - node.lineno + 1


@pytest.mark.parametrize("path", PYTHON, ids=name_of)
def test_modules_and_functions_stay_small(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").count("\n")

    assert lines <= (MODULE_LINES_MAX if path in SOURCES else TEST_MODULE_LINES_MAX)
    assert [row for row in functions(path) if row[1] > FUNCTION_LINES_MAX] == []


@pytest.mark.parametrize("path", PYTHON, ids=name_of)
def test_a_module_is_named_for_what_it_holds(path: Path) -> None:
    """A module called `utils` collects what nobody placed."""
    assert path.stem not in BANNED_MODULE_NAMES


@pytest.mark.parametrize("path", PYTHON, ids=name_of)
def test_nothing_is_left_over(path: Path) -> None:
    assert lines_with(MARKERS, path) == []


@pytest.mark.parametrize("path", PYTHON, ids=name_of)
def test_every_excuse_to_a_checker_gives_its_reason(path: Path) -> None:
    excuses = lines_with(EXCUSES, path)

    assert [line for line in excuses if not EXCUSED.search(line)] == []


@pytest.mark.parametrize("path", python_files("tests"), ids=name_of)
def test_no_test_sleeps(path: Path) -> None:
    """A sleep is either too short on a busy machine or too long on every other."""
    assert lines_with(SLEEPS, path) == []


@pytest.mark.parametrize("path", SOURCES, ids=name_of)
def test_every_public_name_says_what_it_is(path: Path) -> None:
    tree = syntax(path)
    public = [
        node
        for node in tree.body
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and not node.name.startswith("_")
    ]

    assert ast.get_docstring(tree), "the module has no docstring"
    assert [node.name for node in public if not ast.get_docstring(node)] == []


def test_the_tree_names_no_machine_and_no_registry() -> None:
    """Any index and any folder serves; a path or a host of one machine breaks the next."""
    found = {}
    for path in tracked():
        try:
            lines = lines_with(MACHINE, path)
        except UnicodeDecodeError:
            continue
        if lines and path.suffix != ".lock":
            found[name_of(path)] = lines

    assert found == {}


def test_no_module_is_dead() -> None:
    """Every module is imported by another one, or named where something starts or is documented."""
    graph = grimp.build_graph("gateway", "gateway_plugins", cache_dir=None)
    named = "".join(
        path.read_text(encoding="utf-8")
        for path in tracked()
        if path.suffix in {".md", ".toml"} or path in SOURCES
    )
    dead = {
        module
        for module in graph.modules
        if not graph.find_children(module)
        and not graph.find_modules_that_directly_import(module)
        and not re.search(rf"\b{re.escape(module)}\b", named)
    }

    assert dead == set()
