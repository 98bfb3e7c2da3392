"""What an idle gateway holds, and what it must not carry."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.gateway_process import GatewayProcess, running_gateway

IDLE_KB_MAX = 100_000


@pytest.fixture(scope="module")
def gateway() -> Iterator[GatewayProcess]:
    with running_gateway() as gateway:
        yield gateway


def descendants(pid: int) -> list[int]:
    found = [pid]
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in children.read_text().split():
            found += descendants(int(child))
    return found


def proportional_kb(pid: int) -> int:
    """Memory of a process, where shared pages count in part (Linux: Pss)."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))


def test_an_idle_gateway_with_one_worker_holds_less_than_100_mb(gateway: GatewayProcess) -> None:
    processes = descendants(gateway.pid)
    assert gateway.worker_pids()[0] in processes

    assert sum(map(proportional_kb, processes)) < IDLE_KB_MAX


@pytest.mark.parametrize("library", ["aiohttp", "multidict", "yarl", "prometheus", "watchfiles"])
def test_workers_carry_nothing_of_the_supervisor(gateway: GatewayProcess, library: str) -> None:
    maps = Path(f"/proc/{gateway.worker_pids()[0]}/maps").read_text()

    assert f"/{library}" not in maps
