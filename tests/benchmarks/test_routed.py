"""What routing loses of the evidence is the difference to exact search on the same questions."""

import importlib
from typing import Any

import numpy as np
import pytest
from checkout import ROOT

if not (ROOT / "benchmarks").is_dir():
    pytest.skip("benchmarks are not part of an sdist", allow_module_level=True)


@pytest.fixture
def routed(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The module."""
    monkeypatch.syspath_prepend(ROOT)
    return importlib.import_module("benchmarks.evidence.routed")


def test_a_turn_of_several_passages_counts_once_and_a_stranger_takes_a_place(routed: Any) -> None:
    turns = [("t", 1), ("t", 1), ("t", 2)]
    found = np.array([0, 1, 7, 8, 9, 10, 2])
    assert routed.shares(turns, found, {("t", 1), ("t", 2)}) == [0.5, 1.0, 1.0]


def test_the_loss_is_told_with_its_interval(routed: Any) -> None:
    lost, same = [0.0, 1, 1, 1.0, 1, 1, 0.9, 0.8], [1.0] * 8
    told = routed.summary(np.array([lost, same, same, same]))
    assert told["R@5 lost"][0] == 25
    assert told["questions whose R@5 differs"] == 1
    assert told["exact"]["R@5"] == 100
