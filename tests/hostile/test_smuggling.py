"""No request that can be read in two ways gets through, and none reaches the next client."""

from __future__ import annotations

import pytest

from tests.hostile.front import Front
from tests.hostile.raw_upstream import AnsweringUpstream
from tests.hostile.smuggling import check_vector
from tests.hostile.smuggling_corpus import corpus
from tests.hostile.smuggling_vectors import Vector


@pytest.mark.parametrize("vector", corpus(), ids=lambda vector: vector.name)
def test_a_request_is_refused_or_means_the_same_to_the_upstream(
    vector: Vector, answering_front: Front, answering_upstream: AnsweringUpstream
) -> None:
    check_vector(vector, answering_front, answering_upstream)
