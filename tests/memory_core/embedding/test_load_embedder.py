"""What a setting may name."""

import importlib.util
from collections.abc import Callable
from pathlib import Path

import pytest

from routemem.memory_core.embedding import is_folder_spec, load_embedder
from routemem.memory_core.errors import EmbedderError


@pytest.mark.parametrize("spec", ["bundled", "", "  bundled ", "Bundled"])
def test_the_bundled_model_is_the_default(spec: str) -> None:
    assert load_embedder(spec).id.startswith("all-MiniLM-L6-v2/q8-")


@pytest.mark.parametrize(("spec", "dim"), [("hash", 384), ("hash:", 384), ("HASH:64", 64)])
def test_hash_takes_a_dimension(spec: str, dim: int) -> None:
    embedder = load_embedder(spec)
    assert (embedder.id, embedder.dim) == (f"hash-v1/{dim}", dim)


@pytest.mark.parametrize("spec", ["hash:x", "hash:-4", "hash:3.5", "hash:٣", "hash:5"])
def test_a_wrong_dimension_is_refused(spec: str) -> None:
    with pytest.raises(EmbedderError, match="hash"):
        load_embedder(spec)


def test_a_folder_with_an_onnx_model_runs_without_the_extra(
    make_folder: Callable[..., Path], tmp_path: Path
) -> None:
    embedder = load_embedder(str(make_folder(tmp_path / "my-model")))
    assert embedder.id.startswith("my-model/")
    assert embedder.dim == 48


@pytest.mark.parametrize("spec", ["./no-such-folder", "~/no-such-folder-here", "/no/such/folder"])
def test_a_path_that_is_no_folder_is_not_taken_for_a_model_name(spec: str) -> None:
    with pytest.raises(EmbedderError, match="not a folder"):
        load_embedder(spec)


def test_a_file_is_not_a_model_folder(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").touch()
    with pytest.raises(EmbedderError, match="not a folder"):
        load_embedder(str(tmp_path / "model.onnx"))


def test_a_folder_without_any_model_says_what_is_missing_in_it(tmp_path: Path) -> None:
    with pytest.raises(EmbedderError, match=r"no onnx/model\.onnx in that folder") as caught:
        load_embedder(str(tmp_path))
    assert str(tmp_path) in str(caught.value)
    assert "sentence-transformers" not in str(caught.value)


@pytest.mark.parametrize(
    ("spec", "meant"),
    [("hsah", "hash"), ("bundle", "bundled"), ("non", "none"), ("hash-64", "hash")],
)
def test_a_slip_in_a_word_is_answered_with_the_word(spec: str, meant: str) -> None:
    with pytest.raises(EmbedderError, match=f"Did you mean '{meant}'"):
        load_embedder(spec)


@pytest.mark.parametrize("spec", ["none", "NONE"])
def test_none_is_no_model(spec: str) -> None:
    with pytest.raises(EmbedderError, match="No embedding model is configured"):
        load_embedder(spec)


@pytest.mark.parametrize("spec", ["bundled", "Hash:64", "hf:gpt2", "none", "", "intfloat/e5"])
def test_words_and_names_of_models_are_no_folders(
    spec: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bundled").mkdir()
    assert not is_folder_spec(spec)
    assert is_folder_spec("./x")
    (tmp_path / "mine").mkdir()
    assert is_folder_spec("mine")


@pytest.mark.skipif(
    importlib.util.find_spec("sentence_transformers") is not None,
    reason="the extra sentence-transformers is installed",
)
def test_a_model_name_without_the_extra_says_what_to_install(tmp_path: Path) -> None:
    line = r'pip install "routemem\[sentence-transformers\]"'
    with pytest.raises(EmbedderError, match=line):
        load_embedder("intfloat/e5-small-v2")
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(EmbedderError, match=line):
        load_embedder(str(tmp_path))  # a folder without an ONNX model


@pytest.mark.skipif(
    importlib.util.find_spec("transformers") is not None, reason="the extra hf is installed"
)
def test_hf_without_the_extra_says_what_to_install() -> None:
    with pytest.raises(EmbedderError, match=r'pip install "routemem\[hf\]"'):
        load_embedder("hf:gpt2")


@pytest.mark.parametrize(
    "spec", ["hf:", "hf", "hf:gpt2?layer=last", "hf:gpt2?colour=red", "hf:gpt2?pooling=median"]
)
def test_an_hf_spec_that_cannot_be_read_is_refused(spec: str) -> None:
    with pytest.raises(EmbedderError, match="mean"):
        load_embedder(spec)
