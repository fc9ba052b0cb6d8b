"""Texts with questions and what answers them: from a file of the reader's, or from docstrings.

Three forms of file are read:

* JSONL, a line a passage or a query:
  ``{"id": "p1", "passage": "…", "context": "…"}`` (the context may be left out) and
  ``{"query": "…", "relevant": ["p1"]}``;
* ``locomo10.json`` as published: conversations with questions and the turns that answer them;
* a list of ``{"id", "memories": [{"id", "text", "speaker", "date"}], "questions": [{"qid",
  "question", "category", "evidence"}]}``.
"""

import ast
import json
import re
import sysconfig
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

#: LoCoMo's category of questions that nothing answers.
ADVERSARIAL = 5
MONTHS = "jan feb mar apr may jun jul aug sep oct nov dec"


@dataclass(frozen=True)
class Passage:
    """A text; who said it and when, or where it stands."""

    id: str
    text: str
    context: str = ""
    speaker: str = ""
    date: str = ""


@dataclass(frozen=True)
class Question:
    """A question and the ids of the passages that answer it."""

    text: str
    relevant: frozenset[str]


@dataclass(frozen=True)
class Group:
    """Passages that are searched together, and their questions."""

    id: str
    passages: list[Passage]
    questions: list[Question]


def load(path: Path) -> list[Group]:
    """The groups of a file."""
    if path.suffix == ".jsonl":
        return [lines(path)]
    found = json.loads(path.read_text("utf-8"))
    return [locomo(one) if "conversation" in one else conversation(one) for one in found]


def lines(path: Path) -> Group:
    """Passages and queries, a JSON object a line."""
    passages, questions = [], []
    for line in path.read_text("utf-8").splitlines():
        one = json.loads(line)
        if "passage" in one:
            passages.append(Passage(str(one["id"]), one["passage"], one.get("context", "")))
        else:
            questions.append(Question(one["query"], frozenset(map(str, one["relevant"]))))
    return Group(path.stem, passages, questions)


def conversation(one: dict[str, Any]) -> Group:
    """A conversation in the plain form."""
    passages = [
        Passage(
            turn["id"],
            turn["text"],
            f"{turn['speaker']}, {turn.get('date') or ''}",
            turn["speaker"],
            turn.get("date") or "",
        )
        for turn in one["memories"]
    ]
    known = {passage.id for passage in passages}
    questions = [
        Question(asked["question"], frozenset(asked["evidence"]) & known)
        for asked in one["questions"]
        if asked["category"] != ADVERSARIAL
    ]
    return Group(one["id"], passages, [asked for asked in questions if asked.relevant])


def locomo(one: dict[str, Any]) -> Group:
    """A conversation as LoCoMo publishes it."""
    talk = one["conversation"]
    numbers = sorted(int(key[8:]) for key in talk if re.fullmatch(r"session_\d+", key))
    turns = [
        {
            "id": turn["dia_id"],
            "text": " ".join(filter(None, (turn.get("text"), turn.get("blip_caption")))),
            "speaker": turn["speaker"],
            "date": day(talk.get(f"session_{number}_date_time", "")),
        }
        for number in numbers
        for turn in talk[f"session_{number}"]
    ]
    asked = [
        {
            "question": question["question"],
            "category": question["category"],
            "evidence": [
                f"D{int(a)}:{int(b)}"
                for said in question.get("evidence") or []
                for a, b in re.findall(r"D:?(\d+):\s*(\d+)", said)
            ],
        }
        for question in one["qa"]
    ]
    return conversation({"id": one["sample_id"], "memories": turns, "questions": asked})


def day(said: str) -> str:
    """``1:56 pm on 8 May, 2023`` as ``2023-05-08``; "" for anything else."""
    found = re.search(r"on (\d+) (\w+),? (\d{4})", said)
    month = MONTHS.find(found[2][:3].lower()) if found else -1
    return f"{found[3]}-{month // 4 + 1:02d}-{int(found[1]):02d}" if found and month >= 0 else ""


def documented(most: int) -> Group:
    """Functions of the standard library: what they say they do, asked for by their name's words.

    The context of a passage is its module. A question is the words of the function's name and of
    its module, as someone asks who half remembers it.
    """
    passages, questions = [], []
    seen: set[str] = set()
    for module, name, text in functions():
        words = re.findall(r"[A-Z]?[a-z]+", name)
        place = f"{module}.{name}"
        if len(words) < 2 or {text, place} & seen:
            continue
        seen |= {text, place}
        passages.append(Passage(place, text, module))
        about = " ".join(word.lower() for word in [*words, *re.findall(r"[a-z]+", module)])
        questions.append(Question(about, frozenset({place})))
    step = max(1, len(passages) // most)
    return Group("docstrings", passages[::step][:most], questions[::step][:most])


def functions() -> Iterator[tuple[str, str, str]]:
    """Module, name and first paragraph of every documented function, in a fixed order."""
    root = Path(sysconfig.get_path("stdlib"))
    for path in sorted(root.rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        if {"site-packages", "test", "tests", "idlelib"} & set(parts):
            continue
        try:
            tree = ast.parse(path.read_text("utf-8"))
        except (SyntaxError, UnicodeDecodeError):
            continue
        for node in ast.walk(tree):
            text = ast.get_docstring(node) if isinstance(node, ast.FunctionDef) else None
            first = " ".join((text or "").split("\n\n")[0].split())
            if isinstance(node, ast.FunctionDef) and 6 <= len(first.split()) <= 80:
                yield ".".join(parts), node.name, first
