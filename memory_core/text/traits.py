"""What a text shows at a glance, as bits that are stored beside it."""

import re

from ..records import ASKS, COUNTED, DENIES, PREFERS, TIMED

_TIMED = re.compile(
    r"\b(?:yesterday|today|tonight|tomorrow|last|next|ago|recently|since|weekend|weeks?|months?"
    r"|years?|days?|mornings?|evenings?|nights?|monday|tuesday|wednesday|thursday|friday|saturday"
    r"|sunday|january|february|march|april|may|june|july|august|september|october|november"
    r"|december|(?:19|20)\d\d)\b",
    re.IGNORECASE,
)
_COUNTED = re.compile(
    r"\b(?:\d[\d.,]*|one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|once|twice"
    r"|several|couple|dozen|hundreds?|thousands?)\b",
    re.IGNORECASE,
)
_PREFERS = re.compile(
    r"\balways\b|\bprefer(?:s|red|ences?)?\b|\bfrom now on\b|\bby default\b"
    r"|\b(?:when|whenever|if|every ?time) (?:i|we|you|the user) asks?\b"
    r"|\b(?:please|never|do not|don['’]t)(?: ever)? (?:use|avoid|keep|add|write|include|call|send"
    r"|give|suggest|mention|answer|reply|put|make)\b",
    re.IGNORECASE,
)
_DENIES = re.compile(r"\bnever\b|\b(?:have|has|had)(?: not|n['’]t)\b|\bno longer\b", re.IGNORECASE)
#: Characters looked at from either end: a long text shows everything somewhere. A preference or a
#: denial is said at the beginning.
_SPAN, _BEGINNING = 4000, 400


def traits_of(text: str) -> int:
    """The bits `ASKS`, `TIMED`, `COUNTED`, `PREFERS` and `DENIES` of a text."""
    said = text[:_SPAN]
    # What follows in brackets, such as the caption of a picture, is not part of what was said.
    spoken = re.sub(r"\s*\[[^\]]*\]\s*$", "", text[-_SPAN:]).rstrip()
    return (
        ASKS * spoken.endswith("?")
        | TIMED * bool(_TIMED.search(said))
        | COUNTED * bool(_COUNTED.search(said))
        | PREFERS * bool(_PREFERS.search(said[:_BEGINNING]))
        | DENIES * bool(_DENIES.search(said[:_BEGINNING]))
    )
