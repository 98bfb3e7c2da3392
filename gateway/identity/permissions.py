"""The closed catalogue of permissions, and the patterns in which roles and scopes write them.

A pattern is a name of the catalogue, or a part of one with `*` for any run of characters
(`chat.*`, `admin.*.read`, `*`). After a colon it may say for which models: `chat.create:gpt-4*`.
Such a pattern covers only what has a model.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Final

from pydantic import AfterValidator

from gateway.patterns import compile_pattern
from gateway.providers.operations import OPERATIONS
from gateway.suggestions import did_you_mean

ACROSS_TENANTS: Final = "admin.across_tenants"
"""Lets an administrator act on every tenant, and not only on the one of the credential."""


@dataclass(frozen=True, slots=True)
class Permission:
    """One thing that can be allowed; `has_model` and `generates` are those of its operation."""

    name: str
    text: str
    has_model: bool = False
    generates: bool = False

    @property
    def admin(self) -> bool:
        """Whether it is asked on the admin port, and not of a request to a provider."""
        return self.name.startswith("admin.")


ADMIN_PERMISSIONS: Final[tuple[Permission, ...]] = (
    Permission("admin.keys.read", "List virtual keys and look at one; never the key itself."),
    Permission("admin.keys.write", "Create, change, rotate and delete virtual keys."),
    Permission("admin.tenants.read", "List tenants and look at one."),
    Permission("admin.tenants.write", "Create, change and delete tenants."),
    Permission("admin.roles.read", "List roles and look at one."),
    Permission("admin.roles.write", "Create, change and delete roles."),
    Permission("admin.revocations.read", "List what is revoked."),
    Permission("admin.revocations.write", "Revoke keys, tokens, users and tenants."),
    Permission("admin.tokens.read", "List admin tokens; never the token itself."),
    Permission("admin.tokens.write", "Create and delete admin tokens."),
    Permission("admin.values.read", "List erasures of values that placeholders stand for."),
    Permission("admin.values.write", "Erase values that placeholders stand for."),
    Permission("admin.limits.read", "Look at the standing of limits and budgets."),
    Permission("admin.limits.write", "Reset limits and budgets."),
    Permission("admin.policies.read", "Look at the policies in force."),
    Permission("admin.status.read", "Look at workers, upstreams and metrics."),
    Permission("admin.receipts.read", "Look at receipts."),
    Permission("admin.signing_keys.read", "Look at the keys that sign receipts; never a secret."),
    Permission("admin.signing_keys.write", "Replace and revoke the keys that sign receipts."),
    Permission("admin.trust.write", "Forget trust scores."),
    Permission("admin.audit.read", "Look at the record of administrative acts."),
    Permission("admin.audit.export", "Export receipts and the record of administrative acts."),
    Permission(ACROSS_TENANTS, "Do all this for every tenant, and not only for one's own."),
)

CATALOGUE: Final[tuple[Permission, ...]] = (
    *(Permission(o.name, o.text, o.has_model, o.generates) for o in OPERATIONS),
    *ADMIN_PERMISSIONS,
)
"""Every permission, in the order of the documentation."""

BY_NAME: Final[dict[str, Permission]] = {permission.name: permission for permission in CATALOGUE}


@dataclass(frozen=True, slots=True)
class Pattern:
    """A pattern in its parts; `model` is "" where it does not speak of models."""

    name: str
    model: str

    @classmethod
    def parse(cls, text: str) -> Pattern:
        """Raises ValueError, with what to write instead, where it covers no permission."""
        name, colon, model = text.partition(":")
        pattern = cls(name, model)
        if colon and not model:
            raise ValueError(f'"{text}" names no model after the colon; write "{name}:gpt-4*"')
        covered = pattern.covered(ignore_model=True)
        if not covered:
            hint = did_you_mean(name, BY_NAME) or "docs/reference/permissions.md lists them"
            raise ValueError(f'no permission "{name}" ({hint})')
        if model and not any(permission.has_model for permission in covered):
            raise ValueError(f'"{name}" has no model; write it without ":{model}"')
        return pattern

    def covered(self, *, ignore_model: bool = False) -> tuple[Permission, ...]:
        """The permissions that it speaks of."""
        matches = compile_pattern(self.name)
        asks = bool(self.model) and not ignore_model
        return tuple(p for p in CATALOGUE if matches(p.name) and (p.has_model or not asks))


def _checked(text: str) -> str:
    Pattern.parse(text)
    return text


PermissionText = Annotated[str, AfterValidator(_checked)]
"""A field of a configuration that holds one pattern of permissions."""
