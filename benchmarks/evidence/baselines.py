"""What a ranking is compared with: cosine, BM25, two ways to add them, and a recipe of z-scores.

Each turn is one text, ``Speaker: text``, with one vector (a long text is cut where the model's
input ends) and one row of FTS5 (porter).
"""

import re
import sqlite3
from typing import Any

import numpy as np
from numpy.typing import NDArray

from routemem.memory_core.records import ASKS, TIMED
from routemem.memory_core.retrieval.lexical import content_words
from routemem.memory_core.text.times import parse_moment
from routemem.memory_core.text.traits import traits_of

from .conversations import Talk, fields, line

Floats = NDArray[np.float64]
MONTHS = (
    "january february march april may june july august september october november december".split()
)
#: Weights of the recipe, which were fitted on LoCoMo and BEAM together with z-scores.
RECIPE = {
    "bm25": 0.35, "late": 0.5, "session_bm25": 0.5, "session_dense": -0.15, "speaker": 3.45,
    "previous": 0.15, "month": 2.9, "asks": -0.5, "when": 0.5, "length": -0.15,
}  # fmt: skip


class Baselines:
    """One conversation, every turn compared with every question."""

    def __init__(self, talk: Talk, embedder: Any) -> None:
        self._embedder = embedder
        self._said = talk["memories"]
        self._ids = [turn["id"] for turn in self._said]
        self._lines = [line(turn) for turn in self._said]
        made = [embedder.encode([text]) for text in self._lines]
        self._vectors = np.concatenate([one.vectors for one in made])
        self._tokens = [_unit(one.tokens[0]) for one in made]
        self._db = sqlite3.connect(":memory:")
        self._db.execute("create virtual table words using fts5(said, tokenize='porter unicode61')")
        self._db.executemany(
            "insert into words(rowid, said) values(?, ?)", list(enumerate(self._lines))
        )
        self._describe()

    def _describe(self) -> None:
        sessions = [turn.get("session") for turn in self._said]
        self._sessions = np.unique(np.array([str(s) for s in sessions]), return_inverse=True)[1]
        self._follows = np.r_[False, self._sessions[1:] == self._sessions[:-1]]
        self._speakers = np.array([turn.get("speaker") or "" for turn in self._said])
        moments = [parse_moment(fields(turn)["when"] or "1970-01-01") for turn in self._said]
        self._months = np.array([f"{np.datetime64(int(m), 's')}"[5:7] for m in moments]).astype(int)
        traits = np.array([traits_of(turn["text"]) for turn in self._said])
        self._asks, self._timed = (traits & ASKS) > 0, (traits & TIMED) > 0
        self._lengths = np.log1p([len(turn["text"].split()) for turn in self._said])
        self._frequency: dict[str, int] = {}
        for text in self._lines:
            for piece in set(self._pieces(text)):
                self._frequency[piece] = self._frequency.get(piece, 0) + 1

    def dense(self, question: str) -> list[Any]:
        """By cosine alone."""
        return self._ordered(self._cosines(question))

    def bm25(self, question: str) -> list[Any]:
        """By FTS5's BM25 alone; what shares no word is not found."""
        scores = self._bm25(question)
        return self._ordered(scores)[: int((scores > 0).sum())]

    def rrf(self, question: str) -> list[Any]:
        """Reciprocal ranks of both, k = 60."""
        total = np.zeros(len(self._ids))
        for scores in (self._cosines(question), self._bm25(question)):
            total[np.argsort(-scores, kind="stable")] += 1 / (61 + np.arange(len(total)))
        return self._ordered(total)

    def z_sum(self, question: str) -> list[Any]:
        """Sum of both as z-scores, 1 : 0.6."""
        return self._ordered(_z(self._cosines(question)) + 0.6 * _z(self._bm25(question)))

    def z_sum_3(self, question: str) -> list[Any]:
        """Sum of both as z-scores, 1 : 0.3."""
        return self._ordered(_z(self._cosines(question)) + 0.3 * _z(self._bm25(question)))

    def recipe(self, question: str) -> list[Any]:
        """A weighted sum of z-scores and cues, then late interaction over the first 200."""
        w = RECIPE
        cosines, words = _z(self._cosines(question)), _z(self._bm25(question))
        total = cosines + w["bm25"] * words + w["asks"] * self._asks + w["length"] * self._lengths
        total += w["session_bm25"] * self._session(words)
        total += w["session_dense"] * self._session(cosines)
        total += w["previous"] * np.r_[0, words[:-1]] * self._follows
        people = set(self._speakers.tolist()) - {""}
        named = [who for who in people if re.search(rf"\b{re.escape(who)}", question)]
        if len(named) == 1:
            total += w["speaker"] * (self._speakers == named[0])
        if re.match(r"\s*(when|what (date|day|month|year|time)|how long)", question, re.IGNORECASE):
            total += w["when"] * self._timed
        found = re.findall("|".join(MONTHS), question.lower())
        months = [MONTHS.index(name) + 1 for name in found if name != "may" or "May" in question]
        total += w["month"] * np.isin(self._months, months)
        first = np.argsort(-total, kind="stable")[:200]
        close = self._late(question, first)
        total[first] += w["late"] * _z(close) + 1000
        return self._ordered(total)

    def _cosines(self, question: str) -> Floats:
        vector = self._embedder.encode([question]).vectors[0]
        return np.asarray(self._vectors @ vector, np.float64)

    def _bm25(self, question: str) -> Floats:
        scores = np.zeros(len(self._ids))
        words = " OR ".join(f'"{word}"' for word in content_words(question))
        sql = "select rowid, -bm25(words) from words where words match ?"
        for row, score in self._db.execute(sql, (words,)):
            scores[row] = score
        return scores

    def _session(self, scores: Floats) -> Floats:
        """Mean of the three best turns of each turn's session."""
        spread = np.empty_like(scores)
        for number in range(self._sessions.max() + 1):
            mine = self._sessions == number
            spread[mine] = np.sort(scores[mine])[-3:].mean()
        return spread

    def _late(self, question: str, chosen: NDArray[np.intp]) -> Floats:
        tokens = _unit(self._embedder.encode([question]).tokens[0])
        pieces = self._pieces(question)[: len(tokens)]
        n = len(self._ids) + 1
        idf = np.array([np.log(n / (self._frequency.get(piece, 0) + 0.5)) for piece in pieces])
        best = [(tokens[: len(idf)] @ self._tokens[place].T).max(1) for place in chosen.tolist()]
        return np.asarray(np.array(best) @ idf / idf.sum())

    def _pieces(self, text: str) -> list[str]:
        return [text[start:end].lower() for start, end in self._embedder.pieces(text)]

    def _ordered(self, scores: Floats) -> list[Any]:
        return [self._ids[place] for place in np.argsort(-scores, kind="stable")[:50].tolist()]

    def close(self) -> None:
        """Close the table."""
        self._db.close()


def _z(scores: Floats) -> Floats:
    return np.asarray((scores - scores.mean()) / (scores.std() + 1e-9))


def _unit(tokens: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.asarray(tokens / np.maximum(np.linalg.norm(tokens, axis=1, keepdims=True), 1e-9))
