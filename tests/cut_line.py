"""A line to PostgreSQL that breaks at a message of choice, before or after the server has it.

    with cut_line(server, strike) as folder:
        dsn = f"host={folder} user=writer dbname=postgres"

`strike` is called with each message of a client, over all connections, and raises where the line
is to break: the message never arrives, or it arrives and its answer does not.
"""

from __future__ import annotations

import contextlib
import shutil
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.postgres_server import PostgresServer

SOCKET = ".s.PGSQL.5432"
Strike = Callable[[bytes], None]


@contextlib.contextmanager
def cut_line(server: PostgresServer, strike: Strike, *, arrives: bool) -> Iterator[Path]:
    """The folder of a socket that leads to the server; `arrives`: only the answer is lost."""
    folder = Path(tempfile.mkdtemp(prefix="cut-"))
    lines: list[threading.Thread] = []
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / SOCKET))
        listener.listen()

        def accept() -> None:
            with contextlib.suppress(OSError):
                while True:
                    client, _ = listener.accept()
                    upstream = socket.socket(socket.AF_UNIX)
                    upstream.connect(str(server.folder / SOCKET))
                    line = _Line(client, upstream, strike, arrives=arrives)
                    lines.append(threading.Thread(target=line.carry))
                    lines[-1].start()

        accepting = threading.Thread(target=accept)
        accepting.start()
        try:
            yield folder
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            accepting.join()
            for line in lines:
                line.join()
            shutil.rmtree(folder)


class _Line:
    """One connection through the line."""

    def __init__(
        self, client: socket.socket, upstream: socket.socket, strike: Strike, *, arrives: bool
    ) -> None:
        self._client = client
        self._upstream = upstream
        self._strike = strike
        self._arrives = arrives
        self._is_cut = False

    def carry(self) -> None:
        """Until one side ends."""
        answering = threading.Thread(target=self._answer)
        answering.start()
        with self._client, self._upstream, contextlib.suppress(OSError):
            self._ask()
            # The server carries out what has come, and then sees that nobody is there any more.
            with contextlib.suppress(OSError):
                self._upstream.shutdown(socket.SHUT_WR)
            answering.join()

    def _ask(self) -> None:
        while data := self._client.recv(65_536):
            try:
                self._strike(data)
            except OSError:
                self._is_cut = True
                if self._arrives:
                    self._upstream.sendall(data)
                return
            self._upstream.sendall(data)

    def _answer(self) -> None:
        with contextlib.suppress(OSError):
            while data := self._upstream.recv(65_536):
                if not self._is_cut:
                    self._client.sendall(data)
        with contextlib.suppress(OSError):
            self._client.shutdown(socket.SHUT_RDWR)
