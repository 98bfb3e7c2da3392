"""Keys from elsewhere under a real gateway: refused, warned of, away, wrong, back again."""

from __future__ import annotations

import os
from http.client import HTTPConnection
from typing import Any
from urllib.parse import urlsplit

from gateway.ledger.folder import open_journal
from gateway.ledger.overview import acknowledge_restore, check_all
from gateway.settings import Settings
from tests.integration.gateway_process import GatewayProcess, finish, running_gateway, start_gateway
from tests.ledger_drafts import make_payload
from tests.transit_server import TransitServer, running_transit

IN_ENVIRONMENT = "ledger:\n  enabled: true\n  keys:\n    receipts: ${TEST_RECEIPT_KEY}\n"


def in_vault(vault: TransitServer) -> str:
    return (
        f"vault:\n  address: {vault.url}\n  token: ${{TEST_VAULT_TOKEN}}\n"
        "ledger:\n  enabled: true\n  keys:\n    receipts: transit:receipts\n    log: transit:log\n"
    )


def settings_of(gateway: GatewayProcess) -> Settings:
    return Settings.model_validate({"data_dir": gateway.folder / "data"})


def ledger_is(state: str, entries: int = 0) -> Any:
    return lambda ready: (
        ready.get("ledger", {}).get("state") == state and ready["ledger"]["entries"] >= entries
    )


def test_production_refuses_to_start_with_a_private_key_in_the_environment() -> None:
    seed = os.urandom(32).hex()
    config = f"profile: production\n{IN_ENVIRONMENT}"
    gateway = start_gateway(config=config, environment={"TEST_RECEIPT_KEY": seed})
    try:
        assert gateway.wait() != 0
        assert "ledger.keys.receipts" in gateway.errors
        assert seed not in gateway.errors
    finally:
        finish(gateway)


def test_any_other_profile_signs_with_it_and_warns_once() -> None:
    seed = os.urandom(32).hex()
    with running_gateway(config=IN_ENVIRONMENT, environment={"TEST_RECEIPT_KEY": seed}) as gateway:
        gateway.wait_until(ledger_is("running", 2))
        warned = [line for line in gateway.logs if "in the environment" in str(line)]
        assert len(warned) == 1
        assert seed not in str(gateway.logs)
        assert not (gateway.folder / "data/ledger/keys/receipts.key").exists()


def test_vault_goes_away_lies_and_comes_back_and_nothing_is_lost() -> None:
    with (
        running_transit("receipts", "log") as vault,
        running_gateway(
            config=in_vault(vault), environment={"TEST_VAULT_TOKEN": "root-token"}
        ) as gateway,
    ):
        gateway.wait_until(ledger_is("running", 2))
        vault.down = True
        journal = open_journal(settings_of(gateway), "test", "batched")
        journal.append(make_payload())
        gateway.wait_until(ledger_is("away"))
        assert "Vault is sealed" in gateway.readyz()["ledger"]["error"]
        assert gateway.metric("sealgate_ledger_state", state="away") == 1
        vault.down = False
        gateway.wait_until(ledger_is("running", 4))

        vault.lies = True
        journal.append(make_payload())
        gateway.wait_until(ledger_is("quarantined"))
        size = gateway.readyz()["ledger"]["entries"]
        assert gateway.metric("sealgate_ledger_state", state="quarantined") == 1
        assert any("signature that is wrong" in str(line) for line in gateway.logs)
        vault.lies = False
        acknowledge_restore(settings_of(gateway), size, "an operator")
        journal.close()
        gateway.wait_until(ledger_is("running", size + 1))

        assert gateway.metric("sealgate_ledger_exchanges_total", end="closed") == 2
        assert gateway.stop() == 0
        assert check_all(settings_of(gateway)).ok


def test_the_listener_publishes_the_keys_where_it_is_told_to() -> None:
    config = "ledger:\n  enabled: true\n  publish_on_listener: true\n"
    with running_gateway(config=config) as gateway:
        gateway.wait_until(ledger_is("running", 2))
        for name in ("did.json", "jwks.json", "sonate-pubkey.json", "sonate-keys.json"):
            status, body = fetched(f"{gateway.url}/.well-known/{name}")
            assert status == 200
            assert name == "did.json" or body == gateway.admin(f"/.well-known/{name}")[1]
        assert fetched(f"{gateway.url}/.well-known/other.json")[0] == 404
    with running_gateway(config="ledger:\n  enabled: true\n") as gateway:
        gateway.wait_until(ledger_is("running", 2))
        assert fetched(f"{gateway.url}/.well-known/jwks.json")[0] == 404


def fetched(url: str) -> tuple[int, bytes]:
    address = urlsplit(url)
    connection = HTTPConnection(address.hostname or "", address.port)
    try:
        connection.request("GET", address.path)
        response = connection.getresponse()
        return response.status, response.read()
    finally:
        connection.close()
