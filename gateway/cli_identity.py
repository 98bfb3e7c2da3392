"""`sealgate apikeys`, `tenants`, `roles`, `tokens`, `revocations`, `values`: identity by command.

Works on the data folder, whether or not a gateway runs on it: what is written here holds on every
worker half a second later. Whoever may write the folder may do everything, so no token is asked
for. `sealgate keys` is left for the keys that sign receipts.
"""

from __future__ import annotations

from typing import Annotated, Any

import typer

from gateway.cli_access import revocations, roles
from gateway.cli_session import (
    ConfigFlag,
    DataDirFlag,
    ExpiresFlag,
    JsonFlag,
    NameFlag,
    TenantFlag,
    expiry,
    form,
    group,
    limits_of,
    opened,
    span_us,
)
from gateway.cli_values import values

_RoleFlag = Annotated[list[str] | None, typer.Option("--role", help="May be given several times.")]
_Id = Annotated[str, typer.Argument(metavar="ID")]
_Subject = Annotated[str | None, typer.Option("--subject", help="Its owner: a user or a service.")]

_KEY_COLUMNS = ("id", "tenant", "subject", "name", "expires_at", "revoked_at", "last_used_at")


apikeys = group("Virtual keys, which clients show in place of a provider's key.")
tenants = group("Tenants.")
tokens = group("Admin tokens, for the admin API.")


def add_to(app: typer.Typer) -> None:
    """Adds the groups to the command line."""
    for name, commands in (
        ("apikeys", apikeys),
        ("tenants", tenants),
        ("roles", roles),
        ("tokens", tokens),
        ("revocations", revocations),
        ("values", values),
    ):
        app.add_typer(commands, name=name)


# -- virtual keys ---------------------------------------------------------------------------------


@apikeys.command("create")
def create_key(
    subject: Annotated[str, typer.Option("--subject", help="Its owner: a user or a service.")],
    tenant: TenantFlag = None,
    name: NameFlag = "",
    scope: Annotated[
        list[str] | None, typer.Option("--scope", help="What it may do; several times.")
    ] = None,
    role: _RoleFlag = None,
    model: Annotated[
        list[str] | None, typer.Option("--model", help="Models it may use; several times.")
    ] = None,
    limit: Annotated[
        list[str] | None,
        typer.Option("--limit", metavar="JSON", help="A limit of its own; several times."),
    ] = None,
    expires_in: ExpiresFlag = None,
    config: ConfigFlag = None,
    data_dir: DataDirFlag = None,
    as_json: JsonFlag = False,
) -> None:
    """Make a key; it is shown this once."""
    with opened(config, data_dir, as_json=as_json) as session:
        from gateway.identity.forms import KeyForm

        wanted = form(
            KeyForm,
            subject=subject,
            tenant=tenant,
            name=name,
            scopes=tuple(scope or ()),
            roles=tuple(role or ()),
            models=tuple(model or ()),
            limits=limits_of(limit),
            expires_at=expiry(session, expires_in),
        )
        issued = session.identities.keys.issue(session.actor, wanted)
        session.show(issued)


@apikeys.command("list")
def list_keys(
    tenant: TenantFlag = None,
    subject: _Subject = None,
    config: ConfigFlag = None,
    data_dir: DataDirFlag = None,
    as_json: JsonFlag = False,
) -> None:
    """List keys; never the keys themselves."""
    with opened(config, data_dir, as_json=as_json) as session:
        page = session.identities.keys.page
        session.list(page, _KEY_COLUMNS, tenant=tenant, subject=subject)


@apikeys.command("show")
def show_key(
    key_id: _Id, config: ConfigFlag = None, data_dir: DataDirFlag = None, as_json: JsonFlag = False
) -> None:
    """Look at one key."""
    with opened(config, data_dir, as_json=as_json) as session:
        session.show(session.identities.keys.get(session.actor, key_id))


@apikeys.command("rotate")
def rotate_key(
    key_id: _Id,
    overlap: Annotated[
        str, typer.Option("--overlap", metavar="24h", help="How long the old one works on; 0: not.")
    ] = "24h",
    config: ConfigFlag = None,
    data_dir: DataDirFlag = None,
    as_json: JsonFlag = False,
) -> None:
    """Give a key a new secret, which is shown this once."""
    with opened(config, data_dir, as_json=as_json) as session:
        from gateway.identity.forms import RotationForm

        seconds = 0 if overlap == "0" else span_us("--overlap", overlap) // 1_000_000
        overlap_s = form(RotationForm, overlap_s=seconds).overlap_s
        session.show(session.identities.keys.rotate(session.actor, key_id, overlap_s=overlap_s))


@apikeys.command("revoke")
def revoke_key(
    key_id: _Id, config: ConfigFlag = None, data_dir: DataDirFlag = None, as_json: JsonFlag = False
) -> None:
    """Refuse a key from now on, for good."""
    with opened(config, data_dir, as_json=as_json) as session:
        session.show(session.identities.keys.revoke(session.actor, key_id))


@apikeys.command("delete")
def delete_key(key_id: _Id, config: ConfigFlag = None, data_dir: DataDirFlag = None) -> None:
    """Forget a key and its record."""
    with opened(config, data_dir, as_json=False) as session:
        session.identities.keys.remove(session.actor, key_id)


# -- tenants --------------------------------------------------------------------------------------


@tenants.command("create")
def create_tenant(
    tenant: _Id,
    name: NameFlag = "",
    config: ConfigFlag = None,
    data_dir: DataDirFlag = None,
    as_json: JsonFlag = False,
) -> None:
    """Make a tenant."""
    with opened(config, data_dir, as_json=as_json) as session:
        from gateway.identity.forms import TenantForm

        wanted = form(TenantForm, id=tenant, name=name)
        session.show(session.identities.tenants.make(session.actor, wanted))


@tenants.command("list")
def list_tenants(
    config: ConfigFlag = None, data_dir: DataDirFlag = None, as_json: JsonFlag = False
) -> None:
    """List tenants."""
    with opened(config, data_dir, as_json=as_json) as session:
        session.list(session.identities.tenants.page, ("id", "name", "disabled", "created_at"))


@tenants.command("disable")
def disable_tenant(
    tenant: _Id, config: ConfigFlag = None, data_dir: DataDirFlag = None, as_json: JsonFlag = False
) -> None:
    """Refuse every credential of a tenant."""
    _switch(tenant, config, data_dir, disabled=True, as_json=as_json)


@tenants.command("enable")
def enable_tenant(
    tenant: _Id, config: ConfigFlag = None, data_dir: DataDirFlag = None, as_json: JsonFlag = False
) -> None:
    """Let a tenant's credentials in again."""
    _switch(tenant, config, data_dir, disabled=False, as_json=as_json)


def _switch(tenant: str, config: Any, data_dir: Any, *, disabled: bool, as_json: bool) -> None:
    with opened(config, data_dir, as_json=as_json) as session:
        from gateway.identity.forms import TenantPatch

        patch = TenantPatch(disabled=disabled)
        session.show(session.identities.tenants.change(session.actor, tenant, patch))


@tenants.command("delete")
def delete_tenant(tenant: _Id, config: ConfigFlag = None, data_dir: DataDirFlag = None) -> None:
    """Remove a tenant that has no keys, roles and tokens left."""
    with opened(config, data_dir, as_json=False) as session:
        session.identities.tenants.remove(session.actor, tenant)


# -- admin tokens ---------------------------------------------------------------------------------


@tokens.command("create")
def create_token(
    role: _RoleFlag = None,
    tenant: TenantFlag = None,
    name: NameFlag = "",
    expires_in: ExpiresFlag = None,
    config: ConfigFlag = None,
    data_dir: DataDirFlag = None,
    as_json: JsonFlag = False,
) -> None:
    """Make an admin token, shown this once; without --role it may do everything."""
    with opened(config, data_dir, as_json=as_json) as session:
        from gateway.identity.forms import TokenForm

        wanted = form(
            TokenForm,
            name=name,
            tenant=tenant,
            roles=tuple(role or ("admin",)),
            expires_at=expiry(session, expires_in),
        )
        session.show(session.identities.tokens.issue(session.actor, wanted))


@tokens.command("list")
def list_tokens(
    config: ConfigFlag = None, data_dir: DataDirFlag = None, as_json: JsonFlag = False
) -> None:
    """List admin tokens; never the tokens themselves."""
    columns = ("id", "tenant", "name", "roles", "expires_at", "last_used_at")
    with opened(config, data_dir, as_json=as_json) as session:
        session.list(session.identities.tokens.page, columns)


@tokens.command("delete")
def delete_token(token_id: _Id, config: ConfigFlag = None, data_dir: DataDirFlag = None) -> None:
    """Forget an admin token; it is refused from now on."""
    with opened(config, data_dir, as_json=False) as session:
        session.identities.tokens.remove(session.actor, token_id)
