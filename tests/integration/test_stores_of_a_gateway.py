"""A real gateway with a store: with several workers, before its store is there, and with none."""

from __future__ import annotations

import os
import subprocess
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import orjson
import pytest

from tests.integration.gateway_process import SEALGATE, GatewayProcess, running_gateway
from tests.integration.redis_servers import needs_redis, running_redis

POLICY = """\
version: 1
name: limited
chain:
  - rate_limit: {limits: [{requests: 20, window: 1h, per: global}]}
"""


def status(gateway: GatewayProcess) -> int:
    body = {"model": "demo", "messages": [{"role": "user", "content": "hello"}]}
    request = urllib.request.Request(
        f"{gateway.url}/demo/v1/chat/completions",
        orjson.dumps(body),
        {"content-type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=20) as response:
            return int(response.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


@needs_redis
def test_two_gateways_of_two_workers_admit_one_limit_together() -> None:
    with running_redis() as redis:
        config = f"stores: {{default: {{url: '{redis.url}', deadline_ms: 5000}}}}"
        with (
            running_gateway(config=config, policies=POLICY, workers=2) as one,
            running_gateway(config=config, policies=POLICY, workers=2) as two,
            ThreadPoolExecutor(16) as pool,
        ):
            found = list(pool.map(status, [one, two] * 30))

    assert sorted(found) == [200] * 20 + [429] * 40


@needs_redis
def test_a_gateway_starts_while_its_store_is_away_says_so_and_finds_it() -> None:
    with running_redis() as redis:
        redis.kill()
        environment = {"REDIS_URL": redis.url}
        with running_gateway(policies=POLICY, environment=environment) as gateway:
            gateway.wait_for_log("store away")
            code, body = gateway.admin("/health/dependencies")
            assert (code, orjson.loads(body)["stores"]) == (
                503,
                {"default": {"away_for_workers": 1}},
            )
            assert status(gateway) == 503
            redis.start()
            gateway.wait_for_log("store back")

            assert status(gateway) == 200
            metrics = gateway.admin("/metrics")[1].decode()
            assert 'sealgate_store_takes_total{outcome="answered",store="default"} 1.0' in metrics
            assert (
                'sealgate_store_takes_total{outcome="unavailable",store="default"} 1.0' in metrics
            )


@pytest.mark.parametrize("workers", ["2", "auto"])
def test_check_refuses_limits_in_memory_with_several_workers(tmp_path: Path, workers: str) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text(POLICY, encoding="utf-8")
    command = [str(SEALGATE), "check", str(policy)]
    environment = {**os.environ, "SEALGATE_WORKERS": workers}
    found = subprocess.run(
        command, capture_output=True, text=True, timeout=60, check=False, env=environment
    )

    assert found.returncode != 0
    assert "policy.yaml:4:5" in found.stdout + found.stderr
    assert "set `workers: 1`" in found.stdout + found.stderr
