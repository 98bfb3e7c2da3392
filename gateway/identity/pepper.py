"""The pepper: the key of the hashes, in a file of its own beside the database.

A copy of the database alone (a backup, a stolen file) is of no use to whoever guesses keys, and of
none to the owner either: both files belong into a backup, in different places.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import tempfile
from pathlib import Path

from gateway.errors import ConfigError, Problem

PEPPER_FILE = "identity.pepper"
PEPPER_BYTES = 32


def read_pepper(data_dir: Path) -> bytes | None:
    """The pepper, or None where none was made yet. Raises ConfigError where it is unfit."""
    path = data_dir / PEPPER_FILE
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            pepper = file.read(PEPPER_BYTES + 1)
    except FileNotFoundError:
        return None
    except OSError as error:
        message = f"the pepper of the key hashes cannot be read: {error.strerror}"
        raise _problem(path, message, "run this as the user that runs the gateway") from None
    if mode & 0o077:
        message = f"others may read the pepper of the key hashes (mode {mode & 0o777:o})"
        raise _problem(path, message, f"chmod 600 {path}")
    if len(pepper) != PEPPER_BYTES:
        message = f"the pepper of the key hashes is not {PEPPER_BYTES} bytes long"
        raise _problem(path, message, "put the file back from a backup; no key works without it")
    return pepper


def make_pepper(data_dir: Path) -> bytes:
    """The pepper; made now, readable for this user alone, where there is none."""
    found = read_pepper(data_dir)
    if found is not None:
        return found
    path = data_dir / PEPPER_FILE
    # Written in full under another name and then linked: two processes that start at once agree on
    # one pepper, and a crash leaves none that is half written.
    descriptor, name = tempfile.mkstemp(dir=data_dir, prefix=f".{PEPPER_FILE}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(PEPPER_BYTES))
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            path.hardlink_to(name)
    finally:
        Path(name).unlink()
    pepper = read_pepper(data_dir)
    if pepper is None:
        raise _problem(path, "the pepper of the key hashes went away while it was made", "")
    return pepper


def _problem(path: Path, message: str, hint: str) -> ConfigError:
    return ConfigError([Problem(str(path), 0, 0, message, hint)])
