"""One block of text for a prompt, within a budget that holds. Pure.

Parts come in order of importance: what is true, what is pinned, what was said last, what bears on
the question. Each is sure of a share, and what it leaves goes to the next. A line that is too long
is cut, not dropped; what still finds no room is named or counted with what reads it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import zip_longest

from .hints import TITLE, Cost, Hint, hints, shortest

#: A cut text shorter than this, tokens, is not worth showing.
LEAST = 12
#: A smaller budget keeps no room for hints.
TINY = 64
#: A line of so many tokens is shown whole or named: cutting it would save nothing.
SHORT = 48
#: What stands behind a text that was cut.
CUT = " … (part)"
#: What stands behind a summary, whose text is longer.
SUMMARY = " (summary)"
#: Part of the budget kept for hints when not everything fits, and most tokens of it.
HINT_SHARE, HINT_MOST = 0.1, 300

Cut = Callable[[str, int], str]


@dataclass(frozen=True, slots=True)
class Line:
    """One thing a context may hold.

    Attributes:
        id: what reads it: a memory's id, a fact's key.
        head: where it comes from.
        text: its words, indented already; may be cut.
        brief: what is said of it when it is left out.
        tail: what closes the text, cut or not.
        fact: whether it is a fact.
    """

    id: str
    head: str
    text: str
    brief: str
    tail: str = ""
    fact: bool = False

    def __str__(self) -> str:
        return f"- {self.head}{self.text}{self.tail}"


@dataclass(frozen=True, slots=True)
class Part:
    """Lines of one kind.

    Attributes:
        lines: the most important first.
        share: part of the budget it is sure of while others want more.
        backwards: show the last line first: what was said last is the most important.
        deeper: whether there is more that was not even looked at.
        withheld: how many there are that may not be shown; counted among what is left out.
    """

    name: str
    title: str
    lines: tuple[Line, ...]
    share: float
    backwards: bool = False
    deeper: bool = False
    withheld: int = 0


@dataclass(frozen=True, slots=True)
class Packed:
    """A block within its budget.

    Attributes:
        parts: name -> tokens, of those that are there; ``hints`` among them.
        shown: ids in it, by part.
        cut: ids whose text was cut.
        hinted: ids of what was left out and is named.
        omitted: how many were left out, named or not, of those that were looked at.
    """

    text: str
    parts: dict[str, int]
    shown: dict[str, tuple[str, ...]]
    cut: tuple[str, ...]
    hinted: tuple[str, ...]
    omitted: int


def pack(
    parts: Sequence[Part],
    budget: int,
    cost: Cost,
    cut: Cut,
    *,
    hinting: bool = True,
    shown: bool = True,
) -> Packed:
    """The parts as one text, hints behind them, of at most so many tokens.

    Args:
        parts: in order of importance, and in the order they are shown.
        budget: tokens of the whole; of the sum of the parts, too.
        cost: tokens of a text as its reader gets it.
        cut: shortens a text to at most so many tokens.
        hinting: whether what is left out is named.
        shown: whether anything is shown; otherwise all of it is left out.
    """
    cost = cache(cost)  # each line is weighed where it is wanted, filled in and settled
    withheld = sum(part.withheld for part in parts)
    parts = [part for part in parts if part.lines]
    if not shown:
        everything = [list(part.lines) for part in parts]
        nothing: list[list[Line]] = [[] for _ in parts]
        return _settled(parts, nothing, everything, budget, cost, withheld, hinting=hinting)
    wanted = [_wanted(part, cost) for part in parts]
    reserve = 0
    crowded = withheld or sum(wanted) > budget or any(part.deeper for part in parts)
    if hinting and crowded and budget >= TINY:
        reserve = min(int(HINT_SHARE * budget) + cost(TITLE), HINT_MOST)
        if reserve > budget // 3:
            reserve = min(budget // 3, shortest(cost))
    kept: list[list[Line]] = []
    left: list[list[Line]] = []
    room = budget - reserve
    for number, part in enumerate(parts):
        later = sum(
            _sure(p, want, int(p.share * (budget - reserve)), cost)
            for p, want in zip(parts[number + 1 :], wanted[number + 1 :], strict=True)
        )
        lines, out = _filled(part, max(0, room - later), cost, cut)
        kept.append(lines)
        left.append(out)
        room -= cost(_block(part, lines))
    return _settled(parts, kept, left, budget, cost, withheld, hinting=hinting)


def _wanted(part: Part, cost: Cost) -> int:
    return cost(f"{part.title}\n") + sum(cost(f"{line}\n") for line in part.lines)


def _sure(part: Part, wanted: int, share: int, cost: Cost) -> int:
    """What a part is sure of; nothing where not even its first line has room in its share."""
    first = part.lines[0]
    least = min(cost(f"{first}\n"), LEAST + cost(f"- {first.head}{CUT}\n"))
    return min(wanted, share) if cost(f"{part.title}\n") + least <= share else 0


def _filled(part: Part, room: int, cost: Cost, cut: Cut) -> tuple[list[Line], list[Line]]:
    """The lines that have room, long ones cut so that what follows has some, and those without."""
    room -= cost(f"{part.title}\n")
    costs = [cost(f"{line}\n") for line in part.lines]
    rest = sum(costs)
    kept: list[Line] = []
    left: list[Line] = []
    for line, price in zip(part.lines, costs, strict=True):
        rest -= price
        shown: Line | None = line
        if price > room or price > max(SHORT, room // 2, room - rest):
            most = max(room // 2, room - rest, min(room, LEAST + cost(f"- {line.head}{CUT}\n")))
            if price > most:
                shown = None if price <= SHORT and kept else _cut_to(line, most, cost, cut)
        if shown is None:
            left.append(line)
        else:
            kept.append(shown)
            room -= cost(f"{shown}\n")
    return kept, left


def _cut_to(line: Line, most: int, cost: Cost, cut: Cut) -> Line | None:
    room = most - cost(f"- {line.head}{CUT}{line.tail}\n")
    while room >= LEAST:
        shown = replace(line, text=cut(line.text, room) + CUT)
        paid = cost(f"{shown}\n")
        if paid <= most:
            return shown if len(shown.text) > len(CUT) else None
        # Escapes and quotes can make the dressed text dearer than the bare one.
        room = min(room - 1, room * most // paid)
    return None


def _block(part: Part, lines: Sequence[Line]) -> str:
    if not lines:
        return ""
    order = reversed(lines) if part.backwards else lines
    return "\n".join([part.title, *map(str, order)]) + "\n"


def _settled(
    parts: Sequence[Part],
    kept: list[list[Line]],
    left: list[list[Line]],
    budget: int,
    cost: Cost,
    withheld: int,
    *,
    hinting: bool,
) -> Packed:
    """The parts put together; should they not fit after all, the least important lines go."""
    while True:
        blocks = {p.name: _block(p, lines) for p, lines in zip(parts, kept, strict=True) if lines}
        spent = {name: cost(block) for name, block in blocks.items()}
        whole = max(sum(spent.values()), cost("".join(blocks.values())))
        if whole <= budget:
            break
        last = max(number for number, lines in enumerate(kept) if lines)
        left[last].insert(0, kept[last].pop())
    text = "".join(blocks.values())
    # In turn, what bears on the question first: a hundred facts must not hide the memories.
    omitted = [
        Hint(line.id, line.brief, line.fact)
        for row in zip_longest(*reversed(left))
        for line in row
        if line
    ] + [Hint("", "", fact=True)] * withheld
    said, named = "", 0
    if hinting:
        deeper = any(part.deeper for part in parts)
        said, named = _fitting(omitted, text, budget - whole, budget, cost, deeper=deeper)
    if said:
        spent["hints"] = cost(said)
    shown = {
        part.name: tuple(line.id for line in lines)
        for part, lines in zip(parts, kept, strict=True)
        if lines
    }
    cuts = tuple(line.id for lines in kept for line in lines if line.text.endswith(CUT))
    ids = tuple(hint.id for hint in omitted[:named])
    return Packed((text + said).rstrip("\n"), spent, shown, cuts, ids, len(omitted))


def _fitting(
    left: Sequence[Hint], text: str, room: int, budget: int, cost: Cost, *, deeper: bool
) -> tuple[str, int]:
    """The hints that fit behind the text; together they may cost more than one by one."""
    said, named = hints(left, room, cost, deeper=deeper)
    while said and (over := cost(text + said) - budget) > 0:
        room -= over
        said, named = hints(left, room, cost, deeper=deeper)
    return said, named
