"""Tells when the policy files may have changed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

from watchfiles import Change, awatch

from gateway.policy.loader import SUFFIXES

DEBOUNCE_MS = 200
"""Changes that follow each other faster come as one: editors write a file in several steps."""
GONE_POLL_S = 1.0
"""How often a watched folder that was removed is looked for again."""
_STEP_MS = 50


async def watch_policies(path: Path | None) -> AsyncIterator[None]:
    """Yields after each burst of changes at `path`; never, where there is no path.

    The caller reads the files again and compares: a yield does not promise that they differ. What
    is watched is the folder (for one file: its own), because editors and mounted configuration
    maps replace files and links instead of writing into them. Ends when it is cancelled.
    """
    if path is None:
        return
    folder = await asyncio.to_thread(_folder_of, path)
    while True:
        if not await asyncio.to_thread(folder.is_dir):
            await asyncio.sleep(GONE_POLL_S)
            continue
        async for _ in awatch(
            folder,
            watch_filter=_is_policy,
            debounce=DEBOUNCE_MS,
            step=_STEP_MS,
            recursive=False,
            raise_interrupt=False,
        ):
            yield
            if not await asyncio.to_thread(folder.is_dir):
                break


def _folder_of(path: Path) -> Path:
    return path if path.is_dir() else path.parent


def _is_policy(_: Change, name: str) -> bool:
    """A policy file, or the link that a mounted Kubernetes volume swaps (`..data`)."""
    path = Path(name)
    return path.suffix in SUFFIXES or path.name.startswith("..")
