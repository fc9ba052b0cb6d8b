"""The coarse quantiser, by hand and against plain numpy."""

import json
from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray

from routemem.memory_core import Codebook
from routemem.memory_core.errors import InvalidArgument
from routemem.memory_core.routing.codebook import gini, nearest_centroids

Draw = Callable[..., NDArray[np.float32]]
AXES = Codebook([[1, 0, 0], [0, 1, 0], [0, 0, 1]])


def test_three_centroids_by_hand() -> None:
    code, qerr = AXES.encode([0.6, 0.8, 0])
    assert code == 1
    assert qerr == pytest.approx(0.2)
    assert AXES.qerr([3, 4, 0]) == pytest.approx(0.2)
    assert AXES.conf([0.6, 0.8, 0]) == pytest.approx(1 / 1.2, abs=1e-6)
    assert AXES.margin([0.6, 0.8, 0]) == pytest.approx(0.2)
    (first, best), (second, next_best) = AXES.top_centroids([0.6, 0.8, 0], 2)
    assert (first, second) == (1, 0)
    assert best == pytest.approx(0.8)
    assert next_best == pytest.approx(0.6)


def test_a_vector_on_a_centroid_has_no_error() -> None:
    code, qerr = AXES.encode([0, 0, 2])
    assert code == 2
    assert qerr == pytest.approx(0, abs=1e-6)
    assert AXES.conf([0, 0, 2]) == pytest.approx(1)


def test_the_lower_number_wins_a_tie() -> None:
    assert AXES.encode([0, 1, 1])[0] == 1
    assert [code for code, _ in AXES.top_centroids([1, 1, 1])] == [0, 1, 2]


def test_one_centroid_has_no_margin() -> None:
    assert Codebook([[1, 1]]).margin([1, 0]) == 0


def test_answers_are_plain_python_values() -> None:
    answers = [AXES.encode([1, 2, 3]), AXES.top_centroids([1, 2, 3]), AXES.conf([1, 2, 3])]
    codes, _ = AXES.encode_many([[1, 2, 3]])
    answers += [AXES.margin([1, 2, 3]), AXES.gini(codes), AXES.dead_codes(codes)]
    assert json.loads(json.dumps([*answers, AXES.fidelity([[1, 2, 3]]), AXES.k, AXES.dim]))


def test_centroids_are_unit_and_cannot_be_changed() -> None:
    book = Codebook([[3, 4], [0, 5]])
    np.testing.assert_allclose(np.linalg.norm(book.centroids, axis=1), 1, rtol=1e-6)
    with pytest.raises(ValueError, match="read-only"):
        book.centroids[0, 0] = 9


def test_stored_centroids_come_back_bit_for_bit(draw: Draw) -> None:
    book = Codebook.fit(draw(300), 9)
    assert Codebook(book.centroids).centroids.tobytes() == book.centroids.tobytes()


def test_one_by_one_and_in_batches_give_the_same_codes(draw: Draw) -> None:
    vectors = draw(5000, 48, spread=2.0)
    book = Codebook.fit(vectors, 60)
    codes, errors = book.encode_many(vectors)
    every = vectors.astype(np.float64) @ book.centroids.astype(np.float64).T
    np.testing.assert_array_equal(codes, every.argmax(axis=1))
    np.testing.assert_allclose(errors, 1 - every.max(axis=1), atol=1e-5)
    assert [book.encode(vector)[0] for vector in vectors[:500]] == codes[:500].tolist()


def test_near_ties_do_not_depend_on_the_batch() -> None:
    rng = np.random.default_rng(5)
    centroids = rng.normal(size=(40, 384)).astype(np.float32)
    centroids[1::2] = centroids[::2] + rng.normal(size=(20, 384)).astype(np.float32) * 1e-7
    book = Codebook(centroids)
    vectors = rng.normal(size=(400, 384)).astype(np.float32)
    together = nearest_centroids(vectors, book.centroids)
    alone = [int(nearest_centroids(row[None], book.centroids)[0]) for row in vectors]
    assert together.tolist() == alone


@pytest.mark.parametrize("init", ["random", "k-means++"])
def test_fit_is_the_same_twice_and_different_with_another_seed(draw: Draw, init: str) -> None:
    first, again, other = (
        Codebook.fit(draw(500), 20, init=init, seed=seed)  # type: ignore[arg-type]  # parametrised
        for seed in (3, 3, 4)
    )
    assert first.centroids.tobytes() == again.centroids.tobytes()
    assert first.centroids.tobytes() != other.centroids.tobytes()


def test_fit_finds_the_directions_there_are(draw: Draw) -> None:
    vectors = draw(600, centres=12, spread=0.2)
    assert Codebook.fit(vectors, 12, init="k-means++").fidelity(vectors) > 0.97


def test_fit_looks_at_a_sample_only(draw: Draw) -> None:
    vectors = draw(2000)
    book = Codebook.fit(vectors, 4, sample_per_centroid=8)
    rng = np.random.default_rng(0)
    sample = vectors[np.sort(rng.permutation(2000)[:32])]
    assert Codebook.fit(sample, 4, sample_per_centroid=99).fidelity(vectors) == pytest.approx(
        book.fidelity(vectors), abs=0.1
    )


def test_few_centroids_are_fitted_to_more_than_64_vectors_each(draw: Draw) -> None:
    vectors = draw(4000, 64, spread=2.0)
    few = Codebook.fit(vectors, 8, sample_per_centroid=64)
    assert Codebook.fit(vectors, 8).fidelity(vectors) > few.fidelity(vectors) + 0.01


def test_fit_takes_rules_and_fewer_distinct_vectors_than_centroids() -> None:
    vectors = np.repeat(np.eye(3), 10, axis=0)
    assert Codebook.fit(vectors, "n_over_b").k == 2
    book = Codebook.fit(vectors, 8)
    codes, errors = book.encode_many(vectors)
    assert errors.max() < 1e-6
    assert len(book.dead_codes(codes)) >= 5


def test_opposite_vectors_do_not_cancel_to_a_centroid_without_direction() -> None:
    book = Codebook.fit([[1.0, 0.0], [-1.0, 0.0]], 1)
    np.testing.assert_allclose(np.abs(book.centroids), [[1, 0]], atol=1e-6)


def test_sizes_gini_dead_codes_and_fidelity_equal_numpy(draw: Draw) -> None:
    vectors = draw(400)
    book = Codebook.fit(vectors, 10)
    codes, _ = book.encode_many(vectors)
    sizes = np.array([(codes == code).sum() for code in range(10)])
    np.testing.assert_array_equal(book.sizes(codes), sizes)
    pairs = np.abs(sizes[:, None] - sizes[None]).sum() / (2 * 10 * sizes.sum())
    assert book.gini(codes) == pytest.approx(pairs)
    assert book.dead_codes(codes[codes != 3]) == [3]
    own = (vectors * book.centroids[codes]).sum(axis=1).mean()
    assert book.fidelity(vectors) == pytest.approx(own, abs=1e-6)


@pytest.mark.parametrize(
    ("sizes", "value"), [([5, 5], 0), ([0, 10], 0.5), ([], 0), ([0, 0], 0), ([1, 2, 3], 2 / 9)]
)
def test_gini_of_known_sizes(sizes: list[int], value: float) -> None:
    assert gini(np.array(sizes, np.int64)) == pytest.approx(value)


def test_what_makes_no_sense_is_refused_with_the_numbers(draw: Draw) -> None:
    with pytest.raises(InvalidArgument, match=r"\(k, dim\)"):
        Codebook([1, 2])
    with pytest.raises(InvalidArgument, match="1 to 5 centroids for 5 items, got 6"):
        Codebook.fit(draw(5), 6)
    with pytest.raises(InvalidArgument, match="3 numbers"):
        AXES.encode([1, 2])
    with pytest.raises(InvalidArgument, match="zero"):
        AXES.encode([0, 0, 0])
    with pytest.raises(InvalidArgument, match="init"):
        Codebook.fit(draw(5), 2, init="best")  # type: ignore[arg-type]  # the point of the test
