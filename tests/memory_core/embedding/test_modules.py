"""Reading a sentence-transformers folder."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from routemem.memory_core.embedding.modules import Recipe, onnx_file, read_recipe
from routemem.memory_core.errors import EmbedderError

MakeFolder = Callable[..., Path]


def write(path: Path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value), encoding="utf-8")


def test_a_bare_folder_means_mean_pooling_of_512_pieces(tmp_path: Path) -> None:
    found = read_recipe(tmp_path)
    assert (found.max_tokens, found.pooling, found.dense) == (512, "mean", ())
    assert (found.prompt, found.lower) == ("", False)


def test_the_parts_of_a_folder_are_read(make_folder: MakeFolder, tmp_path: Path) -> None:
    encoder = {"max_seq_length": 99, "do_lower_case": True}
    found = read_recipe(make_folder(tmp_path / "m", encoder=encoder))
    assert isinstance(found, Recipe)
    assert (found.max_tokens, found.pooling, found.lower) == (99, "mean", True)
    assert found.dense[0].weight.shape == (48, 384)
    assert found.dense[0].bias.shape == (48,)


@pytest.mark.parametrize(
    ("config", "pooling"),
    [
        ({"pooling_mode_mean_tokens": True}, "mean"),
        ({"pooling_mode_cls_token": True, "pooling_mode_mean_tokens": False}, "cls"),
        ({"pooling_mode_max_tokens": True}, "max"),
        ({"pooling_mode_mean_sqrt_len_tokens": True}, "mean_sqrt"),
        ({"pooling_mode_lasttoken": True}, "last"),
        ({"pooling_mode": "lasttoken"}, "last"),
        ({"pooling_mode": ["cls"]}, "cls"),
        ({"word_embedding_dimension": 384}, "mean"),
    ],
)
def test_old_and_new_names_of_a_pooling_are_known(
    make_folder: MakeFolder, tmp_path: Path, config: dict[str, Any], pooling: str
) -> None:
    folder = make_folder(tmp_path / "m", modules=("Transformer", "Pooling"), pooling=config)
    assert read_recipe(folder).pooling == pooling


@pytest.mark.parametrize(
    "config",
    [
        {"pooling_mode_mean_tokens": True, "pooling_mode_cls_token": True},
        {"pooling_mode": "weightedmean"},
        {"pooling_mode_mean_tokens": True, "include_prompt": False},
    ],
)
def test_a_pooling_only_the_library_does_names_the_extra(
    make_folder: MakeFolder, tmp_path: Path, config: dict[str, Any]
) -> None:
    folder = make_folder(tmp_path / "m", modules=("Transformer", "Pooling"), pooling=config)
    with pytest.raises(EmbedderError, match=r'pip install "routemem\[sentence-transformers\]"'):
        read_recipe(folder)


@pytest.mark.parametrize(
    "modules",
    [("Transformer", "WeightedLayerPooling"), ("Transformer", "Pooling", "Normalize", "Dense")],
)
def test_modules_of_other_kinds_or_order_name_the_extra(
    make_folder: MakeFolder, tmp_path: Path, modules: tuple[str, ...]
) -> None:
    with pytest.raises(EmbedderError, match="pip install"):
        read_recipe(make_folder(tmp_path / "m", modules=modules))


def test_dense_weights_in_a_pickle_name_the_extra(make_folder: MakeFolder, tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "m")
    weights = folder / "2_Dense" / "model.safetensors"
    weights.rename(folder / "2_Dense" / "pytorch_model.bin")
    with pytest.raises(EmbedderError, match=r"pickle.*pip install"):
        read_recipe(folder)


@pytest.mark.parametrize(
    "config",
    [
        {"activation_function": "torch.nn.modules.activation.Hardswish"},
        {"activation_function": "torch.nn.modules.linear.Identity", "use_residual": True},
        {"module_input_name": "token_embeddings"},
    ],
)
def test_a_dense_layer_of_another_kind_names_the_extra(
    make_folder: MakeFolder, tmp_path: Path, config: dict[str, Any]
) -> None:
    folder = make_folder(tmp_path / "m")
    write(folder / "2_Dense" / "config.json", config)
    with pytest.raises(EmbedderError, match="pip install"):
        read_recipe(folder)


@pytest.mark.parametrize(
    ("activation", "expected"),
    [
        ("torch.nn.modules.linear.Identity", [[-1.0, 2.0]]),
        ("torch.nn.modules.activation.ReLU", [[0.0, 2.0]]),
        ("torch.nn.modules.activation.Tanh", np.tanh([[-1.0, 2.0]])),
    ],
)
def test_activations_are_applied_after_the_linear_map(
    make_folder: MakeFolder, tmp_path: Path, activation: str, expected: Any
) -> None:
    folder = make_folder(tmp_path / "m")
    write(folder / "2_Dense" / "config.json", {"activation_function": activation})
    layer = read_recipe(folder).dense[0]
    weight = np.zeros_like(layer.weight)
    weight[0, 0], weight[1, 1] = -1, 1
    layer.weight[...], layer.bias[...] = weight, 0
    x = np.zeros((1, 384), np.float32)
    x[0, :2] = 1, 2
    np.testing.assert_allclose(layer(x)[:, :2], expected, rtol=1e-6)


@pytest.mark.parametrize(
    ("tokenizer", "config", "limit"),
    [
        ({"model_max_length": 384}, {"max_position_embeddings": 514}, 384),
        ({"model_max_length": 10**30}, {"max_position_embeddings": 512}, 512),
        ({"model_max_length": 1e30}, {}, 2048),
        ({}, {"max_position_embeddings": 8192}, 2048),
    ],
)
def test_without_a_sequence_length_the_tokenizer_and_the_positions_decide(
    tmp_path: Path, tokenizer: dict[str, Any], config: dict[str, Any], limit: int
) -> None:
    write(tmp_path / "tokenizer_config.json", tokenizer)
    write(tmp_path / "config.json", config)
    write(tmp_path / "sentence_bert_config.json", {"max_seq_length": None})
    assert read_recipe(tmp_path).max_tokens == limit


def test_a_default_prompt_that_is_not_given_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "config_sentence_transformers.json", {"default_prompt_name": "query"})
    with pytest.raises(EmbedderError, match=r"'query'.*Correct the file"):
        read_recipe(tmp_path)


def test_prompts_without_a_default_are_not_used(tmp_path: Path) -> None:
    write(tmp_path / "config_sentence_transformers.json", {"prompts": {"query": "q: "}})
    assert read_recipe(tmp_path).prompt == ""


@pytest.mark.parametrize("content", ["{}", "[1]", "not json"])
def test_a_strange_list_of_modules_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "modules.json").write_text(content, encoding="utf-8")
    with pytest.raises(EmbedderError, match=r"modules\.json.*again"):
        read_recipe(tmp_path)


def test_the_model_in_onnx_comes_before_the_one_beside_it(tmp_path: Path) -> None:
    assert onnx_file(tmp_path) is None
    (tmp_path / "model.onnx").touch()
    assert onnx_file(tmp_path) == tmp_path / "model.onnx"
    (tmp_path / "onnx").mkdir()
    (tmp_path / "onnx" / "model.onnx").touch()
    assert onnx_file(tmp_path) == tmp_path / "onnx" / "model.onnx"
