"""`sealgate values`: erases what `dlp` put placeholders for; see `gateway.cli_identity`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from gateway.cli_session import ConfigFlag, DataDirFlag, JsonFlag, TenantFlag, form, group, opened
from gateway.errors import ConfigError, Problem

values = group("Values that placeholders stand for.")


@values.command("erase")
def erase(
    tenant: TenantFlag = None,
    conversation: Annotated[
        str | None, typer.Option(metavar="ID", help="Only of this one, as verdicts name it.")
    ] = None,
    value_file: Annotated[
        Path | None,
        typer.Option(
            "--value-file", metavar="FILE", help="Only the value in this file; `-` reads stdin."
        ),
    ] = None,
    config: ConfigFlag = None,
    data_dir: DataDirFlag = None,
    as_json: JsonFlag = False,
) -> None:
    """Erase what is kept until now: all of a tenant, of one conversation, or one value."""
    with opened(config, data_dir, as_json=as_json) as session:
        from gateway.identity.forms import ErasureForm

        value = None if value_file is None else _read(value_file)
        wanted = form(ErasureForm, tenant=tenant, conversation=conversation, value=value)
        session.show(session.identities.erasures.make(session.actor, wanted))


@values.command("erasures")
def list_erasures(
    tenant: TenantFlag = None,
    config: ConfigFlag = None,
    data_dir: DataDirFlag = None,
    as_json: JsonFlag = False,
) -> None:
    """List what was erased; never the values."""
    columns = ("id", "tenant", "conversation", "one_value", "created_at", "created_by")
    with opened(config, data_dir, as_json=as_json) as session:
        session.list(session.identities.erasures.page, columns, tenant=tenant)


def _read(path: Path) -> str:
    """The value, which is no argument: other users of the machine see those."""
    try:
        text = sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        message = f"the value cannot be read: {error.__class__.__name__}"
        raise ConfigError([Problem(str(path), 0, 0, message)]) from None
    return text.removesuffix("\n")
