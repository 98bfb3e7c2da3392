"""Changes of the policy files are noticed, whatever way an editor or a volume writes them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from gateway.policy.watcher import watch_policies

Watch = Callable[[Path], AsyncIterator[None]]


@pytest.fixture(autouse=True)
def only_events(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a test notices was told by the system, and not found by looking."""
    monkeypatch.setattr("gateway.policy.watcher.DEBOUNCE_MS", 50)
    monkeypatch.setattr("gateway.policy.watcher.LOOK_MS", 600_000)


@pytest.fixture
async def watch() -> AsyncIterator[Watch]:
    """`watch_policies`, ended with the test."""
    async with AsyncExitStack() as stack:

        def begin(path: Path) -> AsyncIterator[None]:
            changes = watch_policies(path)
            stack.push_async_callback(changes.aclose)  # type: ignore[attr-defined]  # a generator
            return changes

        yield begin


async def seen(changes: AsyncIterator[None], change: Callable[[], object]) -> None:
    """Repeats `change` until it is noticed: nothing tells when the watch has begun."""
    noticed = asyncio.ensure_future(anext(changes))
    while not noticed.done():
        await asyncio.to_thread(change)
        await asyncio.wait([noticed], timeout=0.1)
    await noticed


def writes(path: Path) -> Callable[[], object]:
    return lambda: path.write_text(f"# {os.urandom(4).hex()}\n")


def replaces(path: Path) -> Callable[[], object]:
    def replace() -> None:
        fresh = path.with_name(".fresh")
        fresh.write_text(os.urandom(4).hex())
        fresh.replace(path)

    return replace


@pytest.mark.parametrize("way", [writes, replaces])
async def test_a_changed_file_is_noticed(
    tmp_path: Path, watch: Watch, way: Callable[[Path], Callable[[], object]]
) -> None:
    changes = watch(tmp_path)

    await seen(changes, way(tmp_path / "a.yaml"))
    await seen(changes, way(tmp_path / "b.yml"))


async def test_one_watched_file_may_be_replaced(tmp_path: Path, watch: Watch) -> None:
    path = tmp_path / "policy.yaml"
    path.write_text("")

    await seen(watch(path), replaces(path))


async def test_a_mounted_volume_swaps_a_link(tmp_path: Path, watch: Watch) -> None:
    """How Kubernetes updates a configuration map: `a.yaml -> ..data/a.yaml`, `..data` moves on."""
    for name in ("..one", "..two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.yaml").write_text(name)
    (tmp_path / "..data").symlink_to("..one")
    (tmp_path / "a.yaml").symlink_to("..data/a.yaml")

    def swap() -> None:
        other = "..one" if (tmp_path / "..data").readlink().name == "..two" else "..two"
        (tmp_path / "..data_tmp").symlink_to(other)
        (tmp_path / "..data_tmp").replace(tmp_path / "..data")

    await seen(watch(tmp_path), swap)


async def test_a_folder_that_is_removed_and_comes_back_is_watched_again(
    tmp_path: Path, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.policy.watcher.LOOK_MS", 50)
    folder = tmp_path / "policies"
    folder.mkdir()
    changes = watch(folder)
    await seen(changes, writes(folder / "a.yaml"))

    def remove_and_make() -> None:
        if folder.exists():
            for path in folder.iterdir():
                path.unlink()
            folder.rmdir()
        else:
            folder.mkdir()
            (folder / "a.yaml").write_text(os.urandom(4).hex())

    await seen(changes, remove_and_make)
    await seen(changes, remove_and_make)
    folder.mkdir(exist_ok=True)
    await seen(changes, writes(folder / "b.yaml"))


async def test_what_no_event_tells_is_found_by_looking(
    tmp_path: Path, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file that a link leads to changes in a folder that is not watched."""
    monkeypatch.setattr("gateway.policy.watcher.LOOK_MS", 50)
    folder, elsewhere = tmp_path / "policies", tmp_path / "elsewhere"
    folder.mkdir()
    elsewhere.write_text("")
    (folder / "a.yaml").symlink_to(elsewhere)

    await seen(watch(folder), writes(elsewhere))


async def test_a_change_of_another_file_is_not_told(tmp_path: Path, watch: Watch) -> None:
    changes = watch(tmp_path)
    await seen(changes, writes(tmp_path / "a.yaml"))
    noticed = asyncio.ensure_future(anext(changes))
    while (await asyncio.wait([noticed], timeout=1.0))[0]:  # what `seen` wrote once too often
        noticed = asyncio.ensure_future(anext(changes))

    for _ in range(3):
        await asyncio.to_thread(writes(tmp_path / "notes.txt"))
        await asyncio.wait([noticed], timeout=0.1)

    assert not noticed.done()
    await asyncio.to_thread(writes(tmp_path / "a.yaml"))
    await noticed


async def test_without_a_path_there_is_nothing_to_watch() -> None:
    assert [change async for change in watch_policies(None)] == []
