"""The routing index, against exact search by plain numpy."""

import json
import time
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from routemem.memory_core import Codebook, RoutingIndex
from routemem.memory_core.errors import Conflict, InvalidArgument, NotFound
from routemem.memory_core.routing.results import SearchResult

Draw = Callable[..., NDArray[np.float32]]


def built(vectors: NDArray[np.float32], **options: Any) -> RoutingIndex:
    """A packed index with the ids 0, 10, 20 …"""
    index = RoutingIndex(vectors.shape[1], flat_until=0, **options)
    index.add_many(np.arange(len(vectors)) * 10, vectors)
    index.build()
    return index


def ids(result: SearchResult) -> list[int]:
    return [hit.id for hit in result.hits]


def nearest(vectors: NDArray[np.float32], query: NDArray[np.float32], k: int) -> list[int]:
    return [int(row) * 10 for row in np.argsort(-(vectors @ query), kind="stable")[:k]]


# ---------------------------------------------------------------------- flat


def test_an_empty_index_finds_nothing_and_says_exact() -> None:
    result = RoutingIndex(3).search([1, 0, 0])
    assert (result.hits, result.mode, result.approximate) == ((), "exact", False)


def test_a_single_item_answers_before_and_after_a_build() -> None:
    for flat_until in (0, 100):
        index = RoutingIndex(2, flat_until=flat_until)
        index.add(5, [3, 4])
        for _ in range(2):
            (hit,) = index.search([0, 1]).hits
            assert (hit.id, round(hit.score, 3)) == (5, 0.8)
            index.build()


def test_few_items_stay_flat_and_say_so(draw: Draw) -> None:
    vectors = draw(300)
    index = RoutingIndex(32, flat_until=300)
    index.add_many(np.arange(300) * 10, vectors)
    report = index.build()
    assert (report.mode, report.delta, report.due, report.n_probes) == ("exact", 300, "", 0)
    result = index.search(vectors[7], 4, return_signals=True)
    assert ids(result) == nearest(vectors, vectors[7], 4)
    assert result.mode == "exact"
    assert result.signals is not None
    assert result.signals.confidence is not None  # there is a codebook to ask
    assert result.signals.scanned == 300


def test_signals_without_a_codebook_are_none_and_still_json(draw: Draw) -> None:
    index = RoutingIndex(32)
    index.add_many([1, 2], draw(2))
    signals = index.search(draw(1)[0], return_signals=True).signals
    assert signals is not None
    assert signals.qerr is signals.margin is signals.centroid is signals.confidence is None
    assert json.loads(json.dumps(asdict(signals)))["mode"] == "exact"


# ---------------------------------------------------------------------- routed


@pytest.mark.parametrize("rerank", ["fp32", "fp16", "int8"])
def test_a_routed_search_finds_what_exact_search_finds(draw: Draw, rerank: str) -> None:
    vectors, queries = draw(3000), draw(60, seed=1)
    index = built(vectors, rerank=rerank)
    assert index.report().mode == "routed"
    share = [
        len({*ids(index.search(query))} & {*nearest(vectors, query, 10)}) / 10 for query in queries
    ]
    assert np.mean(share) >= (0.97 if rerank == "int8" else 0.99)


def test_hits_are_sorted_and_carry_both_levels(draw: Draw) -> None:
    vectors = draw(2000)
    index = built(vectors, rerank="fp32")
    result = index.search(vectors[3], 20)
    scores = [hit.score for hit in result.hits]
    assert len(scores) == 20
    assert scores == sorted(scores, reverse=True)
    for hit in result.hits:
        assert hit.levels[0] == hit.score == pytest.approx(vectors[hit.id // 10] @ vectors[3])
        assert hit.levels[2] == pytest.approx(hit.score, abs=0.4)


@pytest.mark.parametrize("metric", ["cosine", "dot"])
def test_all_probes_equal_exact_search(draw: Draw, metric: str) -> None:
    vectors = draw(900) * np.random.default_rng(0).uniform(0.2, 3, (900, 1)).astype(np.float32)
    index = built(vectors, metric=metric, rerank="fp32")
    assert index.codebook is not None
    compared = vectors if metric == "dot" else vectors / np.linalg.norm(vectors, axis=1)[:, None]
    for query in draw(20, seed=4):
        expected = nearest(compared, query, 10)
        assert ids(index.search(query, n_probes=index.codebook.k)) == expected
        assert ids(index.search(query, n_probes=10_000)) == expected
        assert ids(index.search(query, exact=True)) == expected


def test_explicit_probes_compare_those_buckets_exactly(draw: Draw) -> None:
    vectors, query = draw(1500), draw(1, seed=9)[0]
    index = built(vectors, rerank="fp32")
    assert index.codebook is not None
    result = index.search(query, 15, n_probes=3, return_signals=True)
    opened = {code for code, _ in index.codebook.top_centroids(query, 3)}
    codes = index.codes()
    inside = [id for id in nearest(vectors, query, 1500) if codes[id] in opened]
    assert ids(result) == inside[:15]
    assert result.signals is not None
    assert set(result.signals.probed) == opened
    assert result.signals.scanned == len(inside)
    index.delete(inside[0])
    assert ids(index.search(query, 15, n_probes=3)) == inside[1:16]


def test_stored_codes_equal_encode_after_every_kind_of_write(draw: Draw) -> None:
    index = built(draw(800))
    index.add_many(np.arange(100) + 100_000, draw(100, seed=2))
    index.update(50, draw(1, seed=3)[0])
    index.delete([60, 70])
    index.merge()
    assert index.codebook is not None
    codes = index.codes()
    assert sorted(codes) == index.ids()
    assert all(index.codebook.encode(index.vector(id))[0] == code for id, code in codes.items())


def test_dot_uses_lengths_and_cosine_does_not(draw: Draw) -> None:
    vectors = draw(600)
    longer = vectors.copy()
    longer[5] *= 50
    query = draw(1, seed=8)[0]
    query = query if vectors[5] @ query > 0 else -query
    assert ids(built(longer, metric="dot").search(query, 1)) == [50]
    cosine, plain = built(longer), built(vectors)
    assert ids(cosine.search(query)) == ids(plain.search(query))
    assert ids(cosine.search(query * 7)) == ids(plain.search(query))


def test_dot_holds_zero_vectors(draw: Draw) -> None:
    vectors = draw(300)
    vectors[4] = 0
    index = built(vectors, metric="dot", rerank="fp32")
    found = index.search(vectors[9], 300, n_probes="auto", max_candidates=300)
    assert {hit.id: hit.score for hit in found.hits}[40] == 0
    assert len(index.search(np.zeros(32), 5).hits) == 5


def test_threshold_cuts_on_the_exact_score(draw: Draw) -> None:
    vectors, query = draw(1200), draw(1, seed=5)[0]
    index = built(vectors, rerank="fp32")
    scores = np.sort(vectors @ query)[::-1]
    limit = float((scores[5] + scores[6]) / 2)
    assert ids(index.search(query, 50, threshold=limit)) == nearest(vectors, query, 6)
    assert index.search(query, threshold=1.01).hits == ()


def test_max_candidates_keeps_the_best_estimates_whatever_the_order_of_insertion(
    draw: Draw,
) -> None:
    vectors, queries = draw(3000), draw(40, seed=6)
    one, other = built(vectors), built(vectors[::-1])
    budget = 30
    shares = []
    for query in queries:
        result = one.search(query, max_candidates=budget, return_signals=True)
        assert result.signals is not None
        assert result.signals.reranked == budget
        shares.append(len({*ids(result)} & {*nearest(vectors, query, 10)}) / 10)
        mirrored = {29_990 - id for id in ids(other.search(query, max_candidates=budget))}
        shares.append(len(mirrored & {*nearest(vectors, query, 10)}) / 10)
    assert np.mean(shares) > 0.6  # the first 30 in order of insertion would give 0.01
    assert len(one.search(queries[0], 50, max_candidates=7).hits) == 7


def test_a_budget_of_50_finds_more_than_the_first_50_of_the_opened_buckets(draw: Draw) -> None:
    vectors, queries = draw(3000), draw(40, seed=6)
    index = built(vectors)
    assert index.codebook is not None
    codes = np.array([code for _, code in sorted(index.codes().items())])
    ours, first = [], []
    for query in queries:
        wanted = {*nearest(vectors, query, 10)}
        ours.append(len({*ids(index.search(query, n_probes=8, max_candidates=50))} & wanted))
        opened = [code for code, _ in index.codebook.top_centroids(query, 8)]
        early = np.flatnonzero(np.isin(codes, opened))[:50]  # SRM's rule: in order of insertion
        best = early[np.argsort(-(vectors[early] @ query))[:10]] * 10
        first.append(len({*best.tolist()} & wanted))
    assert np.mean(ours) > 1.5 * np.mean(first)


def test_a_batch_takes_a_tenth_of_the_time_of_single_adds_at_the_most(draw: Draw) -> None:
    vectors = draw(10_000, 384)  # benchmarks/adds.py measures 30 on a quiet machine

    def took(write: Callable[[RoutingIndex], None]) -> int:
        index = RoutingIndex(384, merging="manual")
        begun = time.thread_time_ns()
        write(index)
        spent = time.thread_time_ns() - begun
        assert len(index) == 10_000
        return spent

    def singly(index: RoutingIndex) -> None:
        for id, vector in enumerate(vectors):
            index.add(id, vector)

    together = min(took(lambda index: index.add_many(np.arange(10_000), vectors)) for _ in range(3))
    assert took(singly) >= 10 * together


def test_signals_are_plain_values_that_agree_with_the_codebook(draw: Draw) -> None:
    index = built(draw(2000))
    query = draw(1, seed=7)[0]
    signals = index.search(query, return_signals=True).signals
    assert signals is not None
    assert index.codebook is not None
    code, qerr = index.codebook.encode(query)
    assert (signals.centroid, signals.probed[0]) == (code, code)
    assert signals.qerr == pytest.approx(qerr, abs=1e-6)
    assert signals.confidence == pytest.approx(1 / (1 + qerr), abs=1e-6)
    assert signals.margin == pytest.approx(index.codebook.margin(query))
    assert (signals.mode, signals.approximate) == ("routed", False)
    assert signals.scanned == 2000
    assert json.loads(json.dumps(asdict(signals)))["centroid"] == code
    assert json.loads(json.dumps(asdict(index.report())))["items"] == 2000
    assert index.search(query).signals is None


# ---------------------------------------------------------------------- without vectors


def test_without_vectors_results_are_estimates_and_say_so(draw: Draw) -> None:
    vectors, queries = draw(2000), draw(30, seed=3)
    index = built(vectors, rerank="none")
    shares = []
    for query in queries:
        result = index.search(query, return_signals=True)
        assert result.approximate
        assert result.signals is not None
        assert (result.mode, result.signals.reranked) == ("estimated", 0)
        assert all(hit.levels == {2: hit.score} for hit in result.hits)
        shares.append(len({*ids(result)} & {*nearest(vectors, query, 10)}) / 10)
    assert np.mean(shares) > 0.4
    assert index.report().footprint.arrays["rows"] == 0


def test_without_vectors_writes_and_merges_go_on_but_not_what_needs_them(draw: Draw) -> None:
    index = built(draw(500), rerank="none")
    new = draw(1, seed=5)[0]
    index.add(7, new)
    index.merge()
    index.delete(20)
    assert ids(index.search(new, 1)) == [7]
    assert len(index) == 500
    for refused in (
        lambda: index.search(new, exact=True),
        lambda: index.vector(7),
        index.build,
        index.calibrate,
    ):
        with pytest.raises(Conflict):
            refused()


# ---------------------------------------------------------------------- filters


@pytest.mark.parametrize("share", [0.003, 0.02, 0.5])
@pytest.mark.parametrize("packed", [True, False])
def test_a_filter_is_applied_before_ranking(draw: Draw, share: float, packed: bool) -> None:
    vectors, queries = draw(8000), draw(20, seed=2)
    index = RoutingIndex(32, flat_until=0, rerank="fp32")
    index.add_many(np.arange(8000) * 10, vectors)
    if packed:
        index.build()
    inside = np.flatnonzero(np.random.default_rng(1).random(8000) < share)
    allowed = index.allow([*(inside * 10).tolist(), 3, 77])
    shares = []
    for query in queries:
        found = ids(index.search(query, allowed=allowed))
        expected = inside[np.argsort(-(vectors[inside] @ query), kind="stable")[:10]] * 10
        assert {*found} <= {*(inside * 10).tolist()}
        assert len(found) == min(10, len(inside))
        shares.append(len({*found} & {*expected.tolist()}) / len(expected))
    assert np.mean(shares) >= 0.99
    assert ids(index.search(queries[0], allowed=inside * 10)) == ids(
        index.search(queries[0], allowed=allowed)
    )


def test_a_filter_works_with_probes_exact_search_deletes_and_the_delta(draw: Draw) -> None:
    vectors, query = draw(1000), draw(1, seed=2)[0]
    index = built(vectors, rerank="fp32")
    index.add(1, query)
    index.delete(0)
    allowed = np.array([1, *range(0, 10_000, 20)])
    expected = [id for id in nearest(vectors, query, 1000) if id % 20 == 0 and id][:9]
    hows: list[dict[str, Any]] = [
        {},
        {"exact": True},
        {"n_probes": 10_000},
        {"max_candidates": 1000},
    ]
    for how in hows:
        assert ids(index.search(query, allowed=allowed, **how)) == [1, *expected]
    assert {*ids(index.search(query, allowed=allowed, n_probes=2))} <= {*allowed.tolist()}
    assert index.search(query, allowed=[]).hits == ()
    assert index.search(query, allowed=[5]).hits == ()


def test_a_prepared_filter_survives_a_merge(draw: Draw) -> None:
    vectors = draw(5000)
    index = built(vectors)
    allowed = index.allow(np.arange(4000) * 10)
    index.delete(10)
    index.merge()
    assert 10 not in ids(index.search(vectors[1], allowed=allowed))
    assert ids(index.search(vectors[2], 1, allowed=allowed)) == [20]


# ---------------------------------------------------------------------- writing


@pytest.mark.parametrize("packed", [True, False])
def test_writes_are_seen_by_the_next_search(draw: Draw, packed: bool) -> None:
    vectors, new = draw(400), draw(3, seed=11)
    index = RoutingIndex(32, flat_until=0 if packed else 10_000)
    index.add_many(np.arange(400) * 10, vectors)
    index.build()
    index.add(7, new[0])
    assert ids(index.search(new[0], 1)) == [7]
    index.update(7, new[1])
    index.update(20, new[2])
    assert ids(index.search(new[1], 1)) == [7]
    assert ids(index.search(new[2], 1)) == [20]
    assert ids(index.search(vectors[2], 400)).count(20) == 1
    index.delete(7)
    index.delete([20, 30])
    assert not {7, 20, 30} & {*ids(index.search(new[1], 500, n_probes=999))}
    assert (len(index), 7 in index, 20 in index, 40 in index) == (398, False, False, True)
    index.add(20, new[2])
    assert ids(index.search(new[2], 1)) == [20]


def test_known_ids_are_refused_wherever_they_are(draw: Draw) -> None:
    index = built(draw(100))
    index.add(7, draw(1)[0])
    for known in (7, 990):
        with pytest.raises(InvalidArgument, match=rf"1 the index has already: {known}"):
            index.add_many([5, known], draw(2, seed=3))
    assert 5 not in index  # all or nothing
    with pytest.raises(InvalidArgument, match="repeated"):
        index.add_many([5, 5], draw(2))


def test_unknown_ids_cannot_be_changed(draw: Draw) -> None:
    index = built(draw(100))
    with pytest.raises(NotFound, match="id 5"):
        index.update(5, draw(1)[0])
    with pytest.raises(NotFound, match="id 5"):
        index.delete([10, 5])
    assert 10 in index
    with pytest.raises(NotFound, match="id 5"):
        index.vector(5)


def test_vectors_come_back_as_stored(draw: Draw) -> None:
    vectors = draw(200)
    index = built(vectors, rerank="int8")
    index.add(1, [2.0] * 32)
    np.testing.assert_allclose(index.vector(30), vectors[3], atol=5e-3)
    np.testing.assert_allclose(index.vector(1), 32**-0.5, rtol=1e-3)  # float16 until packed


def test_bad_arguments_are_refused_with_the_numbers(draw: Draw) -> None:
    index = built(draw(50))
    for call, text in (
        (lambda: index.search([1, 2]), r"32 numbers, got an array of shape \(2,\)"),
        (lambda: index.search(np.full(32, np.nan)), "NaN"),
        (lambda: index.search(np.zeros(32)), "zero"),
        (lambda: index.search(draw(1)[0], 0), "top_k of at least 1, got 0"),
        (lambda: index.search(draw(1)[0], n_probes=0), "n_probes of at least 1, got 0"),
        (lambda: index.search(draw(1)[0], n_probes="all"), "'auto' or a number, got 'all'"),
        (lambda: index.search(draw(1)[0], max_candidates=0), "max_candidates"),
        (lambda: index.add(1, [np.inf] * 32), "infinite"),
        (lambda: index.add_many([1], draw(2)), "2 whole numbers"),
        (lambda: RoutingIndex(0), "dim"),
        (lambda: RoutingIndex(3, rerank="fp8"), "rerank"),  # type: ignore[arg-type]
        (lambda: RoutingIndex(3, metric="l2"), "metric"),  # type: ignore[arg-type]
        (lambda: RoutingIndex(3, merging="never"), "merging"),  # type: ignore[arg-type]
        (lambda: RoutingIndex(3, k="cube"), "cube"),
    ):
        with pytest.raises(InvalidArgument, match=text):
            call()


# ---------------------------------------------------------------------- upkeep


def test_the_delta_is_merged_when_it_is_large(draw: Draw) -> None:
    index = built(draw(1000), merging="inline")
    index.add_many(np.arange(2000) + 50_000, draw(2000, seed=1))
    assert (index.report().delta, index.due) == (2000, "build")
    book = index.codebook
    index.add(1, draw(1, seed=2)[0])
    assert index.due == "build"  # grown threefold: merged, but a new fit pays
    assert index.codebook is book


def test_merging_changes_what_is_packed_and_no_answer(draw: Draw) -> None:
    vectors = draw(3000)
    index = built(vectors[:2000], rerank="fp32", merging="manual")
    index.add_many(np.arange(2000, 3000) * 10, vectors[2000:])
    index.delete(np.arange(0, 500) * 10)
    before = [index.search(query, exact=True).hits for query in draw(10, seed=3)]
    index.merge()
    report = index.report()
    assert (report.delta, report.deleted, report.items) == (0, 0, 2500)
    after = [index.search(query, exact=True).hits for query in draw(10, seed=3)]
    assert [[hit.id for hit in hits] for hits in after] == [
        [hit.id for hit in hits] for hits in before
    ]
    assert index.search(vectors[700]).mode == "routed"


def test_a_background_merge_leaves_nothing_behind(draw: Draw) -> None:
    index = built(draw(3000))
    for start in range(0, 2500, 500):
        index.add_many(np.arange(start, start + 500) + 90_000, draw(500, seed=start))
    index.wait()
    report = index.report()
    assert (report.items, report.delta) == (5500, 5500 - (index.pack.n if index.pack else 0))
    assert index.pack is not None
    assert index.pack.n > 3000
    assert len(index.ids()) == 5500


class Meanwhile(Codebook):
    """A codebook that lets something happen while an index is built around it."""

    happen: Callable[[], None] | None = None

    def encode_many(self, vectors: Any) -> Any:
        if self.happen is not None:
            happen, self.happen = self.happen, None
            happen()
        return super().encode_many(vectors)


def test_writes_during_a_build_are_kept(draw: Draw) -> None:
    vectors, new = draw(600), draw(3, seed=1)
    index = built(vectors, merging="manual")
    index.add_many([1, 2], new[:2])

    def writes() -> None:
        index.delete([1, 20])  # one in the delta, one packed
        index.update(30, new[2])
        index.add(3, new[0])

    book = Meanwhile(draw(20, seed=5))
    book.happen = writes
    index.build(book)
    assert book.happen is None
    expected = {*(np.arange(600) * 10).tolist(), 2, 3} - {20}
    assert {*index.ids()} == expected
    assert ids(index.search(new[2], 1)) == [30]
    assert {*ids(index.search(new[0], 700, n_probes=999))} == expected


def test_deleting_everything_leaves_a_usable_index(draw: Draw) -> None:
    index = built(draw(300), merging="inline")
    index.delete(np.arange(300) * 10)
    assert (len(index), index.search(draw(1)[0]).hits) == (0, ())
    index.merge()
    index.build()
    assert index.search(draw(1)[0]).hits == ()
    index.add(4, draw(1)[0])
    assert ids(index.search(draw(1)[0])) == [4]


def test_build_with_a_codebook_fits_nothing_and_assigns_to_it(draw: Draw) -> None:
    book = Codebook(draw(6, seed=9))
    index = built(draw(200))
    index.build(book)
    assert index.codebook is book
    assert set(index.codes().values()) <= set(range(6))


@pytest.mark.parametrize("k", ["n_over_b", "sqrt", "log", "fixed", "auto", 9])
def test_numbers_of_centroids_by_name(draw: Draw, k: str | int) -> None:
    report = built(draw(900), k=k).report()
    wanted = {"n_over_b": 45, "sqrt": 30, "log": 79, "fixed": 256, 9: 9}
    assert report.k == wanted.get(k, report.k)
    assert report.k >= 2


def test_the_same_seed_makes_the_same_index(draw: Draw) -> None:
    one, same = built(draw(700), seed=5), built(draw(700), seed=5)
    assert one.pack is not None
    assert same.pack is not None
    assert one.pack.codes.tobytes() == same.pack.codes.tobytes()
    assert one.codes() == same.codes()
    assert one.plan == same.plan
    query = draw(1, seed=3)[0]
    assert one.search(query) == same.search(query)
    assert built(draw(700), seed=6).codes() != one.codes()


def test_reads_change_nothing(draw: Draw) -> None:
    index = built(draw(800))
    before = index.state
    for query in draw(50, seed=3):
        index.search(query, return_signals=True)
    assert index.state is before


def test_an_index_over_given_arrays_searches_them_as_they_are(draw: Draw) -> None:
    vectors = draw(700)
    first = built(vectors, rerank="fp32")
    assert first.pack is not None
    assert first.plan is not None
    again = RoutingIndex.from_pack(first.pack, first.plan, rerank="fp32")
    query = draw(1, seed=2)[0]
    assert again.search(query) == first.search(query)
    assert again.pack is first.pack
    again.add(3, query)
    again.delete(10)
    assert ids(again.search(query, 1)) == [3]
    assert len(again) == 700


def test_the_footprint_counts_every_array(draw: Draw) -> None:
    index = built(draw(2000, 64), rerank="fp16")
    pack, size = index.pack, index.footprint()
    assert pack is not None
    assert size.hot + size.cold == sum(size.arrays.values())
    assert size.arrays["rows"] == 2000 * 64 * 2
    assert size.arrays["codes"] == pack.codes.nbytes >= 2000 * 8
    assert size.dense == 2000 * 64 * 4
    assert size.hot_per_item == pytest.approx(size.hot / 2000)
    index.add(1, draw(1, 64)[0])
    assert index.footprint().hot > size.hot


def test_the_report_agrees_with_numpy(draw: Draw) -> None:
    index = built(draw(900))
    index.delete([10, 20])
    report = index.report()
    sizes = np.bincount(list(index.codes().values()), minlength=report.k)
    ranks = 2 * np.arange(1, report.k + 1) - report.k - 1
    assert report.gini == pytest.approx((ranks * np.sort(sizes)).sum() / (report.k * sizes.sum()))
    assert report.dead_codes == (sizes == 0).sum()
    assert (report.items, report.deleted) == (898, 2)


def test_due_names_the_upkeep_that_pays(draw: Draw) -> None:
    index = RoutingIndex(32, flat_until=100, merging="manual")

    def due() -> str:
        return index.due

    index.add_many(np.arange(100), draw(100))
    assert due() == ""
    index.add(1000, draw(1)[0])
    assert due() == "build"
    index.build()
    assert due() == ""
    index.add_many(np.arange(2000, 2102), draw(102))
    assert due() == "build"  # more than twice as many


def test_single_items_are_compared_held_and_discarded_wherever_they_lie(draw: Draw) -> None:
    vectors, (query,) = draw(600), draw(1, seed=2)
    index = RoutingIndex(32, flat_until=0, rerank="fp32", merging="manual")
    index.add_many(np.arange(500), vectors[:500])
    index.build()
    index.add_many(np.arange(500, 600), vectors[500:])
    index.delete([3, 550])
    asked = [2, 3, 499, 500, 550, 599, 10_000]
    scores = index.compare(query, asked)
    there = [key for key, score in zip(asked, scores, strict=True) if not np.isnan(score)]
    assert there == [2, 499, 500, 599]
    unit = query / np.linalg.norm(query)
    expected = [float(index.vector(key) @ unit) for key in there]
    np.testing.assert_allclose(scores[~np.isnan(scores)], expected, atol=1e-5)
    assert index.holds(asked).tolist() == [True, False, True, True, False, True, False]
    index.discard(asked)
    assert len(index) == 598 - 4
    assert not index.holds(asked).any()
