"""Where one proxy of the comparison runs."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent


@dataclass(frozen=True, slots=True)
class Site:
    """Where one proxy runs: its port, the mock upstream's port, and a folder for its files.

    `bystander` is the port of a second mock upstream, for those who are not to wait for the first.
    """

    port: int
    upstream: int
    bystander: int
    folder: Path

    def fill(self, template: str) -> Path:
        """Writes bench/peers/`template` with its places filled in; gives the file."""
        text = (HERE / "peers" / template).read_text()
        values = {"PORT": self.port, "UPSTREAM": self.upstream, "DIR": self.folder}
        for name, value in values.items():
            text = text.replace(f"@{name}@", str(value))
        target = self.folder / template
        target.write_text(text)
        return target


def free_port() -> int:
    """A port of the loopback address that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
