"""Made-up documents of a given size: a very redundant kind, and one that is not."""

import random
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

from ..texts import PEOPLE, PLACES, memory

#: Characters of a document: 40,000 tokens, as in the 10x test of Advanced Memory Management.
SIZE = 160_000
TOPICS = (
    "authentication", "database", "infrastructure", "monitoring", "frontend", "payments", "search",
    "queueing", "testing", "deployment", "logging", "caching", "security", "billing", "messaging",
    "reporting",
)  # fmt: skip


@dataclass(frozen=True)
class Document:
    """A text, and questions with the words that must be in an answer."""

    text: str
    questions: tuple[tuple[str, str], ...]


def redundant(number: int) -> Document:
    """Forty template lines of one topic, over and over, with four planted answers."""
    topic = TOPICS[number % len(TOPICS)]
    lines = [
        f"The {topic} module handles part {part} of the request and passes it on to the next "
        "stage, where it is checked, transformed and stored before an answer is sent back."
        for part in range(40)
    ]
    return _planted(lambda n: lines[n % len(lines)], number, topic)


def varied(number: int) -> Document:
    """Words in a natural mixture that never repeat a line, with four planted answers."""
    draw = np.random.default_rng(number)
    ranks = 1 / np.arange(1, len(_WORDS) + 1)
    words = iter(draw.choice(len(_WORDS), size=SIZE // 4, p=ranks / ranks.sum()).tolist())
    return _planted(lambda n: _sentence(words, draw), number, TOPICS[number % len(TOPICS)])


def conversation(number: int) -> str:
    """Six turns of about 160 tokens with their own numbers."""
    who, place = PEOPLE[number % len(PEOPLE)], PLACES[number // 3 % len(PLACES)]
    said = [memory(number * 4 + k) for k in range(3)]
    return "\n".join(
        [
            f"User: {said[0]}",
            f"Assistant: Noted, {who}. Is there anything else about {place} to keep in mind?",
            f"User: Yes. {said[1]}",
            "Assistant: I have put that beside the first. Shall I remind you of it next week?",
            f"User: Please do. {said[2]}",
            f"Assistant: Done; conversation {number} is filed.",
        ]
    )


def zlib_ratio(texts: list[str]) -> float:
    """How much smaller zlib makes them all together: how redundant they are."""
    packed, size = zlib.compressobj(9), 0
    raw = 0
    for text in texts:
        data = text.encode()
        raw += len(data)
        size += len(packed.compress(data))
    return raw / (size + len(packed.flush()))


def _planted(line: Callable[[int], str], number: int, topic: str) -> Document:
    draw = random.Random(number)
    keys = [f"KX{number:02}{part}-{draw.randrange(10_000, 99_999)}" for part in range(4)]
    projects = [f"{draw.choice(_WORDS)}{draw.choice(_WORDS)}" for _ in range(4)]
    planted = {
        (part + 1) * SIZE // 5: f"For {topic} the release key of the project {project} is {key}."
        for part, (key, project) in enumerate(zip(keys, projects, strict=True))
    }
    parts: list[str] = []
    size = n = 0
    waiting = sorted(planted)
    while size < SIZE:
        said = planted[waiting.pop(0)] if waiting and size >= waiting[0] else line(n)
        parts.append(said)
        size += len(said) + 1
        n += 1
    questions = tuple(
        (f"What is the release key of the project {project}?", key)
        for key, project in zip(keys, projects, strict=True)
    )
    return Document("\n".join(parts), questions)


def _sentence(words: Iterator[int], draw: "np.random.Generator") -> str:
    said = [_WORDS[next(words)] for _ in range(int(draw.integers(8, 22)))]
    return " ".join(said).capitalize() + "."


def _made_up() -> list[str]:
    draw = random.Random(7)
    starts = "b br c ch d dr f fl g gr h j k l m n p pl pr r s sh st t tr v w".split()
    middles = "a e i o u ai ea ou".split()
    ends = "n r l s t m nd st ck rm d ng".split()
    words: dict[str, None] = {}
    while len(words) < 8000:
        syllables = draw.choice((1, 1, 2, 2, 3))
        word = "".join(draw.choice(starts) + draw.choice(middles) for _ in range(syllables))
        words[word + draw.choice(ends)] = None
    return list(words)


_WORDS = _made_up()
