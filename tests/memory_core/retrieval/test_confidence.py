"""How sure a reply is."""

import numpy as np
import pytest
from numpy.typing import NDArray

from routemem.memory_core.retrieval.confidence import (
    LEVELS,
    as_chance,
    chance_of_answer,
    level,
)

NOBODY = np.zeros(3)


def test_a_nearer_text_makes_surer() -> None:
    far, near = (
        chance_of_answer({"tokens": np.array([t, 0.2, 0.1]), "speaker": NOBODY}) for t in (0.3, 0.5)
    )
    assert far is not None
    assert near is not None
    assert far < near


def test_what_somebody_else_said_nearer_makes_less_sure() -> None:
    hers = np.array([1.0, 0.0, 0.0])
    ahead = chance_of_answer({"tokens": np.array([0.45, 0.35, 0.3]), "speaker": hers})
    behind = chance_of_answer({"tokens": np.array([0.45, 0.55, 0.3]), "speaker": hers})
    assert ahead is not None
    assert behind is not None
    assert ahead > behind


@pytest.mark.parametrize("tokens", [None, np.full(3, np.nan)])
def test_without_late_interaction_the_chance_is_not_known(
    tokens: NDArray[np.float64] | None,
) -> None:
    signals = {"speaker": NOBODY} | ({} if tokens is None else {"tokens": tokens})
    assert chance_of_answer(signals) is None
    assert level(None, weak=False) == "medium"


def test_levels_follow_the_chance_and_weak_is_none() -> None:
    told = [level(chance, weak=False) for chance in (0.1, 0.5, 0.9)]
    assert told == ["low", "medium", "high"]
    assert level(0.9, weak=True) == "none"
    assert set(told) <= set(LEVELS)


def test_scores_become_chances_in_the_same_order() -> None:
    chances = as_chance(np.array([5.0, 12.0, 25.0]), tokens=True)
    assert (np.diff(chances) > 0).all()
    assert 0 < chances.min() < chances.max() < 1
