"""The model that ships in the package: all-MiniLM-L6-v2 in 8 bits."""

import hashlib
import json
from pathlib import Path

from ..errors import EmbedderError
from .modules import Recipe
from .onnx import OnnxEmbedder

FOLDER = Path(__file__).parent / "minilm"


def bundled() -> OnnxEmbedder:
    """Load the bundled model: 384 dimensions, 256 word pieces, English first of all.

    Its id ends in a version read from ``hashes.json``, which names the sha256 of the shipped
    files: another model file is another id, and vectors of the two are never compared.

    Raises:
        EmbedderError: the files are missing or damaged.
    """
    # As the published sentence_bert_config.json and 1_Pooling say; tokenizer.json says 128.
    recipe = Recipe(max_tokens=256, pooling="mean")
    return OnnxEmbedder(FOLDER, recipe=recipe, id=f"all-MiniLM-L6-v2/q8-{_version()}")


def _version() -> str:
    try:
        files: dict[str, str] = json.loads((FOLDER / "hashes.json").read_bytes())["files"]
        digests = "".join(files[name] for name in sorted(files))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise EmbedderError(
            f"The bundled model is incomplete ({error!r} in {FOLDER / 'hashes.json'}). Install "
            "Routemem again: pip install --force-reinstall routemem"
        ) from error
    return hashlib.sha256(digests.encode()).hexdigest()[:8]
