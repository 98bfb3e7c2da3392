"""Puts policies in force in one worker, in two phases, and stops what nobody uses any more.

prepare: load -> validate -> compile -> start new plugins      may fail; nothing has changed
commit:  swap one reference                                    cannot fail
then:    the last exchange of the old snapshot ends -> stop the plugins that only it used
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gateway.chain.registry import Registry
from gateway.errors import ConfigError, Problem
from gateway.plugin.runtime import Runtime
from gateway.plugin.secret import Resolver, resolve_secret
from gateway.policy.build import Builder, fault_text
from gateway.policy.exposure import open_policies
from gateway.policy.instances import Claims, Instance
from gateway.policy.loader import Bundle, digest_of, read_documents
from gateway.policy.parser import Parser, WrittenPolicy
from gateway.policy.routes import RouteTable
from gateway.policy.snapshot import RouteEntry, Snapshot
from gateway.settings import Settings
from gateway.state.stores import Stores
from gateway.suggestions import did_you_mean
from gateway.yaml_source import Document

_log = logging.getLogger("sealgate.policies")


@dataclass(frozen=True, slots=True)
class Compiled:
    """A snapshot whose new plugins are made and not yet started."""

    snapshot: Snapshot
    policies: Sequence[WrittenPolicy]
    claims: Claims


class Compiler:
    """Compiles bundles for one gateway: its routes, its profile, the plugins installed."""

    def __init__(
        self,
        settings: Settings,
        runtime: Runtime | None = None,
        registry: Registry | None = None,
        resolver: Resolver = resolve_secret,
    ) -> None:
        """Raises ConfigError where the routes of `settings` are wrong."""
        self._settings = settings
        self.table = RouteTable(settings)
        # Without a runtime of its own (a check), stores are looked up and none is connected.
        if runtime is None:
            stores = Stores(settings)
            runtime = Runtime(
                data_dir=settings.data_dir,
                counters=stores.get,
                values=stores.values,
                scores=stores.scores,
            )
        self.runtime = runtime
        self._registry = registry
        self._profile = settings.profile
        self._resolver = resolver

    def compile(self, bundle: Bundle, version: int, previous: Iterable[Instance] = ()) -> Compiled:
        """The bundle as a snapshot. Raises ConfigError or PluginLoadError; starts nothing.

        May block for as long as plugins take to be imported and made.
        """
        documents = read_documents(bundle)
        if self._registry is None:
            self._registry = Registry.installed()
        policies = Parser(self._registry, self._resolver).parse(documents, self._profile)
        _check_profile(bundle, documents, policies, self._profile)
        claims = Claims(previous)
        builder = Builder(self.table, self.runtime, claims)
        snapshot = builder.build(policies, version, digest_of(documents))
        problems = open_policies(self._settings, policies, claims.all, self.table.all)
        if problems:
            raise ConfigError(problems)
        return Compiled(snapshot, policies, claims)


def profiles_of(documents: Iterable[Document]) -> list[str]:
    """Every profile that a policy names."""
    found = (d.data.get("profile") for d in documents if isinstance(d.data, dict))
    return sorted({profile for profile in found if isinstance(profile, str)})


def _check_profile(
    bundle: Bundle,
    documents: Sequence[Document],
    policies: Sequence[WrittenPolicy],
    profile: str | None,
) -> None:
    """A profile that no policy names would leave out what it was chosen for."""
    known = profiles_of(documents)
    if profile is not None and profile not in known:
        message = f'no policy names the profile "{profile}"'
        hint = did_you_mean(profile, known) or "add `profile:` to a policy, or start without one"
        raise ConfigError([Problem(bundle.origin, 0, 0, message, hint)])
    if not policies:
        hint = f"start with --profile {' or '.join(known)}"
        raise ConfigError([Problem(bundle.origin, 0, 0, "every policy is for a profile", hint)])


@dataclass(frozen=True, slots=True)
class _Prepared:
    snapshot: Snapshot
    claims: Claims


class PolicyStore:
    """The policies of one worker. `current` serves new exchanges; it refuses all until `commit`."""

    def __init__(
        self,
        settings: Settings,
        runtime: Runtime | None = None,
        registry: Registry | None = None,
    ) -> None:
        """Raises ConfigError where the routes of `settings` are wrong."""
        self._compiler = Compiler(settings, runtime, registry)
        self._stopping: set[asyncio.Task[None]] = set()
        self._instances: list[Instance] = []
        self._prepared: _Prepared | None = None
        nothing = {route: RouteEntry(route, ()) for route in self._compiler.table.all}
        self.current = Snapshot(0, "", self._compiler.table, nothing)

    async def prepare(self, version: int, bundle: Bundle) -> str:
        """Compiles `bundle` and starts its new plugins beside the running ones.

        Returns the digest of the policies. Raises ConfigError, and then nothing has changed.
        """
        await self.abort()
        # Plugins are imported, secrets read and patterns compiled: not on the loop.
        compiled = await asyncio.to_thread(
            self._compiler.compile, bundle, version, tuple(self._instances)
        )
        await self._start(compiled.claims.fresh)
        self._prepared = _Prepared(compiled.snapshot, compiled.claims)
        return compiled.snapshot.digest

    async def _start(self, fresh: Sequence[Instance]) -> None:
        started: list[Instance] = []
        try:
            for instance in fresh:
                started.append(instance)
                await instance.plugin.start()
        except BaseException as error:
            # Also the one that failed half-way may have opened something.
            await _stop_all(started)
            if isinstance(error, Exception):
                raise ConfigError([_start_problem(started[-1], error)]) from error
            raise

    def commit(self, version: int) -> None:
        """Serves what `prepare` prepared as `version`; raises LookupError if that is not it."""
        prepared = self._prepared
        if prepared is None or prepared.snapshot.version != version:
            raise LookupError(f"version {version} was not prepared")
        self._prepared = None
        old, held = self.current, self._instances
        self._instances = prepared.claims.all
        for instance in self._instances:
            instance.users += 1
        self.current = prepared.snapshot
        old.retire(lambda: self._let_go(held))

    async def abort(self, version: int | None = None) -> None:
        """Throws away what was prepared, if it is `version` (or whatever it is)."""
        prepared = self._prepared
        if prepared is not None and version in {None, prepared.snapshot.version}:
            self._prepared = None
            await _stop_all(prepared.claims.fresh)

    def _let_go(self, instances: Sequence[Instance]) -> None:
        """The last exchange of an old snapshot has ended."""
        for instance in instances:
            instance.users -= 1
        unused = [instance for instance in instances if not instance.users]
        if unused:
            task = self._compiler.runtime.spawn(_stop_all(unused), name="stop unused plugins")
            self._stopping.add(task)
            task.add_done_callback(self._stopping.discard)

    async def close(self) -> None:
        """Stops every plugin, also those of exchanges that were cut off."""
        await self.abort()
        instances, self._instances = self._instances, []
        await _stop_all(instances)
        await asyncio.gather(*self._stopping)


def _start_problem(instance: Instance, error: Exception) -> Problem:
    document, path = instance.origin
    message = f"{instance.plugin.name} cannot start: {fault_text(error)}"
    problem: Problem = document.problem(path, message, key=True)
    return problem


async def _stop_all(instances: Iterable[Instance]) -> None:
    """Stops each, whatever the others do."""
    plugins = [instance.plugin for instance in instances]
    results = await asyncio.gather(*(p.stop() for p in plugins), return_exceptions=True)
    for plugin, result in zip(plugins, results, strict=True):
        if isinstance(result, Exception):
            fields = {"plugin": plugin.name, "error": type(result).__name__}
            _log.error("plugin did not stop cleanly", extra={"fields": fields})
