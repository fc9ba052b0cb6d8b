"""Who writes the summary that no caller has passed: sentences of the text itself, or a local model.

``caller`` and ``extractive`` never load a model; ``local-hf:<model>`` loads one on first use (extra
``[hf]``), a folder or a name, with an adapter on top if the folder is one. A summary of it counts
only if it is shorter than the text; else the sentences do.
"""

import threading
from pathlib import Path
from typing import Any, Protocol

from .errors import InvalidArgument, SummariserError
from .transfer.training import ASK

LOCAL = "local-hf:"


class Summariser(Protocol):
    """Writes summaries."""

    def __call__(self, text: str, tokens: int) -> str:
        """A summary of at most about so many tokens; "" when it has none."""
        ...


def load_summariser(setting: str) -> Summariser | None:
    """The model a setting names, not loaded yet; None when sentences of the text are to do.

    Raises:
        InvalidArgument: the setting is none of the three.
    """
    if setting in ("caller", "extractive"):
        return None
    name = setting.removeprefix(LOCAL).strip()
    if setting.startswith(LOCAL) and name:
        return LocalModel(name)
    raise InvalidArgument(
        f"summariser is {setting[:60]!r}, expected caller, extractive or {LOCAL}<model>."
    )


class LocalModel:
    """A causal language model of this machine. Thread-safe: one summary at a time.

    Args:
        name: a folder, or a name; a folder never asks the network.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._guard = threading.Lock()
        self._loaded: tuple[Any, Any] | None = None

    def __call__(self, text: str, tokens: int) -> str:
        """A summary of at most so many tokens of the model.

        Raises:
            SummariserError: the model cannot be loaded or fails.
        """
        with self._guard:
            try:
                if self._loaded is None:
                    self._loaded = _load(self._name)
                return _generate(*self._loaded, text, tokens)
            except ImportError as error:
                raise SummariserError(
                    f'A local summariser needs the extra: pip install "routemem[hf]" ({error}).'
                ) from error
            except Exception as error:  # a model of the user's own may fail in any way
                raise SummariserError(
                    f"The summariser {self._name!r} failed: {type(error).__name__}."
                ) from error


def _load(name: str) -> tuple[Any, Any]:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    local = Path(name).is_dir()
    tokenizer = AutoTokenizer.from_pretrained(name, local_files_only=local)
    model = AutoModelForCausalLM.from_pretrained(name, local_files_only=local)
    return model.eval(), tokenizer


def _generate(model: Any, tokenizer: Any, text: str, tokens: int) -> str:
    import torch

    room = int(getattr(model.config, "max_position_embeddings", 2048)) - tokens
    if room < tokens:
        return ""
    ids = _prompt(tokenizer, ASK.format(text=text))
    if len(ids) > room:  # its beginning says what to do, its end what came of it
        ids = ids[: room // 2] + ids[len(ids) - room // 2 :]
    kept = torch.tensor([ids])
    with torch.inference_mode():
        done = model.generate(
            input_ids=kept,
            attention_mask=torch.ones_like(kept),
            max_new_tokens=tokens,
            do_sample=False,
            pad_token_id=tokenizer.pad_token_id or tokenizer.eos_token_id or 0,
        )
    said: str = tokenizer.decode(done[0][kept.shape[1] :], skip_special_tokens=True)
    return said.strip()


def _prompt(tokenizer: Any, asked: str) -> list[int]:
    if getattr(tokenizer, "chat_template", None):
        chat = [{"role": "user", "content": asked}]
        found = tokenizer.apply_chat_template(chat, add_generation_prompt=True, tokenize=True)
        return list(found["input_ids"] if hasattr(found, "keys") else found)
    return list(tokenizer(f"{asked}\n\nSummary:")["input_ids"])
