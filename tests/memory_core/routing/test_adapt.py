"""Centroids change only on purpose, and their members with them."""

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from routemem.memory_core import Codebook, RoutingIndex
from routemem.memory_core.errors import Conflict, InvalidArgument
from routemem.memory_core.routing.adapt import (
    Usage,
    adapt_to,
    bucket_stats,
    force_split,
    run_adaptation,
)
from routemem.memory_core.routing.revision import ema, split, survivors

Draw = Callable[..., NDArray[np.float32]]


def index_of(vectors: NDArray[np.float32], k: int = 12) -> RoutingIndex:
    index = RoutingIndex(vectors.shape[1], flat_until=0, rerank="fp32", k=k)
    index.add_many(np.arange(len(vectors)), vectors)
    index.build()
    return index


def assert_every_item_is_in_its_nearest_bucket(index: RoutingIndex) -> None:
    book = index.codebook
    assert book is not None
    np.testing.assert_allclose(np.linalg.norm(book.centroids, axis=1), 1, rtol=1e-6)
    codes = index.codes()
    assert len(codes) == len(index)
    assert all(book.encode(index.vector(key))[0] == code for key, code in codes.items())


def test_ema_moves_the_nearest_centroid_a_little_and_keeps_it_unit() -> None:
    book = ema(Codebook([[1, 0], [0, 1]]), [[0.8, 0.6]], eta=0.1)
    moved = np.array([0.9 + 0.08, 0.06])
    np.testing.assert_allclose(book.centroids[0], moved / np.linalg.norm(moved), rtol=1e-6)
    np.testing.assert_array_equal(book.centroids[1], [0, 1])


def test_ema_leaves_centroids_alone_that_are_near_enough() -> None:
    book = Codebook([[1, 0], [0, 1]])
    same = ema(book, [[0.8, 0.6]], eta=0.1, least_qerr=0.3)
    np.testing.assert_array_equal(same.centroids, book.centroids)
    with pytest.raises(InvalidArgument, match="eta"):
        ema(book, [[1, 0]], eta=0)


def test_split_puts_two_centroids_where_one_was() -> None:
    members = np.array([[1, 0.01], [1, 0.02], [0.01, 1], [0.02, 1]], np.float32)
    book = split(Codebook([[1, 1], [-1, 0]]), 0, members)
    assert book.k == 3
    np.testing.assert_array_equal(book.centroids[1], [-1, 0])
    codes, errors = book.encode_many(members)
    assert set(codes.tolist()) == {0, 2}
    assert errors.max() < 0.01
    with pytest.raises(InvalidArgument, match="bucket 7 with 4"):
        split(book, 7, members)


def test_pruning_keeps_two_centroids_and_all_that_are_not_idle() -> None:
    assert survivors(5, np.array([1, 3])).tolist() == [0, 2, 4]
    assert survivors(4, np.arange(4)).tolist() == [0, 1]
    assert survivors(1, np.array([0])).tolist() == [0]


def test_bucket_stats_equal_numpy(draw: Draw) -> None:
    vectors = draw(300)
    index = index_of(vectors)
    book, codes = index.codebook, index.codes()
    assert book is not None
    for stats in bucket_stats(index):
        mine = vectors[[key for key, code in codes.items() if code == stats.bucket]]
        errors = 1 - mine @ book.centroids[stats.bucket]
        assert stats.size == len(mine)
        assert stats.qerr == pytest.approx(errors.mean(), abs=1e-6)
        assert stats.variance == pytest.approx((errors**2).mean(), abs=1e-6)


def test_ema_on_an_index_assigns_every_item_anew_and_loses_no_recall(draw: Draw) -> None:
    vectors, queries = draw(1500, 64), draw(40, 64, seed=4)
    index = index_of(vectors, 40)
    before = [{hit.id for hit in index.search(q, 5).hits} for q in queries]
    done = adapt_to(index, draw(500, 64, seed=9, spread=2), eta=0.05)
    assert done.moved > 0
    assert (done.splits, done.prunes, done.k_before, done.k_after) == (0, 0, 40, 40)
    assert_every_item_is_in_its_nearest_bucket(index)
    after = [{hit.id for hit in index.search(q, 5).hits} for q in queries]
    kept = sum(len(a & b) for a, b in zip(before, after, strict=True))
    assert kept / (5 * len(queries)) >= 0.995


def test_a_spread_out_bucket_is_split_and_nothing_is_lost(draw: Draw) -> None:
    index = index_of(draw(600, centres=12, spread=0.2), k=3)
    assert max(stats.variance for stats in bucket_stats(index)) > 0.15
    done = run_adaptation(index)
    assert done.splits >= 1
    assert done.k_after == 3 + done.splits == len(bucket_stats(index))
    assert index.ids() == list(range(600))
    assert_every_item_is_in_its_nearest_bucket(index)


def test_tight_buckets_are_left_alone_unless_forced(draw: Draw) -> None:
    index = index_of(draw(600, centres=12, spread=0.2), k=30)
    before = index.state
    assert run_adaptation(index).splits == 0
    assert index.state is before
    assert run_adaptation(index, force=True).splits == 1


def test_force_split_splits_whatever_the_variance(draw: Draw) -> None:
    index = index_of(draw(300), k=6)
    done = force_split(index, 2)
    assert (done.splits, done.k_before, done.k_after) == (1, 6, 7)
    assert_every_item_is_in_its_nearest_bucket(index)
    with pytest.raises(InvalidArgument, match="bucket 99"):
        force_split(index, 99)


def test_idle_centroids_go_and_their_members_move(draw: Draw) -> None:
    index = index_of(draw(400, spread=0.2), k=12)
    usage = Usage(12, now=0.0)
    usage.touch([0, 1, 2, 3], now=5000.0)
    done = run_adaptation(index, now=6000.0, usage=usage)
    assert (done.prunes, done.k_after - done.splits) == (8, 4)
    assert done.moved > 0
    assert index.ids() == list(range(400))
    assert_every_item_is_in_its_nearest_bucket(index)
    with pytest.raises(InvalidArgument, match="usage"):
        run_adaptation(index, now=6000.0, usage=usage)


def test_forcing_removes_centroids_without_members(draw: Draw) -> None:
    index = index_of(draw(50, spread=0.2), k=12)
    away = -np.asarray(index.codebook.centroids[:1] if index.codebook else 0)
    assert index.codebook is not None
    index.build(Codebook(np.concatenate([index.codebook.centroids, away])))
    assert index.report().dead_codes >= 1
    assert run_adaptation(index, force=True).prunes >= 1


def test_reads_do_not_adapt(draw: Draw) -> None:
    index = index_of(draw(500))
    before = index.state
    for query in draw(500, seed=8):
        index.search(query, return_signals=True)
    assert index.state is before


def test_without_packed_vectors_nothing_can_adapt(draw: Draw) -> None:
    flat = RoutingIndex(32)
    flat.add_many(np.arange(30), draw(30))
    bare = RoutingIndex(32, flat_until=0, rerank="none")
    bare.add_many(np.arange(30), draw(30))
    bare.build()
    for index in (flat, bare):
        for adapt in (bucket_stats, run_adaptation):
            with pytest.raises(Conflict, match="packed"):
                adapt(index)
