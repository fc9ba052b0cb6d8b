"""Shares of the evidence found, their means and intervals."""

import random
import statistics
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

KS = (1, 5, 10, 20)
UNANSWERABLE = (5, "adversarial", "abstention")
CATEGORIES = {1: "multi-hop", 2: "temporal", 3: "open-domain", 4: "single-hop", 5: "adversarial"}


def score(found: Sequence[Any], gold: Sequence[Any], session: dict[Any, Any]) -> dict[str, float]:
    """Of one question: shares of its evidence found, by turn and by conversation."""
    places = {turn: place for place, turn in reversed(list(enumerate(found)))}
    ranks = sorted(places.get(turn, 10**6) for turn in gold)
    told = {f"R@{k}": sum(rank < k for rank in ranks) / len(ranks) for k in KS}
    told["all@10"] = float(ranks[-1] < 10)
    told["all"] = float(ranks[-1] < len(found))
    told["MRR"] = 1 / (1 + ranks[0])
    talks = list(dict.fromkeys(session[turn] for turn in found))
    wanted = {session[turn] for turn in gold}
    told["conversation any@5"] = float(bool(wanted & set(talks[:5])))
    told["conversation all@10"] = float(wanted <= set(talks[:10]))
    return told


def summary(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Means with 95 % bootstrap intervals over questions, in per cent."""
    draw = random.Random(0)
    names = [name for name in rows[0] if name not in ("qid", "conversation", "category", "ms")]
    told: dict[str, Any] = {"n": len(rows)}
    for name in names:
        values = [row[name] for row in rows]
        means = sorted(statistics.fmean(draw.choices(values, k=len(values))) for _ in range(400))
        told[name] = [round(100 * x, 1) for x in (statistics.fmean(values), means[10], means[389])]
    return told


def by_category(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """A summary for each category and for all that can be answered."""
    groups: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        groups[str(CATEGORIES.get(row["category"], row["category"]))].append(row)
        if row["category"] not in UNANSWERABLE:
            groups["answerable"].append(row)
    return {name: summary(group) for name, group in sorted(groups.items())}


def auc(answerable: Sequence[float], others: Sequence[float]) -> float:
    """Chance that an answerable question has the higher value."""
    wins = sum((a > b) + 0.5 * (a == b) for a in answerable for b in others)
    return wins / (len(answerable) * len(others))
