"""Any sentence-transformers folder with an ONNX model."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from routemem.memory_core.embedding.bundled import FOLDER, bundled
from routemem.memory_core.embedding.onnx import OnnxEmbedder
from routemem.memory_core.errors import EmbedderError

MakeFolder = Callable[..., Path]
TEXT = "Anna paid the invoice in March"


def test_a_folder_without_dense_gives_the_vectors_of_its_model(
    make_folder: MakeFolder, tmp_path: Path
) -> None:
    folder = make_folder(tmp_path / "m", modules=("Transformer", "Pooling", "Normalize"))
    found, expected = OnnxEmbedder(folder).encode([TEXT]), bundled().encode([TEXT])
    np.testing.assert_array_equal(found.vectors, expected.vectors)
    np.testing.assert_array_equal(found.tokens[0], expected.tokens[0])


def test_dense_layers_map_the_pooled_vector_and_the_tokens(
    make_folder: MakeFolder, tmp_path: Path
) -> None:
    rng = np.random.default_rng(5)  # as the folder's layer was drawn
    weight = rng.standard_normal((48, 384)).astype(np.float32)
    bias = rng.standard_normal(48).astype(np.float32)
    plain = OnnxEmbedder(make_folder(tmp_path / "plain", modules=("Transformer", "Pooling")))
    dense = OnnxEmbedder(make_folder(tmp_path / "dense"))
    assert dense.dim == 48
    tokens = np.tanh(plain.encode([TEXT]).tokens[0] @ weight.T + bias)
    encoded = dense.encode([TEXT])
    np.testing.assert_allclose(encoded.tokens[0], tokens, atol=1e-5)
    assert np.linalg.norm(encoded.vectors[0]) == pytest.approx(1, abs=1e-6)


def test_cls_pooling_takes_the_first_state(make_folder: MakeFolder, tmp_path: Path) -> None:
    modules = ("Transformer", "Pooling")
    old, new = {"pooling_mode_cls_token": True}, {"pooling_mode": "cls", "embedding_dimension": 384}
    first = OnnxEmbedder(make_folder(tmp_path / "old", modules=modules, pooling=old))
    second = OnnxEmbedder(make_folder(tmp_path / "new", modules=modules, pooling=new))
    mean = OnnxEmbedder(make_folder(tmp_path / "mean", modules=modules))
    vectors = first.encode([TEXT]).vectors
    np.testing.assert_array_equal(vectors, second.encode([TEXT]).vectors)
    assert np.abs(vectors - mean.encode([TEXT]).vectors).max() > 0.01


def test_the_default_prompt_stands_in_front_and_brings_no_tokens(
    make_folder: MakeFolder, tmp_path: Path
) -> None:
    prompts = {"prompts": {"query": "query: ", "document": "d: "}, "default_prompt_name": "query"}
    asked = OnnxEmbedder(make_folder(tmp_path / "asked", prompts=prompts))
    unasked = OnnxEmbedder(
        make_folder(tmp_path / "unasked", prompts=prompts | {"default_prompt_name": None})
    )
    with_prompt, by_hand = asked.encode([TEXT]), unasked.encode(["query: " + TEXT])
    np.testing.assert_array_equal(with_prompt.vectors, by_hand.vectors)
    np.testing.assert_allclose(with_prompt.tokens[0], by_hand.tokens[0][2:], atol=1e-4)
    np.testing.assert_array_equal(with_prompt.token_ids[0], unasked.encode([TEXT]).token_ids[0])
    assert asked.pieces(TEXT) == unasked.pieces(TEXT)


def test_the_length_limit_is_the_folders(make_folder: MakeFolder, tmp_path: Path) -> None:
    embedder = OnnxEmbedder(make_folder(tmp_path / "m", encoder={"max_seq_length": 12}))
    assert embedder.max_tokens == 12
    assert len(embedder.encode(["word " * 40]).token_ids[0]) == 10


def test_the_id_changes_with_every_file_that_decides_a_vector(
    make_folder: MakeFolder, tmp_path: Path
) -> None:
    variants: list[dict[str, Any]] = [
        {},
        {"pooling": {"pooling_mode_cls_token": True}},
        {"encoder": {"max_seq_length": 65}},
        {"prompts": {"prompts": {"a": "b"}, "default_prompt_name": "a"}},
    ]
    ids = {
        OnnxEmbedder(make_folder(tmp_path / str(at) / "same-name", **options)).id
        for at, options in enumerate(variants)
    }
    assert len(ids) == len(variants)
    assert {id.partition("/")[0] for id in ids} == {"same-name"}
    moved = tmp_path / "moved" / "same-name"
    shutil.copytree(tmp_path / "0" / "same-name", moved)
    assert OnnxEmbedder(moved).id in ids


def test_a_folder_without_a_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(EmbedderError, match=r"onnx/model\.onnx.*sentence-transformers"):
        OnnxEmbedder(tmp_path)


def test_a_folder_without_a_tokenizer_is_refused(make_folder: MakeFolder, tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "m")
    (folder / "tokenizer.json").unlink()
    with pytest.raises(EmbedderError, match=r"tokenizer\.json.*pip install"):
        OnnxEmbedder(folder)


@pytest.mark.parametrize("name", ["tokenizer.json", "onnx/model.onnx", "modules.json"])
def test_a_damaged_file_is_refused_by_name(
    make_folder: MakeFolder, tmp_path: Path, name: str
) -> None:
    folder = make_folder(tmp_path / "m")
    (folder / name).unlink()  # it may be a link to the shipped file
    (folder / name).write_bytes(b"{damaged")
    with pytest.raises(EmbedderError, match=Path(name).name.replace(".", r"\.") + ".*again"):
        OnnxEmbedder(folder)


def test_a_truncated_model_is_refused(make_folder: MakeFolder, tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "m")
    (folder / "onnx" / "model.onnx").unlink()
    half = (FOLDER / "model.onnx").read_bytes()[:1_000_000]
    (folder / "onnx" / "model.onnx").write_bytes(half)
    with pytest.raises(EmbedderError, match=r"model\.onnx.*again"):
        OnnxEmbedder(folder)


def test_a_tokenizer_of_another_model_is_refused(make_folder: MakeFolder, tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "m")
    text = (folder / "tokenizer.json").read_text(encoding="utf-8")
    moved = text.replace('"id":101', '"id":40101').replace('"ids":[101]', '"ids":[40101]')
    assert moved != text
    (folder / "tokenizer.json").write_text(moved, encoding="utf-8")
    with pytest.raises(EmbedderError, match=r"tokenizer\.json belongs"):
        OnnxEmbedder(folder)
