"""The routing index by itself: vectors in, nearest ids out, with no memory and no server around it.

python examples/routing_index.py
"""

import numpy as np

from routemem.memory_core import Codebook, DriftMonitor, Hierarchy, RoutingIndex

DIM, ITEMS = 384, 5000


def main() -> None:
    """Build an index, search it in several ways, watch for drift, drill down a hierarchy."""
    rng = np.random.default_rng(0)
    topics = rng.standard_normal((50, DIM), np.float32)
    vectors = topics[rng.integers(0, 50, ITEMS)] + rng.standard_normal((ITEMS, DIM), np.float32)
    question = vectors[7] + 0.3 * rng.standard_normal(DIM, np.float32)

    index = RoutingIndex(DIM, seed=0)
    index.add_many(np.arange(ITEMS), vectors)
    report = index.build()
    print(f"{report.items} items in {report.k} buckets, {report.footprint.hot_per_item:.0f} hot B")

    found = index.search(question, top_k=5, return_signals=True)
    exact = index.search(question, top_k=5, exact=True)
    assert found.hits[0].id == 7
    assert {hit.id for hit in found.hits} == {hit.id for hit in exact.hits}
    assert found.signals
    print(f"best {found.hits[0]}, confidence {found.signals.confidence:.2f}")

    even = index.search(question, top_k=5, allowed=np.arange(0, ITEMS, 2), threshold=0.1)
    assert all(hit.id % 2 == 0 and hit.score >= 0.1 for hit in even.hits)

    index.add(ITEMS, question)  # found by the next search; nothing is fitted on a write
    assert index.search(question, top_k=1).hits[0].id == ITEMS
    index.delete(ITEMS)

    book = Codebook.fit(vectors, 64, seed=0)
    bucket, qerr = book.encode(question)
    print(f"bucket {bucket}, quantisation error {qerr:.3f}, margin {book.margin(question):.3f}")

    drift = DriftMonitor()
    for vector in vectors[:60]:
        assert drift.record(book.qerr(vector)) is None
    alarms = [drift.record(book.qerr(rng.standard_normal(DIM))) for _ in range(20)]
    (alarm,) = filter(None, alarms)  # what is asked no longer resembles what was stored
    print(alarm.message)

    levels = Hierarchy(DIM)
    levels.add_many(np.arange(ITEMS), vectors)
    (best,) = levels.search(question, top_k=1)
    assert best.id == 7
    print("scores by level", {level: round(score, 3) for level, score in best.levels.items()})


if __name__ == "__main__":
    main()
