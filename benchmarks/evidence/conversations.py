"""Conversations with questions whose evidence is known."""

import json
import re
from pathlib import Path
from typing import Any, TypeAlias

#: ``id``, ``memories`` and ``questions``.
Talk: TypeAlias = dict[str, Any]


def load(path: Path) -> list[Talk]:
    """Conversations in the normalised form."""
    raw = json.loads(path.read_text("utf-8"))
    return [_locomo(each) if "conversation" in each else each for each in raw]


def users_only(talk: Talk) -> Talk:
    """The conversation without what an assistant said."""
    memories = [m for m in talk["memories"] if m.get("role") != "assistant"]
    ids = {m["id"] for m in memories}
    questions = [
        q | {"evidence": [e for e in q["evidence"] if e in ids]} for q in talk["questions"]
    ]
    return talk | {"memories": memories, "questions": questions}


def fields(turn: dict[str, Any]) -> dict[str, Any]:
    """How a turn is remembered."""
    speaker = turn.get("speaker") or turn.get("role") or ""
    when = turn.get("date") or (turn.get("date_str") or "").replace("-", " ")
    source = "assistant" if speaker == "assistant" else "user"
    return {"kind": "turn", "speaker": speaker, "when": when, "source": source}


def line(turn: dict[str, Any]) -> str:
    """A turn as one text, for what knows no speaker: ``Speaker: text``."""
    speaker = turn.get("speaker") or ""
    return f"{speaker}: {turn['text']}" if speaker else turn["text"]


def _locomo(sample: dict[str, Any]) -> Talk:
    talk, memories = sample["conversation"], []
    numbers = [int(k[8:]) for k, v in talk.items() if re.fullmatch(r"session_\d+", k) and v]
    for number in sorted(numbers):
        for turn in talk[f"session_{number}"]:
            seen = turn.get("blip_caption")
            text = (turn.get("text") or "").strip() + (f" [shared image: {seen}]" if seen else "")
            memories.append(
                {"id": turn["dia_id"], "text": text.strip(), "speaker": turn["speaker"],
                 "session": number, "date_str": talk.get(f"session_{number}_date_time", "")}
            )  # fmt: skip
    ids = {memory["id"] for memory in memories}
    questions = []
    for number, asked in enumerate(sample["qa"]):
        said = " ".join(asked.get("evidence") or [])
        gold = [f"D{int(a)}:{int(b)}" for a, b in re.findall(r"D:?(\d+):\s*(\d+)", said)]
        questions.append(
            {"qid": f"{sample['sample_id']}-q{number}", "question": asked["question"],
             "category": asked["category"],
             "evidence": [turn for turn in dict.fromkeys(gold) if turn in ids]}
        )  # fmt: skip
    return {"id": sample["sample_id"], "memories": memories, "questions": questions}
