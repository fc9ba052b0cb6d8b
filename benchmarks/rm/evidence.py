"""A1, A2 and A3: routed search of real texts, against exact search and against what answers."""

import shutil
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from routemem.memory_core import Embedder, Memory, load_embedder

from ..claims import Options, Row, Table
from ..vectors import Vectors, nearest
from .reading import Group, Passage, documented, load
from .retrieval import SEED, filled, searched

#: Found ids, best first, for every question of a group.
Found = list[list[str]]


@cache
def embedder() -> Embedder:
    """The model in the package."""
    return load_embedder("bundled")


def passages(options: Options) -> Table:
    """A1."""
    (group,) = load(options.text) if options.text else [documented(options.n or 3000)]
    group = Group(group.id, group.passages, group.questions[: options.queries])
    found = every_way(options, group)
    scores = {way: scored(group, ids, found["exact"]) for way, ids in found.items()}
    rows = [
        Row("exact search", ours=told(scores["exact"])),
        Row(
            "routed, 4 buckets (ours: auto)",
            "0.9585",
            told(scores.get("theirs")),
            told(scores["routed"]),
            "R@5 against exact >= .99",
            scores["routed"]["agreement"] >= 0.99,
        ),
        Row(
            "as it comes (ours: meaning and words)",
            "",
            told(scores.get("theirs as it comes")),
            told(scores["recall"]),
            "hit@5 >= exact search",
            scores["recall"]["hit"] >= scores["exact"]["hit"],
        ),
    ]
    return Table(
        "passages",
        "R@5: share of the 5 exact nearest among 5 hits. hit@5: share of queries with a relevant "
        "passage among 5 hits; MRR: mean of 1 / its rank, 0 below 10. The claim is R@5 on MS MARCO "
        "against exact search, not against what is relevant.",
        f"{group.id}: {len(group.questions)} queries"
        + ("" if options.text else "; the names of functions ask for what they do"),
        len(group.passages),
        rows,
        scores,
        SEED,
    )


def conversations(options: Options) -> Table:
    """A2."""
    groups = load(options.text) if options.text else [documented(options.n or 1000)]
    rows: list[Row] = []
    raw: dict[str, Any] = {}
    for group in groups:
        found = every_way(options, group)
        raw[group.id] = {way: scored(group, ids, found["exact"]) for way, ids in found.items()}
        raw[group.id]["questions"] = len(group.questions)
        rows += lines_of(f"{group.id} ({len(group.passages)} turns)", raw[group.id])
    total = pooled(raw)
    agree, hit, *rest = lines_of("all", total)
    routed, recall = total["routed"]["agreement"], total["recall"]["hit"]
    rows += [
        Row(agree.what, "0.9934", agree.theirs, agree.ours, "R@5 >= .99", routed >= 0.99),
        Row(hit.what, "", hit.theirs, hit.ours, "hit@5 >= .60", recall >= 0.6),
        *rest,
    ]
    return Table(
        "conversations",
        "Each conversation in an index of its own, vectors of 'speaker: text'. R@5: share of the 5 "
        "exact nearest among 5 hits. "
        "hit@5: share of answerable questions with a turn that answers among 5 hits. Theirs opens "
        "4 buckets, and 3 with a threshold of .3 as it comes; ours routes by itself, and as it "
        "comes (recall) also goes by words, speakers and dates.",
        "conversations given by --data"
        if options.text
        else "no conversations given: functions of the standard library, in one group",
        sum(len(group.passages) for group in groups),
        rows,
        raw,
        SEED,
    )


def enrichment(options: Options) -> Table:
    """A3."""
    groups = load(options.text) if options.text else [documented(options.n or 2000)]
    hits: dict[str, list[list[bool]]] = {}
    for group in groups:
        group = Group(group.id, group.passages, group.questions[: max(options.queries, 200)])
        for way, rich in (("bare", False), ("rich", True)):
            found = vector_ways(options, group, [worded(one, rich) for one in group.passages])
            for name, ids in found.items():
                hits.setdefault(f"{name} {way}", []).append(hit(group, ids))
    rows: list[Row] = []
    raw: dict[str, Any] = {}
    for name, claim in (("exact", ""), ("routed", "+0.053")):
        mine = gained(hits, name)
        other = gained(hits, "theirs") if name == "routed" and "theirs bare" in hits else None
        raw[name] = {"ours": mine, "theirs": other}
        rows.append(Row(f"{name}: hit@5 gained", claim, change(other), change(mine)))
    rows[-1] = Row(
        rows[-1].what,
        rows[-1].claim,
        rows[-1].theirs,
        rows[-1].ours,
        "the gain of exact search, within .02",
        abs(raw["routed"]["ours"]["delta"] - raw["exact"]["ours"]["delta"]) <= 0.02,
    )
    return Table(
        "enrichment",
        "hit@5 with the context (speaker and date, or module) written before each text, minus "
        "without it; in brackets its 95 % interval over 2,000 bootstraps of the questions. Same "
        "encoder, same questions. The claim's data and metric are not published.",
        "given by --data" if options.text else "functions of the standard library",
        sum(len(group.passages) for group in groups),
        rows,
        raw,
        SEED,
    )


# ---------------------------------------------------------------------- ways to search


def every_way(options: Options, group: Group) -> dict[str, Found]:
    """What each way finds: by vectors alone, and by the whole product."""
    said = [f"{one.speaker}: {one.text}" if one.speaker else one.text for one in group.passages]
    found = vector_ways(options, group, said)
    return found | {"recall": recalled(group)}


def vector_ways(options: Options, group: Group, texts: list[str]) -> dict[str, Found]:
    """Exact, ours routed, and theirs, on the same vectors."""
    stored = embedder().encode(texts).vectors
    asked = embedder().encode([one.text for one in group.questions]).vectors
    names = [one.id for one in group.passages]

    def named(rows: Sequence[Sequence[int]]) -> Found:
        return [[names[row] for row in ids] for ids in rows]

    index = filled(stored, flat_until=0)
    found = {
        "exact": named(nearest(stored, asked, 10).tolist()),
        "routed": named([[hit.id for hit in index.search(query, 10).hits] for query in asked]),
    }
    for way, probes, limit in (("theirs", 4, -2.0), ("theirs as it comes", 3, 0.3)):
        answer = their_ids(options, stored, asked, probes, limit)
        if answer is not None:
            found[way] = named(answer)
    return found


def their_ids(
    options: Options, stored: Vectors, asked: Vectors, probes: int, threshold: float
) -> list[list[int]] | None:
    """Rows their retriever finds."""
    found = searched(options, stored, asked, (probes,), threshold=threshold)
    return found["probes"][str(probes)]["ids"] if found else None


def recalled(group: Group) -> Found:
    """What the product recalls, each passage remembered as a user would."""
    folder = Path(tempfile.mkdtemp())
    memory = Memory.open(folder / "scope.db", embedder=embedder())
    names: dict[str, str] = {}
    for one in group.passages:
        receipt = memory.remember(
            one.text,
            kind="turn" if one.speaker else "note",
            speaker=one.speaker,
            when=one.date or None,
            source="user",
        )
        names.setdefault(receipt.id, one.id)
    found = [
        [names[hit.id] for hit in memory.recall(asked.text, top_k=10, max_tokens=25_000).hits]
        for asked in group.questions
    ]
    memory.close()
    shutil.rmtree(folder)
    return found


def worded(one: Passage, rich: bool) -> str:
    """A passage as it is embedded, with its context or without."""
    return f"{one.context}: {one.text}" if rich and one.context else one.text


# ---------------------------------------------------------------------- scores


def scored(group: Group, found: Found, exact: Found) -> dict[str, float]:
    """Agreement with exact search, and what answers among the hits."""
    ranks = [
        next((rank for rank, name in enumerate(ids, 1) if name in asked.relevant), 0)
        for ids, asked in zip(found, group.questions, strict=True)
    ]
    both = [len({*a[:5]} & {*b[:5]}) / len(b[:5]) for a, b in zip(found, exact, strict=True)]
    return {
        "agreement": float(np.mean(both)),
        "hit": float(np.mean(hit(group, found))),
        "mrr": float(np.mean([1 / rank if rank else 0 for rank in ranks])),
    }


def hit(group: Group, found: Found) -> list[bool]:
    """Whether something that answers is among the first 5."""
    return [
        bool({*ids[:5]} & asked.relevant) for ids, asked in zip(found, group.questions, strict=True)
    ]


def pooled(raw: dict[str, Any]) -> dict[str, Any]:
    """Means over all questions of all groups."""
    count: int = sum(one["questions"] for one in raw.values())
    first = next(iter(raw.values()))

    def mean(way: str, name: str) -> float:
        return sum(float(one[way][name]) * int(one["questions"]) for one in raw.values()) / count

    ways = [way for way in first if way != "questions"]
    total: dict[str, Any] = {way: {name: mean(way, name) for name in first[way]} for way in ways}
    return total | {"questions": count}


def gained(hits: dict[str, list[list[bool]]], name: str) -> dict[str, float]:
    """What enrichment adds to hit@5, with its interval."""
    bare = np.concatenate([np.array(one, float) for one in hits[f"{name} bare"]])
    rich = np.concatenate([np.array(one, float) for one in hits[f"{name} rich"]])
    rng = np.random.default_rng(SEED)
    drawn = rng.integers(0, len(bare), (2000, len(bare)))
    low, high = np.percentile((rich - bare)[drawn].mean(axis=1), [2.5, 97.5])
    return {
        "bare": float(bare.mean()),
        "rich": float(rich.mean()),
        "delta": float((rich - bare).mean()),
        "low": float(low),
        "high": float(high),
        "questions": len(bare),
    }


# ---------------------------------------------------------------------- cells


def lines_of(what: str, one: dict[str, Any]) -> list[Row]:
    """Both measures of a group."""

    def cells(measure: str, ways: dict[str, str]) -> str:
        return ", ".join(
            f"{one[way][measure]:.3f} {said}" for way, said in ways.items() if way in one
        )

    theirs = {"theirs": "(4 buckets)", "theirs as it comes": "as it comes"}
    return [
        Row(
            f"{what}: R@5 against exact search",
            "",
            cells("agreement", theirs),
            cells("agreement", {"routed": ""}),
        ),
        Row(
            f"{what}, {one['questions']} questions: hit@5",
            "",
            cells("hit", theirs),
            cells("hit", {"recall": "as it comes", "routed": "routed", "exact": "exact vectors"}),
        ),
    ]


def told(one: dict[str, float] | None) -> str:
    """All three measures."""
    if not one:
        return ""
    return f"R@5 {one['agreement']:.4f}, hit@5 {one['hit']:.3f}, MRR {one['mrr']:.3f}"


def change(one: dict[str, float] | None) -> str:
    """A gain with its interval."""
    if not one:
        return ""
    return (
        f"{one['delta']:+.3f} [{one['low']:+.3f}, {one['high']:+.3f}] "
        f"({one['bare']:.3f} to {one['rich']:.3f}, {one['questions']} questions)"
    )
