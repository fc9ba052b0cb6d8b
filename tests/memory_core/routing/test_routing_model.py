"""The routing index does what a dict of vectors does, whatever is done to it in which order."""

from typing import Any

import numpy as np
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from numpy.typing import NDArray

from routemem.memory_core import RoutingIndex
from routemem.memory_core.errors import InvalidArgument, NotFound

DIM = 12
KEYS = st.integers(-20, 60)
SEEDS = st.integers(0, 10_000)


def vector_of(seed: int) -> NDArray[np.float32]:
    drawn = np.random.default_rng(seed).normal(size=DIM)
    unit: NDArray[np.float32] = (drawn / np.linalg.norm(drawn)).astype(np.float32)
    return unit


class IndexBesideADict(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.index = RoutingIndex(DIM, flat_until=15, rerank="fp32", k=4, merging="manual")
        self.model: dict[int, NDArray[np.float32]] = {}

    @rule(key=KEYS, seed=SEEDS)
    def add(self, key: int, seed: int) -> None:
        if key in self.model:
            with pytest.raises(InvalidArgument):
                self.index.add(key, vector_of(seed))
        else:
            self.index.add(key, vector_of(seed))
            self.model[key] = vector_of(seed)

    @rule(keys=st.lists(KEYS, max_size=40, unique=True), seed=SEEDS)
    def add_many(self, keys: list[int], seed: int) -> None:
        vectors = [vector_of(seed + place) for place in range(len(keys))]
        rows = np.array(vectors, np.float32).reshape(len(keys), DIM)
        if self.model.keys() & set(keys):
            with pytest.raises(InvalidArgument):
                self.index.add_many(keys, rows)
        else:
            self.index.add_many(keys, rows)
            self.model.update(zip(keys, vectors, strict=True))

    @rule(key=KEYS, seed=SEEDS)
    def update(self, key: int, seed: int) -> None:
        if key in self.model:
            self.index.update(key, vector_of(seed))
            self.model[key] = vector_of(seed)
        else:
            with pytest.raises(NotFound):
                self.index.update(key, vector_of(seed))

    @rule(keys=st.lists(KEYS, max_size=8, unique=True))
    def delete(self, keys: list[int]) -> None:
        if set(keys) <= self.model.keys():
            self.index.delete(keys)
            for key in keys:
                del self.model[key]
        else:
            with pytest.raises(NotFound):
                self.index.delete(keys)

    @rule(keys=st.lists(KEYS, max_size=8))
    def discard(self, keys: list[int]) -> None:
        self.index.discard(keys)
        for key in keys:
            self.model.pop(key, None)

    @rule()
    def delete_half(self) -> None:
        keys = sorted(self.model)[::2]
        self.index.delete(keys)
        for key in keys:
            del self.model[key]

    @rule()
    def build(self) -> None:
        self.index.build()

    @rule()
    def merge(self) -> None:
        self.index.merge()

    @precondition(lambda self: self.index.pack is not None and self.index.plan is not None)
    @rule()
    def reopen(self) -> None:
        """From the packed arrays alone, as from files, once everything is in them."""
        self.index.build()
        if self.index.pack is not None and self.index.plan is not None:
            self.index = RoutingIndex.from_pack(
                self.index.pack, self.index.plan,
                flat_until=15, rerank="fp32", k=4, merging="manual",
            )  # fmt: skip

    @rule(seed=SEEDS, top_k=st.integers(1, 12), allowed=st.none() | st.sets(KEYS))
    def search(self, seed: int, top_k: int, allowed: set[int] | None) -> None:
        query = vector_of(seed)
        inside = [key for key in self.model if allowed is None or key in allowed]
        scores = {key: float(self.model[key] @ query) for key in inside}
        best = sorted(scores.values(), reverse=True)[:top_k]
        ways: list[dict[str, Any]] = [
            {"exact": True}, {"n_probes": 99}, {"max_candidates": 99}, {},
        ]  # fmt: skip
        for way in ways:
            limit = None if allowed is None else sorted(allowed)
            hits = self.index.search(query, top_k, allowed=limit, **way).hits
            np.testing.assert_allclose([hit.score for hit in hits], best, atol=1e-6)
            np.testing.assert_allclose([scores[hit.id] for hit in hits], best, atol=1e-6)

    @invariant()
    def same_items(self) -> None:
        assert len(self.index) == len(self.model)
        assert self.index.ids() == sorted(self.model)

    @invariant()
    def codes_are_what_encode_says(self) -> None:
        book = self.index.codebook
        for key, code in self.index.codes().items():
            assert book is not None
            assert book.encode(self.index.vector(key))[0] == code

    def teardown(self) -> None:
        for key, vector in self.model.items():
            np.testing.assert_allclose(self.index.vector(key), vector, atol=1e-6)


TestIndexBesideADict = IndexBesideADict.TestCase
TestIndexBesideADict.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
