"""Several threads on one index."""

import threading
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from routemem.memory_core import RoutingIndex

Draw = Callable[..., NDArray[np.float32]]


def together(*works: Callable[[], None]) -> None:
    """Run works in threads of their own, started at once; raise what any of them raised."""
    start, failed = threading.Barrier(len(works)), []

    def run(work: Callable[[], None]) -> None:
        start.wait()
        try:
            work()
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=run, args=(work,)) for work in works]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failed:
        raise failed[0]


def test_six_threads_adding_150_each_lose_nothing(draw: Draw) -> None:
    index, vectors = RoutingIndex(32), draw(900)

    def adds(first: int) -> Callable[[], None]:
        def work() -> None:
            for key in range(first, first + 150):
                index.add(key, vectors[key])

        return work

    together(*(adds(150 * number) for number in range(6)))
    assert len(index) == 900
    assert index.ids() == list(range(900))
    assert all(index.search(vectors[key], 1).hits[0].id == key for key in range(0, 900, 30))


def test_searches_never_miss_or_double_an_item_while_it_is_updated_and_merged(draw: Draw) -> None:
    vectors = draw(800)
    index = RoutingIndex(32, flat_until=0, rerank="fp32")
    index.add_many(np.arange(800), vectors)
    index.build()
    done = threading.Event()

    def writes() -> None:
        try:
            for turn in range(60):
                index.update(turn % 20, vectors[turn % 20])
                index.add(1000 + turn, vectors[turn])
                if turn % 15 == 14:
                    index.merge()
                    index.delete(1000 + turn)
        finally:
            done.set()

    def reads() -> None:
        rng = np.random.default_rng()
        while True:
            last = done.is_set()
            key = int(rng.integers(0, 20))
            found = [hit.id for hit in index.search(vectors[key], 40, exact=True).hits]
            assert found.count(key) == 1
            assert len(found) == len({*found}) == 40
            if last:
                return

    together(writes, reads, reads, reads)
    assert len(index) == 800 + 60 - 4


def test_the_same_items_can_be_discarded_by_several_threads_at_once(draw: Draw) -> None:
    index = RoutingIndex(32, flat_until=0)
    index.add_many(np.arange(400), draw(400))
    index.build()

    def discards() -> None:
        for first in range(0, 300, 3):
            index.discard(np.arange(first, first + 3))

    together(discards, discards, discards)
    assert index.ids() == list(range(300, 400))


def test_builds_merges_and_writes_at_the_same_time_lose_nothing(draw: Draw) -> None:
    index, vectors = RoutingIndex(32, flat_until=50), draw(1200)
    index.add_many(np.arange(300), vectors[:300])

    def adds() -> None:
        for key in range(300, 1200, 3):
            index.add_many(np.arange(key, key + 3), vectors[key : key + 3])

    def deletes() -> None:
        for key in range(0, 300, 2):
            index.delete(key)

    def upkeep() -> None:
        for _ in range(4):
            index.build()
            index.merge()

    together(adds, deletes, upkeep, upkeep)
    index.wait()
    assert index.ids() == sorted({*range(1200)} - {*range(0, 300, 2)})
    for key in range(301, 1200, 50):
        np.testing.assert_allclose(index.vector(key), vectors[key], atol=1e-3)
