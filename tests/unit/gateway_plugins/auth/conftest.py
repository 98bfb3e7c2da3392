"""A runtime with a real directory of keys, and a clock that the test sets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from gateway.identity.directory import StoredDirectory
from gateway.identity.forms import KeyForm, RevocationForm
from gateway.identity.key_store import KeyStore
from gateway.identity.revocation_store import RevocationStore
from gateway.identity.store import Actor, Database
from gateway.plugin import Runtime

NOW_S = 1_800_000_000.0
ROOT = Actor("root")


class Administrator:
    """Writes as another process would: on a thread of its own, away from the loop of the test."""

    def __init__(self, folder: Path, directory: StoredDirectory) -> None:
        self._thread = ThreadPoolExecutor(1)
        self._database = self._do(lambda: Database(folder, lambda: NOW_S))
        self._directory = directory

    def issue(self, **members: object) -> str:
        """Makes a key and gives its secret; `members` are those of its form."""
        form = KeyForm.model_validate({"subject": "ada", **members})
        key: str = self._do(lambda: KeyStore(self._database).issue(ROOT, form).key)
        self._directory.poll()
        return key

    def revoke(self, kind: str, name: str) -> None:
        form = RevocationForm.model_validate({"kind": kind, "name": name, "tenant": "*"})
        self._do(lambda: RevocationStore(self._database).make(ROOT, form))
        self._directory.poll()

    def close(self) -> None:
        self._do(self._database.close)
        self._thread.shutdown()

    def _do(self, work: Callable[[], Any]) -> Any:
        return self._thread.submit(work).result()


@pytest.fixture
def directory(tmp_path: Path) -> StoredDirectory:
    return StoredDirectory(tmp_path, lambda: NOW_S)


@pytest.fixture
def administrator(tmp_path: Path, directory: StoredDirectory) -> Iterator[Administrator]:
    made = Administrator(tmp_path, directory)
    directory.poll()
    yield made
    made.close()


@pytest.fixture
def runtime(directory: StoredDirectory, administrator: Administrator) -> Runtime:
    return Runtime(
        wall=lambda: NOW_S, directory=directory, trusted_proxies=("10.0.0.0/8", "::1/128")
    )


@pytest.fixture
def issue(administrator: Administrator) -> Callable[..., str]:
    return administrator.issue
