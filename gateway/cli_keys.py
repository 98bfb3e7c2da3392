"""`sealgate keys`: the keys that sign receipts and the log.

Works on the ledger's folder, whether or not a gateway runs on it. A rotation and a revocation are
records of the log: the sequencer is asked for them, or this process is it where none runs.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli_ledger import ask_sequencer, opened_settings, print_values
from gateway.cli_session import ConfigFlag, DataDirFlag, JsonFlag, group

if TYPE_CHECKING:
    from gateway.receipts.keys import PublicKey

keys = group("The keys that sign receipts and the log.")

_Reason = Annotated[str, typer.Option("--reason", help="Why; it stands in the log for ever.")]


class Purpose(StrEnum):
    """What a key signs; never both."""

    RECEIPTS = "receipts"
    LOG = "log"


class Form(StrEnum):
    """How public keys are written."""

    SONATE = "sonate"
    JWKS = "jwks"
    DID = "did"
    DID_KEY = "did-key"
    VKEY = "vkey"
    HEX = "hex"


_Purpose = Annotated[Purpose, typer.Option("--purpose", help="receipts or log.")]


def add_to(app: typer.Typer) -> None:
    """Adds the group to the command line."""
    app.add_typer(keys, name="keys")


@keys.command()
def create(
    config: ConfigFlag = None, data_dir: DataDirFlag = None, as_json: JsonFlag = False
) -> None:
    """Make the keys that are missing, before the first start; a gateway would make them too."""
    with opened_settings(config, data_dir) as settings:
        from gateway.ledger.folder import ledger_folder
        from gateway.ledger.opening import locked, open_keys
        from gateway.ledger.overview import now_ms
        from gateway.ledger.sealing import iso_ms

        with locked(ledger_folder(settings)):
            found = open_keys(settings)
            found.ensure(iso_ms(now_ms()))
        _print_all(found.public_keys(), as_json=as_json)


@keys.command("list")
def list_keys(
    config: ConfigFlag = None, data_dir: DataDirFlag = None, as_json: JsonFlag = False
) -> None:
    """List every public key there ever was, with the entries of the log that it counts for."""
    with opened_settings(config, data_dir) as settings:
        from gateway.ledger.opening import open_keys

        _print_all(open_keys(settings).public_keys(), as_json=as_json)


@keys.command()
def rotate(
    purpose: _Purpose,
    reason: _Reason = "",
    config: ConfigFlag = None,
    data_dir: DataDirFlag = None,
    as_json: JsonFlag = False,
) -> None:
    """Let a fresh key sign from now on; the old one stays public and goes on to verify."""
    detail = {"purpose": purpose.value, "reason": reason}
    ask_sequencer("rotate_key", detail, config, data_dir, as_json=as_json)


@keys.command()
def revoke(
    key_id: Annotated[str, typer.Argument(metavar="ID", help="As `keys list` shows it.")],
    reason: _Reason = "",
    config: ConfigFlag = None,
    data_dir: DataDirFlag = None,
    as_json: JsonFlag = False,
) -> None:
    """Say that what a key signs from now on does not count. Exit code 1 if there is no such key."""
    detail = {"key_id": key_id, "reason": reason}
    ask_sequencer("revoke_key", detail, config, data_dir, as_json=as_json)


@keys.command()
def export(
    form: Annotated[
        Form, typer.Option("--format", help="sonate, jwks, did, did-key, vkey or hex.")
    ] = Form.SONATE,
    host: Annotated[
        str | None, typer.Option("--host", help="Of the did:web document, such as llm.example.com.")
    ] = None,
    config: ConfigFlag = None,
    data_dir: DataDirFlag = None,
) -> None:
    """Print the public keys, for whoever verifies; never a secret."""
    with opened_settings(config, data_dir) as settings:
        from gateway.errors import ConfigError, Problem
        from gateway.ledger.opening import open_keys

        found = open_keys(settings)
        if form is Form.DID and host is None:
            message, hint = "a did:web document is of a host", "add --host llm.example.com"
            raise ConfigError([Problem("--format did", 0, 0, message, hint)])
        print(_exported(form, found.public_keys(), found.origin, host or ""))


def _exported(form: Form, public: list[PublicKey], origin: str, host: str) -> str:
    import orjson

    from gateway.receipts import key_documents as documents
    from gateway.receipts.keys import RECEIPTS

    lines = {
        Form.VKEY: lambda: documents.vkeys(public, origin),
        Form.HEX: lambda: [f"{key.public_key.hex()}  # {key.purpose}" for key in public],
        Form.DID_KEY: lambda: [key.did for key in public if key.purpose == RECEIPTS],
    }
    if form in lines:
        return "\n".join(lines[form]())
    if form is Form.SONATE:
        document = documents.sonate_keys(public)
    elif form is Form.JWKS:
        document = documents.jwks(public)
    else:
        document = documents.did_document(documents.did_web(host), public)
    return orjson.dumps(document, option=orjson.OPT_INDENT_2).decode()


def _print_all(public: list[PublicKey], *, as_json: bool) -> None:
    from gateway.receipts.keys import key_document

    rows: list[dict[str, Any]] = [key_document(key) for key in public]
    if as_json:
        print_values({"items": rows}, as_json=True)
        return
    for row in rows:
        ends = row.get("lastIndex", "now")
        revoked = f", revoked from {row['revokedIndex']}" if "revokedIndex" in row else ""
        span = f"entries {row.get('firstIndex', 0)} to {ends}{revoked}"
        print(f"{row['id']}  {row['purpose']:8}  {row['publicKey']}  {span}")
