"""Whatever is sent to the admin API, it answers with a reason and never with a fault.

The forms are tried with bodies near to right ones, through the same functions that a call takes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from gateway.admin.api_error import api_error_of
from gateway.admin.endpoint import Call, Endpoint
from gateway.admin.endpoints import ENDPOINTS
from gateway.identity.store import Actor
from gateway.suggestions import explain
from tests.unit.admin.admin_world import BODIES, OTHER, OWN, ROOT, World, world_in

WRITERS = [endpoint for endpoint in ENDPOINTS if endpoint.form is not None]
READERS = [e for e in ENDPOINTS if "{id}" in e.path and e.action != "roles.read"]

NEAR = (
    "",
    "ada",
    "*",
    "acme",
    "beta",
    "default",
    "admin",
    "chat.*",
    "chat.create:gpt-*",
    "a" * 300,
)
TIMES = ("2030-01-01T00:00:00Z", "2030-01-01", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59-23:59")
IDS = ("' OR 1=1 --", "%", "*", "\x00", "../keys")

words = st.sampled_from(NEAR) | st.text(max_size=20)
times = st.sampled_from(TIMES)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | words | times
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(words, inner, max_size=3)
)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world_in(tmp_path_factory.mktemp("identity")) as made:
        yield made


def attempt(
    world: World, endpoint: Endpoint, actor: Actor, record_id: str, form: Any
) -> tuple[Any, Exception | None]:
    """What an endpoint gives, or what it raises."""
    made = Call(world.identities, actor, frozenset(), record_id, form, {}, None)
    try:
        return endpoint.perform(made), None
    except Exception as error:  # noqa: BLE001  # whatever it is must have a meaning
        return None, error


@pytest.mark.parametrize("endpoint", WRITERS, ids=lambda e: e.action)
@given(data=st.data())
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
def test_every_body_is_taken_or_refused_with_a_reason(
    endpoint: Endpoint, data: st.DataObject, world: World
) -> None:
    assert endpoint.form is not None
    names = st.sampled_from(list(endpoint.form.model_fields))
    body = {**(BODIES[endpoint.action] or {}), **data.draw(st.dictionaries(names, values))}
    text = orjson.dumps(body, default=str) if finite(body) else b"{}"
    actor = data.draw(st.sampled_from([ROOT, Actor("bound", OWN)]))
    before = world.dump(OTHER)
    try:
        form = endpoint.form.model_validate_json(text)
    except ValidationError as error:
        parsed = orjson.loads(text)
        found = explain(endpoint.form, error.errors(include_url=False), "member", parsed)
        assert found
        return
    record_id = world.path(endpoint.path, OWN).split("/")[3] if "{id}" in endpoint.path else ""
    record, error = attempt(world, endpoint, actor, record_id, form)
    if error is None:
        assert orjson.loads(record.model_dump_json())
    else:
        refusal = api_error_of(error)
        assert refusal is not None, repr(error)
        assert refusal.status in {403, 404, 409, 422}
    if actor.tenant is not None:
        assert world.dump(OTHER) == before, "a tenant changed what is another's"


@pytest.mark.parametrize("endpoint", READERS, ids=lambda e: e.action)
@given(record_id=st.text(max_size=40) | st.sampled_from(IDS))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
def test_no_id_reaches_what_is_not_its_own(
    endpoint: Endpoint, record_id: str, world: World
) -> None:
    body = BODIES[endpoint.action]
    form = None if endpoint.form is None else endpoint.form.model_validate(body)
    before = world.dump(OTHER), world.dump(OWN)

    _, error = attempt(world, endpoint, Actor("bound", "nowhere"), record_id, form)

    assert error is not None
    refusal = api_error_of(error)
    assert refusal is not None, repr(error)
    assert refusal.status in {403, 404, 409}
    assert (world.dump(OTHER), world.dump(OWN)) == before


def finite(value: Any) -> bool:
    """Whether JSON can hold it."""
    try:
        orjson.dumps(value, default=str)
    except (orjson.JSONEncodeError, TypeError):
        return False
    return True
