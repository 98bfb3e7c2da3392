"""Secrets that this gateway makes for itself, each in a file of its own in the data folder.

The pepper is the key of the hashes of API keys. A copy of the database alone (a backup, a stolen
file) is of no use to whoever guesses keys, and of none to the owner either: both files belong into
a backup, in different places.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gateway.errors import ConfigError, Problem

SECRET_BYTES = 32


@dataclass(frozen=True, slots=True)
class SecretFile:
    """A file of 32 random bytes; `what` names it in errors, `loss` says what works without it."""

    name: str
    what: str
    loss: str

    def read(self, data_dir: Path) -> bytes | None:
        """The secret, or None where none was made yet. Raises ConfigError where it is unfit."""
        path = data_dir / self.name
        try:
            with path.open("rb") as file:
                mode = os.fstat(file.fileno()).st_mode
                secret = file.read(SECRET_BYTES + 1)
        except FileNotFoundError:
            return None
        except OSError as error:
            message = f"{self.what} cannot be read: {error.strerror}"
            raise _problem(path, message, "run this as the user that runs the gateway") from None
        if mode & 0o077:
            message = f"others may read {self.what} (mode {mode & 0o777:o})"
            raise _problem(path, message, f"chmod 600 {path}")
        if len(secret) != SECRET_BYTES:
            message = f"{self.what} is not {SECRET_BYTES} bytes long"
            raise _problem(path, message, f"put the file back from a backup; {self.loss}")
        return secret

    def make(self, data_dir: Path) -> bytes:
        """The secret; made now, readable for this user alone, where there is none."""
        found = self.read(data_dir)
        if found is not None:
            return found
        path = data_dir / self.name
        # Written in full under another name and then linked: two processes that start at once
        # agree on one secret, and a crash leaves none that is half written.
        descriptor, name = tempfile.mkstemp(dir=data_dir, prefix=f".{self.name}.")
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(secrets.token_bytes(SECRET_BYTES))
                file.flush()
                os.fsync(file.fileno())
            with contextlib.suppress(FileExistsError):
                path.hardlink_to(name)
        finally:
            Path(name).unlink()
        secret = self.read(data_dir)
        if secret is None:
            raise _problem(path, f"{self.what} went away while it was made", "")
        return secret


PEPPER_FILE: Final = "identity.pepper"
_PEPPER: Final = SecretFile(PEPPER_FILE, "the pepper of the key hashes", "no key works without it")
read_pepper = _PEPPER.read
make_pepper = _PEPPER.make


def _problem(path: Path, message: str, hint: str) -> ConfigError:
    return ConfigError([Problem(str(path), 0, 0, message, hint)])
