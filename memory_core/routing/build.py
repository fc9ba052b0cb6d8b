"""Build a generation in a process of its own: ``python -m routemem.memory_core.routing.build JOB``.

The job is a folder with ``job.json`` (see `Job`), ``keys.i64`` and ``rows.f16``. The child reads
these files and writes the generation; it knows no SQL. scikit-learn and its 128 MB stay out of the
server, and at the lowest priority and with one thread the server's answers stay as quick.
"""

import json
import os
import subprocess
import sys
import threading
from dataclasses import asdict, dataclass
from pathlib import Path

#: As in a server: more BLAS threads would take the processor from it.
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


@dataclass(frozen=True, slots=True)
class Job:
    """What to build.

    Attributes:
        dim: numbers per vector.
        store: of the `Stamp`; so are ``seq`` and ``embedder``.
        folder: where generations lie.
        seed: of the fit and the calibration.
        k: number of centroids or a rule's name.
        target: recall@10 to calibrate for.
        codebook: a generation whose centroids are used again; "" to fit.
    """

    dim: int
    store: str
    seq: int
    embedder: str
    folder: str
    seed: int = 0
    k: int | str = "2sqrt"
    target: float = 0.99
    codebook: str = ""


def start(job: Job, place: Path) -> "subprocess.Popen[bytes]":
    """Start the child on a job folder that holds keys and rows already."""
    (place / "job.json").write_text(json.dumps(asdict(job)), "utf-8")
    return subprocess.Popen(  # noqa: S603  this interpreter, this module, our own folder
        [sys.executable, "-m", __name__, str(place)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=os.environ | ONE_THREAD,
    )


def wait(child: "subprocess.Popen[bytes]", stop: threading.Event) -> str:
    """Wait for a child, reading what it says so that it cannot block; its last line."""
    while True:
        try:
            _, said = child.communicate(timeout=0.1)
            return said.decode(errors="replace").strip().rpartition("\n")[2]
        except subprocess.TimeoutExpired:
            if stop.is_set():
                child.terminate()


def run(place: Path) -> Path:
    """Do a job; returns the folder of the generation."""
    import numpy as np

    from . import generation, maintenance
    from .codebook import Codebook
    from .state import Base, Delta, State

    job = Job(**json.loads((place / "job.json").read_bytes()))
    keys = np.fromfile(place / "keys.i64", np.int64)
    rows = np.memmap(place / "rows.f16", np.float16, "r", shape=(len(keys), job.dim))
    recipe = maintenance.Recipe(job.dim, job.seed, "cosine", "fp16", job.k, "random", 0, job.target)
    delta = Delta(job.dim)
    for first in range(0, len(keys), 65_536):
        part = slice(first, first + 65_536)
        delta.append(keys[part], rows[part].astype(np.float32))
    empty = Base.of(None, None, None, np.empty(0, np.int64))
    again, built = None, len(keys)
    if job.codebook:
        before = generation.load(Path(job.codebook))
        again, built = Codebook(before.pack.centroids), before.built
    base, _ = maintenance.built(State(empty, delta.tail), recipe, again)
    assert base.pack is not None
    assert base.plan is not None
    stamp = generation.Stamp(job.store, job.seq, job.embedder)
    return generation.write(Path(job.folder), base.pack, base.plan, stamp, built)


if __name__ == "__main__":
    if hasattr(os, "nice"):
        os.nice(19)
    run(Path(sys.argv[1]))
