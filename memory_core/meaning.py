"""Search by meaning for one scope: the embedder, the index in RAM, and their truth in the store."""

import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from .embedding.embedder import Embedder, Span, Vectors, check_vectors
from .errors import EmbedderError, EmbedderMismatch
from .records import Chunk, Filter, Item
from .renewal import Renewal, Renewed, Wish
from .routed import Routed
from .storage.contract import Float16s, Store
from .text.passage import embedded_text

#: Of fits and calibrations: the same memories give the same index.
SEED = 42
#: Item, its best chunk, and that chunk's cosine with the question.
Found: TypeAlias = tuple[int, int, float]


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """A question as a vector, float32 ``(dim,)``, unit, and the model that made it."""

    vector: Vectors
    model: str


@dataclass(frozen=True, slots=True, eq=False)
class Nearest:
    """What a search by meaning found.

    Attributes:
        dense: items with their nearest chunk, best first.
        cosines: of the chunks that were found otherwise.
        routing: how the routing went, by name.
    """

    dense: list[Found]
    cosines: dict[int, float]
    routing: dict[str, Any]


class Meaning:
    """Embeds texts and questions and keeps the index equal to the store.

    When the embedder is missing, broken, or not the one that made the stored vectors, `degraded`
    says why; memories are then stored without vectors and found by their words.

    Args:
        embedder: gives the embedder, loading it on the first call; raises EmbedderError.
        flat_until: chunks up to which the index stays flat.
        target: recall@10 the index is calibrated for.
    """

    def __init__(
        self,
        store: Store,
        embedder: Callable[[], Embedder],
        *,
        flat_until: int,
        clock: Callable[[], float],
        target: float = 0.99,
    ) -> None:
        self._store = store
        self._load = embedder
        self._flat_until = flat_until
        self._guard = threading.RLock()
        self.index = Routed(store, store.place, flat_until=flat_until, seed=SEED, clock=clock)
        self.renewal = Renewal(
            self.index, store, self._guard, seed=SEED, target=target, clock=clock
        )
        self._unusable = ""
        self._failed = ""

    @property
    def calibrates(self) -> bool:
        """Whether vectors of questions are of use: there is an index to calibrate, or soon."""
        return self.index.folder is not None and len(self.index) > self._flat_until // 2

    # ------------------------------------------------------------------ embedding

    @property
    def degraded(self) -> str:
        """Why there is no search by meaning; "" when there is."""
        return self._unusable or self._failed

    def embedder(self) -> Embedder | None:
        """The embedder, if its vectors may stand beside the stored ones; else see `degraded`."""
        try:
            embedder = self._load()
            stored = self.stored_id()
            if stored not in (None, embedder.id):
                raise EmbedderMismatch(str(stored), embedder.id)
        except EmbedderError as error:
            self._unusable = str(error)
            return None
        self._unusable = ""
        return embedder

    def stored_id(self) -> str | None:
        """Id of the model that made the stored vectors; None before the first."""
        said = self._store.meta("embedder")  # read each time: another process may embed anew
        return json.loads(said)["id"] if said else None

    def pieces(self, text: str) -> list[Span] | None:
        """Word pieces as the embedder cuts them, or None without one."""
        embedder = self.embedder()
        return None if embedder is None else embedder.pieces(text)

    def embed(self, item: Item, chunks: Sequence[Chunk]) -> Float16s | None:
        """Vectors of an item's chunks, float16 ``(n, dim)``; None in lexical mode."""
        return self._stored_form([embedded_text(item, chunk) for chunk in chunks])

    def question(self, text: str) -> "Asked | None":
        """Vector of a question and whose it is; None in lexical mode."""
        embedder = self.embedder()
        vectors = self._vectors([text])
        return None if embedder is None or vectors is None else Asked(vectors[0], embedder.id)

    def _stored_form(self, texts: Sequence[str]) -> Float16s | None:
        vectors = self._vectors(texts)
        return None if vectors is None else vectors.astype(np.float16)

    def _vectors(self, texts: Sequence[str]) -> Vectors | None:
        embedder = self.embedder()
        if embedder is None:
            return None
        try:
            vectors = embedder.encode(texts).vectors
            checked = check_vectors(vectors, len(texts), embedder.dim, embedder.id)
        except EmbedderError as error:
            self._failed = str(error)
            return None
        except Exception as error:  # an embedder of the caller's own may raise anything
            self._failed = f"{embedder.id} failed with {type(error).__name__}."
            return None
        self._failed = ""
        return checked

    # ------------------------------------------------------------------ the store's side

    def claim(self) -> bool:
        """Inside `atomic()`: record whose vectors these are; False if another model was first."""
        embedder = self._load()
        said = self._store.meta("embedder")
        if said is None:
            self._store.set_meta("embedder", json.dumps({"id": embedder.id, "dim": embedder.dim}))
            return True
        return bool(json.loads(said)["id"] == embedder.id)

    def backfill(self, limit: int) -> int:
        """Embed up to ``limit`` waiting chunks; returns how many no longer wait.

        A text that the model cannot encode is passed over, so that it does not hold up the others.
        """
        waiting = self._store.waiting(limit)
        if not waiting:
            return 0
        rows = [chunk.row for chunk, _ in waiting]
        vectors = self._stored_form([embedded_text(item, chunk) for chunk, item in waiting])
        if vectors is not None:
            return self._put(rows, vectors)
        if self._unusable:
            return 0
        singly = [
            (row, self._stored_form([embedded_text(i, c)]))
            for row, (c, i) in zip(rows, waiting, strict=True)
        ]
        good = [(row, vector) for row, vector in singly if vector is not None]
        if not good:
            return 0  # not these texts but the model: it is tried again later
        done = self._put([row for row, _ in good], np.concatenate([vector for _, vector in good]))
        with self._store.atomic():
            self._store.pass_over([row for row, vector in singly if vector is None])
        return done

    def _put(self, rows: list[int], vectors: Float16s) -> int:
        with self._store.atomic():
            return self._store.put_vectors(rows, vectors) if self.claim() else 0

    def start_over(self) -> None:
        """Drop all vectors and make this process's embedder the scope's own.

        Raises:
            EmbedderError: there is no working embedder; nothing was dropped.
        """
        embedder = self._load()
        check_vectors(embedder.encode(["probe"]).vectors, 1, embedder.dim, embedder.id)
        with self._store.atomic():
            self._store.drop_vectors()
            self._store.set_meta("embedder", json.dumps({"id": embedder.id, "dim": embedder.dim}))

    # ------------------------------------------------------------------ searching

    def catch_up(self) -> None:
        """Bring the index to the state of the store; costs microseconds when nothing changed."""
        with self._guard, self._store.reading():
            self.index.catch_up()

    def search(
        self, asked: Asked, where: Filter, limit: int, also: Sequence[int]
    ) -> "Nearest | None":
        """The nearest items the filter allows, and the cosines of some chunks found otherwise.

        Items without a vector are not there. None when the vectors that lie in the store by now are
        another model's: they say nothing about this question.

        Args:
            also: rows of those chunks.
        """
        if self.stored_id() not in (None, asked.model):
            return None
        self.catch_up()
        if self.index.dim != len(asked.vector):
            return Nearest([], {}, {})
        allowed = self._store.chunks_matching(where) if where.restricts else None
        near, signals = self.index.search(asked.vector, limit, allowed, archived=where.archived)
        owners = self._store.owners([chunk for chunk, _ in near])
        found: dict[int, Found] = {}
        for chunk, cosine in near:
            item = owners.get(chunk)
            if item is not None and item not in found:
                found[item] = (item, chunk, cosine)
        return Nearest(list(found.values()), self.index.cosines(asked.vector, also), signals)

    def blank(self) -> None:
        """Erase from the index files what was erased from the store."""
        if self._store.place is not None and self._store.place.exists():
            with self._guard:
                self.catch_up()
                self.index.blank()

    def renew(
        self,
        stopped: Callable[[], bool],
        wish: Wish = Wish(),  # noqa: B008  immutable
        told: Callable[[str], None] = lambda step: None,
    ) -> Renewed:
        """Give the index a new generation if it is time, or wished for; may take minutes."""
        self.catch_up()
        return self.renewal.renew(stopped, wish, told)
