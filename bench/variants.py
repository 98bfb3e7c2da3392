"""The ways in which the gateway itself is measured: its policy, its settings, what it stands on."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import jwt
import orjson
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from jwt.algorithms import ECAlgorithm
from site_of_proxy import HERE, Site, free_port

ISSUER = "https://id.bench.example"
_CREDENTIAL = "credential"
_TOKEN_LIFE_S = 86_400
_REDIS_START_S = 10.0

Prepare = Callable[[Path, Site], str]
"""Makes a credential for one run of the gateway, whose program it is given."""


@dataclass(frozen=True, slots=True)
class Variant:
    """One way to run the gateway: its policy chain in YAML, and whether exchanges are logged.

    `credential` makes what each request shows in `x-sealgate-key`; `redis` gives the counters a
    server, on the core of the load.
    """

    chain: str = "[]"
    log: bool = False
    credential: Prepare | None = None
    redis: bool = False

    def command(self, program: Path, site: Site) -> list[str]:
        policies = site.folder / "policies"
        policies.mkdir()
        (policies / "bench.yaml").write_text(
            f"version: 1\nname: bench\nchain: {self.chain.replace('@DIR@', str(site.folder))}\n"
        )
        config = site.folder / "gateway.yaml"
        config.write_text(
            f"listener: {{host: 127.0.0.1, port: {site.port}}}\n"
            f"admin: {{port: {free_port()}}}\n"
            f"data_dir: {site.folder / 'data'}\n"
            f"policies: {policies}\n"
            f"log: {{exchanges: {str(self.log).lower()}}}\n"
            "upstreams:\n"
            f"  openai: {{url: 'http://127.0.0.1:{site.upstream}'}}\n"
            f"  anthropic: {{url: 'http://127.0.0.1:{site.bystander}'}}\n"
            + (f"stores: {{default: {{kind: redis, url: 'unix:{_socket(site)}'}}}}\n" * self.redis)
        )
        if self.credential is not None:
            (site.folder / _CREDENTIAL).write_text(self.credential(program, site))
        return [str(program), "serve", "--config", str(config)]

    def environment(self, site: Site) -> dict[str, str]:
        """Makes the benchmark's plugin visible as an installed distribution would be."""
        installed = site.folder / "installed"
        metadata = installed / "bench_prompt_watch-1.0.dist-info"
        metadata.mkdir(parents=True)
        shutil.copy(HERE / "prompt_watch.py", installed)
        (metadata / "METADATA").write_text(
            "Metadata-Version: 2.1\nName: bench-prompt-watch\nVersion: 1.0\n"
        )
        (metadata / "entry_points.txt").write_text(
            "[sealgate.plugins]\nprompt_watch = prompt_watch:PromptWatch\n"
        )
        return {"PYTHONPATH": os.pathsep.join((str(installed), os.environ.get("PYTHONPATH", "")))}

    def headers(self, site: Site) -> tuple[str, ...]:
        """What every request needs."""
        if self.credential is None:
            return ()
        return (f"x-sealgate-key: {(site.folder / _CREDENTIAL).read_text()}",)

    @contextmanager
    def beside(self, site: Site) -> Iterator[None]:
        """Runs what the gateway stands on, outside of what is measured."""
        if not self.redis:
            yield
            return
        command = ["redis-server", "--port", "0", "--unixsocket", _socket(site), "--save", ""]
        with subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL
        ) as server:
            try:
                limit = time.monotonic() + _REDIS_START_S
                while not Path(_socket(site)).exists() and time.monotonic() < limit:
                    time.sleep(0.01)
                yield
            finally:
                server.terminate()


def _socket(site: Site) -> str:
    return str(site.folder / "redis.sock")


def virtual_key(program: Path, site: Site) -> str:
    """A key of the gateway's own directory."""
    data = str(site.folder / "data")
    done = subprocess.run(
        [program, "apikeys", "create", "--subject", "bench", "--json", "--data-dir", data],
        capture_output=True,
        check=True,
        timeout=60,
    )
    return str(orjson.loads(done.stdout)["key"])


def signed_token(_program: Path, site: Site) -> str:
    """See `token_in`."""
    return token_in(site.folder)


def token_in(folder: Path) -> str:
    """A token of an issuer whose keys lie in a file of this folder."""
    key = generate_private_key(SECP256R1())
    public = ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
    keys = {"keys": [{**public, "kid": "bench", "alg": "ES256", "use": "sig"}]}
    (folder / "jwks.json").write_bytes(orjson.dumps(keys))
    now = int(datetime.now(UTC).timestamp())
    claims = {"iss": ISSUER, "aud": "llm", "sub": "bench", "iat": now, "exp": now + _TOKEN_LIFE_S}
    return jwt.encode(claims, key, algorithm="ES256", headers={"kid": "bench"})


HEADER_CHAIN = (
    "[{ip_allowlist: {allow: [127.0.0.0/8, 10.0.0.0/8, '::1/128']}}, "
    "{request_limits: {methods: [GET, POST], content_types: [application/json]}}, "
    "{security_headers: {}}]"
)
BODY_CHAIN = "[{prompt_watch: {words: [classified, top secret]}}]"
# A window of a second, so that the exact log is pruned all the time, as it is in use.
_LIMIT = "{rate_limit: {limits: [{per: key, requests: 100000, window: 1s}]}}"
KEY_CHAIN = "[{auth: {api_keys: true}}, " + _LIMIT + "]"
TOKEN_CHAIN = (
    "[{auth: {jwt: [{issuer: '" + ISSUER + "', audience: [llm], tenant: bench, "
    "jwks_file: '@DIR@/jwks.json'}]}}]"
)
# What is flagged is forwarded all the same: a refusal would be no answer, and cheaper than one.
INSPECT_CHAIN = "[{injection: {actions: {user: flag}}}, {threat: {}}, {dlp: {}}]"
RECEIPT_CHAIN = "[{receipt: {durability: batched}}]"
# The chain that the README shows, with a limit that is never reached.
CARD_CHAIN = (
    "[{ip_allowlist: {allow: [127.0.0.0/8, 10.0.0.0/8]}}, "
    "{rate_limit: {limits: [{per: ip, requests: 100000, window: 1s}]}}, "
    "{injection: {actions: {user: flag}}}, {dlp: {}}, {trust_score: {}}, "
    "{receipt: {durability: batched}}]"
)
REDIS_INSTALLED = shutil.which("redis-server") is not None
