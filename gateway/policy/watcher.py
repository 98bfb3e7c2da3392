"""Tells when the policy files have changed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path
from typing import TypeAlias

from watchfiles import Change, awatch

from gateway.policy.loader import policy_files

DEBOUNCE_MS = 200
"""Changes that follow each other faster come as one: editors write a file in several steps."""
LOOK_MS = 5_000
"""The files are looked at this often even if nothing is heard of them: not every network file
system tells of changes, and a folder that was replaced is a new one."""
_STEP_MS = 50

Fingerprint: TypeAlias = tuple[tuple[str, int, int, int], ...]


async def watch_policies(path: Path | None) -> AsyncGenerator[None]:
    """Yields after each change of the policy files at `path`; never, where there is no path.

    What is watched is the folder (for one file: its own), because editors and mounted configuration
    maps replace files and links instead of writing into them. Ends when it is closed or cancelled.
    """
    if path is None:
        return
    folder = await asyncio.to_thread(_folder_of, path)
    known = await asyncio.to_thread(_fingerprint, path)
    while True:
        async with aclosing(_wake_ups(folder)) as wake_ups:
            async for _ in wake_ups:
                now = await asyncio.to_thread(_fingerprint, path)
                if now != known:
                    known = now
                    yield


async def _wake_ups(folder: Path) -> AsyncGenerator[None]:
    """Comes back at changes and every LOOK_MS; ends when the folder is gone or another one."""
    try:
        async for changes in awatch(
            folder,
            watch_filter=None,
            debounce=DEBOUNCE_MS,
            step=_STEP_MS,
            rust_timeout=LOOK_MS,
            yield_on_timeout=True,
            recursive=False,
        ):
            yield
            if any(change is Change.deleted and _is(folder, name) for change, name in changes):
                return
    except FileNotFoundError:
        await asyncio.sleep(LOOK_MS / 1000)
        yield


def _is(folder: Path, name: str) -> bool:
    return Path(name).name == folder.name


def _folder_of(path: Path) -> Path:
    return path if path.is_dir() else path.parent


def _fingerprint(path: Path) -> Fingerprint:
    """What changes whenever a policy file does; empty where there is none."""
    try:
        files = policy_files(path) if path.is_dir() else [path]
        states = [(file.name, file.stat()) for file in files]
    except OSError:
        return ()
    return tuple((name, s.st_mtime_ns, s.st_size, s.st_ino) for name, s in states)
