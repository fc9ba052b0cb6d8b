"""One block of context: what is true, then what bears on the question."""

from collections.abc import Callable, Sequence


def pack_context(
    facts: Sequence[str], memories: Sequence[str], budget: int, count: Callable[[str], int]
) -> str:
    """Facts first, then memories, line by line as far as the budget goes.

    Args:
        facts: a line each, most important first; they may take half of the budget, and what the
            memories leave.
        memories: a line each, best first.
        budget: tokens of the whole block, headings included.
    """
    half = "\n".join(_section("Facts", facts, budget // 2, count))
    found = _section("Memories", memories, budget - count(half), count)
    known = _section("Facts", facts, budget - count("\n".join(found)), count)
    return "\n".join([*known, *found])


def _section(
    title: str, lines: Sequence[str], budget: int, count: Callable[[str], int]
) -> list[str]:
    kept = [f"{title}:"]
    for line in lines:
        if count("\n".join([*kept, f"- {line}"])) + 1 > budget:
            break
        kept.append(f"- {line}")
    return kept if len(kept) > 1 else []
