"""Fit the projection of token codes to the bundled model: made-up sentences -> token_basis.f16.

    python scripts/make_token_basis.py [--out FILE]

The sentences are templates of everyday talk, notes and questions filled with words of the model's
own vocabulary; the words themselves, each alone, are a tenth of the tokens. Deterministic for one
version of numpy and of the model. The file: float16, little endian, the mean token vector and then
128 principal components, each of 384 numbers.
"""

import argparse
import json
import random
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from routemem.memory_core import load_embedder
from routemem.memory_core.embedding.bundled import FOLDER
from routemem.memory_core.embedding.token_codes import BASIS, BITS

SENTENCES, WORDS = 4000, 6000
TEMPLATES = (
    "[{day} {month}, {year}] {name}: I {word} my {word} yesterday and it was so {word}!",
    "{name}: Hey {name}, how was the {word}? Did you get to see the {word} with your {kin}?",
    "[{day} {month}, {year}] {name}: Thanks, {name}! We went to the {word} last {past} with my "
    "{kin}, and the kids loved the {word}.",
    "The user prefers {word} over {word} because {word} is too {word}.",
    "{name}: I'm thinking about a new {word}. It has always been my dream to {word}.",
    "[{day} {month}, {year}] {name}: That's great, {name}. I'm proud of you for the {word} and "
    "{word}. What inspired you?",
    "What {word} did {name} {word} in {month}?",
    "When did {name} go to the {word} {word}?",
    "How many {word} has {name} bought since {month} {year}?",
    "{name}: My {kin} gave me this {word} when I was {day}. It reminds me of {word} and {word}.",
    "We decided to use {word} for the {word} since the {word} was slow.",
    "{name}: Wow, that sounds {word}! How long have you been into {word}?",
    "{name}: Yeah, I've been {word} for {day} years now. It helps me {word} and stay {word}.",
    "[{day} {month}, {year}] assistant: Here is a plan: first {word} the {word}, then test the "
    "{word} and write a {word} for it.",
    "Fixed the {word} bug in the {word} module; the {word} test now takes {day} seconds.",
    "def {word}_{word}({word}): return {word}.{word}({day})",
)
NAMES = "Anna Tom Maria Ben Lucy Omar Wei Paul Nina Karl Sofia Leo Ruth Ivan Grace Hugo".split()
MONTHS = (
    "January February March April May June July August September October November December".split()
)
KIN = "mother brother friends family daughter neighbour colleague".split()
PAST = "week month year summer Friday night".split()


def sentence(draw: random.Random, vocabulary: list[str]) -> str:
    """One template with every gap filled anew."""
    choices = {"name": NAMES, "month": MONTHS, "kin": KIN, "past": PAST, "word": vocabulary}
    said = draw.choice(TEMPLATES)
    for gap, among in choices.items():
        while f"{{{gap}}}" in said:
            said = said.replace(f"{{{gap}}}", draw.choice(among), 1)
    return said.replace("{day}", str(draw.randint(1, 28))).replace(
        "{year}", str(draw.randint(2015, 2030))
    )


def unit_tokens(texts: list[str]) -> NDArray[np.float64]:
    """Token vectors of all texts, each of length 1."""
    embedder = load_embedder("bundled")
    found = np.concatenate([embedder.encode([text]).tokens[0] for text in texts]).astype(np.float64)
    return np.asarray(found / np.linalg.norm(found, axis=1, keepdims=True))


def main() -> None:
    """Encode, centre, decompose, write."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=BASIS)
    out = parser.parse_args().out
    known = json.loads((FOLDER / "tokenizer.json").read_text("utf-8"))["model"]["vocab"]
    words = [word for word in known if word.isascii() and word.isalpha() and len(word) > 2]
    draw = random.Random(0)
    texts = [sentence(draw, words[:4000]) for _ in range(SENTENCES)] + draw.sample(words, WORDS)
    tokens = unit_tokens(texts)
    mean = tokens.mean(0)
    _, axes = np.linalg.eigh(np.cov((tokens - mean).T))  # ascending
    components = axes[:, ::-1][:, :BITS].T
    components *= np.sign(components[:, :1])  # an axis has no direction of its own
    np.vstack([mean, components]).astype("<f2").tofile(out)
    print(f"{out}: {len(tokens):,} tokens of {len(texts):,} texts, {out.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
