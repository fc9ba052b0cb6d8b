"""Hits fit their budget, always."""

from hypothesis import given
from hypothesis import strategies as st

from routemem.memory_core.records import Hit
from routemem.memory_core.retrieval.packing import LEAST, WHOLE, cut_to, fit


def hit(text: str, id: str = "a-1") -> Hit:
    return Hit(id, text, 1.0, "note", "global", "user", "normal", None, 0.0)


def cost(one: Hit) -> int:
    return len(one.text) + 5


def cut(text: str, most: int) -> str:
    return text[:most]


def test_everything_is_kept_whole_when_there_is_room() -> None:
    hits = [hit("x" * 10), hit("y" * 20)]
    assert fit(hits, 100, cost, cut) == hits


def test_a_long_text_is_cut_so_that_the_others_have_room() -> None:
    kept = fit([hit("x" * 1000), hit("y" * 20), hit("z" * 20)], 400, cost, cut)
    assert [one.whole for one in kept] == [False, True, True]


def test_rather_fewer_hits_come_than_a_few_words_of_each() -> None:
    kept = fit([hit("x" * (LEAST - 9))] * 50, 500, cost, cut)
    assert all(one.whole for one in kept)
    assert len(kept) == 500 // (LEAST - 9 + 5)


def test_a_text_that_is_little_longer_than_what_a_cut_one_keeps_is_whole() -> None:
    kept = fit([hit("x" * WHOLE)] * 50, 450, cost, cut)
    assert [len(one.text) for one in kept] == [WHOLE] * (450 // (WHOLE + 5))
    longer = fit([hit("x" * (WHOLE + 1))] * 50, 450, cost, cut)
    assert [len(one.text) for one in longer] == [LEAST] * (450 // (LEAST + 5))


def test_what_short_hits_leave_goes_to_the_long_ones_after_them() -> None:
    kept = fit([hit("x"), hit("y" * 1000)], 200, cost, cut)
    assert cost(kept[1]) > 150


def test_a_budget_too_small_for_anything_keeps_nothing() -> None:
    assert fit([hit("x" * 100)], 4, cost, cut) == []


@given(st.lists(st.integers(1, 400), max_size=12), st.integers(0, 600))
def test_the_sum_never_exceeds_the_budget_and_the_order_stays(
    sizes: list[int], budget: int
) -> None:
    hits = [hit("x" * size, f"a-{k}") for k, size in enumerate(sizes)]
    kept = fit(hits, budget, cost, cut)
    assert sum(map(cost, kept)) <= budget
    assert [h.id for h in kept] == [h.id for h in hits[: len(kept)]]


def test_cutting_allows_for_dressing_that_grows_with_the_text() -> None:
    def dear(one: Hit) -> int:
        return 2 * len(one.text)

    shown = cut_to(hit("x" * 100), 30, dear, cut)
    assert shown is not None
    assert 0 < dear(shown) <= 30
