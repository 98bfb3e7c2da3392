"""Conditions on a request, compiled: what `match` and `when` come to.

All conditions must hold; within one, any of its values may. `*` in a value stands for any run of
characters, also for none. Hosts, methods and header names ignore case; paths, models and header
values do not. A path is compared byte for byte with what will be forwarded, neither decoded nor
normalised, so that no other spelling can be told apart by the provider and not by the policy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from gateway.patterns import compile_pattern, compile_patterns
from gateway.plugin.exchange import RequestView
from gateway.plugin.headers import Headers

RequestTest: TypeAlias = Callable[[RequestView, str], bool]


def host_without_port(host: str) -> str:
    """The name of a `Host` value in lower case, without port and without a trailing dot."""
    name, colon, port = host.rpartition(":")
    if not colon or "]" in port or (":" in name and not name.endswith("]")):
        name = host
    return name.lower().rstrip(".")


@dataclass(frozen=True, slots=True)
class Conditions:
    """What is asked of a request, as written; `()` asks nothing."""

    hosts: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    methods: tuple[str, ...] = ()
    headers: Mapping[str, str] | None = None
    models: tuple[str, ...] = ()


class Matcher:
    """Compiled conditions. `needs_model` tells that they ask for the model."""

    __slots__ = ("_models", "_tests", "needs_model", "reads_path")

    def __init__(self, conditions: Conditions) -> None:
        self._tests = tuple(_request_tests(conditions))
        self._models = compile_patterns(conditions.models)
        self.needs_model = self._models is not None
        self.reads_path = compile_patterns(conditions.paths) is not None

    @property
    def always(self) -> bool:
        """Whether every request matches."""
        return not self._tests and self._models is None

    def matches_head(self, request: RequestView, path: str) -> bool:
        """Whether all hold but the condition on the model; `path` is the one to be forwarded."""
        for test in self._tests:  # noqa: SIM110  # a generator costs more than the tests
            if not test(request, path):
                return False
        return True

    def matches_model(self, model: str) -> bool:
        """Whether the condition on the model holds; "" is a request that names none."""
        return self._models is None or self._models(model)


def _request_tests(conditions: Conditions) -> Iterable[RequestTest]:
    """The cheapest tests first."""
    methods = compile_patterns(method.upper() for method in conditions.methods)
    if methods is not None:
        yield lambda request, _: methods(request.method)
    paths = compile_patterns(conditions.paths)
    if paths is not None:
        yield lambda _, path: paths(path)
    hosts = compile_patterns(host.lower() for host in conditions.hosts)
    if hosts is not None:
        yield lambda request, _: hosts(host_without_port(request.host))
    for name, pattern in (conditions.headers or {}).items():
        yield _header_test(name, pattern)


def _header_test(name: str, pattern: str) -> RequestTest:
    """Any field of that name may match; `*` asks only that there is one."""
    key, matches = name.lower().encode("latin-1"), compile_pattern(pattern)

    def test(request: RequestView, _: str) -> bool:
        headers: Headers = request.headers
        if headers.first(key) is None:
            return False
        return any(
            matches(value.decode("latin-1")) for field, value in headers.raw if field.lower() == key
        )

    return test
