"""Search by meaning for one scope: the embedder, the index in RAM, and their truth in the store."""

import json
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .embedding.embedder import Embedder, Encoded, Span, Vectors, check_vectors
from .embedding.token_codes import TokenCoder
from .errors import EmbedderError, EmbedderMismatch
from .records import Chunk, Filter, Item
from .renewal import Renewal, Renewed, Wish
from .routed import Routed
from .storage.contract import Float16s, Store
from .text.passage import embedded_text

#: Of fits and calibrations: the same memories give the same index.
SEED = 42
#: Texts whose token vectors are held at a time, 200 kB each: of 64 at once they would be a tenth of
#: what the whole process takes, and the heap keeps what was taken once.
TOGETHER = 8


@dataclass(frozen=True, slots=True, eq=False)
class Embedded:
    """Chunks as they are stored: vectors, float16 ``(n, dim)``, and a token code each, or none."""

    vectors: Float16s
    codes: tuple[bytes, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Asked:
    """A question as the model reads it.

    Attributes:
        vector: float32 ``(dim,)``, unit.
        model: id of the model that made it.
        tokens: float32 ``(t, bits)``, its word pieces, to be compared with token codes.
        spans: characters of each of them in the question.
        coder: id of the projection they were made by.
    """

    vector: Vectors
    model: str
    tokens: Vectors
    spans: tuple[Span, ...]
    coder: str


@dataclass(frozen=True, slots=True, eq=False)
class Nearest:
    """What a search by meaning found.

    Attributes:
        chunks: int64 ``(k,)``, rows, nearest first.
        cosines: float64 ``(k,)``.
        routing: how the routing went, by name.
    """

    chunks: NDArray[np.int64]
    cosines: NDArray[np.float64]
    routing: dict[str, Any]


class Meaning:
    """Embeds texts and questions and keeps the index equal to the store.

    When the embedder is missing, broken, or not the one that made the stored vectors, `degraded`
    says why; memories are then stored without vectors and found by their words.

    Args:
        embedder: gives the embedder, loading it on the first call; raises EmbedderError.
        flat_until: chunks up to which the index stays flat.
        target: recall@10 the index is calibrated for.
        writes: whether files of the index may be removed.
    """

    def __init__(
        self,
        store: Store,
        embedder: Callable[[], Embedder],
        *,
        flat_until: int,
        clock: Callable[[], float],
        target: float = 0.99,
        writes: bool = True,
    ) -> None:
        self._store = store
        self._load = embedder
        self._flat_until = flat_until
        self._guard = threading.RLock()
        self.index = Routed(store, store.place, flat_until=flat_until, seed=SEED, clock=clock)
        self.renewal = Renewal(
            self.index, store, self._guard,
            seed=SEED, target=target, clock=clock, writes=writes,
        )  # fmt: skip
        self._unusable = ""
        self._failed = ""

    @property
    def calibrates(self) -> bool:
        """Whether vectors of questions are of use: there is an index to calibrate, or soon."""
        return self.index.folder is not None and len(self.index.seen) > self._flat_until // 2

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

    def embed(self, item: Item, chunks: Sequence[Chunk]) -> Embedded | None:
        """Vectors and token codes of an item's chunks; None in lexical mode."""
        return self._stored_form([embedded_text(item, chunk) for chunk in chunks])

    def question(self, text: str) -> Asked | None:
        """A question as it is compared with what is stored; None in lexical mode."""
        embedder, encoded = self._encoded([text])
        if embedder is None or encoded is None:
            return None
        coder = TokenCoder.of(embedder)
        vectors = encoded.tokens[0] if encoded.tokens else encoded.vectors[:0]
        spans = tuple(embedder.pieces(text)[: len(vectors)]) if len(vectors) else ()
        return Asked(encoded.vectors[0], embedder.id, coder.projected(vectors), spans, coder.id)

    def _stored_form(self, texts: Sequence[str]) -> Embedded | None:
        vectors, codes = [], []
        for start in range(0, max(len(texts), 1), TOGETHER):
            embedder, encoded = self._encoded(texts[start : start + TOGETHER])
            if embedder is None or encoded is None:
                return None
            coder = TokenCoder.of(embedder)
            vectors.append(encoded.vectors.astype(np.float16))
            codes += [coder.codes(tokens).tobytes() for tokens in encoded.tokens]
        return Embedded(np.concatenate(vectors), tuple(codes))

    def _encoded(self, texts: Sequence[str]) -> tuple[Embedder | None, Encoded | None]:
        embedder = self.embedder()
        if embedder is None:
            return None, None
        try:
            encoded = embedder.encode(texts)
            check_vectors(encoded.vectors, len(texts), embedder.dim, embedder.id)
            encoded = replace(
                encoded,
                vectors=np.asarray(encoded.vectors, np.float32),
                tokens=_tokens(encoded, len(texts), embedder.dim),
            )
        except EmbedderError as error:
            self._failed = str(error)
            return embedder, None
        except Exception as error:  # an embedder of the caller's own may raise anything
            self._failed = f"{embedder.id} failed with {type(error).__name__}."
            return embedder, None
        self._failed = ""
        return embedder, encoded

    # ------------------------------------------------------------------ the store's side

    def claim(self) -> bool:
        """Inside `atomic()`: record whose vectors these are; False if another model was first."""
        embedder = self._load()
        said = self._store.meta("embedder")
        if said is None:
            self._store.set_meta("embedder", json.dumps({"id": embedder.id, "dim": embedder.dim}))
            self._store.set_meta("token_coder", TokenCoder.of(embedder).id)
            return True
        return bool(json.loads(said)["id"] == embedder.id)

    def codes(self, asked: Asked, chunks: Sequence[int]) -> dict[int, bytes]:
        """Token codes of chunks that can be compared with this question."""
        if not len(asked.tokens) or self._store.meta("token_coder") != asked.coder:
            return {}
        return self._store.token_codes(chunks)

    def backfill(self, waiting: Sequence[tuple[Chunk, Item]]) -> int:
        """Embed chunks that wait; returns how many no longer do.

        A text that the model cannot encode is passed over, so that it does not hold up the others.
        """
        if not waiting:
            return 0
        rows = [chunk.row for chunk, _ in waiting]
        stored = self._stored_form([embedded_text(item, chunk) for chunk, item in waiting])
        if stored is not None:
            return self._put(rows, [stored])
        if self._unusable:
            return 0
        singly = [
            (row, self._stored_form([embedded_text(i, c)]))
            for row, (c, i) in zip(rows, waiting, strict=True)
        ]
        good = [(row, stored) for row, stored in singly if stored is not None]
        if not good:
            return 0  # not these texts but the model: it is tried again later
        done = self._put([row for row, _ in good], [stored for _, stored in good])
        with self._store.atomic():
            self._store.pass_over([row for row, stored in singly if stored is None])
        return done

    def _put(self, rows: list[int], embedded: Sequence[Embedded]) -> int:
        vectors = np.concatenate([each.vectors for each in embedded])
        codes = [c for each in embedded for c in each.codes or (b"",) * len(each.vectors)]
        with self._store.atomic():
            if not self.claim():
                return 0
            self._store.put_vectors(rows, vectors, codes)
        return len(rows)  # those that another thread was first with do not wait either

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
            self._store.set_meta("token_coder", TokenCoder.of(embedder).id)

    # ------------------------------------------------------------------ searching

    def catch_up(self) -> None:
        """Bring the index to the state of the store; costs microseconds when nothing changed."""
        self.renewal.answered(self._caught_up)

    def _caught_up(self) -> None:
        with self._guard, self._store.reading():
            self.index.catch_up()

    def search(self, asked: Asked, where: Filter, limit: int) -> Nearest | None:
        """The chunks nearest to a question among those the filter allows.

        Chunks without a vector are not there. None when the vectors that lie in the store by now
        are another model's: they say nothing about this question.
        """
        if self.stored_id() not in (None, asked.model):
            return None
        self.catch_up()
        allowed = self._store.chunks_matching(where) if where.restricts else None
        found = self.renewal.answered(
            lambda: self.index.search(asked.vector, limit, allowed, archived=where.archived)
        )
        return Nearest(*found)

    def neighbours(self, embedded: Embedded, limit: int) -> list[tuple[int, float]]:
        """Rows of the chunks nearest to a text that is not stored yet, with their cosines.

        Counted nowhere: it is no question.
        """
        vector = embedded.vectors[0].astype(np.float32)
        self.catch_up()
        return self.renewal.answered(lambda: self.index.seen.nearest(vector, limit))

    def cosines(self, asked: Asked, chunks: NDArray[np.int64]) -> NDArray[np.float64]:
        """The cosine of single chunks with a question, ``(n,)``; nan for those without a vector."""
        return self.renewal.answered(lambda: self.index.seen.cosines(asked.vector, chunks))

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


def _tokens(encoded: Encoded, n: int, dim: int) -> tuple[Vectors, ...]:
    """The token vectors, if there is one finite array of the right width for each text."""
    found = [np.asarray(tokens, np.float32) for tokens in encoded.tokens]
    fit = all(t.ndim == 2 and t.shape[1] == dim and np.isfinite(t).all() for t in found)
    return tuple(found) if fit and len(found) == n else ()
