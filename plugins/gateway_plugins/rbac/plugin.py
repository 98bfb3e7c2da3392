"""The question of every request: do the caller's roles allow this operation, here and now?"""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Any, ClassVar

from gateway.identity.access import Access, RoleBook, Rule, Situation, reads_body
from gateway.identity.roles import BUILTIN_ROLES
from gateway.plugin import (
    CLIENT_ADDRESS,
    PRINCIPAL,
    Exchange,
    Fact,
    Plugin,
    Principal,
    Reason,
    Reject,
    Runtime,
)
from gateway.plugin.identity import IdentityUnavailableError
from gateway.providers.body_model import Named, model_in_body
from gateway.providers.operations import operation_of
from gateway.providers.recognise import model_from_path
from gateway_plugins.rbac.asked import output_tokens, spare_models
from gateway_plugins.rbac.config import RbacConfig
from gateway_plugins.rbac.costs import Costs

OPERATIONS_MAX = 4096
"""Paths whose operation is remembered; then the memory starts anew."""
PATH_CHARACTERS_MAX = 256
MODEL_CHARACTERS_MAX = 200

_UNKNOWN = Reject(Reason.PERMISSION_DENIED, "the caller is not known")
_UNAVAILABLE = Reject(Reason.IDENTITY_UNAVAILABLE, "roles cannot be read")
_NOTHING_KNOWN = -1
_NONE: frozenset[str] = frozenset()


class Rbac(Plugin):
    """Allows what the caller's roles and scopes permit, and refuses everything else."""

    name: ClassVar[str] = "rbac"
    Config = RbacConfig
    requires: frozenset[Fact[Any]] = frozenset({PRINCIPAL})

    def __init__(self, config: RbacConfig, runtime: Runtime) -> None:
        super().__init__(config, runtime)
        self._directory = runtime.directory
        self._wall = runtime.wall
        self._defaults = frozenset(config.default_roles)
        self._require = config.require
        self._generation = _NOTHING_KNOWN
        self._book = RoleBook({**BUILTIN_ROLES, **config.roles})
        self._operations: dict[tuple[str, str], str] = {}
        self._refusals: dict[str, Reject] = {}
        asked = config.read_body
        self._reads_body = any(map(reads_body, config.roles.values())) if asked is None else asked
        self._costs = Costs(config, runtime) if self._reads_body else None
        self.skips_hooks = frozenset() if self._reads_body else frozenset({"on_request"})

    async def start(self) -> None:
        """Tells of default roles that nobody knows: they allow nothing."""
        if self._costs is not None:
            self._costs.book.start()
        try:
            known = self._roles().roles
        except IdentityUnavailableError:
            return
        for name in sorted(self._defaults.difference(known)):
            self.runtime.log.warning("default role %s is not known", name)

    async def stop(self) -> None:
        if self._costs is not None:
            await self._costs.book.stop()

    def _roles(self) -> RoleBook:
        """The roles as they are now. Raises IdentityUnavailableError."""
        directory = self._directory
        if directory is None or directory.generation == self._generation:
            return self._book
        generation = directory.generation
        self._book = RoleBook({**directory.roles(), **BUILTIN_ROLES, **self.config.roles})
        self._generation = generation
        return self._book

    def _access(self, principal: Principal) -> Access:
        roles = principal.roles or self._defaults
        return self._roles().access(roles, principal.scopes, principal.tenant)

    def _operation(self, method: str, path: str) -> str:
        known = self._operations.get((method, path))
        if known is None:
            known = operation_of(method, path)
            if len(path) <= PATH_CHARACTERS_MAX:
                if len(self._operations) >= OPERATIONS_MAX:
                    self._operations.clear()
                self._operations[method, path] = known
        return known

    def on_request_headers(self, x: Exchange) -> Reject | None:
        principal = x.facts.get(PRINCIPAL)
        if principal is None:
            return _UNKNOWN
        try:
            access = self._access(principal)
        except IdentityUnavailableError:
            return _UNAVAILABLE
        rule = access.rule(self._operation(x.request.method, x.path))
        reject = None if rule.always is True else self._judge_head(x, rule, principal)
        for name in self._require:
            rule = access.rule(name)
            if reject is None and rule.always is not True:
                reject = self._judge_head(x, rule, principal)
        return reject

    def _judge_head(self, x: Exchange, rule: Rule, principal: Principal) -> Reject | None:
        """What can be said before the body; a body that may still change it is waited for."""
        situation = self._situation(x)
        answer = rule.judge(situation)
        if answer is True or (answer is None and rule.reads_body and self._reads_body):
            return None
        if answer is None and rule.reads_body:
            # Who verified the credential holds it to the models of its scopes.
            if principal.scopes and self._roles_allow(principal, rule.permission, situation):
                return None
            message = f"{rule.permission} depends on the body, which `rbac` does not read here"
            return Reject(Reason.PERMISSION_DENIED, message)
        return self._denied(rule.permission, situation.model)

    def _roles_allow(self, principal: Principal, permission: str, situation: Situation) -> bool:
        access = self._book.access(principal.roles or self._defaults, _NONE, principal.tenant)
        return access.permits(permission, situation)

    def _situation(self, x: Exchange) -> Situation:
        query = x.request.query if x.request.method == "GET" else None
        return Situation(
            self._wall(),
            x.facts.get(CLIENT_ADDRESS),
            model_from_path(x.dialect, x.path, query),
            x.dialect,
            x.route,
        )

    def on_request(self, x: Exchange) -> Reject | Awaitable[Reject | None] | None:
        principal = x.facts.get(PRINCIPAL)
        if principal is None:
            return _UNKNOWN
        try:
            access = self._access(principal)
        except IdentityUnavailableError:
            return _UNAVAILABLE
        names = (self._operation(x.request.method, x.path), *self._require)
        rules = [rule for rule in map(access.rule, names) if rule.always is not True]
        if not rules:
            return None
        situation = self._situation(x)
        rules = [rule for rule in rules if rule.judge(situation) is not True]
        if not rules:
            return None
        named = model_in_body(x.request)
        if isinstance(named, str | Reject):
            return self._judge_body(x, rules, situation, named)
        return self._judge_later(x, rules, situation, named)

    async def _judge_later(
        self, x: Exchange, rules: list[Rule], situation: Situation, named: Awaitable[Named]
    ) -> Reject | None:
        return self._judge_body(x, rules, situation, await named)

    def _judge_body(
        self, x: Exchange, rules: list[Rule], situation: Situation, named: Named
    ) -> Reject | None:
        if isinstance(named, Reject):
            return Reject(named.reason, "a role depends on the body, and the body does not tell")
        if situation.model is not None:
            named = situation.model  # the path tells, and what the body says does not count
        elif x.model is None:
            x.model = named or None
        parsed = x.request.json()
        spare = spare_models(parsed)
        if spare is None:
            return Reject(Reason.PERMISSION_DENIED, "`models` is no list of texts")
        for model in (named, *spare):
            situation.model, situation.cost = model, None
            for rule in rules:
                answer = rule.judge(situation)
                if answer is None:
                    if situation.output_tokens is None:
                        situation.output_tokens = output_tokens(x.request.body or b"", parsed)
                    if self._costs is not None:
                        self._costs.estimate(x, situation)
                    answer = rule.judge(situation)
                if answer is not True:
                    return self._denied(rule.permission, model)
        return None

    def _denied(self, permission: str, model: str | None = None) -> Reject:
        """Names what is missing, and no role: a caller learns what to ask for."""
        if model and len(model) <= MODEL_CHARACTERS_MAX and model.isprintable():
            return Reject(Reason.PERMISSION_DENIED, f"{permission} is needed for {model}")
        known = self._refusals.get(permission)
        if known is None:
            known = Reject(Reason.PERMISSION_DENIED, f"{permission} is needed")
            self._refusals[permission] = known
        return known
