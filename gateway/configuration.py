"""Settings from four places: flags over environment over gateway.yaml over defaults."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args, get_origin

from pydantic import ValidationError

from gateway.environment import (
    Variable,
    annotation_at,
    read_environment,
    setting_paths,
    variable_name,
)
from gateway.errors import ConfigError, Problem
from gateway.settings import Settings
from gateway.suggestions import explain
from gateway.yaml_source import Document, read_yaml, resolve_scalar

_Place = tuple[str | int, ...]


class Configuration(NamedTuple):
    """The settings, and the names of environment variables that were accepted without effect."""

    settings: Settings
    without_effect: dict[str, str]


def load_configuration(
    *,
    file: Path | None = None,
    environment: Mapping[str, str] | None = None,
    flags: Mapping[tuple[str, ...], tuple[str, Any]] | None = None,
) -> Configuration:
    """Reads and merges everything. Raises ConfigError with every problem and where it stands.

    `flags` maps the path of a setting to the flag's name and its value. Relative paths in `file`
    count from its folder, all others from the working folder.
    """
    problems: list[Problem] = []
    document = _read_file(file)
    data = _mapping(document, problems)
    origins: dict[_Place, str] = {}
    _anchor_paths(data, file)
    reading = read_environment(os.environ if environment is None else environment)
    for name, hint in reading.unknown.items():
        problems.append(Problem(name, 0, 0, "unknown environment variable", hint))
    for variable in reading.variables:
        origins[variable.path] = variable.name
        try:
            _put(data, variable.path, _parse(variable))
        except ConfigError as error:
            problems += error.problems
    for path, (flag, value) in (flags or {}).items():
        _put(data, path, value)
        origins[path] = flag
    settings = _validate(data, document, origins, problems)
    return Configuration(settings, reading.without_effect)


def _read_file(file: Path | None) -> Document | None:
    if file is None:
        return None
    try:
        text = file.read_text(encoding="utf-8")
    except OSError as error:
        message = f"the configuration cannot be read: {error.strerror}"
        raise ConfigError([Problem(str(file), 0, 0, message)]) from None
    except UnicodeDecodeError:
        raise ConfigError([Problem(str(file), 0, 0, "the file is not UTF-8")]) from None
    return read_yaml(text, str(file))


def _mapping(document: Document | None, problems: list[Problem]) -> dict[str, Any]:
    if document is None or document.data is None:
        return {}
    if not isinstance(document.data, dict):
        hint = "write settings as `name: value`, one per line"
        problems.append(document.problem((), "the file is not a mapping of settings", hint))
        return {}
    return document.data


def _put(data: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    """Sets one value; what stands in the way and is no mapping is replaced."""
    for part in path[:-1]:
        inner = data.get(part)
        data[part] = inner = dict(inner) if isinstance(inner, dict) else {}
        data = inner
    data[path[-1]] = value


def _parse(variable: Variable) -> Any:
    """The value of a variable: words for text, commas for lists, YAML for what has structure."""
    annotation = annotation_at(variable.path)
    if _holds_structure(annotation):
        return read_yaml(variable.text, variable.name).data
    if get_origin(annotation) is tuple:
        parts = [part.strip() for part in variable.text.split(",") if part.strip()]
        return [resolve_scalar(p) if get_args(annotation)[0] is int else p for p in parts]
    if annotation is str or annotation == (str | None) or get_origin(annotation) is Literal:
        return variable.text
    return resolve_scalar(variable.text.strip())


def _holds_structure(annotation: Any) -> bool:
    if get_origin(annotation) is dict:
        return True
    return get_origin(annotation) is tuple and hasattr(get_args(annotation)[0], "model_fields")


def _anchor_paths(data: dict[str, Any], file: Path | None) -> None:
    """Makes the relative paths of the file count from the file's folder."""
    if file is None:
        return
    folder = file.absolute().parent
    for path, annotation in setting_paths():
        if annotation is Path or Path in get_args(annotation):
            _anchor(data, path, folder)
    for section in ("upstreams", "stores"):
        named = data.get(section)
        for name in named if isinstance(named, dict) else ():
            for key in ("ca_file", "cert_file", "key_file"):
                _anchor(data, (section, name, "tls", key), folder)


def _anchor(data: dict[str, Any], path: tuple[str, ...], folder: Path) -> None:
    for part in path[:-1]:
        inner = data.get(part)
        if not isinstance(inner, dict):
            return
        data = inner
    value = data.get(path[-1])
    if isinstance(value, str) and value:
        data[path[-1]] = str(folder / value)


def _validate(
    data: dict[str, Any],
    document: Document | None,
    origins: Mapping[_Place, str],
    problems: list[Problem],
) -> Settings:
    try:
        settings = Settings.model_validate(data)
    except ValidationError as error:
        for finding in explain(Settings, error.errors(include_url=False), "setting", data):
            origin = _origin(finding.path, origins)
            if origin is not None or document is None:
                name = origin or variable_name(tuple(str(p) for p in finding.path))
                problems.append(Problem(name, 0, 0, finding.message, finding.hint))
            else:
                problems.append(
                    document.problem(finding.path, finding.message, finding.hint, key=finding.key)
                )
        raise ConfigError(_in_order(problems)) from None
    if problems:
        raise ConfigError(_in_order(problems))
    return settings


def _origin(path: _Place, origins: Mapping[_Place, str]) -> str | None:
    """The variable or flag that set the value at `path` or around it."""
    for length in range(len(path), 0, -1):
        if path[:length] in origins:
            return origins[path[:length]]
    return None


def _in_order(problems: list[Problem]) -> list[Problem]:
    return sorted(problems, key=lambda p: (p.file, p.line, p.column))
