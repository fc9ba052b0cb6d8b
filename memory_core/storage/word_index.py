"""Search by words: FTS5's BM25 over `Speaker: text`, bounded in what one question may touch."""

import json
from collections.abc import Sequence

import apsw

from ..records import Filter
from .contract import TextHit
from .database import Database
from .items import where_clause

TOKENIZER = ("porter", ["unicode61", "remove_diacritics", "2"])  # as in the migration
#: Below this many chunks every question is cheap, so no word is looked up beforehand.
SMALL = 20_000


def search(
    db: Database, words: Sequence[str], where: Filter, limit: int, postings: int
) -> list[TextHit]:
    """Chunks holding any of the words, best BM25 first; ties by row, so that order is stable."""
    with db.reading():
        kept = _affordable(db, words, postings)
        if not kept:
            return []
        condition, values = where_clause(where)
        found = db.rows(
            "select words.rowid, chunks.item, -words.rank from words "
            "join chunks on chunks.row = words.rowid join items on items.row = chunks.item "
            f"where words match ? and {condition} order by words.rank, words.rowid limit ?",
            (" OR ".join(_quoted(word) for word in kept), *values, limit),
        )
    return [TextHit(chunk, item, score) for chunk, item, score in found]


def _affordable(db: Database, words: Sequence[str], postings: int) -> list[str]:
    """The rarest words whose rows add up to at most ``postings``; at least one."""
    if (db.value("select max(row) from chunks") or 0) < SMALL:
        return list(words)
    frequency = {word: _frequency(db, word) for word in words}
    kept: list[str] = []
    total = 0
    for word in sorted(words, key=lambda word: frequency[word]):
        total += frequency[word]
        if kept and total > postings:
            break
        kept.append(word)
    return kept


def _frequency(db: Database, word: str) -> int:
    """In how many chunks the word's stem stands; of several stems (a phrase) the rarest."""
    stems = stem(db.connection, word)
    found = db.rows(
        "select doc from vocabulary where term in (select value from json_each(?))",
        (json.dumps(stems),),
    )
    return min((doc for (doc,) in found), default=0) if len(found) == len(set(stems)) else 0


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


def _quoted(word: str) -> str:
    """The word as a phrase of the query language, in which nothing is an operator."""
    return '"' + word.replace('"', '""').replace("\0", " ") + '"'  # NUL would end the query
