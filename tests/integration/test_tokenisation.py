"""Placeholders through running gateways: who gets values back, from where, and until when."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import orjson
import pytest

from tests.integration.gateway_process import GatewayProcess, LogLine, running_gateway
from tests.integration.plugin_client import ask
from tests.integration.redis_servers import RedisServer, needs_redis, running_redis, wait_for
from tests.integration.test_identity import Admin
from tests.integration.tokenising import policy
from tests.integration.virtual_keys import make_key

VALUE = "jane.doe@acme.test"
SAID = f"Write to {VALUE}"
RESPONSES = "/demo/v1/responses"
KEYS = "{api_keys: true}"


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    with running_redis() as server:
        yield server


def config(redis: RedisServer, more: str = "") -> str:
    store = f"{{kind: redis, url: '{redis.url}', deadline_ms: 2000}}"
    return f"stores: {{default: {store}}}\n{more}"


@pytest.fixture
def gateway(redis: RedisServer) -> Iterator[GatewayProcess]:
    text = policy(auth=KEYS)
    with running_gateway(config=config(redis), policies=text) as gateway:
        yield gateway


def send(
    gateway: GatewayProcess, text: str, key: str = "", reply: str = "", **members: Any
) -> tuple[int, str]:
    """Status and text of the answer to one of a chain of responses."""
    headers = {"x-api-key": key} if key else {}
    if reply:
        headers["x-demo-reply-text"] = quote(reply)
    body = orjson.dumps({"model": "m", "input": text, **members})
    status, _, answer = ask(gateway, RESPONSES, headers=headers, body=body)
    parsed = orjson.loads(answer)
    if status != 200:
        return status, parsed["error"]["code"]
    return status, parsed["output"][0]["content"][0]["text"]


def kept(redis: RedisServer) -> list[str]:
    """The placeholders that the store has values for."""
    names = redis.command("KEYS", "sealgate{values:*}v*")
    texts = [text for name in names for text in redis.command("HVALS", name)]
    return [text.rpartition("|")[2] for text in texts]


def flags_of(line: LogLine) -> list[dict[str, Any]]:
    return [v for v in line.get("verdicts", ()) if v["outcome"] == "flag"]


def test_the_provider_sees_placeholders() -> None:
    """The simulated provider repeats what it was told; here nothing is restored."""
    with running_gateway(policies=policy(restore=False)) as gateway:
        answers = {send(gateway, SAID)[1] for _ in range(3)}
        other = send(gateway, SAID.replace("jane", "joan"))[1]
    (answer,) = answers
    assert VALUE not in answer
    assert "Write to <EMAIL_" in answer
    assert answer != other


@needs_redis
def test_values_come_back_to_who_sent_them_and_to_nobody_else(
    gateway: GatewayProcess, redis: RedisServer
) -> None:
    Admin(gateway).call("POST", "/api/tenants", {"id": "globex"})
    mine = make_key(gateway)
    also_mine = make_key(gateway)
    globex = make_key(gateway, tenant="globex")
    assert send(gateway, SAID, mine)[1].endswith(SAID)
    (placeholder,) = kept(redis)

    later = {"previous_response_id": "resp_1"}
    said = f"I wrote to {placeholder}."
    assert send(gateway, "go on", mine, said, **later)[1] == f"I wrote to {VALUE}."
    assert send(gateway, "go on", also_mine, said, **later)[1] == said
    assert send(gateway, "go on", globex, said, **later)[1] == said
    assert send(gateway, "go on", mine, said, conversation="conv_2")[1] == said
    assert send(gateway, "go on", mine, "to <EMAIL_00000000>", **later)[1] == "to <EMAIL_00000000>"
    # What another caller's own request holds has another placeholder, and comes back to them.
    assert send(gateway, SAID, globex)[1].endswith(SAID)
    assert len(set(kept(redis))) == 2


@needs_redis
@pytest.mark.parametrize("what", ["tenant", "conversation", "value"])
def test_what_was_erased_does_not_come_back(
    gateway: GatewayProcess, redis: RedisServer, tmp_path: Path, what: str
) -> None:
    key, admin = make_key(gateway), Admin(gateway)
    send(gateway, SAID, key)
    (placeholder,) = kept(redis)
    verdict = gateway.wait_for_log(lambda line: "labels" in str(line.get("verdicts")))["verdicts"]
    conversation = next(v["labels"]["conversation"] for v in verdict if "labels" in v)
    if what == "tenant":
        admin.call("POST", "/api/value-erasures", {})
    elif what == "conversation":
        admin.call("POST", "/api/value-erasures", {"conversation": conversation})
    else:
        file = tmp_path / "value"
        file.write_text(f"{VALUE}\n", encoding="utf-8")
        admin.cli("values", "erase", "--value-file", str(file))
    line = gateway.wait_for_log("values erased")
    assert (line["tenant"], line["values"]) == ("default", 1)
    assert kept(redis) == []
    said = f"I wrote to {placeholder}."
    assert send(gateway, "go on", key, said)[1] == said
    if what != "value":
        audited = gateway.wait_for_log(lambda line: line.get("action") == "value_erasures.create")
        assert audited["outcome"] == "done"
    assert VALUE not in str(gateway.logs)
    assert VALUE.encode() not in admin.cli("values", "erasures")


@needs_redis
def test_while_the_store_is_away_nothing_leaves_that_could_not_come_back(
    gateway: GatewayProcess, redis: RedisServer
) -> None:
    key = make_key(gateway)
    send(gateway, SAID, key)
    (placeholder,) = kept(redis)
    redis.kill()
    assert send(gateway, "Write to joan@acme.test", key) == (503, "values_unavailable")
    said = f"I wrote to {placeholder}."
    assert send(gateway, "go on", key, said) == (200, said)
    gateway.wait_for_log(lambda line: "'reason': 'values_unavailable'" in str(flags_of(line)))
    redis.start()
    wait_for(lambda: send(gateway, SAID, key)[0] == 200, "the store's return")


@needs_redis
def test_nodes_with_one_secret_read_what_the_other_kept(redis: RedisServer, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("the same forty characters on all of them", encoding="utf-8")
    text = config(redis, f"tokenisation: {{key: 'file:{secret}'}}\n")
    with (
        running_gateway(config=text, policies=policy()) as one,
        running_gateway(config=text, policies=policy()) as two,
        running_gateway(config=config(redis), policies=policy()) as alien,
    ):
        send(one, SAID, "the key of the client")
        (placeholder,) = kept(redis)
        said = f"I wrote to {placeholder}."
        assert send(two, "go on", "the key of the client", said)[1] == f"I wrote to {VALUE}."
        assert send(two, "go on", "another key", said)[1] == said
        assert send(alien, "go on", "the key of the client", said)[1] == said
