"""Documents become written policies: shapes and plugin configurations checked, faults explained."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import orjson
from pydantic import BaseModel, ValidationError

from gateway.chain.registry import USE_KEYS, Registry
from gateway.errors import ConfigError, PluginLoadError, Problem
from gateway.plugin.contract import Plugin, PluginConfig
from gateway.plugin.secret import RESOLVER, VARIABLE, Resolver
from gateway.policy.models import PolicyFile, UseSettings
from gateway.suggestions import did_you_mean, explain
from gateway.yaml_source import Document, Path

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class WrittenUse:
    """One step of a chain as written: which plugin, its configuration, what the use says."""

    plugin: type[Plugin]
    config: PluginConfig
    settings: UseSettings
    path: Path


@dataclass(frozen=True, slots=True)
class WrittenPolicy:
    """One policy as written, with the document that tells where everything stands."""

    file: PolicyFile
    uses: tuple[WrittenUse, ...]
    document: Document


class Parser:
    """Turns documents into policies and collects every problem on the way."""

    def __init__(self, registry: Registry, resolver: Resolver) -> None:
        """`resolver` gives the secrets that configurations refer to."""
        self._registry = registry
        self._resolver = resolver
        self.problems: list[Problem] = []

    def parse(self, documents: Sequence[Document], profile: str | None) -> list[WrittenPolicy]:
        """The policies of `profile` and those of none. Raises ConfigError with all problems."""
        policies = []
        for document in documents:
            file = self._file(document)
            if file is None or file.profile not in {None, profile}:
                continue
            uses = [self._use(document, index) for index in range(len(file.chain))]
            policies.append(WrittenPolicy(file, tuple(use for use in uses if use), document))
        if self.problems:
            order = [document.file for document in documents]
            self.problems.sort(key=lambda p: (order.index(p.file), p.line, p.column))
            raise ConfigError(self.problems)
        return policies

    def _file(self, document: Document) -> PolicyFile | None:
        data = document.data
        if data is None:
            self._add(document, (), "the file is empty", "a policy has version, name and chain")
            return None
        if not isinstance(data, dict):
            self._add(document, (), "a policy is a mapping", "it has version, name and chain")
            return None
        chain = data.get("chain", ())
        if isinstance(chain, dict):
            self._add(document, ("chain",), "chain must be a list", 'put "- " before each plugin')
            return None
        if "chain" in data and chain is None:
            hint = "write `chain: []` for a chain without plugins"
            self._add(document, ("chain",), "chain must be a list, and it is empty", hint, key=True)
            return None
        return self._validate(PolicyFile, document, (), data)

    def _use(self, document: Document, index: int) -> WrittenUse | None:
        path: Path = ("chain", index)
        step = document.data["chain"][index]
        if not self._is_step(document, path, step):
            return None
        ((name, body),) = step.items()
        path = (*path, name)
        try:
            plugin = self._registry.get(name)
        except PluginLoadError as error:
            self._add(document, path, str(error), key=True)
            return None
        body = body or {}
        if not isinstance(body, dict):
            keys = ", ".join(plugin.Config.model_fields)
            hint = f"its keys are {keys}" if keys else f"write `{name}: {{}}`"
            self._add(document, path, f"what follows {name} must be a mapping", hint)
            return None
        known = {*plugin.Config.model_fields, *USE_KEYS}
        own = {key: value for key, value in body.items() if key not in USE_KEYS}
        settings = self._validate(
            UseSettings, document, path, {k: v for k, v in body.items() if k in USE_KEYS}
        )
        config = self._validate(plugin.Config, document, path, own, known)
        if settings is None or config is None:
            return None
        return WrittenUse(plugin, config, settings, path)

    def _is_step(self, document: Document, path: Path, step: Any) -> bool:
        """Whether a step of the chain is one plugin; explains it where not."""
        if isinstance(step, str):
            self._add(document, path, "a step of a chain is a mapping", f'write "- {step}: {{}}"')
            return False
        if not isinstance(step, dict) or not step:
            self._add(document, path, "a step of a chain is one plugin: `name: {...}`")
            return False
        if len(step) > 1:
            first, second = list(step)[:2]
            message = f'a step of a chain is one plugin, and "{second}" stands beside "{first}"'
            hint = (
                f'indent "{second}" below "{first}"'
                if second in USE_KEYS
                else (f'put "- " before "{second}"')
            )
            self._add(document, (*path, second), message, hint, key=True)
            return False
        return True

    def _validate(
        self,
        model: type[M],
        document: Document,
        path: Path,
        data: dict[str, Any],
        known: set[str] | None = None,
    ) -> M | None:
        """`data`, which stands at `path`, as a `model`; problems are explained at their places.

        Validated as JSON and strictly, so that "5" is no number and true is not 1. `known` are the
        keys to suggest where they are more than the model's own.
        """
        used: set[str] = set()

        def resolve(text: str) -> str:
            used.add(text)
            return self._resolver(text)

        try:
            valid = model.model_validate_json(
                orjson.dumps(data), strict=True, context={RESOLVER: resolve}
            )
        except ValidationError as error:
            for finding in explain(model, error.errors(include_url=False), "key", data):
                hint = finding.hint
                if known is not None and finding.key and len(finding.path) == 1:
                    hint = did_you_mean(str(finding.path[0]), known)
                self._add(document, (*path, *finding.path), finding.message, hint, key=finding.key)
            return None
        self._check_references(document, path, data, used)
        return valid

    def _check_references(self, document: Document, path: Path, value: Any, used: set[str]) -> None:
        """A `${NAME}` where no secret is expected would stay as it is: refuse it."""
        if isinstance(value, str):
            if VARIABLE.fullmatch(value) and value not in used:
                message = f"{value} is not replaced here"
                hint = "only values that a plugin declares as secret come from the environment"
                self._add(document, path, message, hint)
            return
        entries: Iterable[tuple[str | int, Any]] = ()
        if isinstance(value, dict):
            entries = value.items()
        elif isinstance(value, list):
            entries = enumerate(value)
        for key, inner in entries:
            if path or key != "chain":
                self._check_references(document, (*path, key), inner, used)

    def _add(
        self, document: Document, path: Path, message: str, hint: str = "", *, key: bool = False
    ) -> None:
        self.problems.append(document.problem(path, message, hint, key=key))
