"""All of identity that can be written: what the admin API and the command line work on."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from gateway.errors import ConfigError, Problem
from gateway.identity.binding_store import BindingStore
from gateway.identity.erasure_store import ErasureStore
from gateway.identity.key_store import KeyStore
from gateway.identity.revocation_store import RevocationStore
from gateway.identity.role_store import RoleStore
from gateway.identity.store import Database
from gateway.identity.tenant_store import TenantStore
from gateway.identity.token_store import TokenStore
from gateway.identity.value_key import tenant_keys


class Identities:
    """One data folder's tenants, keys, roles, bindings, revocations and admin tokens.

    Used by one thread at a time. Another process may write the same folder at the same time.
    """

    def __init__(
        self, data_dir: Path, wall: Callable[[], float], *, value_key: str | None = None
    ) -> None:
        """Makes folder and files where they are missing. Raises ConfigError, SealgateError.

        `value_key` is `tokenisation.key` of the settings.
        """
        try:
            data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._database = Database(data_dir, wall)
        except OSError as error:
            message = f"the data folder cannot be used: {error.strerror}"
            hint = "choose another one with --data-dir or SEALGATE_DATA_DIR"
            raise ConfigError([Problem(str(data_dir), 0, 0, message, hint)]) from None
        self.data_dir = data_dir
        self.wall = wall
        self.tenants = TenantStore(self._database)
        self.keys = KeyStore(self._database)
        self.roles = RoleStore(self._database)
        self.bindings = BindingStore(self._database, self.roles)
        self.revocations = RevocationStore(self._database)
        self.tokens = TokenStore(self._database, self.roles)
        self.erasures = ErasureStore(self._database, partial(tenant_keys, data_dir, value_key))

    def close(self) -> None:
        """Closes the files."""
        self._database.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
