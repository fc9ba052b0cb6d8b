"""What a scope can teach a small model: conversations and summaries as chat, and how to train.

Off unless it is asked for. Nothing untrusted is in it: a text from outside must not become what a
model says by itself.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from ..errors import InvalidArgument, StorageError
from ..records import Filter, Item
from ..storage.contract import Store
from .files import write_new

DATA, CONFIG = "train.jsonl", "lora.json"
#: Longest pause between a question and its answer, seconds.
PAUSE = 1800
ASK = "Summarise in as few words as keep every name, number and date:\n\n{text}"
#: LoRA as Advanced Memory Management sets it; names as `peft.LoraConfig` takes them.
LORA: dict[str, Any] = {
    "r": 8,
    "lora_alpha": 32,
    "lora_dropout": 0.1,
    "target_modules": "all-linear",
    "task_type": "CAUSAL_LM",
}
TRAINING: dict[str, Any] = {"epochs": 3, "learning_rate": 2e-4, "max_tokens": 1024, "seed": 42}


@dataclass(frozen=True, slots=True)
class TrainingSet:
    """What was written.

    Attributes:
        exchanges: questions of the user with the assistant's answers.
        summaries: texts with the summary a model wrote of them.
    """

    folder: Path
    exchanges: int
    summaries: int


def write_training(store: Store, folder: Path) -> TrainingSet:
    """Write ``train.jsonl`` and ``lora.json`` to a folder, made if missing.

    Raises:
        InvalidArgument: there is nothing to learn from, or the files are there already.
        StorageError: they cannot be written.
    """
    with store.reading():
        rows = store.matching(Filter()).tolist()
        items = [item for _, item in sorted(store.items(rows).items()) if item.trust != "untrusted"]
    exchanges, summaries = list(exchanges_of(items)), list(summaries_of(items))
    if not exchanges and not summaries:
        raise InvalidArgument(
            "There is nothing to learn from: no exchange (log_turn) and no summary that a model "
            "wrote (compress)."
        )
    config = {"base_model": "", "data": DATA, "lora": LORA, "training": TRAINING}
    lines = b"".join(_line(chat) for chat in (*exchanges, *summaries))
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StorageError(f"{folder} cannot be made ({error.strerror}).") from error
    write_new(folder / DATA, lambda file: file.write(lines))
    write_new(folder / CONFIG, lambda file: file.write(json.dumps(config, indent=2).encode()))
    return TrainingSet(folder, len(exchanges), len(summaries))


def exchanges_of(items: Sequence[Item]) -> Iterator[list[dict[str, str]]]:
    """Each turn of the user with the assistant's answer that follows it."""
    turns = [item for item in items if item.kind == "turn"]
    for said, answered in pairwise(turns):
        apart = abs(_time(answered) - _time(said))
        if (said.origin, answered.origin) == ("user", "assistant") and apart <= PAUSE:
            yield _chat(said.text, answered.text)


def summaries_of(items: Sequence[Item]) -> Iterator[list[dict[str, str]]]:
    """Each text with the summary that a model wrote of it; those cut from it teach nothing."""
    for item in items:
        if item.summary and item.summary_by == "model":
            yield _chat(ASK.format(text=item.text), item.summary)


def _chat(asked: str, answer: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": asked}, {"role": "assistant", "content": answer}]


def _line(chat: list[dict[str, str]]) -> bytes:
    return json.dumps({"messages": chat}, ensure_ascii=False).encode() + b"\n"


def _time(item: Item) -> float:
    return item.created_at if item.when is None else item.when
