"""Opens a ledger as the settings say: its folder, its database, its keys; one sequencer at a time.

<folder>/journal/           what workers write
<folder>/ledger.db          the ledger, unless it is in PostgreSQL
<folder>/subject-keys.db    the keys of subjects
<folder>/keys/              the keys that sign
<folder>/log/               the log as files: tiles and checkpoint
<folder>/checkpoint         the last checkpoint, outside of the database
<folder>/index.key          hashes sessions
<folder>/origin             the log's name, where the settings have none
<folder>/sequencer.lock     held by the one sequencer
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

from gateway.ledger.folder import journal_folder, ledger_folder
from gateway.ledger.key_sources import KeySource, SeedSource
from gateway.ledger.scheduling import BREATH_S
from gateway.ledger.sealing import Identity
from gateway.ledger.sequencer import Sequencer
from gateway.ledger.signing_keys import SigningKeys
from gateway.ledger.sqlite import SqliteLedger
from gateway.ledger.store import Ledger, LedgerError
from gateway.ledger.subject_keys import SubjectKeys
from gateway.ledger.tail import Tailer
from gateway.ledger.tree import LogFiles, write_whole
from gateway.receipts.keys import LOG, RECEIPTS
from gateway.settings import Settings

KEYS_FOLDER = "keys"
LOCK_FILE = "sequencer.lock"
ORIGIN_FILE = "origin"
INDEX_KEY_FILE = "index.key"


class SequencerRunsError(LedgerError):
    """Another process is the sequencer of this folder."""


class Clocks(NamedTuple):
    """Seconds for intervals, milliseconds since 1970 for records; `breathe` lets others run."""

    monotonic_s: Callable[[], float] = time.monotonic
    wall_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000
    breathe: Callable[[], None] = lambda: time.sleep(BREATH_S)


def open_ledger(settings: Settings, *, read_only: bool = True) -> Ledger:
    """The database. Raises LedgerError, LedgerAwayError."""
    if settings.ledger.store == "postgres":
        # psycopg is an extra, and no gateway without it should pay for it.
        try:
            from gateway.ledger.postgres import open_postgres  # noqa: PLC0415  # only where the ledger is in PostgreSQL
        except ImportError:
            raise LedgerError(
                "`store: postgres` needs psycopg: pip install 'sealgate[postgres]'"
            ) from None

        return open_postgres(settings.ledger, read_origin(ledger_folder(settings), settings))
    folder = ledger_folder(settings)
    if not read_only:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    return SqliteLedger(folder, read_only=read_only)


def open_subject_keys(settings: Settings, *, read_only: bool = True) -> SubjectKeys:
    """The keys of subjects. Raises LedgerError."""
    return SubjectKeys(ledger_folder(settings), read_only=read_only)


def open_keys(settings: Settings) -> SigningKeys:
    """The keys that sign, and all public keys there were. Raises LedgerError."""
    folder = ledger_folder(settings)
    return SigningKeys(folder / KEYS_FOLDER, read_origin(folder, settings), _key_sources(settings))


def _key_sources(settings: Settings) -> dict[str, KeySource]:
    """The keys that are not files of the ledger's own. None is asked for yet."""
    keys = settings.ledger.keys
    sources: dict[str, KeySource] = {}
    for purpose, reference in ((RECEIPTS, keys.receipts), (LOG, keys.log)):
        setting = f"ledger.keys.{purpose}"
        if reference is None:
            continue
        if not reference.startswith("transit:"):
            sources[purpose] = SeedSource(setting, reference)
            continue
        from gateway.ledger.transit import TransitSource  # noqa: PLC0415  # only where Vault signs
        from gateway.ledger.vault_session import VaultSession  # noqa: PLC0415  # only where Vault signs

        session = VaultSession(settings.vault, keys.transit_timeout_ms / 1000)
        name = reference.removeprefix("transit:")
        sources[purpose] = TransitSource(session, keys.transit_mount, name, setting)
    return sources


def read_origin(folder: Path, settings: Settings) -> str:
    """The log's name; made at the first start. Raises LedgerError."""
    if settings.ledger.origin is not None:
        return settings.ledger.origin
    path = folder / ORIGIN_FILE
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if not path.exists():
            write_whole(path, f"sealgate.local/{os.urandom(6).hex()}\n".encode(), durable=True)
        return path.read_text(encoding="ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise LedgerError(f"the log's name {path} cannot be read: {error}") from None


def read_index_key(folder: Path) -> bytes:
    """The key that hashes sessions; made at the first start. Raises LedgerError."""
    path = folder / INDEX_KEY_FILE
    try:
        if not path.exists():
            write_whole(path, os.urandom(32), durable=True, mode=0o600)
        return path.read_bytes()
    except OSError as error:
        raise LedgerError(f"the key {path} cannot be used: {error.strerror}") from None


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Holds the folder as its one sequencer. Raises SequencerRunsError, LedgerError."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(folder / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise LedgerError(f"the folder {folder} cannot be used: {error.strerror}") from None
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SequencerRunsError(f"a sequencer runs on {folder} already") from None
        yield
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def sequencer(settings: Settings, clocks: Clocks | None = None) -> Iterator[Sequencer]:
    """The sequencer of this node, locked, not yet started. Raises LedgerError."""
    clocks = clocks or Clocks()
    folder = ledger_folder(settings)
    with contextlib.ExitStack() as stack:
        stack.enter_context(locked(folder))
        journals = journal_folder(settings)
        keys = open_keys(settings)
        ledger = open_ledger(settings, read_only=False)
        stack.callback(ledger.close)
        subjects = open_subject_keys(settings, read_only=False)
        stack.callback(subjects.close)
        yield Sequencer(
            ledger,
            subjects,
            keys,
            tailer_of=lambda positions: Tailer(journals, positions),
            files=LogFiles(folder),
            identity=Identity(
                origin=keys.origin,
                node=settings.ledger.node or socket.gethostname(),
                index_key=read_index_key(folder),
            ),
            wall_ms=clocks.wall_ms,
            monotonic_s=clocks.monotonic_s,
            heartbeat_s=settings.ledger.heartbeat_s,
            retention_days=settings.ledger.retention_days,
            key_check_interval_s=settings.ledger.keys.check_interval_s,
            breathe=clocks.breathe,
        )
