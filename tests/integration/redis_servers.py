"""Real redis-server processes on free ports: one, a cluster, or a master behind a Sentinel.

    with running_redis() as redis:
        redis.url                     # for gateway.yaml, and `redis.unix_url`
        redis.command("DBSIZE")       # one command, its answer
        redis.kill()                  # kill -9; `redis.start()` brings it back on the same port

Mark what uses them with `needs_redis`: without a redis-server (or valkey-server) it is skipped.
"""

from __future__ import annotations

import contextlib
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import hiredis
import pytest

BINARY = shutil.which("redis-server") or shutil.which("valkey-server")
START_TIMEOUT_S = 90.0
ATTEMPTS = 5

needs_redis = pytest.mark.skipif(
    BINARY is None, reason="no redis-server: as root, apt-get install redis-server (7 or newer)"
)


def free_port() -> int:
    """A port that was free a moment ago; whoever starts on it tries again where it is not."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_for(condition: Callable[[], bool], what: str, timeout_s: float = START_TIMEOUT_S) -> None:
    """Asks again and again until `condition` holds."""
    deadline = time.monotonic() + timeout_s
    pause = threading.Event()
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not happen in {timeout_s} s"
        pause.wait(0.02)


class RedisServer:
    """One server process with nothing kept on disk, unless `arguments` say otherwise."""

    def __init__(self, folder: Path, arguments: Sequence[str] = (), *, tls: bool = False) -> None:
        assert BINARY is not None
        self.folder = folder
        self.port = 0
        self.tls = tls
        self.socket_path = folder / "redis.sock"
        self._arguments = list(arguments)
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"{'rediss' if self.tls else 'redis'}://127.0.0.1:{self.port}"

    @property
    def unix_url(self) -> str:
        return f"unix:{self.socket_path}"

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def start(self) -> None:
        """Starts it, on the port of before if there was one; returns when it answers."""
        for _ in range(1 if self.port else ATTEMPTS):
            port = self.port or free_port()
            self._spawn(port)
            try:
                wait_for(self._answers, "the start of redis-server")
            except _EndedError:
                continue
            self.port = port
            return
        raise AssertionError(f"redis-server did not start:\n{self._log()}")

    def _spawn(self, port: int) -> None:
        self.socket_path.unlink(missing_ok=True)
        ports = ["--port", "0", "--tls-port", str(port)] if self.tls else ["--port", str(port)]
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [
                    *(str(BINARY), *ports, "--bind", "127.0.0.1", "--dir", str(self.folder)),
                    *("--unixsocket", str(self.socket_path), "--save", "", "--appendonly", "no"),
                    *self._arguments,
                ],
                stdout=log,
                stderr=log,
            )

    def _answers(self) -> bool:
        assert self.process is not None
        if self.process.poll() is not None:
            raise _EndedError
        with contextlib.suppress(OSError):
            answer = self.command("PING")
            # Whoever wants a password, or still loads, says so.
            return answer == "PONG" or "NOAUTH" in str(answer)
        return False

    def _log(self) -> str:
        return (self.folder / "log").read_text(encoding="utf-8", errors="replace")[-2000:]

    def command(self, *words: str | int | bytes) -> Any:
        """One command over the Unix socket; an error reply is returned, not raised."""
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(10)
            client.connect(str(self.socket_path))
            client.sendall(hiredis.pack_command(words))
            reader = hiredis.Reader(encoding="utf-8", errors="surrogateescape")
            while (answer := reader.gets()) is False:
                data = client.recv(65_536)
                if not data:
                    raise ConnectionError("redis-server closed the connection")
                reader.feed(data)
            return answer

    def info(self, field: str) -> str:
        """One field of INFO."""
        for line in str(self.command("INFO", "everything")).splitlines():
            if line.startswith(f"{field}:"):
                return line.partition(":")[2]
        raise KeyError(field)

    def is_replica(self) -> bool:
        """Whether it follows a master; not yet where it drops its clients because it begins to."""
        with contextlib.suppress(ConnectionError):
            return self.info("role") == "slave"
        return False

    def pause(self) -> None:
        """SIGSTOP: connections stay open and nothing answers, until `resume`."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)

    def kill(self) -> None:
        """kill -9."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None


class _EndedError(Exception):
    """The process ended instead of answering, most likely because its port was taken."""


@contextlib.contextmanager
def running_redis(arguments: Sequence[str] = (), *, tls: bool = False) -> Iterator[RedisServer]:
    """One server."""
    with tempfile.TemporaryDirectory(prefix="redis-") as folder:
        server = RedisServer(Path(folder), arguments, tls=tls)
        try:
            server.start()
            yield server
        finally:
            server.kill()


class RedisCluster:
    """Masters that share the slots evenly, in the order of `nodes`, and a replica of each."""

    def __init__(self, nodes: list[RedisServer], replicas: list[RedisServer]) -> None:
        self.nodes = nodes
        self.replicas = replicas

    @property
    def url(self) -> str:
        return self.nodes[0].url

    def node_of_slot(self, slot: int) -> RedisServer:
        """The node that serves `slot` now."""
        for first, last, (_, port, *_), *_ in self.nodes[0].command("CLUSTER", "SLOTS"):
            if first <= slot <= last:
                return next(n for n in [*self.nodes, *self.replicas] if n.port == port)
        raise KeyError(slot)

    def move_slot(self, slot: int, target: RedisServer) -> None:
        """Moves a slot with its keys to another master, as a resharding does."""
        self.begin_move(slot, target)
        self.finish_move(slot, target)

    def begin_move(self, slot: int, target: RedisServer) -> None:
        """From here on the old node answers ASK for keys that it does not have."""
        source = self.node_of_slot(slot)
        source_id, target_id = source.command("CLUSTER", "MYID"), target.command("CLUSTER", "MYID")
        assert target.command("CLUSTER", "SETSLOT", slot, "IMPORTING", source_id) == "OK"
        assert source.command("CLUSTER", "SETSLOT", slot, "MIGRATING", target_id) == "OK"

    def finish_move(self, slot: int, target: RedisServer) -> None:
        source = self.node_of_slot(slot)
        target_id = target.command("CLUSTER", "MYID")
        while keys := source.command("CLUSTER", "GETKEYSINSLOT", slot, 100):
            moved = ("MIGRATE", "127.0.0.1", target.port, "", 0, 5000, "KEYS", *keys)
            assert source.command(*moved) == "OK"
        for node in (target, source, *self.nodes):
            assert node.command("CLUSTER", "SETSLOT", slot, "NODE", target_id) == "OK"


@contextlib.contextmanager
def running_cluster(masters: int = 3, *, replicas: bool = False) -> Iterator[RedisCluster]:
    """A cluster of `masters` nodes, each with a replica where `replicas` says so."""
    with contextlib.ExitStack() as stack:
        count = masters * 2 if replicas else masters
        servers = [stack.enter_context(running_redis(_cluster_arguments())) for _ in range(count)]
        for index, server in enumerate(servers[:masters]):
            first, last = (16_384 * n // masters for n in (index, index + 1))
            assert server.command("CLUSTER", "ADDSLOTSRANGE", first, last - 1) == "OK"
        for index, server in enumerate(servers):
            assert server.command("CLUSTER", "SET-CONFIG-EPOCH", index + 1) == "OK"
        for server in servers[1:]:
            first_bus = servers[0].command("CONFIG", "GET", "cluster-port")[1]
            meet = ("CLUSTER", "MEET", "127.0.0.1", servers[0].port, first_bus)
            assert server.command(*meet) == "OK"
        for server in servers:
            wait_for(lambda s=server: _knows(s, count), "the meeting of the cluster")
        for master, replica in zip(servers, servers[masters:], strict=False):
            name = master.command("CLUSTER", "MYID")
            wait_for(
                lambda r=replica, n=name: r.command("CLUSTER", "REPLICATE", n) == "OK",
                "the start of a replica",
            )
        for server in servers:
            wait_for(lambda s=server: _ok(s), "the start of the cluster")
        for replica in servers[masters:]:
            wait_for(lambda r=replica: r.info("master_link_status") == "up", "the replication")
        yield RedisCluster(servers[:masters], servers[masters:])


def _cluster_arguments() -> list[str]:
    return [
        *("--cluster-enabled", "yes", "--cluster-port", str(free_port())),
        *("--cluster-node-timeout", "500", "--cluster-config-file", "nodes.conf"),
        *("--repl-diskless-sync-delay", "0"),
    ]


def _knows(server: RedisServer, count: int) -> bool:
    lines = str(server.command("CLUSTER", "NODES")).splitlines()
    return len(lines) == count and all("handshake" not in line for line in lines)


def _ok(server: RedisServer) -> bool:
    return "cluster_state:ok" in str(server.command("CLUSTER", "INFO"))


class RedisSentinel:
    """A master and a replica that one Sentinel watches as `main`."""

    def __init__(self, sentinel: RedisServer, servers: list[RedisServer]) -> None:
        self.sentinel = sentinel
        self.servers = servers

    @property
    def master(self) -> RedisServer:
        """Who the Sentinel says is the master."""
        _, port = self.sentinel.command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "main")
        return next(server for server in self.servers if server.port == int(port))

    def fail_over(self) -> None:
        """Makes the replica the master, by command; returns when the Sentinel says so."""
        before = self.master
        wait_for(
            lambda: self.sentinel.command("SENTINEL", "FAILOVER", "main") == "OK",
            "the command to fail over",
        )
        wait_for(lambda: self.master is not before, "the failover")


@contextlib.contextmanager
def running_sentinel() -> Iterator[RedisSentinel]:
    """The three processes; the Sentinel takes a server for dead after half a second."""
    with contextlib.ExitStack() as stack:
        fast = ["--repl-diskless-sync-delay", "0", "--repl-ping-replica-period", "1"]
        master = stack.enter_context(running_redis(fast))
        follow = [*fast, "--replicaof", f"127.0.0.1 {master.port}"]
        replica = stack.enter_context(running_redis(follow))
        wait_for(lambda: replica.info("master_link_status") == "up", "the replication")
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="sentinel-")))
        config = folder / "sentinel.conf"
        config.write_text(
            f"sentinel monitor main 127.0.0.1 {master.port} 1\n"
            "sentinel down-after-milliseconds main 500\n"
            "sentinel failover-timeout main 5000\n",
            encoding="utf-8",
        )
        sentinel = _Sentinel(folder, config)
        stack.callback(sentinel.kill)
        sentinel.start()
        found = RedisSentinel(sentinel, [master, replica])
        wait_for(lambda: len(_replicas(sentinel)) == 1, "the Sentinel's finding of the replica")
        yield found


def _replicas(sentinel: RedisServer) -> list[Any]:
    answer: list[Any] = sentinel.command("SENTINEL", "REPLICAS", "main")
    return [replica for replica in answer if "s_down" not in replica[9]]


class _Sentinel(RedisServer):
    def __init__(self, folder: Path, config: Path) -> None:
        super().__init__(folder)
        self._config = config

    def _spawn(self, port: int) -> None:
        self.socket_path.unlink(missing_ok=True)
        with (self.folder / "log").open("ab") as log:
            self.process = subprocess.Popen(
                [
                    *(str(BINARY), str(self._config), "--sentinel", "--port", str(port)),
                    *("--bind", "127.0.0.1", "--unixsocket", str(self.socket_path)),
                ],
                stdout=log,
                stderr=log,
            )
