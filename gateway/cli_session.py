"""What the commands of identity share: the open data folder, forms from flags, printing."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

from gateway.errors import ConfigError, Problem, SealgateError

if TYPE_CHECKING:
    from pydantic import BaseModel

    from gateway.identity.identities import Identities
    from gateway.identity.store import Actor

M = TypeVar("M", bound="BaseModel")

EXIT_UNUSABLE = 2

ConfigFlag = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="gateway.yaml.", envvar="SEALGATE_CONFIG"),
]
DataDirFlag = Annotated[
    Path | None, typer.Option("--data-dir", metavar="DIR", help="Folder of the gateway.")
]
JsonFlag = Annotated[bool, typer.Option("--json", help="Print JSON.")]
TenantFlag = Annotated[str | None, typer.Option("--tenant", help="Whose it is.")]
NameFlag = Annotated[str, typer.Option("--name", help="For people.")]
ExpiresFlag = Annotated[
    str | None,
    typer.Option("--expires-in", metavar="30d", help="How long it is valid; default: for ever."),
]


def group(text: str) -> typer.Typer:
    """A group of commands with `text` as its help."""
    return typer.Typer(help=text, no_args_is_help=True, add_completion=False)


class Session:
    """The open identity of one command, and how it prints."""

    def __init__(self, identities: Identities, actor: Actor, *, as_json: bool) -> None:
        self.identities = identities
        self.actor = actor
        self.as_json = as_json

    def show(self, record: BaseModel) -> None:
        """Prints one record."""
        if self.as_json:
            print(record.model_dump_json(indent=2))
            return
        for name, value in record.model_dump(mode="json").items():
            print(f"{name}: {_plain(value)}")

    def list(self, page: Callable[..., Any], columns: tuple[str, ...], **filters: Any) -> None:
        """Prints all records of all pages."""
        records: list[BaseModel] = []
        after: str | None = ""
        while after is not None:
            found = page(self.actor, after=after, **filters)
            records += found.items
            after = found.next
        if self.as_json:
            import orjson

            rows = [record.model_dump(mode="json") for record in records]
            print(orjson.dumps(rows, option=orjson.OPT_INDENT_2).decode())
            return
        _print_table(columns, records)


def form(model: type[M], **values: Any) -> M:
    """What the flags say as `model`. Raises ConfigError with the names of the flags."""
    from pydantic import ValidationError

    from gateway.suggestions import explain

    given = {name: value for name, value in values.items() if value is not None}
    try:
        return model.model_validate(given)
    except ValidationError as error:
        findings = explain(model, error.errors(include_url=False), "option", given)
        raise ConfigError(
            [Problem(str(f.path[0]), 0, 0, f.message, f.hint) for f in findings]
        ) from None


def expiry(session: Session, text: str | None) -> datetime | None:
    """The time that `--expires-in` means. Raises ConfigError."""
    if text is None:
        return None
    now = datetime.fromtimestamp(session.identities.wall(), UTC)
    return now + timedelta(microseconds=span_us("--expires-in", text))


def moment_of(session: Session, text: str | None) -> datetime | None:
    """The time that an ISO 8601 text or `now` means. Raises ConfigError."""
    if text is None:
        return None
    if text == "now":
        return datetime.fromtimestamp(session.identities.wall(), UTC)
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        hint = "write a time with its offset, such as 2030-01-31T00:00:00Z"
        raise ConfigError([Problem("--before", 0, 0, "not a time", hint)])
    return found


def limits_of(texts: list[str] | None) -> tuple[dict[str, Any], ...]:
    """Limits written as JSON objects. Raises ConfigError."""
    import orjson

    found = []
    for text in texts or ():
        try:
            limit = orjson.loads(text)
        except orjson.JSONDecodeError:
            limit = None
        if not isinstance(limit, dict):
            hint = 'write {"requests": 60, "window": "60s"}'
            raise ConfigError([Problem("--limit", 0, 0, "not a JSON object", hint)])
        found.append(limit)
    return tuple(found)


def span_us(flag: str, text: str) -> int:
    """A duration such as `24h` in microseconds. Raises ConfigError."""
    from gateway.plugin.durations import duration_us

    try:
        return duration_us(text)
    except ValueError as error:
        raise ConfigError([Problem(flag, 0, 0, str(error))]) from None


@contextmanager
def opened(config: Path | None, data_dir: Path | None, *, as_json: bool) -> Iterator[Session]:
    """The identity that the settings name; errors are told in one line each."""
    try:
        import time

        from gateway.configuration import load_configuration
        from gateway.identity.identities import Identities
        from gateway.identity.store import Actor

        flags: dict[tuple[str, ...], tuple[str, Any]] = {}
        if data_dir is not None:
            flags["data_dir",] = ("--data-dir", data_dir)
        settings = load_configuration(file=config, flags=flags).settings
        key = settings.tokenisation.key
        wall = time.time  # noqa: TID251  # the wall clock that this session hands to all stores
        with Identities(settings.data_dir, wall, value_key=key) as identities:
            yield Session(identities, Actor(f"local:{os.getuid()}"), as_json=as_json)
    except SealgateError as error:
        for line in str(error).splitlines():
            print(f"sealgate: {line}", file=sys.stderr)
        raise typer.Exit(EXIT_UNUSABLE) from None


def _plain(value: Any) -> str:
    if value is None or value == "":
        return "-"
    if isinstance(value, list):
        return ", ".join(_plain(each) for each in value) or "-"
    if isinstance(value, dict):
        return " ".join(f"{name}={_plain(each)}" for name, each in value.items())
    return str(value)


def _print_table(columns: tuple[str, ...], records: list[BaseModel]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE)
    for column in columns:
        # An id is copied into the next command.
        table.add_column(column, no_wrap=column == "id", overflow="fold")
    for record in records:
        row = record.model_dump(mode="json")
        # Names are written by administrators of tenants: they must not be read as markup.
        table.add_row(*(Text(_plain(row[column])) for column in columns))
    Console(soft_wrap=True).print(table)
