"""Model folders made offline: from the bundled model, or tiny and random."""

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from routemem.memory_core.embedding.bundled import FOLDER


def write_safetensors(path: Path, tensors: dict[str, NDArray[Any]]) -> None:
    """By hand: header length, JSON header, raw data."""
    names = {"float64": "F64", "float32": "F32", "float16": "F16", "uint16": "BF16"}
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    data = b""
    for name, tensor in tensors.items():
        offsets = [len(data), len(data) + tensor.nbytes]
        header[name] = {
            "dtype": names[tensor.dtype.name],
            "shape": tensor.shape,
            "data_offsets": offsets,
        }
        data += tensor.tobytes()
    text = json.dumps(header).encode()
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)


def write_json(path: Path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value), encoding="utf-8")


def dense_weights(out: int = 48) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    rng = np.random.default_rng(5)
    weight = rng.standard_normal((out, 384)).astype(np.float32)
    return weight, rng.standard_normal(out).astype(np.float32)


def make_onnx_folder(
    folder: Path,
    *,
    modules: tuple[str, ...] = ("Transformer", "Pooling", "Dense", "Normalize"),
    pooling: dict[str, Any] | None = None,
    encoder: dict[str, Any] | None = None,
    prompts: dict[str, Any] | None = None,
) -> Path:
    """A sentence-transformers folder around the bundled model, with a Dense layer 384 -> 48."""
    (folder / "onnx").mkdir(parents=True)
    # Only ever read, so one copy on the disk will do.
    try:
        os.link(FOLDER / "model.onnx", folder / "onnx" / "model.onnx")
    except OSError:
        shutil.copyfile(FOLDER / "model.onnx", folder / "onnx" / "model.onnx")
    shutil.copyfile(FOLDER / "tokenizer.json", folder / "tokenizer.json")
    paths = {
        kind: "" if kind == "Transformer" else f"{at}_{kind}" for at, kind in enumerate(modules)
    }
    write_json(
        folder / "modules.json",
        [
            {
                "idx": at,
                "name": str(at),
                "path": paths[kind],
                "type": f"sentence_transformers.{kind}",
            }
            for at, kind in enumerate(modules)
        ],
    )
    write_json(folder / "sentence_bert_config.json", encoder or {"max_seq_length": 64})
    if "Pooling" in paths:
        config = pooling or {"pooling_mode_mean_tokens": True, "pooling_mode_cls_token": False}
        write_json(folder / paths["Pooling"] / "config.json", config)
    if "Dense" in paths:
        weight, bias = dense_weights()
        write_json(
            folder / paths["Dense"] / "config.json",
            {"activation_function": "torch.nn.modules.activation.Tanh", "bias": True},
        )
        write_safetensors(
            folder / paths["Dense"] / "model.safetensors",
            {"linear.weight": weight, "linear.bias": bias},
        )
    if prompts is not None:
        write_json(folder / "config_sentence_transformers.json", prompts)
    return folder


@pytest.fixture(scope="session")
def make_folder() -> Callable[..., Path]:
    """The function ``make_onnx_folder``: test modules cannot import this file."""
    return make_onnx_folder


@pytest.fixture(scope="session")
def tiny_gpt2(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random two-block GPT-2 with a byte-level tokenizer, saved to a folder."""
    torch = pytest.importorskip("torch", reason="needs the extra hf")
    transformers = pytest.importorskip("transformers", reason="needs the extra hf")
    from tokenizers import Tokenizer, models, pre_tokenizers

    letters = {letter: at for at, letter in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    tokenizer = Tokenizer(models.BPE(letters, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    folder = tmp_path_factory.mktemp("models") / "tiny-gpt2"
    transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, model_max_length=64
    ).save_pretrained(folder)
    torch.manual_seed(0)
    config = transformers.GPT2Config(
        vocab_size=256,
        n_embd=32,
        n_layer=2,
        n_head=2,
        n_positions=64,
        bos_token_id=0,
        eos_token_id=0,
    )
    transformers.GPT2Model(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random one-block BERT with the bundled tokenizer, as a sentence-transformers folder."""
    torch = pytest.importorskip("torch", reason="needs the extra sentence-transformers")
    transformers = pytest.importorskip("transformers", reason="needs the extra")
    pytest.importorskip("sentence_transformers", reason="needs the extra sentence-transformers")
    folder = tmp_path_factory.mktemp("models") / "tiny-bert"
    transformers.PreTrainedTokenizerFast(
        tokenizer_file=str(FOLDER / "tokenizer.json"),
        model_max_length=32,
        pad_token="[PAD]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        unk_token="[UNK]",
        mask_token="[MASK]",
    ).save_pretrained(folder)
    torch.manual_seed(0)
    config = transformers.BertConfig(
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=64,
    )
    transformers.BertModel(config).save_pretrained(folder)
    write_json(
        folder / "modules.json",
        [
            {"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"},
            {"idx": 1, "name": "1", "path": "1_P", "type": "sentence_transformers.models.Pooling"},
        ],
    )
    write_json(folder / "sentence_bert_config.json", {"max_seq_length": 32, "do_lower_case": False})
    write_json(
        folder / "1_P" / "config.json",
        {"word_embedding_dimension": 32, "pooling_mode_mean_tokens": True},
    )
    write_json(
        folder / "config_sentence_transformers.json",
        {"prompts": {"passage": "passage: "}, "default_prompt_name": "passage"},
    )
    return folder
