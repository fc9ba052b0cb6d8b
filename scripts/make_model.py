"""Make the bundled embedding model: safetensors -> one 8-bit ``model.onnx``. Developer-time only.

    python scripts/make_model.py MODEL_DIR [--out DIR] [--fp32 FILE]

``MODEL_DIR`` is an unpacked all-MiniLM-L6-v2 folder of sentence-transformers with the published
``model.safetensors``. Needs torch (CPU), transformers, onnx, onnxscript, onnxruntime and sympy;
the versions used for the shipped file stand in ``hashes.json``. The result does not depend on the
machine or the folder: two runs with the same versions give the same bytes. The LICENSE
and the MODEL_CARD.md beside it are written by hand.

Three steps, each done by a well-kept tool: ``torch.onnx`` exports the graph, ONNX Runtime's
optimizer fuses LayerNorm and GELU, ONNX Runtime's quantizer stores the matrices as 8-bit blocks.
Only the word-piece table is quantised here, because the quantizer leaves lookups alone.
"""

import argparse
import hashlib
import json
import logging
import shutil
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch

# onnx is a developer-time package: absent where the type checkers run.
from onnx import TensorProto, helper, load, numpy_helper, save  # type: ignore
from onnxruntime.quantization import QuantFormat, matmul_nbits_quantizer
from onnxruntime.transformers import optimizer
from torch.export import Dim
from transformers import AutoModel

PUBLISHED = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
OUT = Path(__file__).parents[1] / "memory_core" / "embedding" / "minilm"
TOOLS = ("torch", "transformers", "onnx", "onnxscript", "onnxruntime", "numpy")

# 16 weights share a scale, and so do 16 activations of one token: the smallest block the kernels
# have. Against 32 it costs 1 MB and no time, and raises the worst cosine to fp32 from .9978 to
# .9983: the hidden states have outlier channels that spoil their whole block.
MATRIX_BLOCK = 16
# One scale per row is not enough for the word pieces: 254 full stops came out at cosine .989.
WORD_BLOCK = 32


class Tokens(torch.nn.Module):  # type: ignore[misc]  # torch is absent where mypy runs
    """The encoder reduced to (input_ids, attention_mask) -> token vectors (batch, seq, 384)."""

    def __init__(self, model: torch.nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> torch.Tensor:
        """Return the last hidden state, float32."""
        out = self.model(input_ids=input_ids, attention_mask=attention_mask)
        hidden: torch.Tensor = out.last_hidden_state
        return hidden


def sha256(path: Path) -> str:
    """Hex digest of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def export_fp32(model_dir: Path, out: Path) -> None:
    """Export the encoder unquantised, any batch size and 2 to 512 word pieces."""
    model = AutoModel.from_pretrained(model_dir, attn_implementation="eager", local_files_only=True)
    ids = torch.arange(1000, 1032).reshape(2, 16)
    shape = {0: Dim("batch", min=1, max=256), 1: Dim("seq", min=2, max=512)}
    torch.onnx.export(
        Tokens(model).eval(),
        (ids, torch.ones_like(ids)),
        out,
        input_names=["input_ids", "attention_mask"],
        output_names=["token_embeddings"],
        dynamo=True,
        dynamic_shapes={"input_ids": shape, "attention_mask": shape},
        external_data=False,
        opset_version=20,
        verbose=False,
    )
    save(without_traces(load(out)), out)


def quantize(fp32: Path) -> Any:
    """Fuse, then store matrices and word pieces in 8 bits; returns an ``onnx.ModelProto``."""
    fused = optimizer.optimize_model(
        str(fp32), model_type="bert", num_heads=12, hidden_size=384, opt_level=0
    )
    config = matmul_nbits_quantizer.DefaultWeightOnlyQuantConfig(
        block_size=MATRIX_BLOCK,
        is_symmetric=True,
        accuracy_level=4,  # int8 arithmetic, scaled per token and block: a row never sees its batch
        quant_format=QuantFormat.QOperator,
        bits=8,
    )
    quantizer = matmul_nbits_quantizer.MatMulNBitsQuantizer(fused.model, algo_config=config)
    quantizer.process()
    return without_traces(quantize_words(quantizer.model.model))


def quantize_words(model: Any) -> Any:
    """Replace the word-piece lookup by one of int8 rows and float16 block scales (47 -> 12 MB)."""
    graph = model.graph
    weights = {tensor.name: tensor for tensor in graph.initializer}
    lookups = [n for n in graph.node if n.op_type == "Gather" and n.input[0] in weights]
    lookup = max(lookups, key=lambda n: weights[n.input[0]].dims[0])
    table = numpy_helper.to_array(weights[lookup.input[0]])
    rows, width = table.shape
    blocks = table.reshape(rows, width // WORD_BLOCK, WORD_BLOCK)
    # The scale is rounded to float16 before it divides, so that the rounding costs nothing.
    scale = np.maximum(np.abs(blocks).max(2, keepdims=True) / 127, 1e-6).astype(np.float16)
    codes = np.clip(np.rint(blocks / scale.astype(np.float32)), -127, 127).astype(np.int8)

    graph.initializer.remove(weights[lookup.input[0]])
    graph.initializer.extend(
        numpy_helper.from_array(array, name)
        for name, array in (
            ("word_codes", codes),
            ("word_scales", scale),
            ("word_shape", np.array([0, 0, width], np.int64)),
        )
    )
    ids, out = lookup.input[1], lookup.output[0]
    nodes = [
        helper.make_node("Gather", ["word_codes", ids], ["word_codes_of"]),
        helper.make_node("Gather", ["word_scales", ids], ["word_scales_of"]),
        helper.make_node("Cast", ["word_codes_of"], ["word_codes_f32"], to=TensorProto.FLOAT),
        helper.make_node("Cast", ["word_scales_of"], ["word_scales_f32"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["word_codes_f32", "word_scales_f32"], ["word_blocks"]),
        helper.make_node("Reshape", ["word_blocks", "word_shape"], [out]),
    ]
    at = list(graph.node).index(lookup)
    graph.node.remove(lookup)
    for offset, node in enumerate(nodes):
        graph.node.insert(at + offset, node)
    return model


def without_traces(model: Any) -> Any:
    """Drop what the exporter notes about the machine: stack traces with paths, shapes, comments."""
    graph = model.graph
    for part in (model, graph, *graph.node, *graph.input, *graph.output, *graph.initializer):
        part.doc_string = ""
        part.ClearField("metadata_props")
    graph.ClearField("value_info")
    return model


def make(model_dir: Path, out: Path, fp32: Path | None) -> None:
    """Write ``model.onnx``, ``tokenizer.json`` and ``hashes.json`` into ``out``."""
    source = model_dir / "model.safetensors"
    if sha256(source) != PUBLISHED:
        raise SystemExit(
            f"{source} has sha256 {sha256(source)}, expected {PUBLISHED}: "
            "take the published all-MiniLM-L6-v2 weights."
        )
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        exported = Path(scratch) / "fp32.onnx"
        export_fp32(model_dir, exported)
        save(quantize(exported), out / "model.onnx")
        if fp32:
            shutil.copyfile(exported, fp32)
    shutil.copyfile(model_dir / "tokenizer.json", out / "tokenizer.json")
    record = {
        "source": {"model.safetensors": PUBLISHED},
        "files": {name: sha256(out / name) for name in ("model.onnx", "tokenizer.json")},
        "made_with": {tool: version(tool).partition("+")[0] for tool in TOOLS},
    }
    (out / "hashes.json").write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(record, indent=2))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=str(__doc__).partition("\n")[0])
    parser.add_argument("model_dir", type=Path, help="folder with the published model.safetensors")
    parser.add_argument("--out", type=Path, default=OUT, help="folder to write to")
    parser.add_argument("--fp32", type=Path, help="also keep the unquantised export here")
    logging.disable(logging.INFO)
    arguments = parser.parse_args()
    make(arguments.model_dir, arguments.out, arguments.fp32)
