"""The o200k vocabulary, when it is already on disk. Never from the network.

tiktoken's own loader downloads what it does not find, without a timeout, and deletes and downloads
again what does not match. So the file is found, checked and read here, and only the encoder is
tiktoken's.
"""

import base64
import hashlib
import tempfile
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path

NAME = "o200k_base"
ADDRESS = f"https://openaipublic.blob.core.windows.net/encodings/{NAME}.tiktoken"
#: tiktoken names a cached file by the SHA-1 of the address it came from.
FILE = "fb374d419588a4632f3f557e76b4b70aebbca790"
SHA256 = "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d"

# The split before byte pair encoding, as in tiktoken_ext.openai_public (MIT).
_WORD_END = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
_UPPER, _LOWER = r"\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}", r"\p{Ll}\p{Lm}\p{Lo}\p{M}"
SPLIT = "|".join(
    [
        rf"[^\r\n\p{{L}}\p{{N}}]?[{_UPPER}]*[{_LOWER}]+{_WORD_END}",
        rf"[^\r\n\p{{L}}\p{{N}}]?[{_UPPER}]+[{_LOWER}]*{_WORD_END}",
        r"\p{N}{1,3}",
        r" ?[^\s\p{L}\p{N}]+[\r\n/]*",
        r"\s*[\r\n]+",
        r"\s+(?!\S)",
        r"\s+",
    ]
)
# The splitter panics (a BaseException) on a megabyte of white space; 100 kB are safe.
_SLICE = 1 << 15


def cached(environ: Mapping[str, str]) -> Path | None:
    """The vocabulary file where tiktoken would look for it, or where `own_folder` is; or None."""
    folder = environ.get("TIKTOKEN_CACHE_DIR", environ.get("DATA_GYM_CACHE_DIR"))
    if folder != "":  # set but empty: tiktoken's caching is switched off
        path = (Path(folder) if folder else Path(tempfile.gettempdir()) / "data-gym-cache") / FILE
        if _is_there(path):
            return path
    path = own_folder(environ) / FILE
    return path if _is_there(path) else None


def _is_there(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a folder of another user, as after a run with sudo
        return False


def own_folder(environ: Mapping[str, str]) -> Path:
    """Where a vocabulary fetched on request is kept: what TIKTOKEN_CACHE_DIR names, or our own.

    tiktoken's default is a temporary folder, which many systems empty.
    """
    if named := environ.get("TIKTOKEN_CACHE_DIR"):
        return Path(named)
    import platformdirs  # imported late: not needed when the file was found

    return Path(platformdirs.user_cache_dir("routemem", appauthor=False))


def check(data: bytes, name: str) -> None:
    """Raise unless the bytes are the vocabulary.

    Raises:
        ValueError: they are not.
    """
    if hashlib.sha256(data).hexdigest() != SHA256:
        raise ValueError(f"{name} is not the {NAME} vocabulary: its SHA-256 differs.")


@lru_cache(maxsize=1)  # every open memory shares one
def load(path: Path) -> Callable[[str], int]:
    """An exact counter from the cached file. About 0.25 s of CPU and 50 MB.

    Raises:
        OSError: the file cannot be read.
        ValueError: the file is not the o200k vocabulary.
        ImportError: tiktoken is not installed.
    """
    data = path.read_bytes()
    check(data, str(path))
    return counter(data)


def counter(data: bytes) -> Callable[[str], int]:
    """A function that counts the tokens of a text in this vocabulary.

    Texts above 32,768 characters are counted in slices: at most a token or two too many per slice.
    Special tokens such as ``<|endoftext|>`` count as the text they are.

    Args:
        data: lines of ``base64-token rank``.
    """
    import tiktoken

    pairs = (line.split() for line in data.splitlines() if line)
    ranks = {base64.b64decode(token): int(rank) for token, rank in pairs}
    encoding = tiktoken.Encoding(NAME, pat_str=SPLIT, mergeable_ranks=ranks, special_tokens={})
    ranks.clear()  # the encoder has its own copy; this one is 30 MB
    encode = encoding.encode_ordinary

    def count(text: str) -> int:
        return sum(len(encode(text[i : i + _SLICE])) for i in range(0, len(text), _SLICE))

    return count
