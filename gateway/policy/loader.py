"""Reads policy files: one bundle of texts, read once, that every worker compiles for itself."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path as FilePath
from typing import Any

import orjson

from gateway.errors import ConfigError, Problem
from gateway.policy.embedded import DEFAULT_NAME, DEFAULT_POLICY
from gateway.yaml_source import BYTES_MAX, Document, Path, read_yaml

FILES_MAX = 1_000
INTEGER_MIN, INTEGER_MAX = -(2**63), 2**64 - 1
SUFFIXES = frozenset({".yaml", ".yml"})


@dataclass(frozen=True, slots=True)
class Source:
    """One file: the name that errors show, and its text."""

    name: str
    text: str


@dataclass(frozen=True, slots=True)
class Bundle:
    """All policy files as they were at one moment, in the order of their names.

    `origin` is where they came from, for errors that no single file has.
    """

    origin: str
    files: tuple[Source, ...]


def load_bundle(path: FilePath | None) -> Bundle:
    """Reads the folder or the file at `path`; None gives the built-in policy.

    Folders below it (such as tests/), hidden files and files of another suffix are left alone.
    Raises ConfigError.
    """
    if path is None:
        return Bundle("the built-in policy", (Source(DEFAULT_NAME, DEFAULT_POLICY),))
    try:
        names = policy_files(path) if path.is_dir() else [path]
    except OSError as error:
        raise _unreadable(path, error) from None
    if not names:
        raise ConfigError([Problem(str(path), 0, 0, "the folder holds no policy", "add a *.yaml")])
    if len(names) > FILES_MAX:
        raise ConfigError([Problem(str(path), 0, 0, f"more than {FILES_MAX} policy files")])
    problems: list[Problem] = []
    files: list[Source] = []
    for name in names:
        try:
            files.append(Source(str(name), _read(name)))
        except ConfigError as error:
            problems += error.problems
    if problems:
        raise ConfigError(problems)
    return Bundle(str(path), tuple(files))


def policy_files(folder: FilePath) -> list[FilePath]:
    """The policy files of a folder, in the order of their names."""
    return sorted(
        entry
        for entry in folder.iterdir()
        if entry.suffix in SUFFIXES and not entry.name.startswith(".") and entry.is_file()
    )


def _unreadable(path: FilePath, error: OSError) -> ConfigError:
    return ConfigError([Problem(str(path), 0, 0, f"cannot be read: {error.strerror}")])


def _read(path: FilePath) -> str:
    try:
        with path.open("rb") as file:
            content = file.read(BYTES_MAX + 1)
    except OSError as error:
        raise _unreadable(path, error) from None
    if len(content) > BYTES_MAX:
        message = f"the file is larger than {BYTES_MAX} bytes"
        raise ConfigError([Problem(str(path), 0, 0, message)])
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start]
        line, column = before.count(b"\n") + 1, error.start - before.rfind(b"\n")
        message, hint = "the file is not UTF-8", "save it as UTF-8"
        raise ConfigError([Problem(str(path), line, column, message, hint)]) from None


def read_documents(bundle: Bundle) -> list[Document]:
    """Every file of the bundle as plain data with places. Raises ConfigError with all problems."""
    problems: list[Problem] = []
    documents: list[Document] = []
    for source in bundle.files:
        try:
            document = read_yaml(source.text, source.name)
        except ConfigError as error:
            problems += error.problems
        else:
            documents.append(document)
            problems += _large_numbers(document, (), document.data)
    if problems:
        raise ConfigError(problems)
    return documents


def _large_numbers(document: Document, path: Path, value: Any) -> Iterable[Problem]:
    """Numbers beyond 64 bits, which JSON and thus the digest cannot hold."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _large_numbers(document, (*path, key), inner)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _large_numbers(document, (*path, index), inner)
    elif isinstance(value, int) and not INTEGER_MIN <= value <= INTEGER_MAX:
        yield document.problem(path, "the number has more than 64 bits", "quote it to make it text")


def digest_of(documents: Iterable[Document]) -> str:
    """SHA-256 over what the files say: comments, order of keys and spelling do not count.

    Hex digits over the JSON list of file name (without folder) and data, keys sorted.
    """
    content: Sequence[tuple[str, object]] = [
        (FilePath(document.file).name, document.data) for document in documents
    ]
    return hashlib.sha256(orjson.dumps(content, option=orjson.OPT_SORT_KEYS)).hexdigest()
