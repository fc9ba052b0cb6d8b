"""How much of the evidence survives extraction, by a harness's conversations with gold turns."""

import json
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from statistics import mean
from typing import Any

from routemem.memory_core.lifecycle.compression import SHARES, shorten
from routemem.memory_core.lifecycle.extractive import salience
from routemem.memory_core.text.sentences import sentences
from routemem.memory_core.text.tokens import TokenCounter

#: Questions about what was never said have no evidence to keep.
ADVERSARIAL = 5


def retention(data: Path) -> dict[str, Any]:
    """Share of gold turns kept when turns are chosen by salience, and by `compress` itself.

    Args:
        data: JSON, ``[{"id", "memories": [{"id", "text", "speaker", "session"}], "questions":
            [{"category", "evidence": [memory ids]}]}]``.
    """
    conversations = json.loads(data.read_text("utf-8"))
    asked = [
        (conversation["id"], question["evidence"])
        for conversation in conversations
        for question in conversation["questions"]
        if question["category"] != ADVERSARIAL and question["evidence"]
    ]
    results: dict[str, Any] = {"conversations": len(conversations), "questions": len(asked)}
    for name, unit, ratio in (
        ("session 2:1", "session", 2),
        ("session 5:1", "session", 5),
        ("session 10:1", "session", 10),
        ("conversation 10:1", "", 10),
        ("conversation 50:1", "", 50),
    ):
        kept: dict[str, set[str]] = {}
        words = total = 0
        for conversation in conversations:
            chosen = kept.setdefault(conversation["id"], set())
            for turns in _grouped(conversation["memories"], unit):
                some, used = _most_salient(turns, ratio)
                chosen |= some
                words += used
                total += sum(_words(turn) for turn in turns)
        results[name] = {
            "gold_turns_kept": round(100 * _share(asked, kept), 1),
            "real_ratio": round(total / words, 2),
        }
    count = TokenCounter.load().count
    for strategy in SHARES:
        results[f"compress {strategy}, a session each"] = _compressed(
            conversations, asked, strategy, count
        )
    return results


def _grouped(memories: list[dict[str, Any]], unit: str) -> list[list[dict[str, Any]]]:
    groups: defaultdict[Any, list[dict[str, Any]]] = defaultdict(list)
    for turn in memories:
        groups[turn[unit] if unit else ""].append(turn)
    return list(groups.values())


def _words(turn: dict[str, Any]) -> int:
    return len(turn["text"].split())


def _most_salient(turns: Sequence[dict[str, Any]], ratio: int) -> tuple[set[str], int]:
    """Ids of the turns that show the most, within the share of words; at least one."""
    room = sum(map(_words, turns)) / ratio
    ranked = sorted(turns, key=lambda turn: -salience(turn["text"]))
    chosen, used = {ranked[0]["id"]}, _words(ranked[0])
    for turn in ranked[1:]:
        if used + _words(turn) <= room * 1.02:
            chosen.add(turn["id"])
            used += _words(turn)
    return chosen, used


def _share(asked: list[tuple[str, list[str]]], kept: dict[str, set[str]]) -> float:
    shares = [
        sum(turn in kept[conversation] for turn in evidence) / len(evidence)
        for conversation, evidence in asked
    ]
    return sum(shares) / len(shares)


def _words_kept(turn: str, short: str) -> float:
    """Share of a turn's words whose whole sentence stands in a summary."""
    said = [turn[start:end] for start, end in sentences(turn)]
    kept = sum(len(sentence.split()) for sentence in said if sentence in short)
    return kept / max(1, sum(len(sentence.split()) for sentence in said))


def _compressed(
    conversations: list[dict[str, Any]],
    asked: list[tuple[str, list[str]]],
    strategy: str,
    count: Any,
) -> dict[str, Any]:
    """Each session as one memory, shortened as `compress` does; of a gold turn those words count
    whose sentence is kept word for word.
    """
    kept: dict[str, dict[str, float]] = {}
    before = after = won = sessions = 0
    for conversation in conversations:
        shares = kept.setdefault(conversation["id"], {})
        for turns in _grouped(conversation["memories"], "session"):
            text = "\n".join(f"{turn['speaker']}: {turn['text']}" for turn in turns)
            short = shorten(text, strategy, count)
            before += count(text)
            after += short.tokens
            won += short.protected_won
            sessions += 1
            shares |= {turn["id"]: _words_kept(turn["text"], short.text) for turn in turns}
    parts = [[kept[conversation][turn] for turn in evidence] for conversation, evidence in asked]
    return {
        "words_of_gold_turns_kept": round(100 * mean(map(mean, parts)), 1),
        "real_ratio": round(before / after, 2),
        "sessions": sessions,
        "sessions_where_protected_words_won": won,
    }
