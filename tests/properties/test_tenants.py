"""What holds for every set of policies that the tenant chooses between."""

from __future__ import annotations

from fnmatch import fnmatchcase
from typing import Any, NamedTuple

from hypothesis import given
from hypothesis import strategies as st

from gateway.chain.runner import run
from gateway.plugin import PRINCIPAL, Reject
from gateway.plugin.testing import make_exchange
from gateway.policy.snapshot import Binding, Identify
from tests.policies import compiled, policy

TENANTS = ("acme", "acme-eu", "globex", "initech")
PATHS = ("/v1/x", "/v1/y")
HEADER_CLAIMS = ("x-tenant", "x-tenant-id", "x-sealgate-tenant", "tenant")


class Asked(NamedTuple):
    """What one policy is for; empty means everything."""

    tenants: list[str]
    paths: list[str]

    def covers(self, tenant: str, path: str) -> bool:
        named = not self.tenants or any(fnmatchcase(tenant, pattern) for pattern in self.tenants)
        return named and (not self.paths or path in self.paths)

    def text(self, name: str, chain: str) -> str:
        written = {key: values for key, values in self._asdict().items() if values}
        return policy(chain, name=name, match=str(written) if written else "{}")


asked = st.builds(
    Asked,
    tenants=st.lists(st.sampled_from([*TENANTS, "acme*", "*"]), max_size=2),
    paths=st.lists(st.sampled_from(PATHS), max_size=1),
)
heads = st.sampled_from(["{passport: {}}", "{painter: {}}, {passport: {}}"])


def narrow(one: Asked) -> bool:
    """Two policies for everything are refused, so none is made."""
    return bool(one.paths) or bool(one.tenants and "*" not in one.tenants)


@given(
    policies=st.lists(asked.filter(narrow), min_size=1, max_size=4),
    head=heads,
    tenant=st.sampled_from(TENANTS),
    path=st.sampled_from(PATHS),
    claims=st.lists(st.sampled_from(HEADER_CLAIMS), max_size=2),
    claimed=st.sampled_from(TENANTS),
)
def test_the_first_policy_that_is_for_the_verified_tenant_serves(
    *, policies: list[Asked], head: str, tenant: str, path: str, claims: list[str], claimed: str
) -> None:
    """And the steps up to the one that knows the caller run exactly once, whatever is claimed."""
    names = [f"p{number}" for number in range(len(policies))]
    chain = f"[{head}, {{probe: {{}}}}]"
    texts = [each.text(name, chain) for each, name in zip(policies, names, strict=True)]
    x = make_exchange(
        "POST",
        f"/openai{path}?tenant={claimed}",
        headers={"x-passport": f"{tenant} ann", **dict.fromkeys(claims, claimed)},
    )
    served = _serve(compiled(*texts).snapshot, x)

    matching = [
        name for name, each in zip(names, policies, strict=True) if each.covers(tenant, path)
    ]
    assert served == (matching[0] if matching else None)
    ran = [verdict.plugin for verdict in x.verdicts]
    assert ran.count("passport") <= 1
    if served is not None:
        assert ran == [*(("painter",) if "painter" in head else ()), "passport", "probe"]
        assert x.fact(PRINCIPAL) is not None


def _serve(snapshot: Any, x: Any) -> str | None:
    """The name of the policy, after its hooks for the request's head have run."""
    found = snapshot.resolve(x.request, None)
    if isinstance(found, Identify):
        assert run(found.binding.chain.request_headers, x) is None
        principal = x.fact(PRINCIPAL)
        found = found.choose(x.request, None, None if principal is None else principal.tenant)
    if isinstance(found, Reject):
        return None
    assert isinstance(found, Binding)
    assert run(found.chain.request_headers, x) is None
    return found.policy_name
