"""What a plugin asks of the store where scores over time are shared by workers and nodes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol


@dataclass(frozen=True, slots=True)
class ScoreRule:
    """How a result moves a score; scores are thousandths of a point.

    A result moves it by one part in `exchanges` of their distance. After each `half_life_us` in
    which none came, half of what was known has faded, and the next result counts for as much more.
    It never falls below `floor_milli`, and is forgotten after ten half-lives.
    """

    exchanges: int
    half_life_us: int
    floor_milli: int


class Score(NamedTuple):
    """A score in thousandths of a point, and how many results it was made of."""

    milli: int
    exchanges: int


class ScoreStore(Protocol):
    """Scores of owners, who may have several, each by its name.

    The time is the store's own. Every call is bounded by the store's deadline, and raises
    StoreUnavailableError where the store does not answer in time; whether a result that was not
    answered was counted is not known then.
    """

    async def read(self, owner: str, name: str) -> Score | None:
        """A score as it stands; None where nothing is known."""

    async def move(self, owner: str, name: str, result_milli: int, rule: ScoreRule) -> Score:
        """Counts one more result, and gives what the score is then."""

    async def forget(self, owner: str, name: str | None) -> None:
        """Forgets one score of an owner, or (None) all."""
