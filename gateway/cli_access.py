"""`sealgate roles` and `sealgate revocations`; see `gateway.cli_identity`."""

from __future__ import annotations

from typing import Annotated

import typer

from gateway.cli_session import (
    ConfigFlag,
    DataDirFlag,
    ExpiresFlag,
    JsonFlag,
    TenantFlag,
    expiry,
    form,
    group,
    moment_of,
    opened,
)

roles = group("Roles, and who has them.")
revocations = group("Signed tokens, users and tenants that are refused.")

_Role = Annotated[str, typer.Argument(metavar="ROLE")]
_Subject = Annotated[str, typer.Argument(metavar="SUBJECT")]
_Patterns = Annotated[
    list[str] | None, typer.Option(help="A permission, such as `chat.*`; several times.")
]
_BINDING_COLUMNS = ("id", "tenant", "subject", "role", "created_at")


@roles.command("create")
def create_role(
    role: _Role,
    allow: _Patterns = None,
    deny: _Patterns = None,
    description: Annotated[str, typer.Option(help="For people.")] = "",
    config: ConfigFlag = None,
    data_dir: DataDirFlag = None,
    as_json: JsonFlag = False,
) -> None:
    """Make a role; conditions are written through the admin API or in policies."""
    with opened(config, data_dir, as_json=as_json) as session:
        from gateway.identity.forms import RoleForm

        wanted = form(
            RoleForm,
            id=role,
            description=description,
            allow=tuple(allow or ()),
            deny=tuple(deny or ()),
        )
        session.show(session.identities.roles.make(session.actor, wanted))


@roles.command("list")
def list_roles(
    config: ConfigFlag = None, data_dir: DataDirFlag = None, as_json: JsonFlag = False
) -> None:
    """List roles, built-in ones among them."""
    with opened(config, data_dir, as_json=as_json) as session:
        session.list(session.identities.roles.page, ("id", "builtin", "description"))


@roles.command("show")
def show_role(
    role: _Role, config: ConfigFlag = None, data_dir: DataDirFlag = None, as_json: JsonFlag = False
) -> None:
    """Look at one role."""
    with opened(config, data_dir, as_json=as_json) as session:
        session.show(session.identities.roles.get(session.actor, role))


@roles.command("delete")
def delete_role(role: _Role, config: ConfigFlag = None, data_dir: DataDirFlag = None) -> None:
    """Remove a role that nobody has."""
    with opened(config, data_dir, as_json=False) as session:
        session.identities.roles.remove(session.actor, role)


@roles.command("grant")
def grant_role(
    role: _Role,
    subject: _Subject,
    tenant: TenantFlag = None,
    config: ConfigFlag = None,
    data_dir: DataDirFlag = None,
    as_json: JsonFlag = False,
) -> None:
    """Give a role to a user of a tenant."""
    with opened(config, data_dir, as_json=as_json) as session:
        from gateway.identity.forms import BindingForm

        wanted = form(BindingForm, role=role, subject=subject, tenant=tenant)
        session.show(session.identities.bindings.make(session.actor, wanted))


@roles.command("withdraw")
def withdraw_role(
    binding_id: Annotated[str, typer.Argument(metavar="BINDING")],
    config: ConfigFlag = None,
    data_dir: DataDirFlag = None,
) -> None:
    """Take a role away; `sealgate roles grants` shows the ids."""
    with opened(config, data_dir, as_json=False) as session:
        session.identities.bindings.remove(session.actor, binding_id)


@roles.command("grants")
def list_grants(
    tenant: TenantFlag = None,
    config: ConfigFlag = None,
    data_dir: DataDirFlag = None,
    as_json: JsonFlag = False,
) -> None:
    """List who has which role."""
    with opened(config, data_dir, as_json=as_json) as session:
        session.list(session.identities.bindings.page, _BINDING_COLUMNS, tenant=tenant)


@revocations.command("create")
def revoke(
    kind: Annotated[str, typer.Argument(metavar="jti|subject|tenant")],
    name: Annotated[str, typer.Argument(metavar="NAME")],
    tenant: TenantFlag = None,
    before: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="Only what was issued before (ISO 8601, or `now`)."),
    ] = None,
    expires_in: ExpiresFlag = None,
    reason: Annotated[str, typer.Option(help="For people.")] = "",
    config: ConfigFlag = None,
    data_dir: DataDirFlag = None,
    as_json: JsonFlag = False,
) -> None:
    """Refuse a signed token, a user or a tenant from now on."""
    with opened(config, data_dir, as_json=as_json) as session:
        from gateway.identity.forms import RevocationForm

        wanted = form(
            RevocationForm,
            kind=kind,
            name=name,
            tenant=tenant,
            before=moment_of(session, before),
            expires_at=expiry(session, expires_in),
            reason=reason,
        )
        session.show(session.identities.revocations.make(session.actor, wanted))


@revocations.command("list")
def list_revocations(
    tenant: TenantFlag = None,
    config: ConfigFlag = None,
    data_dir: DataDirFlag = None,
    as_json: JsonFlag = False,
) -> None:
    """List what is refused."""
    columns = ("id", "kind", "name", "tenant", "before", "expires_at", "reason")
    with opened(config, data_dir, as_json=as_json) as session:
        session.list(session.identities.revocations.page, columns, tenant=tenant)


@revocations.command("delete")
def delete_revocation(
    revocation_id: Annotated[str, typer.Argument(metavar="ID")],
    config: ConfigFlag = None,
    data_dir: DataDirFlag = None,
) -> None:
    """Let in again what was refused."""
    with opened(config, data_dir, as_json=False) as session:
        session.identities.revocations.remove(session.actor, revocation_id)
