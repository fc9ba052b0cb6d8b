"""Where words stand: FTS5 over `Speaker: text`, bounded in what one question may touch."""

import json
from collections.abc import Sequence
from typing import TypeVar

import apsw
import numpy as np
from numpy.typing import NDArray

from .database import Database

N = TypeVar("N", np.int64, np.float64)

TOKENIZER = ("porter", ["unicode61", "remove_diacritics", "2"])  # as in the migration
#: Below this many chunks every question is cheap, so no word is looked up beforehand.
SMALL = 1000


class WordIndex:
    """The words of one scope. Safe to use from several threads."""

    def __init__(self, db: Database) -> None:
        self._db = db
        # In how many chunks a word stands, and how many chunks there were when it was counted.
        self._counted: dict[str, tuple[int, int]] = {}

    def postings(self, words: Sequence[str], most: int) -> list[NDArray[np.int64] | None]:
        """The rows of the chunks that hold each word; None for one that is too common."""
        with self._db.reading():
            kept = set(self._worthwhile(words, most))
            return [self._rows(word) if word in kept else None for word in words]

    def _rows(self, word: str) -> NDArray[np.int64]:
        # As one string: six times cheaper than a row for each, and BM25 would be ten times dearer.
        said = self._db.value(
            "select group_concat(rowid) from words where words match ?", (_quoted(word),)
        )
        return numbers(said, np.int64)

    def _worthwhile(self, words: Sequence[str], postings: int) -> list[str]:
        """The words to look for in a large scope: see `affordable`."""
        chunks = self._db.value("select max(row) from chunks") or 0
        if chunks < SMALL:
            return list(words)
        return affordable(
            [(word, self._frequency(word, chunks)) for word in words], chunks, postings
        )

    def _frequency(self, word: str, chunks: int) -> int:
        """In about how many chunks a word stands; counted again when the scope has grown."""
        known, then = self._counted.get(word, (0, 0))
        if chunks <= then * 1.1:
            return known
        found = self._count(word)
        if len(self._counted) > 10_000:
            self._counted.clear()
        self._counted[word] = (found, chunks)
        return found

    def _count(self, word: str) -> int:
        """Chunks with the word's stem; of several stems (a phrase) the rarest one's."""
        stems = stem(self._db.connection, word)
        found = self._db.rows(
            "select doc from vocabulary where term in (select value from json_each(?))",
            (json.dumps(stems),),
        )
        return min((doc for (doc,) in found), default=0) if len(found) == len(set(stems)) else 0


def affordable(frequencies: Sequence[tuple[str, int]], chunks: int, postings: int) -> list[str]:
    """The words worth looking up: those that tell something, rarest first, as the bound allows.

    A word in more than half of the chunks has no weight in BM25, yet touches all those rows. At
    least one word is always kept.

    Args:
        frequencies: ``(word, chunks it stands in)``.
        chunks: how many there are.
        postings: rows the words together may touch.
    """
    rarest = sorted(frequencies, key=lambda each: each[1])
    kept: list[str] = []
    total = 0
    for word, frequency in rarest:
        total += frequency
        if kept and (total > postings or frequency > chunks / 2):
            break
        kept.append(word)
    return kept


def stem(connection: apsw.Connection, text: str) -> list[str]:
    """The terms a text is indexed under."""
    tokenizer = connection.fts5_tokenizer(*TOKENIZER)
    found = tokenizer(
        text.encode(),
        apsw.FTS5_TOKENIZE_QUERY,
        None,
        include_offsets=False,
        include_colocated=False,
    )
    return [str(term) for term in found]


def numbers(said: str | None, dtype: type[N]) -> NDArray[N]:
    """Numbers that SQL joined by commas; None is none."""
    return np.fromstring(said, dtype, sep=",") if said else np.zeros(0, dtype)


def _quoted(word: str) -> str:
    """The word as a phrase of the query language, in which nothing is an operator."""
    return '"' + word.replace('"', '""').replace("\0", " ") + '"'  # NUL would end the query
