"""Virtual keys of a running gateway, made as `sealgate keys create` makes them."""

from __future__ import annotations

import threading
import time

from gateway.identity.forms import KeyForm
from gateway.identity.identities import Identities
from gateway.identity.store import Actor
from tests.integration.gateway_process import GatewayProcess
from tests.integration.plugin_client import ask

SEEN_WITHIN_S = 20.0


def make_key(gateway: GatewayProcess, **members: object) -> str:
    """A key that the (one) worker knows; `members` are those of its form."""
    form = KeyForm.model_validate({"subject": "ada", **members})
    with Identities(gateway.folder / "data", time.time) as identities:  # noqa: TID251  # the wall's
        key = identities.keys.issue(Actor("test"), form).key
    _wait_until_known(gateway, key)
    return key


def _wait_until_known(gateway: GatewayProcess, key: str) -> None:
    """Asks for the demo's models until the worker has looked at the directory again."""
    deadline, pause = time.monotonic() + SEEN_WITHIN_S, threading.Event()
    while (
        ask(gateway, "/demo/v1/models", method="GET", headers={"x-api-key": key}, body=None)[0]
        == 401
    ):
        assert time.monotonic() < deadline, "the worker never learnt of the key"
        pause.wait(0.02)
