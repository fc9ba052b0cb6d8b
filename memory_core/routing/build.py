"""Build a generation in a process of its own: ``python -m routemem.memory_core.routing.build JOB``.

The job is a folder with ``job.json`` (see `Job`), ``keys.i64``, ``rows.f16`` and, if questions were
kept, ``queries.f16``. The child reads these files, writes the generation, and leaves ``done.json``
(see `Done`); it knows no SQL. scikit-learn and its 128 MB stay out of the server, and at the lowest
priority and with one thread the server's answers stay as quick.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .arrays import I64, Rows
    from .codebook import Codebook
    from .generation import Generation
    from .revision import Change, Proposal

#: As in a server: more BLAS threads would take the processor from it.
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
#: The steps a child has done, a line each.
STEPS = "steps"


@dataclass(frozen=True, slots=True)
class Job:
    """What to build.

    Attributes:
        dim: numbers per vector.
        store: of the `Stamp`; so are ``seq``, ``embedder`` and ``edition``.
        folder: where generations lie.
        seed: of the fit and the calibration.
        k: number of centroids or a rule's name.
        target: recall@10 to calibrate for.
        codebook: a generation whose centroids are used again; "" to fit.
        change: a `revision.Change` to make to these centroids, by field; None to keep them.
    """

    dim: int
    store: str
    seq: int
    embedder: str
    folder: str
    edition: int = 0
    seed: int = 0
    k: int | str = "2sqrt"
    target: float = 0.99
    codebook: str = ""
    change: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """What a child did.

    Attributes:
        k_before: centroids of the generation it started from; 0 for none.
        k: centroids now.
        splits: buckets that were split.
        prunes: centroids that were removed.
        moved: items in another bucket than before; -1 if the codebook was fitted anew.
    """

    k_before: int
    k: int
    splits: int = 0
    prunes: int = 0
    moved: int = -1


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


def wait(
    child: "subprocess.Popen[bytes]",
    stopped: Callable[[], bool],
    place: Path | None = None,
    told: Callable[[str], None] = lambda step: None,
) -> str:
    """Wait for a child, reading what it says so that it cannot block; its last line.

    Args:
        stopped: asked ten times a second; True ends the child.
        place: its job folder, to hear of its steps.
        told: called with each step when it is done.
    """
    heard = 0
    while True:
        try:
            _, said = child.communicate(timeout=0.1)
            return said.decode(errors="replace").strip().rpartition("\n")[2]
        except subprocess.TimeoutExpired:
            if stopped():
                child.terminate()
        steps = _steps(place)
        for step in steps[heard:]:
            told(step)
        heard = len(steps)


def _steps(place: Path | None) -> list[str]:
    path = place / STEPS if place else None
    return path.read_text("utf-8").splitlines() if path and path.exists() else []


def outcome(place: Path) -> Done:
    """What the child of a job folder did.

    Raises:
        OSError: it did not finish.
    """
    return Done(**json.loads((place / "done.json").read_bytes()))


def run(place: Path) -> Path:
    """Do a job; returns the folder of the generation."""
    import numpy as np

    from . import generation, maintenance, revision
    from .codebook import Codebook

    job = Job(**json.loads((place / "job.json").read_bytes()))
    keys = np.fromfile(place / "keys.i64", np.int64)
    rows = np.memmap(place / "rows.f16", np.float16, "r", shape=(len(keys), job.dim))
    kept = place / "queries.f16"
    queries = np.fromfile(kept, np.float16).reshape(-1, job.dim) if kept.exists() else None
    recipe = maintenance.Recipe(job.dim, job.seed, "cosine", "fp16", job.k, "random", 0, job.target)
    before = generation.load(Path(job.codebook)) if job.codebook else None
    book, built, number, proposal = None, len(keys), None, revision.Proposal((), ())
    if before is not None:
        book, built, number = (
            Codebook(before.pack.centroids),
            before.built,
            np.arange(before.pack.k),
        )
        if job.change is not None:
            change = revision.Change(**job.change)
            book, number, proposal = _changed(book, before, change, keys, rows, job.seed)

    def told(step: str) -> None:
        with (place / STEPS).open("a", encoding="utf-8") as steps:
            steps.write(f"{step}\n")

    scales = np.empty(0, np.float32)
    wide = None if queries is None else queries.astype(np.float32)
    base = maintenance.packed(keys, rows, scales, recipe, book, wide, told=told)
    pack, plan = base.pack, base.plan
    assert pack is not None
    assert plan is not None
    stamp = generation.Stamp(job.store, job.seq, job.embedder, job.edition)
    asked = 0 if queries is None else len(queries)
    where = generation.write(Path(job.folder), pack, plan, stamp, built, asked)
    done = Done(0, pack.k)
    if before is not None and number is not None:
        old = (before.pack.keys, number[before.pack.buckets()])
        moved = revision.moved(*old, pack.keys, pack.buckets())
        done = Done(before.pack.k, pack.k, len(proposal.splits), len(proposal.prunes), moved)
    (place / "done.json").write_text(json.dumps(asdict(done)), "utf-8")
    return where


def _changed(
    book: "Codebook",
    before: "Generation",
    change: "Change",
    keys: "I64",
    rows: "Rows",
    seed: int,
) -> "tuple[Codebook, I64, Proposal]":
    """A codebook after a change, the new number of each old centroid, and what was done."""
    import numpy as np

    from . import revision

    if change.eta:
        newer = rows[before.pack.rows_of(keys) < 0].astype(np.float32)
        book = revision.ema(book, newer, eta=change.eta) if len(newer) else book
    codes = np.concatenate(
        [book.encode_many(rows[i : i + 65_536])[0] for i in range(0, len(rows), 65_536)]
    )
    members = revision.Members(book, codes, lambda places: rows[places].astype(np.float32))
    proposal = revision.proposed(members, change)
    return (*revision.revised(members, proposal, seed=seed), proposal)


if __name__ == "__main__":
    if hasattr(os, "nice"):
        os.nice(19)
    run(Path(sys.argv[1]))
