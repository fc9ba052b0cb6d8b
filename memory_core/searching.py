"""From a question to an order of items: candidates, signals, one score."""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import isnan
from typing import Any

import numpy as np

from .lifecycle.supersession import at_issue, may_follow, read
from .lifecycle.values import asks_for_older, words_of
from .meaning import Asked, Meaning, Nearest
from .question import Question
from .records import Succession
from .retrieval.confidence import as_chance, chance_of_answer
from .retrieval.cues import read_cues
from .retrieval.late_interaction import max_sim, token_weights
from .retrieval.lexical import content_words
from .retrieval.outline import Bools, Floats, Ints, Outline, per_item
from .retrieval.ranking import (
    DEPTH,
    WEIGHTS,
    WEIGHTS_BEFORE_TOKENS,
    Candidate,
    best,
    weighted,
)
from .retrieval.signals import cue_signals, lexical_signals, meaning_signals, stood_for
from .retrieval.succession import MOVED, asks_of_change, newer_first, together
from .retrieval.words import Matches, coverage, match
from .settings import Settings
from .storage.contract import Store
from .timeline import Timeline


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found.

    Attributes:
        candidates: best first, as far as they may be shown, and one more if there is one.
        by_meaning: whether vectors took part.
        routing: how the index was searched, by name.
        chance: that they hold what was asked for, 0 to 1; None when that cannot be told.
        stored: how many memories there are.
    """

    candidates: Sequence[Candidate] = ()
    by_meaning: bool = False
    routing: Mapping[str, Any] = field(default_factory=dict)
    chance: float | None = None
    stored: int = 0


class Searching:
    """Ranks what a scope holds against a question."""

    def __init__(
        self, store: Store, meaning: Meaning, settings: Settings, clock: Callable[[], float]
    ) -> None:
        self._store = store
        self._meaning = meaning
        self._settings = settings
        self._clock = clock
        self._timeline = Timeline(store)
        self._guard = threading.Lock()

    def search(self, asked: Question, question: Asked | None) -> Found:
        """What bears on a question, best first. Inside `Store.reading()`.

        Candidates are the nearest by meaning and the best by everything else; token codes are read
        for the first `DEPTH` of them.

        Args:
            question: None searches by words alone.
        """
        with self._guard:
            outline = self._timeline.now()
        limit = max(self._settings.candidates, asked.skip + asked.top_k + 1)
        near = self._meaning.search(question, asked.where, limit) if question else None
        found = Found(
            by_meaning=near is not None,
            routing=near.routing if near else {},
            stored=int(np.count_nonzero(outline.live)),
        )
        cues = read_cues(asked.query, outline.names, self._clock())
        words = content_words(asked.query)
        postings = self._store.postings(words, self._settings.postings)
        matches = match(words, postings, outline, cues.name_words)
        told = lexical_signals(outline, matches) | cue_signals(outline, matches, cues)
        by_words = weighted(told, WEIGHTS_BEFORE_TOKENS)
        allowed = self._allowed(asked, outline)
        pool = _pool(outline, matches, by_words, allowed, near, limit)
        if not len(pool):
            return found
        signals = {name: values[pool] for name, values in told.items()}
        cosine = np.full(len(outline.chunks), np.nan)
        if question and near:
            cosine = self._cosines(outline, pool, question, near)
        nearest = per_item(cosine, outline.start)
        if near:
            signals |= meaning_signals(outline, nearest, pool, signals["words"])
        order = best(weighted(signals, WEIGHTS_BEFORE_TOKENS), len(pool))
        pool, signals = pool[order], {name: values[order] for name, values in signals.items()}
        chunks = _best_chunks(outline, matches, cosine, pool)
        scores = self._scores(asked, question if near else None, matches, outline, chunks, signals)
        chances = as_chance(scores, tokens="tokens" in signals)
        final = np.argsort(-scores, kind="stable")
        if near and asked.threshold > 0:
            final = final[np.nan_to_num(nearest[pool[final]], nan=-1.0) >= asked.threshold]
        final = self._in_succession(asked.query, outline.items[pool], final)
        # What stands before a better one for being newer is worth at least as much.
        chances[final] = np.maximum.accumulate(chances[final][::-1])[::-1]
        shown = final[: asked.skip + asked.top_k + 1]
        return replace(
            found,
            candidates=_candidates(
                outline.items[pool[shown]].tolist(),
                outline.chunks[chunks[shown]].tolist(),
                chances[shown].tolist(),
                nearest[pool[shown]].tolist(),
                {name: values[shown].tolist() for name, values in signals.items()},
            ),
            chance=chance_of_answer(signals),
        )

    def _in_succession(self, question: str, items: Ints, order: Ints) -> Ints:
        """The order with what took another's place before it; see `retrieval.succession`.

        Args:
            items: ``(p,)``, row of each candidate.
            order: their places, best first.
        """
        rows = items[order[:DEPTH]].tolist()
        found = [p for p in self._store.successions(rows) if p.relation != "repeats"]
        if not found:
            return order
        change = asks_of_change(question)
        near = self._at_issue(question, rows[:MOVED], found, apart=change)
        ordered = newer_first(rows, [pair for pair, named in near if not named])
        if change:
            ordered = together(ordered, [pair for pair, _ in near])
        places = dict(zip(rows, order[:DEPTH].tolist(), strict=True))
        return np.array([*(places[row] for row in ordered), *order[DEPTH:].tolist()], np.intp)

    def _at_issue(
        self, question: str, top: Sequence[int], found: Sequence[Succession], *, apart: bool
    ) -> list[tuple[tuple[int, int], bool]]:
        """Pairs near the top whose difference is asked about, ``(newer, older)``, and whether the
        older is asked for by its value, though the newer does not speak of a change.

        Args:
            apart: one of the two near the top is enough.
        """
        enough = 1 if apart else 2
        near = [p for p in found if (p.newer in top) + (p.older in top) >= enough]
        if not near:
            return []
        asked = read(question)
        items = self._store.items([*{row for pair in near for row in (pair.newer, pair.older)}])
        said = {row: read(item.text) for row, item in items.items()}
        chosen = []
        for pair in near:
            newer, older = said.get(pair.newer), said.get(pair.older)
            if newer is None or older is None or not at_issue(asked, newer, older):
                continue
            if not may_follow(items[pair.newer].trust, items[pair.older].trust):
                continue
            unsure = pair.relation != "supersedes"
            named = unsure and asks_for_older(words_of(question), newer.words, older.words)
            chosen.append(((pair.newer, pair.older), named))
        return chosen

    def _allowed(self, asked: Question, outline: Outline) -> Bools:
        allowed = outline.live | outline.archived if asked.where.archived else outline.live
        if asked.where.restricts:
            allowed = allowed & outline.item_places(self._store.matching(asked.where))
        return allowed

    def _cosines(self, outline: Outline, pool: Ints, question: Asked, near: Nearest) -> Floats:
        """Cosine of every chunk of the pool, ``(m,)``; nan elsewhere and without a vector."""
        cosine = np.full(len(outline.chunks), np.nan)
        close = outline.places_of(near.chunks)
        if len(close) == len(near.chunks):
            cosine[close] = near.cosines
        places = outline.chunk_places(pool)
        left = places[np.isnan(cosine[places])]
        cosine[left] = self._meaning.cosines(question, outline.chunks[left])
        return cosine

    def _scores(
        self,
        asked: Question,
        question: Asked | None,
        matches: Matches,
        outline: Outline,
        chunks: Ints,
        signals: dict[str, Floats],
    ) -> Floats:
        """Final scores; adds the signal ``tokens`` of the first `DEPTH`, nan for the others."""
        before = weighted(signals, WEIGHTS_BEFORE_TOKENS)
        if question is None:
            return before
        weights = token_weights(asked.query, question.spans, matches.words, matches.idf)
        rows = outline.chunks[chunks[:DEPTH]].tolist()
        codes = self._meaning.codes(question, rows) if weights.any() else {}
        if not codes:
            return before
        close = max_sim(question.tokens, weights, [codes[row] for row in rows if row in codes])
        tokens = np.full(len(rows), np.nan)
        tokens[[row in codes for row in rows]] = close
        tokens = stood_for(tokens, signals["words"][: len(rows)])
        depth = len(rows)
        full = weighted({n: v[:depth] for n, v in signals.items()} | {"tokens": tokens}, WEIGHTS)
        signals["tokens"] = np.concatenate([tokens, np.full(len(chunks) - depth, np.nan)])
        # What was not looked at closely comes after, in the order it had.
        return np.concatenate([full, full.min() - before[:depth].min() + before[depth:]])


def _pool(
    outline: Outline,
    matches: Matches,
    by_words: Floats,
    allowed: Bools,
    near: Nearest | None,
    limit: int,
) -> Ints:
    """Places of the candidates: best by what can be told without vectors, and nearest by them."""
    worded = np.flatnonzero(matches.items.any(0) & allowed)
    chosen = worded[best(by_words[worded], limit)]
    if near is None:
        return chosen
    either = np.zeros(len(allowed), np.bool_)
    either[chosen] = True
    either[outline.owner[outline.places_of(near.chunks)]] = True
    return np.flatnonzero(either & allowed)


def _candidates(
    items: list[int],
    chunks: list[int],
    scores: list[float],
    cosines: list[float],
    signals: dict[str, list[float]],
) -> list[Candidate]:
    """Candidates of their values, one of each for each of them; nan is none."""
    each = zip(*signals.values(), strict=True)
    return [
        Candidate(
            item,
            chunk,
            score,
            None if isnan(cosine) else cosine,
            {name: value for name, value in zip(signals, told, strict=True) if not isnan(value)},
        )
        for item, chunk, score, cosine, told in zip(
            items, chunks, scores, cosines, each, strict=True
        )
    ]


def _best_chunks(outline: Outline, matches: Matches, cosine: Floats, pool: Ints) -> Ints:
    """The chunk of each item that says most of the question, by place."""
    chosen = outline.start[pool].copy()
    several = np.flatnonzero(outline.sizes[pool] > 1)
    if len(several):
        told = coverage(matches.weights, matches.chunks) + np.nan_to_num(cosine)
        for number in several.tolist():
            extent = outline.extent(int(pool[number]))
            chosen[number] = extent[int(told[extent.start : extent.stop].argmax())]
    return chosen
