"""Requests that two readers could read in two ways, made systematically: every vector."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from tests.hostile import smuggling_framing, smuggling_heads
from tests.hostile.smuggling_vectors import Vector

GROUPS: tuple[Callable[[], Iterator[Vector]], ...] = (
    smuggling_framing.cl_te,
    smuggling_framing.lengths,
    smuggling_framing.chunks,
    smuggling_framing.trailers,
    smuggling_heads.lines,
    smuggling_heads.hosts,
    smuggling_heads.first_lines,
    smuggling_heads.upgrades,
    smuggling_heads.options,
)


def corpus() -> list[Vector]:
    """Every vector."""
    return [vector for group in GROUPS for vector in group()]
