"""Routing Memory's claims beside its code and ours.

    python -m benchmarks.rm [--only H1,H2] [--vectors FOLDER] [--theirs FOLDER] [--data FILE]

``--theirs``: where ``pip install --no-deps --target FOLDER routing-memory`` put its package.
"""

from ..claims import main
from .codebooks import fidelity, heuristics, imbalance
from .drift import drift
from .encoders import encoders
from .evidence import conversations, enrichment, passages
from .retrieval import filtering, frontier, million, quality
from .storage import storage

EXPERIMENTS = {
    "H1": fidelity,
    "H2": quality,
    "H3": filtering,
    "H4": heuristics,
    "H5": drift,
    "H6": encoders,
    "H7": storage,
    "A1": passages,
    "A2": conversations,
    "A3": enrichment,
    "A4": million,
    "A5": frontier,
    "A6": imbalance,
}

if __name__ == "__main__":
    main(__doc__ or "", EXPERIMENTS, "rm")
