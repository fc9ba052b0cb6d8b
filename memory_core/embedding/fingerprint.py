"""The version of a model, so that vectors of two versions are never compared."""

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

_DECIDING = ("*.json", "*.txt", "*.model", "*.safetensors", "*.bin")


def fingerprint(folder: Path, paths: Iterable[Path]) -> str:
    """Eight hex digits that change when a name or a byte of the files in the folder changes.

    Reads every byte (about 1 s a GB): two models of one architecture differ in nothing else.

    Raises:
        OSError: a file cannot be read.
    """
    digest = hashlib.sha256()
    for path in sorted(paths):
        with path.open("rb") as file:
            inner = hashlib.file_digest(file, "sha256")
        digest.update(path.relative_to(folder).as_posix().encode() + b"\0" + inner.digest())
    return digest.hexdigest()[:8]


def model_version(model: str, config: Any) -> str:
    """The version of a transformers model.

    Args:
        model: a folder or a model name.
        config: the loaded model's configuration.

    Returns:
        The fingerprint of the folder's files, or the first eight digits of the commit a named
        model was loaded from; ``unversioned`` where it is not known.

    Raises:
        OSError: a file of the folder cannot be read.
    """
    folder = Path(model).expanduser()
    if not folder.is_dir():
        return (getattr(config, "_commit_hash", None) or "")[:8] or "unversioned"
    return fingerprint(folder, (path for kind in _DECIDING for path in folder.rglob(kind)))
