"""What a sentence-transformers folder says about turning token vectors into one vector."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import EmbedderError
from .dense import USE_EXTRA, Dense, read_dense

# Attention needs memory by the square of the length: 2 048 word pieces are about 200 MB.
LONGEST = 2048
_MODULES = ("Transformer", "Pooling", "Dense", "Normalize")
# What configuration files call a pooling (old flags and new names), and what pooling.pool does.
_POOLINGS = {
    "cls": "cls",
    "cls_token": "cls",
    "lasttoken": "last",
    "max": "max",
    "max_tokens": "max",
    "mean": "mean",
    "mean_tokens": "mean",
    "mean_sqrt_len_tokens": "mean_sqrt",
}


@dataclass(frozen=True, slots=True, eq=False)
class Recipe:
    """How token vectors become a sentence vector; the result is always normalised.

    Attributes:
        max_tokens: word pieces read of one text, special tokens included.
        pooling: see ``pooling.pool``.
        dense: layers after the pooling, in order.
        prompt: put in front of every text.
        lower: lower-case the text before the tokenizer sees it.
    """

    max_tokens: int
    pooling: str = "mean"
    dense: tuple[Dense, ...] = ()
    prompt: str = ""
    lower: bool = False


def onnx_file(folder: Path) -> Path | None:
    """The model file of a folder, ``onnx/model.onnx`` or ``model.onnx``; None if it has none."""
    for path in (folder / "onnx" / "model.onnx", folder / "model.onnx"):
        if path.is_file():
            return path
    return None


def read_recipe(folder: Path) -> Recipe:
    """Read ``modules.json`` and the files it names; without it, mean pooling.

    ``encode`` has no notion of query and document: of the ``prompts`` in
    ``config_sentence_transformers.json`` the one called ``default_prompt_name`` is put in front of
    every text, and none if there is no default, as the ``encode`` of sentence-transformers does.

    Raises:
        EmbedderError: a file is broken, or asks for something only sentence-transformers does.
    """
    pooling, dense, kinds = "mean", list[Dense](), list[str]()
    for module in _modules(folder):
        kinds.append(str(module.get("type", "")).rpartition(".")[2])
        where = folder / str(module.get("path", ""))
        if kinds[-1] not in _MODULES or "Normalize" in kinds[:-1]:
            raise EmbedderError(
                f"Expected in {folder / 'modules.json'} the modules {', '.join(_MODULES)} in this "
                f"order, got {', '.join(kinds)}. {USE_EXTRA}"
            )
        if kinds[-1] == "Pooling":
            pooling = _pooling(where)
        elif kinds[-1] == "Dense":
            dense.append(read_dense(where, _object(where / "config.json", required=True)))
    encoder = _encoder_config(folder)
    return Recipe(
        max_tokens=_max_tokens(folder, encoder),
        pooling=pooling,
        dense=tuple(dense),
        prompt=_prompt(folder),
        lower=bool(encoder.get("do_lower_case")),
    )


def _modules(folder: Path) -> list[dict[str, Any]]:
    path = folder / "modules.json"
    modules = _json(path, missing=[])
    if not isinstance(modules, list) or not all(isinstance(module, dict) for module in modules):
        raise EmbedderError(f"Expected a list of modules in {path}. Fetch the model again.")
    return modules


def _pooling(folder: Path) -> str:
    config = _object(folder / "config.json", required=True)
    named = config.get("pooling_mode") or [
        key.removeprefix("pooling_mode_")
        for key, on in config.items()
        if key.startswith("pooling_mode_") and on
    ]
    modes = [named] if isinstance(named, str) else list(named) or ["mean"]
    if len(modes) > 1 or modes[0] not in _POOLINGS or not config.get("include_prompt", True):
        raise EmbedderError(
            f"Expected in {folder} one pooling of mean, cls, max, last, mean_sqrt over all tokens, "
            f"got {config}. {USE_EXTRA}"
        )
    return _POOLINGS[modes[0]]


def _encoder_config(folder: Path) -> dict[str, Any]:
    """The settings of the Transformer module; older folders name the file after the model."""
    files = [folder / "sentence_bert_config.json", *sorted(folder.glob("sentence_*_config.json"))]
    return next((_object(path) for path in files if path.is_file()), {})


def _max_tokens(folder: Path, encoder: dict[str, Any]) -> int:
    limits = [encoder.get("max_seq_length")]
    if limits == [None]:
        limits = [
            _object(folder / "tokenizer_config.json").get("model_max_length"),
            _object(folder / "config.json").get("max_position_embeddings"),
        ]
    known = [int(limit) for limit in limits if isinstance(limit, int | float) and limit > 0]
    return min(*known, LONGEST) if known else 512


def _prompt(folder: Path) -> str:
    path = folder / "config_sentence_transformers.json"
    config = _object(path)
    name, prompts = config.get("default_prompt_name"), config.get("prompts")
    if not name:
        return ""
    if not isinstance(prompts, dict) or not isinstance(prompts.get(name), str):
        raise EmbedderError(
            f"Expected under prompts in {path} the default prompt {name!r}, found none. Correct "
            "the file."
        )
    return str(prompts[name])


def _object(path: Path, *, required: bool = False) -> dict[str, Any]:
    found = _json(path, missing=None if required else {})
    if not isinstance(found, dict):
        raise EmbedderError(f"{path} is missing or not a JSON object. Fetch the model again.")
    return found


def _json(path: Path, *, missing: Any) -> Any:
    if not path.is_file():
        return missing
    try:
        return json.loads(path.read_bytes())
    except ValueError as error:
        raise EmbedderError(f"{path} is not JSON ({error}). Fetch the model again.") from error
