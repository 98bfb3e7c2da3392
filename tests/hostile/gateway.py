"""The real gateway in front of a raw upstream: one process, one bare policy, no plugin."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

from tests.hostile.front import Front
from tests.integration.gateway_process import GatewayProcess, running_gateway

BARE_POLICY = "version: 1\nname: bare\nchain: []\n"


def config(upstream_port: int, *, limits: str = "", upstream: str = "", more: str = "") -> str:
    """gateway.yaml with one upstream behind `/` and, stripped, behind `/stripped`.

    `limits` and `upstream` are YAML flow mappings' inner text for the listener's limits and for
    the upstream's further settings; `more` is further top-level YAML.
    """
    return f"""
builtin_routes: false
listener: {{limits: {{{limits}}}}}
upstreams:
  raw: {{url: "http://127.0.0.1:{upstream_port}"{upstream and ", " + upstream}}}
routes:
  - {{name: stripped, match: {{path_prefix: /stripped}}, upstream: raw, strip_prefix: true}}
  - {{name: plain, match: {{path_prefix: /}}, upstream: raw}}
{more}
"""


def front_of(gateway: GatewayProcess, upstream_port: int) -> Front:
    """How clients see `gateway`."""
    return Front(("127.0.0.1", gateway.port), b"127.0.0.1:%d" % upstream_port)


@contextlib.contextmanager
def running_front(
    upstream_port: int, *, limits: str = "", upstream: str = "", more: str = "", workers: int = 1
) -> Iterator[tuple[GatewayProcess, Front]]:
    """A gateway in front of `upstream_port`; its clients are closed with the block."""
    text = config(upstream_port, limits=limits, upstream=upstream, more=more)
    with running_gateway(config=text, policies=BARE_POLICY, workers=workers) as gateway:
        front = front_of(gateway, upstream_port)
        try:
            yield gateway, front
        finally:
            front.close_clients()
