"""The process that workers are forked from.

It imports all that a worker needs and then waits, without threads, loops or connections, so that a
fork of it is safe, quick, and shares its memory. It does what the forkserver of `multiprocessing`
does, without the resource tracker process beside it (8 MB) and without importing the command line
again into every worker.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import select
import signal
import socket
import struct
import subprocess
import sys
import traceback
from collections.abc import Callable
from typing import NoReturn, Protocol

EXIT = struct.Struct("!Ii")
"""What the forker tells of a worker that ended: pid and exit code (negative: the signal)."""
_COUNT = struct.Struct("!I")
_SOCKETS_MAX = 64

WorkerMain = Callable[[socket.socket, list[socket.socket]], int]


class Process(Protocol):
    """What the supervisor does with the forker's process."""

    @property
    def pid(self) -> int:
        """The process id."""

    def wait(self, timeout: float | None = None) -> object:
        """Waits for its end; raises subprocess.TimeoutExpired after `timeout` seconds."""

    def kill(self) -> None: ...


class _Fork:
    """A forked process, with the methods of `subprocess.Popen` that are used of it."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self._ended = False

    def wait(self, timeout: float | None = None) -> None:
        if self._ended:
            return
        descriptor = os.pidfd_open(self.pid)
        try:
            if not select.select([descriptor], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired("forker", timeout or 0.0)
        finally:
            os.close(descriptor)
        os.waitpid(self.pid, 0)
        self._ended = True

    def kill(self) -> None:
        if not self._ended:
            os.kill(self.pid, signal.SIGKILL)


def fork_forker(worker_main: str) -> tuple[Process, socket.socket]:
    """The forker as a fork of this process, with which it shares what is imported by now (8 MB).

    Only for a process without threads or a loop that has opened nothing yet. See `start_forker`.
    """
    ours, theirs = socket.socketpair()
    gc.collect()
    gc.freeze()  # as in `main`
    pid = os.fork()
    if pid == 0:
        ours.close()
        with open(os.devnull, "rb") as nothing:  # noqa: PTH123  # a descriptor for dup2
            os.dup2(nothing.fileno(), 0)
        _end_with(lambda: main(theirs.detach(), worker_main))
    theirs.close()
    ours.setblocking(False)
    return _Fork(pid), ours


def start_forker(worker_main: str) -> tuple[Process, socket.socket]:
    """Starts the forker as a fresh process; returns it with the socket that `fork_worker` wants.

    `worker_main` is `module:function`; the function gets the control socket and the listening
    sockets, and returns the exit code. Where the module has a function `preload`, it is called once
    before the first fork. The forker ends when the returned socket is closed.
    """
    ours, theirs = socket.socketpair()
    command = (
        f"import sys; sys.path[:] = {sys.path!r}; from gateway.server.forker import main; "
        f"sys.exit(main({theirs.fileno()}, {worker_main!r}))"
    )
    with theirs:
        process = subprocess.Popen(  # noqa: S603  # our own interpreter and our own words
            [sys.executable, "-P", "-c", command],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
        )
    ours.setblocking(False)
    return process, ours


def fork_worker(
    forker: socket.socket, control: socket.socket, listeners: list[socket.socket]
) -> None:
    """Asks for one worker that gets these sockets. Raises OSError when the forker is gone."""
    descriptors = [control.fileno(), *(s.fileno() for s in listeners)]
    socket.send_fds(forker, [_COUNT.pack(len(descriptors))], descriptors)


def main(descriptor: int, worker_main: str) -> int:
    """The forker's whole life; `descriptor` is its socket to the supervisor."""
    # A terminal's Ctrl-C and a service manager's stop go to the whole process group; the supervisor
    # decides what they mean, and ends this process by closing its socket.
    for signum in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM):
        signal.signal(signum, signal.SIG_IGN)
    requests = socket.socket(fileno=descriptor)
    module, _, function = worker_main.partition(":")
    loaded = importlib.import_module(module)
    worker: WorkerMain = getattr(loaded, function)
    if (preload := getattr(loaded, "preload", None)) is not None:
        preload()
    gc.collect()
    # What is imported by now lives as long as the process: a collection that visited it would
    # write to every object and so copy the pages that the workers share.
    gc.freeze()
    wakeup, _sender = _reap_on_child_exit()
    while True:
        ready, _, _ = select.select([requests, wakeup], [], [])
        if wakeup in ready:
            _reap(wakeup, requests)
        if requests in ready and not _serve(requests, worker):
            return 0


def _reap_on_child_exit() -> tuple[socket.socket, socket.socket]:
    receiver, sender = socket.socketpair()
    receiver.setblocking(False)
    sender.setblocking(False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(sender.fileno(), warn_on_full_buffer=False)
    return receiver, sender


def _reap(wakeup: socket.socket, requests: socket.socket) -> None:
    """Collects workers that ended and tells the supervisor how."""
    with contextlib.suppress(BlockingIOError):
        wakeup.recv(4096)
    # Without children, or without a supervisor, there is nobody to reap or to tell.
    with contextlib.suppress(ChildProcessError, BrokenPipeError, ConnectionResetError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            pid, status = ended
            requests.sendall(EXIT.pack(pid, os.waitstatus_to_exitcode(status)))


def _serve(requests: socket.socket, worker: WorkerMain) -> bool:
    """Forks once for one request; False when the supervisor is gone. Never returns in the child."""
    try:
        message, descriptors, _, _ = socket.recv_fds(requests, _COUNT.size, _SOCKETS_MAX)
    except ConnectionResetError:  # it left without reading what it was told
        return False
    if not message:
        return False
    sockets = [socket.socket(fileno=d) for d in descriptors]
    if os.fork() == 0:
        requests.close()
        _become_worker(worker, sockets)
    for received in sockets:
        received.close()
    return True


def _become_worker(worker: WorkerMain, sockets: list[socket.socket]) -> None:
    signal.set_wakeup_fd(-1)
    for signum in (signal.SIGCHLD, signal.SIGTERM):
        signal.signal(signum, signal.SIG_DFL)
    _end_with(lambda: worker(sockets[0], sockets[1:]))


def _end_with(work: Callable[[], int]) -> NoReturn:
    """The rest of a forked process: `work`, whose result is the exit code."""
    code = 1
    try:
        code = work()
    except BaseException:  # noqa: BLE001  # whatever it is, it must be seen before the process ends
        traceback.print_exc()
    finally:
        # Not sys.exit: the frames below us must not run on in this process.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
