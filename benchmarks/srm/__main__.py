"""Semantic Routing Memory's claims beside its code and ours.

    python -m benchmarks.srm [--only 20k,drift] [--vectors FOLDER] [--theirs FOLDER]

``--theirs``: a checkout of its repository (it is not on the package index).
"""

from ..claims import main
from .search import sweep, twenty_thousand
from .stress import drift
from .wall import memory_wall

EXPERIMENTS = {
    "memory-wall": memory_wall,
    "k-sweep": sweep,
    "drift": drift,
    "20k": twenty_thousand,
}

if __name__ == "__main__":
    main(__doc__ or "", EXPERIMENTS, "srm")
