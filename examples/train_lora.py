"""Train a LoRA adapter on what `routemem export --train` writes.

With a folder and a base model it trains that one; without, a tiny model with random weights on a
few made-up exchanges, offline, to show that everything fits together. Needs the extra:
pip install ".[train]".
"""

import json
import random
import sys
import tempfile
from pathlib import Path
from typing import Any

from routemem.memory_core import Memory


def main(folder: Path | None = None, base: str = "") -> Path:
    """Train; returns the folder of the adapter."""
    folder = folder or made_up(Path(tempfile.mkdtemp()))
    config = json.loads((folder / "lora.json").read_text("utf-8"))
    lines = (folder / config["data"]).read_text("utf-8").splitlines()
    chats = [json.loads(line)["messages"] for line in lines]
    model, encode = loaded(base or config["base_model"])
    adapted, first, last = train(model, [encode(chat) for chat in chats], config)
    print(f"{len(chats)} chats, loss {first:.2f} -> {last:.2f}")
    assert last < first, "nothing was learnt"
    adapted.save_pretrained(folder / "adapter")
    return folder / "adapter"


def made_up(folder: Path) -> Path:
    """A training set of a made-up memory."""
    with Memory.open(None, embedder="none") as memory:
        for hall in range(1, 9):
            memory.log_turn(f"Which pump is in hall {hall}?", f"The P-{hall}0 is in hall {hall}.")
        memory.transfer.export_training(folder)
    return folder


def loaded(base: str) -> tuple[Any, Any]:
    """A model ready for LoRA, and what turns a chat into token ids."""
    from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, LlamaForCausalLM

    if base:
        tokenizer = AutoTokenizer.from_pretrained(base)
        return AutoModelForCausalLM.from_pretrained(base), tokenizer.apply_chat_template
    tiny = LlamaConfig(
        vocab_size=256,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=1024,
    )
    return LlamaForCausalLM(tiny), as_bytes


def as_bytes(chat: list[dict[str, str]]) -> list[int]:
    """A chat as bytes: the tokens of the tiny model."""
    return [*"\n".join(f"{said['role']}: {said['content']}" for said in chat).encode()]


def train(model: Any, chats: list[list[int]], config: dict[str, Any]) -> tuple[Any, float, float]:
    """Train an adapter on the model; returns both, and the loss of the first and last epoch."""
    import torch
    from peft import LoraConfig, get_peft_model

    how = config["training"]
    torch.manual_seed(how["seed"])
    order = random.Random(how["seed"])
    adapted = get_peft_model(model, LoraConfig(**config["lora"]))
    weights = [weight for weight in adapted.parameters() if weight.requires_grad]
    step = torch.optim.AdamW(weights, lr=how["learning_rate"])
    adapted.train()
    losses: list[float] = []
    for _ in range(how["epochs"]):
        order.shuffle(chats)
        total = 0.0
        for chat in chats:
            ids = torch.tensor([chat[: how["max_tokens"]]])
            loss = adapted(input_ids=ids, labels=ids).loss
            loss.backward()
            step.step()
            step.zero_grad()
            total += float(loss.detach())
        losses.append(total / len(chats))
    return adapted, losses[0], losses[-1]


if __name__ == "__main__":
    asked = [*sys.argv[1:], "", ""]
    main(Path(asked[0]) if asked[0] else None, asked[1])
