"""`sealgate ledger`, `backup`, `restore`, `dr-drill`: the ledger of receipts on the command line.

They work whether or not a gateway runs on the data folder: what writes the log is asked of the
sequencer, or done as the sequencer where none runs.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from gateway.cli_session import EXIT_UNUSABLE, ConfigFlag, DataDirFlag, JsonFlag, group
from gateway.errors import SealgateError

if TYPE_CHECKING:
    from gateway.settings import Settings

EXIT_FAULTY = 1

ledger = group("The ledger of receipts.")

_Reason = Annotated[str, typer.Option("--reason", help="Why; it stands in the log for ever.")]
_Folder = Annotated[Path, typer.Argument(metavar="FOLDER")]


def add_to(app: typer.Typer) -> None:
    """Adds the commands to the command line."""
    app.add_typer(ledger, name="ledger")
    app.command()(backup)
    app.command()(restore)
    app.command("dr-drill")(dr_drill)


@ledger.command()
def status(
    config: ConfigFlag = None, data_dir: DataDirFlag = None, as_json: JsonFlag = False
) -> None:
    """Print the state of the log: entries, counts, what waits, whether a sequencer runs."""
    with opened_settings(config, data_dir) as settings:
        from gateway.ledger.overview import overview

        print_values(overview(settings), as_json=as_json)


@ledger.command()
def fsck(
    config: ConfigFlag = None, data_dir: DataDirFlag = None, as_json: JsonFlag = False
) -> None:
    """Check everything: root, checkpoints, tiles, chains, signatures. Exit code 1 for a fault."""
    with opened_settings(config, data_dir) as settings:
        from gateway.ledger.overview import check_all

        report = check_all(settings)
        print_values({"ok": report.ok, **vars(report)}, as_json=as_json)
        raise typer.Exit(0 if report.ok else EXIT_FAULTY)


@ledger.command()
def settle(config: ConfigFlag = None, data_dir: DataDirFlag = None) -> None:
    """Bring what waits in the journals into the ledger, where no gateway runs."""
    with opened_settings(config, data_dir) as settings:
        from gateway.ledger.asking import settle as settle_journals

        settle_journals(settings)


@ledger.command()
def erase(
    subject: Annotated[str, typer.Option("--subject", help="The pseudonym in receipts.")],
    reason: _Reason = "",
    config: ConfigFlag = None,
    data_dir: DataDirFlag = None,
    as_json: JsonFlag = False,
) -> None:
    """Erase all receipts of a subject; the log goes on to verify. Exit code 1 if it is refused."""
    detail = {"subject": subject, "reason": reason}
    ask_sequencer("erase", detail, config, data_dir, as_json=as_json)


@ledger.command()
def hold(
    name: Annotated[str, typer.Argument(metavar="NAME", help="To release it by.")],
    tenant: Annotated[str, typer.Option("--tenant", help="Whose receipts are kept.")],
    subject: Annotated[
        str | None, typer.Option("--subject", help="Only those of this pseudonym.")
    ] = None,
    reason: _Reason = "",
    config: ConfigFlag = None,
    data_dir: DataDirFlag = None,
    as_json: JsonFlag = False,
) -> None:
    """Begin a legal hold: nothing under it is erased or expires."""
    detail = {"name": name, "tenant": tenant, "subject": subject, "reason": reason}
    ask_sequencer("hold", detail, config, data_dir, as_json=as_json)


@ledger.command()
def release(
    name: Annotated[str, typer.Argument(metavar="NAME")],
    reason: _Reason = "",
    config: ConfigFlag = None,
    data_dir: DataDirFlag = None,
    as_json: JsonFlag = False,
) -> None:
    """End a legal hold."""
    ask_sequencer("release", {"name": name, "reason": reason}, config, data_dir, as_json=as_json)


@ledger.command()
def acknowledge(
    size: Annotated[int, typer.Option("--size", help="Entries of the restored database.")],
    config: ConfigFlag = None,
    data_dir: DataDirFlag = None,
) -> None:
    """Say that the database was restored on purpose, so that the log goes on from there."""
    with opened_settings(config, data_dir) as settings:
        from gateway.ledger.overview import acknowledge_restore

        acknowledge_restore(settings, size, _actor())


@ledger.command()
def aggregate(
    folder: _Folder,
    logs: Annotated[
        list[str],
        typer.Option(
            "--log", metavar="DIR|URL", help="The log of a node, such as http://a:9901/log."
        ),
    ],
    keys: Annotated[
        list[Path], typer.Option("--keys", metavar="FILE", help="Pinned keys of the nodes' logs.")
    ],
    restored: Annotated[
        list[str] | None,
        typer.Option("--restored", metavar="DIR|URL", help="This log goes on from a backup."),
    ] = None,
    as_json: JsonFlag = False,
) -> None:
    """Look at the logs of several nodes once, and keep what they signed with proofs.

    Exit code 1 for a node that contradicts what it signed, 2 where one cannot be read.
    """
    from gateway.ledger.aggregator import aggregate as look
    from gateway.ledger.overview import now_ms
    from gateway.receipts.key_documents import read_keys

    try:
        pinned = [key for path in keys for key in read_keys(path.read_text(encoding="utf-8"))]
        found = look(folder, logs, pinned, at_ms=now_ms(), restored=restored or ())
    except (SealgateError, OSError, ValueError) as error:
        print(f"sealgate: {error}", file=sys.stderr)
        raise typer.Exit(EXIT_UNUSABLE) from None
    values = {
        "verdict": found.report.verdict,
        "nodes": {origin: head.size for origin, head in found.heads.items()},
        "findings": [str(finding) for finding in found.report.findings],
        "entries": found.size,
        "vkey": found.vkey,
    }
    print_values(values, as_json=as_json)
    raise typer.Exit(found.report.exit_code)


def backup(
    folder: _Folder,
    with_keys: Annotated[
        bool, typer.Option("--with-keys", help="Copy the keys that sign as well.")
    ] = False,
    config: ConfigFlag = None,
    data_dir: DataDirFlag = None,
    as_json: JsonFlag = False,
) -> None:
    """Write the ledger to a new folder, also while the gateway runs."""
    with opened_settings(config, data_dir) as settings:
        from gateway.ledger.backup import backup as write_backup
        from gateway.ledger.overview import now_ms

        manifest = write_backup(settings, folder, with_keys=with_keys, at_ms=now_ms())
        print_values(
            {name: manifest[name] for name in ("origin", "size", "root", "at")}, as_json=as_json
        )


def restore(
    folder: _Folder,
    config: ConfigFlag = None,
    data_dir: DataDirFlag = None,
    as_json: JsonFlag = False,
) -> None:
    """Put a backup in the place of the ledger; the gateway must not run."""
    with opened_settings(config, data_dir) as settings:
        from gateway.ledger.backup import restore as restore_backup
        from gateway.ledger.overview import now_ms

        state = restore_backup(settings, folder, at_ms=now_ms())
        print_values({"size": state.size, "root": state.root.hex()}, as_json=as_json)


def dr_drill(
    folder: _Folder,
    config: ConfigFlag = None,
    data_dir: DataDirFlag = None,
    as_json: JsonFlag = False,
) -> None:
    """Try a backup out in a scratch folder and report. Exit code 1 if it would not serve."""
    with opened_settings(config, data_dir) as settings:
        import tempfile

        from gateway.ledger.backup import drill

        with tempfile.TemporaryDirectory(prefix="sealgate-drill-") as scratch:
            done = drill(settings, folder, Path(scratch))
        found = {"ok": done.ok, **done._asdict(), "report": vars(done.report)}
        print_values(found, as_json=as_json)
        raise typer.Exit(0 if done.ok else EXIT_FAULTY)


def ask_sequencer(
    kind: str,
    detail: dict[str, Any],
    config: Path | None,
    data_dir: Path | None,
    *,
    as_json: bool,
) -> None:
    """Asks for something, prints the record that it led to, and exits."""
    with opened_settings(config, data_dir) as settings:
        from gateway.ledger.asking import ask

        answer = ask(settings, kind, {**detail, "actor": _actor()})
        told = {"kind": answer["kind"], "index": answer["log"]["index"], **answer["detail"]}
        print_values(told, as_json=as_json)
        outcome = answer["detail"].get("outcome", "done")
        raise typer.Exit(0 if outcome == "done" else EXIT_FAULTY)


def _actor() -> str:
    return f"local:{os.getuid()}"


def print_values(values: dict[str, Any], *, as_json: bool) -> None:
    """One line per value, or JSON."""
    import orjson

    if as_json:
        print(orjson.dumps(values, option=orjson.OPT_INDENT_2).decode())
        return
    for name, value in values.items():
        shown = value if isinstance(value, str | int | float) else orjson.dumps(value).decode()
        print(f"{name}: {shown}")


@contextmanager
def opened_settings(config: Path | None, data_dir: Path | None) -> Iterator[Settings]:
    """The settings; errors are told in one line each."""
    try:
        from gateway.configuration import load_configuration

        flags: dict[tuple[str, ...], tuple[str, Any]] = {}
        if data_dir is not None:
            flags["data_dir",] = ("--data-dir", data_dir)
        yield load_configuration(file=config, flags=flags).settings
    except SealgateError as error:
        for line in str(error).splitlines():
            print(f"sealgate: {line}", file=sys.stderr)
        raise typer.Exit(EXIT_UNUSABLE) from None
