"""Numbers of centroids by name."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from routemem.memory_core.errors import InvalidArgument
from routemem.memory_core.routing.heuristics import CONTENDERS, centroid_count, measured_counts

Draw = Callable[..., NDArray[np.float32]]


@pytest.mark.parametrize(("n", "k"), [(40, 2), (1000, 50), (6000, 300), (20_000, 512)])
def test_n_over_b_is_a_twentieth_between_2_and_512(n: int, k: int) -> None:
    assert centroid_count("n_over_b", n) == k


@pytest.mark.parametrize(
    ("rule", "k"), [("sqrt", 100), ("2sqrt", 200), ("log", 107), ("fixed", 256), (77, 77)]
)
def test_rules_at_ten_thousand_items(rule: str | int, k: int) -> None:
    assert centroid_count(rule, 10_000) == k


@pytest.mark.parametrize("rule", ["n_over_b", "sqrt", "2sqrt", "log", "fixed"])
def test_no_rule_asks_for_more_centroids_than_items(rule: str) -> None:
    assert [centroid_count(rule, n) for n in (1, 2, 3)] == [1, 2, min(3, centroid_count(rule, 3))]


@pytest.mark.parametrize("rule", ["cube", "auto", 0, 11])
def test_what_is_no_rule_or_number_is_refused(rule: str | int) -> None:
    with pytest.raises(InvalidArgument):
        centroid_count(rule, 10)
    with pytest.raises(InvalidArgument):
        centroid_count("sqrt", 0)


def test_auto_orders_the_rules_by_measured_work(draw: Draw) -> None:
    works = measured_counts(draw(600), 600, target=0.95)
    assert {work.rule for work in works} == set(CONTENDERS)
    shares = [work.share for work in works]
    assert shares == sorted(shares)
    assert all(work.recall >= 0.95 and 0 < work.scanned <= 1 for work in works)
    assert all(np.isclose(work.share, work.k / 600 + work.scanned) for work in works)
