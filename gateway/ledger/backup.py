"""Backups of a ledger: written while it runs, restored, and tried out.

    <backup>/ledger.db          the ledger as SQLite, wherever it was
    <backup>/subject-keys.db    the keys of subjects (0600)
    <backup>/public.json        every public key
    <backup>/index.key          hashes sessions
    <backup>/keys/              the keys that sign, where they were asked for
    <backup>/manifest.json      origin, size, root, checkpoint, and the SHA-256 of each file

Restoring never brings an erased subject back where the node still has its own keys of subjects:
those are newer than any backup and stay. A log that was restored is shorter than the checkpoint
beside it, so nothing is signed until an operator acknowledges it.
"""

from __future__ import annotations

import hashlib
import shutil
import time
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from gateway.errors import SealgateError
from gateway.ledger import fsck
from gateway.ledger.folder import JOURNAL_FOLDER, ledger_folder
from gateway.ledger.opening import (
    INDEX_KEY_FILE,
    KEYS_FOLDER,
    ORIGIN_FILE,
    locked,
    open_keys,
    open_ledger,
    open_subject_keys,
)
from gateway.ledger.recovery import rebuild
from gateway.ledger.sealing import iso_ms
from gateway.ledger.signing_keys import PUBLIC_FILE, SigningKeys
from gateway.ledger.sqlite import DATABASE_FILE, SqliteLedger
from gateway.ledger.store import State
from gateway.ledger.subject_keys import FILE as SUBJECTS_FILE
from gateway.ledger.subject_keys import SubjectKeys
from gateway.ledger.tail import Tailer, decode_positions
from gateway.settings import Settings

MANIFEST_FILE = "manifest.json"
TABLES = ("epochs", "batches", "records", "bodies", "gone", "opened", "holds")


class BackupError(SealgateError):
    """A backup that cannot be written, read or trusted; the text says why."""


class Drill(NamedTuple):
    """What a trial of a backup found."""

    report: fsck.Report
    root_matches: bool
    journal_records: int
    restore_s: float
    check_s: float

    @property
    def ok(self) -> bool:
        """Whether the backup would serve."""
        return self.report.ok and self.root_matches


def backup(settings: Settings, target: Path, *, with_keys: bool, at_ms: int) -> dict[str, Any]:
    """Writes a backup to a new folder; returns its manifest. Raises BackupError, LedgerError."""
    try:
        target.mkdir(mode=0o700, parents=True)
    except FileExistsError:
        raise BackupError(f"{target} is there already: name a new folder") from None
    except OSError as error:
        raise BackupError(f"{target} cannot be made: {error.strerror}") from None
    folder = ledger_folder(settings)
    _copy_ledger(settings, target)
    subjects = open_subject_keys(settings)
    try:
        subjects.backup(target / SUBJECTS_FILE)
    finally:
        subjects.close()
    (target / SUBJECTS_FILE).chmod(0o600)
    for name in (INDEX_KEY_FILE, f"{KEYS_FOLDER}/{PUBLIC_FILE}"):
        shutil.copy2(folder / name, target / Path(name).name)
    if with_keys:
        shutil.copytree(folder / KEYS_FOLDER, target / KEYS_FOLDER)
    state = _state_of(target)
    manifest = {
        "origin": open_keys(settings).origin,
        "size": state.size,
        "root": state.root.hex(),
        "checkpoint": state.checkpoint.decode(),
        "at": iso_ms(at_ms),
        "files": {
            str(path.relative_to(target)): _digest(path)
            for path in sorted(target.rglob("*"))
            if path.is_file()
        },
    }
    (target / MANIFEST_FILE).write_bytes(orjson.dumps(manifest, option=orjson.OPT_INDENT_2))
    return manifest


def restore(settings: Settings, source: Path, *, at_ms: int) -> State:
    """Puts a backup in the place of the node's ledger; returns its state.

    A SQLite ledger that is there is moved aside; one in PostgreSQL has to be empty. Raises
    BackupError, LedgerError.
    """
    manifest = read_manifest(source)
    folder = ledger_folder(settings)
    with locked(folder):
        if not (folder / ORIGIN_FILE).exists() and settings.ledger.origin is None:
            (folder / ORIGIN_FILE).write_text(f"{manifest['origin']}\n", encoding="ascii")
        keys = open_keys(settings)
        if keys.origin != manifest["origin"]:
            raise BackupError(f"the backup is of the log {manifest['origin']}, not {keys.origin}")
        _restore_keys(source, folder)
        if settings.ledger.store == "sqlite":
            _replace_database(source, folder, at_ms)
        else:
            _load(settings, source)
    return _state_of(source)


def drill(settings: Settings, source: Path, scratch: Path) -> Drill:
    """Tries a backup out in a scratch folder: restores, recomputes, checks all of it.

    Raises BackupError, LedgerError.
    """
    manifest = read_manifest(source)
    began = time.monotonic()
    for name in (DATABASE_FILE, SUBJECTS_FILE):
        shutil.copy2(source / name, scratch / name)
    ledger = SqliteLedger(scratch)
    subjects = SubjectKeys(scratch)
    restored = time.monotonic()
    try:
        state = ledger.state()
        tree, _ = rebuild(ledger, state.size, 0)
        ring = SigningKeys(source, manifest["origin"]).ring()
        report = fsck.check(ledger, subjects, ring, manifest["origin"], None)
    finally:
        ledger.close()
        subjects.close()
    matches = (state.size, tree.root().hex()) == (manifest["size"], manifest["root"])
    return Drill(
        report,
        matches,
        _replay(settings, state),
        round(restored - began, 3),
        round(time.monotonic() - restored, 3),
    )


def read_manifest(source: Path) -> dict[str, Any]:
    """The manifest, after each file was compared with it. Raises BackupError."""
    try:
        manifest: dict[str, Any] = orjson.loads((source / MANIFEST_FILE).read_bytes())
        wrong = [
            name
            for name, digest in manifest["files"].items()
            if not (source / name).is_file() or _digest(source / name) != digest
        ]
    except (OSError, ValueError, KeyError, TypeError):
        raise BackupError(f"{source} holds no backup: its {MANIFEST_FILE} cannot be read") from None
    if wrong:
        raise BackupError(f"the backup is not what was written: {', '.join(sorted(wrong))}")
    return manifest


def _copy_ledger(settings: Settings, target: Path) -> None:
    source = open_ledger(settings)
    try:
        if isinstance(source, SqliteLedger):
            source.backup(target / DATABASE_FILE)
            return
        copy = SqliteLedger(target)
        try:
            for table, rows in source.dump(TABLES):
                copy.load(table, rows)
            copy.rows("PRAGMA wal_checkpoint(TRUNCATE)")
            copy.rows("PRAGMA journal_mode = DELETE")
        finally:
            copy.close()
    finally:
        source.close()


def _load(settings: Settings, source: Path) -> None:
    """Fills an empty schema of PostgreSQL."""
    target = open_ledger(settings, read_only=False)
    origin = SqliteLedger(source, read_only=True)
    try:
        if target.state().number:
            raise BackupError("the ledger in PostgreSQL is not empty: drop its schema first")
        for table, rows in origin.dump(TABLES):
            target.load(table, rows)
    finally:
        target.close()
        origin.close()


def _replace_database(source: Path, folder: Path, at_ms: int) -> None:
    aside = folder / f"before-restore-{at_ms}"
    for name in (DATABASE_FILE, f"{DATABASE_FILE}-wal", f"{DATABASE_FILE}-shm"):
        if (folder / name).exists():
            aside.mkdir(mode=0o700, exist_ok=True)
            (folder / name).rename(aside / name)
    shutil.copy2(source / DATABASE_FILE, folder / DATABASE_FILE)
    (folder / DATABASE_FILE).chmod(0o600)


def _restore_keys(source: Path, folder: Path) -> None:
    """What is missing; what is there is newer and stays."""
    for name in (SUBJECTS_FILE, INDEX_KEY_FILE):
        if not (folder / name).exists():
            shutil.copy2(source / name, folder / name)
            (folder / name).chmod(0o600)
    if not (folder / KEYS_FOLDER).exists():
        if not (source / KEYS_FOLDER).exists():
            raise BackupError(
                f"the keys that sign are neither in {folder / KEYS_FOLDER} nor in the backup"
            )
        shutil.copytree(source / KEYS_FOLDER, folder / KEYS_FOLDER)


def _replay(settings: Settings, state: State) -> int:
    """How many records of the journals that are there now would follow the backup."""
    journals = ledger_folder(settings) / JOURNAL_FOLDER
    if not journals.is_dir():
        return 0
    tailer = Tailer(journals, decode_positions(state.positions))
    count = 0
    while items := tailer.read():
        count += sum(item.kind == "record" for item in items)
    return count


def _state_of(folder: Path) -> State:
    ledger = SqliteLedger(folder, read_only=True)
    try:
        return ledger.state()
    finally:
        ledger.close()


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
