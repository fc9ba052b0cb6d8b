"""The bundled model against the published weights run by sentence-transformers.

    ROUTEMEM_REFERENCE_MODEL=<folder of all-MiniLM-L6-v2> pytest -m slow <this file>

Needs the extra sentence-transformers and, for the export, onnx, onnxscript and sympy.
"""

import importlib.util
import json
import os
import random
import shutil
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from routemem.memory_core.embedding.bundled import FOLDER, bundled
from routemem.memory_core.embedding.onnx import OnnxEmbedder

pytestmark = [
    pytest.mark.slow,
    # torch and transformers announce their own deprecations while they are imported.
    pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning"),
]

SCRIPT = Path(__file__).parents[3] / "scripts" / "make_model.py"
WORDS = (
    "the a of and to in is was for on with as by at from that this are be or an it not have has "
    "memory model vector index query answer budget token meeting garden river invoice kernel "
    "deadline prefers moved paid Berlin Lisbon Tokyo Anna Marcus doctor allergy peanuts bicycle "
    "deploy rollback staging password rotation quarterly report fibonacci quantum entropy ocean "
    "yesterday Tuesday 2026 March 17:45 €42.50 0.998 v3.1.4 gpt snake_case camelCase HTTPServer"
).split()
SCRIPTS = (
    "我们昨天在北京讨论了数据库索引和记忆系统的设计方案以及预算",
    "きのう東京でデータベースの索引とメモリの設計について話しました",
    "어제 서울에서 데이터베이스 색인과 메모리 설계에 대해 이야기했습니다",
    "вчера мы обсуждали в Москве устройство индекса и бюджет памяти",
    "ناقشنا أمس في القاهرة تصميم الفهرس وميزانية الذاكرة",
    "Gestern besprachen wir Übergrößen, Straßenbahnhaltestellen und Datenschutzgrundverordnung",
    "कल हमने दिल्ली में सूचकांक और स्मृति के बजट पर चर्चा की",
    "😀🚀🧠👩‍👩‍👧‍👦🇩🇪✨❤️🔥🫠🎉",
    "±∑∫√∞≠≤≥→⇒∀∃∈∉⊂∪∩×÷°µ¶§†‡•…‰′″",
    "\x00\x01\x07\x08\t\n\r\x1b[31m\x7f\u200b\u202e\ufeff\u00ad",
)
ODD = (
    "", " ", "\n\t ", "a", "?", "[SEP]", "[CLS] [MASK] [PAD] [UNK]", "\x00", "\ufffd", "é",
    "e\u0301", "ﬁ", "İstanbul", "a" * 5000, "ab " * 2000, "漢" * 700, "😀" * 300, "." * 999,
    "0123456789" * 60, "https://example.org/a/b?c=d&e=%20#f", "<b>bold</b> &amp; more",
    '{"key": [1, 2.5, null], "nested": {"a": "b"}}', "#!/bin/sh\nset -eu\n",
    "def f(x: int) -> int:\n    return x ** 2\n",
    "SELECT id, text FROM items WHERE state = 'active' ORDER BY created DESC;",
)  # fmt: skip
LENGTHS = (1, 2, 3, 5, 8, 13, 21, 34, 55, 89, 144, 200, 254, 255, 256, 257, 300, 600)


def varied_texts(count: int = 360) -> list[str]:
    """Empty, long, in ten scripts, emoji, control characters, code, and all of it mixed."""
    rng = random.Random(11)
    texts = list(ODD)
    texts += [" ".join(rng.choices(WORDS, k=k)) for k in LENGTHS for _ in range(8)]
    texts += [
        "".join(rng.choices(script, k=k)) for script in SCRIPTS for k in (1, 3, 8, 20, 60, 300)
    ]
    while len(texts) < count:
        parts = [
            "".join(rng.choices(rng.choice(SCRIPTS), k=rng.randint(1, 20)))
            if rng.random() < 0.4
            else " ".join(rng.choices(WORDS, k=rng.randint(1, 30)))
            for _ in range(rng.randint(2, 6))
        ]
        texts.append(" ".join(parts))
    return texts


TEXTS = varied_texts()


@pytest.fixture(scope="module")
def reference() -> Path:
    folder = os.environ.get("ROUTEMEM_REFERENCE_MODEL")
    if not folder:
        pytest.skip("ROUTEMEM_REFERENCE_MODEL does not name a folder with the published weights")
    return Path(folder)


@pytest.fixture(scope="module")
def published(reference: Path) -> NDArray[np.float32]:
    """The vectors of the published weights, float32 ``(360, 384)``."""
    library = pytest.importorskip("sentence_transformers", reason="needs the extra")
    model = library.SentenceTransformer(str(reference), device="cpu", local_files_only=True)
    return np.asarray(model.encode(TEXTS, batch_size=16), np.float32)


@pytest.fixture(scope="module")
def rebuilt(reference: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with what scripts/make_model.py makes, and ``fp32.onnx`` beside it."""
    for tool in ("onnx", "onnxscript", "sympy", "torch", "transformers"):
        if importlib.util.find_spec(tool) is None:
            pytest.skip(f"the export needs {tool}")
    out = tmp_path_factory.mktemp("rebuilt")
    command = [sys.executable, SCRIPT, reference, "--out", out, "--fp32", out / "fp32.onnx"]
    subprocess.run([str(part) for part in command], check=True, capture_output=True)
    return out


def test_the_fp32_export_gives_the_published_vectors(
    reference: Path, rebuilt: Path, published: NDArray[np.float32], tmp_path: Path
) -> None:
    folder = tmp_path / "fp32"
    shutil.copytree(reference, folder, ignore=shutil.ignore_patterns("*.safetensors", "onnx"))
    shutil.copyfile(rebuilt / "fp32.onnx", folder / "model.onnx")
    vectors = OnnxEmbedder(folder).encode(TEXTS).vectors
    assert np.abs(vectors - published).max() <= 1e-5


def test_the_bundled_model_stays_close_to_the_published_one(
    published: NDArray[np.float32],
) -> None:
    vectors = bundled().encode(TEXTS).vectors
    cosines = (vectors * published).sum(1)
    assert cosines.min() >= 0.998, TEXTS[int(cosines.argmin())]
    assert cosines.mean() >= 0.9995


def test_no_text_of_the_bundled_model_depends_on_its_company() -> None:
    embedder = bundled()
    together = embedder.encode(TEXTS).vectors
    alone = np.concatenate([embedder.encode([text]).vectors for text in TEXTS])
    np.testing.assert_array_equal(alone, together)


def test_a_rebuild_with_the_same_tools_gives_the_shipped_bytes(rebuilt: Path) -> None:
    recorded = json.loads((FOLDER / "hashes.json").read_bytes())
    tools = {tool: version(tool).partition("+")[0] for tool in recorded["made_with"]}
    if tools != recorded["made_with"]:
        pytest.skip(f"made with {recorded['made_with']}, here are {tools}")
    for name in ("model.onnx", "tokenizer.json", "hashes.json"):
        assert (rebuilt / name).read_bytes() == (FOLDER / name).read_bytes()
