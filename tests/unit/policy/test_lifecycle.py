"""Reloads: prepared beside what runs, swapped at once, and what nobody uses any more stops."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from gateway.errors import ConfigError
from gateway.plugin import Reason, RequestView
from gateway.plugin.testing import make_headers
from gateway.plugin.verdict import Reject
from gateway.policy.lifecycle import PolicyStore
from gateway.policy.snapshot import Binding, Snapshot
from gateway.settings import Settings
from tests.captured_logs import captured
from tests.policies import bundle, policy, store
from tests.policy_plugins import Keeper, registry


@pytest.fixture(autouse=True)
def log() -> list[str]:
    """Which instances were started and stopped, in order."""
    Keeper.log.clear()
    return Keeper.log


@pytest.fixture
async def policies() -> AsyncIterator[PolicyStore]:
    made = store()
    yield made
    await made.close()


def keeper(label: str, **more: Any) -> str:
    inner = "".join(f", {key}: {value}" for key, value in more.items())
    return f"{{keeper: {{label: {label}{inner}}}}}"


async def put(policies: PolicyStore, version: int, *texts: str) -> None:
    await policies.prepare(version, bundle(*texts))
    policies.commit(version)


def served_by(snapshot: Snapshot) -> list[int]:
    """The identities of the plugin instances that serve a request."""
    found = snapshot.resolve(RequestView("POST", "/v1/messages", make_headers()), None)
    assert isinstance(found, Binding)
    return [id(hook.call.__self__) for hook in found.chain.request_headers]  # type: ignore[attr-defined]  # bound methods


async def test_before_the_first_commit_everything_is_refused(policies: PolicyStore) -> None:
    found = policies.current.resolve(RequestView("POST", "/v1/messages", make_headers()), None)

    assert found == Reject(Reason.NO_POLICY)
    assert policies.current.version == 0


async def test_preparing_changes_nothing_until_the_commit(
    policies: PolicyStore, log: list[str]
) -> None:
    digest = await policies.prepare(1, bundle(policy(f"[{keeper('a')}]")))
    assert policies.current.version == 0
    assert log == ["start a"]

    policies.commit(1)

    assert (policies.current.version, policies.current.digest) == (1, digest)


async def test_what_did_not_change_is_carried_over(policies: PolicyStore, log: list[str]) -> None:
    await put(policies, 1, policy(f"[{keeper('a')}, {keeper('b')}]"))
    before = served_by(policies.current)

    await put(policies, 2, policy(f"[{keeper('c')}, {keeper('b', mode='shadow', timeout_ms=9)}]"))
    await policies.close()

    after = served_by(policies.current)
    assert after[1] == before[1]
    assert after[0] != before[0]
    assert log.count("start b") == log.count("stop b") == 1
    assert log[:3] == ["start a", "start b", "start c"]


async def test_equal_uses_of_one_policy_keep_their_own_instances(policies: PolicyStore) -> None:
    await put(policies, 1, policy(f"[{keeper('a')}, {keeper('a')}]"))
    before = served_by(policies.current)

    await put(policies, 2, policy(f"[{keeper('a')}, {keeper('a')}, {keeper('a')}]"))

    assert served_by(policies.current)[:2] == before
    assert len(set(served_by(policies.current))) == 3


async def test_an_instance_belongs_to_one_policy(policies: PolicyStore) -> None:
    """Two policies may count different callers with the same configuration."""
    await put(policies, 1, policy(f"[{keeper('a')}]", name="one"))
    before = served_by(policies.current)

    await put(policies, 2, policy(f"[{keeper('a')}]", name="two"))

    assert served_by(policies.current) != before


async def test_an_old_instance_runs_until_the_last_exchange_that_uses_it_ends(
    policies: PolicyStore, log: list[str]
) -> None:
    await put(policies, 1, policy(f"[{keeper('a')}]"))
    old = policies.current
    old.acquire()

    await put(policies, 2, policy(f"[{keeper('b')}]"))
    await put(policies, 3, policy(f"[{keeper('c')}]"))
    await stopped(policies)
    assert log == ["start a", "start b", "start c", "stop b"]

    old.release()
    await stopped(policies)
    assert log[-1] == "stop a"


async def stopped(policies: PolicyStore) -> None:
    """Waits for everything that is being stopped."""
    await asyncio.gather(*policies._stopping)


async def test_an_instance_that_comes_back_while_it_drains_is_not_mixed_up(
    policies: PolicyStore, log: list[str]
) -> None:
    await put(policies, 1, policy(f"[{keeper('a')}]"))
    old = policies.current
    old.acquire()
    await put(policies, 2, policy("[]"))
    await put(policies, 3, policy(f"[{keeper('a')}]"))

    old.release()
    await stopped(policies)

    assert log == ["start a", "start a", "stop a"]


@pytest.mark.parametrize(
    ("chain", "said"),
    [
        ("[{nope: {}}]", "unknown plugin"),
        (f"[{keeper('b', fail='make')}]", "keeper cannot be set up: the pattern is not closed"),
        (
            f"[{keeper('b', fail='start')}]",
            r"a.yaml:3:10: keeper cannot start: \[Errno 2\] No such file or directory",
        ),
    ],
)
async def test_what_cannot_be_used_leaves_the_last_good_one_serving(
    policies: PolicyStore, chain: str, said: str
) -> None:
    await put(policies, 1, policy(f"[{keeper('a')}]"))
    before = served_by(policies.current)

    with pytest.raises(ConfigError, match=said):
        await policies.prepare(2, bundle(policy(chain)))

    assert policies.current.version == 1
    assert served_by(policies.current) == before


async def test_a_failed_start_stops_what_was_started_with_it(
    policies: PolicyStore, log: list[str]
) -> None:
    with pytest.raises(ConfigError):
        await policies.prepare(1, bundle(policy(f"[{keeper('a')}, {keeper('b', fail='start')}]")))

    assert log == ["start a", "start b", "stop a", "stop b"]


async def test_an_abort_stops_only_what_was_new(policies: PolicyStore, log: list[str]) -> None:
    await put(policies, 1, policy(f"[{keeper('a')}]"))
    await policies.prepare(2, bundle(policy(f"[{keeper('a')}, {keeper('b')}]")))

    await policies.abort(2)

    assert log == ["start a", "start b", "stop b"]
    with pytest.raises(LookupError, match="version 2 was not prepared"):
        policies.commit(2)
    assert policies.current.version == 1


async def test_an_abort_of_another_version_does_nothing(policies: PolicyStore) -> None:
    await policies.prepare(2, bundle(policy()))

    await policies.abort(1)
    policies.commit(2)

    assert policies.current.version == 2


async def test_preparing_again_throws_the_first_preparation_away(
    policies: PolicyStore, log: list[str]
) -> None:
    await policies.prepare(1, bundle(policy(f"[{keeper('a')}]")))
    await policies.prepare(2, bundle(policy(f"[{keeper('b')}]")))

    assert log == ["start a", "stop a", "start b"]
    with pytest.raises(LookupError):
        policies.commit(1)


async def test_closing_stops_everything_once(log: list[str]) -> None:
    policies = store()
    await put(policies, 1, policy(f"[{keeper('a')}]"))
    await policies.prepare(2, bundle(policy(f"[{keeper('b')}]")))

    await policies.close()

    assert sorted(log) == ["start a", "start b", "stop a", "stop b"]


async def test_a_plugin_that_does_not_stop_hinders_no_other(log: list[str]) -> None:
    policies = store()
    await put(policies, 1, policy(f"[{keeper('a', fail='stop')}, {keeper('b')}]"))

    with captured("sealgate.policies") as records:
        await policies.close()

    assert sorted(log[2:]) == ["stop a", "stop b"]
    (record,) = records
    assert record.fields == {"plugin": "keeper", "error": "OSError"}  # type: ignore[attr-defined]  # an extra field


async def test_a_profile_that_no_policy_names_is_refused() -> None:
    """A misspelt profile would leave out exactly the strict policies."""
    policies = store(profile="strct")

    with pytest.raises(ConfigError, match=r'profile "strct" \(did you mean "strict"'):
        await policies.prepare(1, bundle(policy(), policy(name="q", profile="strict")))


async def test_a_cancelled_start_stops_what_was_started(log: list[str]) -> None:
    """The gateway is told to end while a plugin still connects to something."""
    begun = asyncio.Event()

    class Slow(Keeper):
        name = "slow"

        async def start(self) -> None:
            await super().start()
            begun.set()
            await asyncio.Event().wait()

    policies = PolicyStore(Settings(), registry=registry(Slow))
    task = asyncio.ensure_future(policies.prepare(1, bundle(policy("[{slow: {label: a}}]"))))
    await begun.wait()

    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert log == ["start a", "stop a"]


def test_faulty_routes_are_told_before_anything_is_loaded() -> None:
    with pytest.raises(ConfigError, match="no upstream is called"):
        store(routes=[{"name": "a", "match": {}, "upstream": "nope"}])
