"""The data folder: made for this user alone, used by one gateway at a time."""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

from gateway.errors import ConfigError, Problem

LOCK_FILE = "lock"


class DataDir:
    """Holds the folder for this process until `close`; the kernel lets go of it after a crash."""

    def __init__(self, path: Path) -> None:
        """Makes the folder where it is missing. Raises ConfigError."""
        self.path = path
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._lock = os.open(path / LOCK_FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            message = f"the data folder cannot be used: {error.strerror}"
            hint = "choose another one with --data-dir or SEALGATE_DATA_DIR"
            raise ConfigError([Problem(str(path), 0, 0, message, hint)]) from None
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(self._lock, 32, 0).decode("ascii", "replace").strip()
            os.close(self._lock)
            message = f"another gateway (pid {holder}) uses this data folder"
            hint = "stop it, or give this one its own with --data-dir"
            raise ConfigError([Problem(str(path), 0, 0, message, hint)]) from None
        os.ftruncate(self._lock, 0)
        os.pwrite(self._lock, f"{os.getpid()}\n".encode(), 0)

    def clear_socket(self, name: str) -> Path:
        """The path of a Unix socket in the folder; one that a dead gateway left is removed."""
        path = self.path / name
        path.unlink(missing_ok=True)
        return path

    def close(self) -> None:
        """Lets another gateway use the folder."""
        os.close(self._lock)
