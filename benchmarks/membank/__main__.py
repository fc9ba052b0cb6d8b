"""MemBank's claims beside its rule and ours.

    python -m benchmarks.membank [--only 1,5] [--vectors FOLDER]

Its package cannot be imported as published; `benchmarks.membank.rule` says what stands for it.
"""

from ..claims import main
from .levels import accuracy, bytes_by_level, contribution
from .store import latency, throughput

EXPERIMENTS = {
    "1": throughput,
    "2": latency,
    "3": bytes_by_level,
    "4": accuracy,
    "5": contribution,
}

if __name__ == "__main__":
    main(__doc__ or "", EXPERIMENTS, "membank")
