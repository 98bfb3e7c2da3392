"""In shadow mode a limit counts and gives back as in force, and the exchange does not notice."""

from __future__ import annotations

from gateway.chain.compiled import Chain
from gateway.chain.compiler import Use, compile_chain
from gateway.chain.runner import run, run_complete
from gateway.plugin import Exchange, Outcome, Runtime
from gateway.plugin.testing import make_exchange, make_response
from gateway.state.memory import MemoryStore
from gateway_plugins.rate_limit import RateLimit


def begin(chain: Chain) -> Exchange:
    x = make_exchange(body=b'{"stream": true}')
    assert run(chain.request, x) is None
    x.response = make_response(streamed=True)
    assert run(chain.response_headers, x) is None
    return x


async def test_what_would_be_refused_is_recorded_and_slots_are_given_back() -> None:
    store = MemoryStore()
    config = RateLimit.Config.model_validate({"limits": [{"per": "ip", "streams": 1}]})
    plugin = RateLimit(config, Runtime(counters=lambda _: store))
    chain = compile_chain([Use(plugin, shadow=True)])

    first, second = begin(chain), begin(chain)
    for x in (first, second):
        assert run_complete(chain.complete, x) is None
    third = begin(chain)

    outcomes = [x.verdicts[0].outcome for x in (first, second, third)]
    assert outcomes == [Outcome.ALLOW, Outcome.DENY, Outcome.ALLOW]
    assert not any(verdict.enforced for verdict in second.verdicts)
    assert second.response is not None
    assert dict(second.response.headers) == {}
