"""The model in the package: its files, and that it means what the published one means."""

import hashlib
import json
import subprocess
import sys

import numpy as np
import pytest

from routemem.memory_core.embedding.bundled import FOLDER, bundled
from routemem.memory_core.embedding.onnx import OnnxEmbedder

TEXTS = [
    "Anna is allergic to peanuts.",
    "Which food must Anna avoid?",
    "The deploy failed because the disk was full.",
    "There was no space left, so the release did not go out.",
    "",
]
# Cosines of the published float32 model, by sentence-transformers 6.2.0.
PUBLISHED = [
    [1.0000, 0.6404, -0.0903, -0.0121, 0.0903],
    [0.6404, 1.0000, -0.0667, -0.0432, 0.0522],
    [-0.0903, -0.0667, 1.0000, 0.4237, 0.0654],
    [-0.0121, -0.0432, 0.4237, 1.0000, 0.0927],
    [0.0903, 0.0522, 0.0654, 0.0927, 1.0000],
]


@pytest.fixture(scope="module")
def embedder() -> OnnxEmbedder:
    return bundled()


@pytest.mark.parametrize("name", ["model.onnx", "tokenizer.json"])
def test_the_shipped_files_are_those_the_hashes_name(name: str) -> None:
    recorded = json.loads((FOLDER / "hashes.json").read_bytes())["files"]
    assert hashlib.sha256((FOLDER / name).read_bytes()).hexdigest() == recorded[name]


def test_the_licence_and_the_model_card_come_with_the_weights() -> None:
    assert "Apache License" in (FOLDER / "LICENSE").read_text(encoding="utf-8")
    card = (FOLDER / "MODEL_CARD.md").read_text(encoding="utf-8")
    source = json.loads((FOLDER / "hashes.json").read_bytes())["source"]["model.safetensors"]
    assert source in card


def test_the_model_file_carries_no_trace_of_the_machine_that_made_it() -> None:
    model = (FOLDER / "model.onnx").read_bytes()
    folders = [b"/%s/" % name for name in (b"home", b"root", b"tmp")]
    for trace in (b"site-packages", b"stack_trace", *folders):
        assert trace not in model


def test_the_id_names_the_version_of_the_files(embedder: OnnxEmbedder) -> None:
    name, _, version = embedder.id.rpartition("-")
    assert name == "all-MiniLM-L6-v2/q8"
    assert len(version) == 8
    assert int(version, 16) >= 0
    assert (embedder.dim, embedder.max_tokens) == (384, 256)


def test_cosines_are_those_of_the_published_model(embedder: OnnxEmbedder) -> None:
    vectors = embedder.encode(TEXTS).vectors
    np.testing.assert_allclose(vectors @ vectors.T, PUBLISHED, atol=0.015)


def test_a_batch_gives_the_same_bits_as_one_text(embedder: OnnxEmbedder) -> None:
    texts = [" ".join(["word"] * count) for count in (1, 7, 63, 64, 65, 200, 300)] + TEXTS
    together = embedder.encode(texts).vectors
    alone = np.concatenate([embedder.encode([text]).vectors for text in texts])
    np.testing.assert_array_equal(alone, together)


def test_256_pieces_are_read_and_nothing_is_padded(
    embedder: OnnxEmbedder,
) -> None:
    # tokenizer.json says 128 and pads to it; the model was trained for 256 and without padding.
    encoded = embedder.encode(["one two three", "word " * 1000])
    assert [len(ids) for ids in encoded.token_ids] == [3, 254]
    assert len(embedder.pieces("word " * 1000)) == 1000


def test_loading_and_encoding_print_nothing() -> None:
    program = (
        "from routemem.memory_core.embedding import load_embedder\n"
        "load_embedder('bundled').encode(['a text', ''])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert (done.stdout, done.stderr) == (b"", b"")


def test_importing_the_package_imports_nothing_heavy() -> None:
    program = (
        "import sys, routemem.memory_core.embedding\n"
        "print({'numpy', 'onnxruntime', 'tokenizers', 'torch'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True)
    assert done.stdout.split() == [b"set()"]
