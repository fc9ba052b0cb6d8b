"""Small items to store, and what a store's files hold."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from routemem.memory_core.records import Chunk, Item
from routemem.memory_core.storage.contract import Store
from routemem.memory_core.text.identity import digest


def item(text: str, **fields: Any) -> Item:
    """An item as `remember` would draft it."""
    draft = Item(text, **{"created_at": 1000.0, **fields})
    fields.setdefault("digest", digest(draft))
    return Item(text, **{"created_at": 1000.0, **fields})


def whole(text: str) -> list[Chunk]:
    """One chunk that is the whole text."""
    return [Chunk(0, len(text))]


def put(store: Store, text: str, vectors: NDArray[np.float16] | None = None, **fields: Any) -> Item:
    """Store a text in a transaction of its own."""
    with store.atomic():
        return store.insert(item(text, **fields), whole(text), vectors)


def holding(store: Store, *words: str, postings: int = 10_000) -> list[int]:
    """Rows of the items that hold any of the words, ascending; see `Store.postings`."""
    found = [rows for rows in store.postings(words, postings) if rows is not None]
    chunks = sorted({row for rows in found for row in rows.tolist()})
    return sorted(set(store.owners(chunks).values()))


def unit(*numbers: float) -> NDArray[np.float16]:
    """One vector, float16 ``(1, n)``, of length 1."""
    vector = np.array([numbers], np.float64)
    return np.asarray(vector / np.linalg.norm(vector), np.float16)


def files_holding(folder: Path, needles: Sequence[bytes]) -> list[str]:
    """``<file>: <needle>`` for each needle found in a file of the folder.

    Read by another process: a process that opens and closes a database file itself drops the locks
    its own connections have on it.
    """
    code = (
        "import sys, pathlib\n"
        "needles = [bytes.fromhex(n) for n in sys.stdin.read().split()]\n"
        "for path in sorted(pathlib.Path(sys.argv[1]).rglob('*')):\n"
        "    held = path.read_bytes() if path.is_file() else b''\n"
        "    for n in needles:\n"
        "        if n in held: print(f'{path.name}: {n!r}')\n"
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", code, str(folder)],
        input=" ".join(needle.hex() for needle in needles),
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()
