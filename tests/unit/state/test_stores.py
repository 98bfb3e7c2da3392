"""Which stores a worker may use, and what the operator is told of the others."""

import pytest

from gateway.settings import Settings
from gateway.state.memory import MemoryStore
from gateway.state.redis.scores import RedisScores
from gateway.state.redis.store import RedisStore
from gateway.state.stores import Stores


def stores(**settings: object) -> Stores:
    return Stores(Settings.model_validate(settings))


def test_there_is_a_default_store_in_memory() -> None:
    assert isinstance(stores().get("default"), MemoryStore)


def test_all_uses_of_a_name_share_one_store() -> None:
    made = stores(stores={"other": {}})
    assert made.get("default") is made.get("default")
    assert made.get("other") is not made.get("default")


@pytest.mark.parametrize("workers", [2, "auto"])
def test_a_memory_store_with_several_workers_is_refused_with_the_cure(workers: object) -> None:
    with pytest.raises(ValueError, match=r"kind: redis, url: .* or set `workers: 1`"):
        stores(workers=workers).get("default")


def test_a_check_reads_no_secret_and_no_file() -> None:
    redis = {
        "url": "rediss://redis.internal",
        "password": "${NOT_SET_ANYWHERE}",
        "tls": {"ca_file": "/nowhere/ca.pem"},
    }
    assert isinstance(stores(workers=4, stores={"default": redis}).get("default"), RedisStore)


def test_an_unknown_store_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(ValueError, match=r'no store "defualt"; did you mean "default"\?'):
        stores().get("defualt")


def test_scores_are_shared_in_redis_alone() -> None:
    redis = {"url": "redis://redis.internal"}

    assert stores().scores("default", True) is None
    assert stores(workers=2).scores("default", False) is None
    assert isinstance(
        stores(workers=2, stores={"default": redis}).scores("default", True), RedisScores
    )


def test_scores_that_must_be_shared_and_cannot_are_refused_with_the_cure() -> None:
    with pytest.raises(ValueError, match=r"would know only what it served.*or set `workers: 1`"):
        stores(workers=2).scores("default", True)
    with pytest.raises(ValueError, match=r'no store "defualt"'):
        stores().scores("defualt", False)
