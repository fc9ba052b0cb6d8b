"""What an unread memory is still worth: one formula for recent turns and for the long run. Pure."""

import math


def effective_score(
    age: float, reads: int, *, half_life: float, boost: float, confidence: float = 1.0
) -> float:
    """``confidence · 0.5^(age / half_life) + boost · ln(reads + 1)`` (Memory Framework, policies).

    Args:
        age: seconds since the last use.
        half_life: in seconds; 0: no decay.
    """
    decay = 0.5 ** (max(0.0, age) / half_life) if half_life > 0 else 1.0
    return confidence * decay + boost * math.log(reads + 1)
