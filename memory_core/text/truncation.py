"""Cut a text to a token budget without cutting a word, a sentence or an emoji in two."""

import re
import unicodedata
from collections.abc import Callable

_SENTENCE_END = re.compile(r"[.!?…][\"'”’»)\]]?(?=\s)|[。！？]|\n")
_JOINERS = "\u200d\ufe0e\ufe0f"  # zero-width joiner, the variation selectors
_LONGEST_CLUSTER = 64  # characters; more is not writing


def truncate(text: str, max_tokens: int, count: Callable[[str], int]) -> str:
    """The longest beginning of the text that fits, cut where a reader would cut.

    After a sentence if one ends in the last quarter, else after a word if one ends in the last
    eighth, else between two characters as a reader sees them. White space at the cut goes.

    Args:
        text: any text.
        max_tokens: budget, by ``count``.
        count: tokens of a text; called on about twice the length of the result.
    """
    if max_tokens < 1 or not text:
        return ""
    fits = _fitting(text, max_tokens, count)
    if fits == len(text):
        return text
    for cut in _cuts(text, fits):
        shown = text[:cut].rstrip()
        # A shorter text can have more tokens: the rest of a word may be spelt in smaller pieces.
        if count(shown) <= max_tokens:
            return shown
    return ""


def _fitting(text: str, max_tokens: int, count: Callable[[str], int]) -> int:
    """Length of a beginning that fits, within a percent of the longest."""
    low, high = 0, min(len(text), 4 * max_tokens)
    while count(text[:high]) <= max_tokens:
        if high == len(text):
            return high
        low, high = high, min(len(text), 2 * high)
    while high - low > 1 + low // 128:
        middle = (low + high) // 2
        if count(text[:middle]) <= max_tokens:
            low = middle
        else:
            high = middle
    return low


def _cuts(text: str, fits: int) -> list[int]:
    """Places to cut at or before ``fits``, best first, at last ever shorter ones."""
    near = _SENTENCE_END.finditer(text, fits - fits // 4, min(fits + 1, len(text)))
    cuts = [match.end() for match in near if match.end() <= fits][-1:]
    cuts += _word_end(text, fits)
    while fits > 0:
        fits = _whole_characters(text, fits)
        cuts.append(fits)
        fits = fits // 2
    return cuts


def _word_end(text: str, fits: int) -> list[int]:
    """The last place at or before ``fits`` where white space begins, if one is near."""
    for at in range(fits, max(0, fits - max(64, fits // 8)), -1):
        if text[at].isspace():
            return [at]
    return []


def _whole_characters(text: str, cut: int) -> int:
    """The cut, moved back so that it splits no accent, emoji or flag from its base."""
    for at in range(cut, max(0, cut - _LONGEST_CLUSTER), -1):
        if not _inside_character(text, at):
            return at
    return max(0, cut - _LONGEST_CLUSTER)


def _inside_character(text: str, at: int) -> bool:
    if at >= len(text):
        return False
    before, after = text[at - 1], text[at]
    if after in _JOINERS or before == "\u200d" or unicodedata.category(after)[0] == "M":
        return True
    if "\U0001f3fb" <= after <= "\U0001f3ff":  # skin tones
        return True
    if "\ud800" <= before <= "\udbff" and "\udc00" <= after <= "\udfff":
        return True
    if not _is_flag_half(before) or not _is_flag_half(after):
        return False
    halves = 1
    while halves < at and _is_flag_half(text[at - halves - 1]):
        halves += 1
    return halves % 2 == 1


def _is_flag_half(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"
