"""Shorten a text to the sentences that say something checkable.

Sentences are chosen by what they show on the surface: names, numbers, dates, addresses, the first
person; questions last. On conversations this keeps twice the evidence that central sentences keep
(centroid, TextRank): what is worth asking about later is the outlier, not the gist.
"""

import re
from collections.abc import Callable

from ..text.sentences import Span, sentences
from ..text.truncation import truncate

Count = Callable[[str], int]

_NAME = re.compile(r"(?<=[\w,;:)»”'\"-] )[A-ZÀ-ÖØ-ÞŁŚŠŻŽČА-ЯЁ]\w+|[\u30a0-\u30ff]{2,}")
_NUMBER = re.compile(r"[0-9]+(?:[.,:/-][0-9]+)*|[零一二三四五六七八九十百千万]{2,}")
_ADDRESS = re.compile(
    r"https?://|\bwww\.|\w@\w[\w-]*\.\w|(?<=\w)/\w+/|\w\.(?:py|js|ts|md|json|sql|toml|com|org|net)\b"
)
_TIME = re.compile(
    r"\b(?:today|tonight|yesterday|tomorrow|ago|since|until|(?:last|next|every) \w+"
    r"|(?:mon|tues|wednes|thurs|fri|satur|sun)day|january|february|march|april|june|july|august"
    r"|september|october|november|december|weeks?|months?|years?|days?|birthday"
    r"|heute|gestern|morgen|seit|woche|monat|jahr|hier|demain|depuis|semaine|mois|hoy|ayer|mañana"
    r"|desde|semana|año|сегодня|вчера|завтра|недел\w|месяц\w?|год\w?)\b"
    r"|今天|昨天|明天|去年|今年|明年|上周|下周|今日|昨日|明日|先週|来週|오늘|어제|내일|지난|다음"
    r"|[0-9] ?[年月日년월일]",
    re.IGNORECASE,
)
_FIRST_PERSON = re.compile(
    r"\b(?:i|me|my|mine|we|our|us|ich|mir|mich|mein\w*|wir|unser\w*|je|j'|moi|mon|ma|mes|nous|notre"
    r"|yo|mi|mis|nosotr[oa]s|nuestr[oa]s?|я|мне|меня|мо[йяеи]|мы|нам|нас|наш\w*)\b"
    r"|我|咱|私|僕|俺|わたし|나는|내가|저는|제가|우리",
    re.IGNORECASE,
)
_QUESTIONS = ("?", "？")
_MOST = (
    4  # names or numbers of a sentence that count: one full table row is not worth four sentences
)
_PASSES = 3  # over the ranking: what a pass leaves over is measured and offered again
_WORTHWHILE = 8  # tokens; less room than this is left empty


def summarise(text: str, max_tokens: int, count: Count) -> str:
    """The most telling sentences of the text, in their order, within the budget.

    Sentences are kept word for word. The first one is among them when it fits. Room that no whole
    sentence fits in goes to the beginning of the best one left, marked by "…". A text of sentences
    that are all too long is cut. Deterministic, O(n log n).

    Args:
        text: any text; given back as it is when it fits.
        max_tokens: budget, by ``count``.
        count: tokens of a text.
    """
    if count(text) <= max_tokens:
        return text
    spans = sentences(text)
    chosen = _chosen(text, spans, max_tokens, count)
    if not chosen:
        return truncate(text, max_tokens, count)
    summary = _joined(text, spans, chosen)
    while count(summary) > max_tokens:
        del chosen[max(chosen)]
        summary = _joined(text, spans, chosen)
    return summary


def condense(text: str, ratio: float, count: Count) -> str:
    """`summarise` to a share of the text's own tokens.

    Args:
        text: any text.
        ratio: between 0 and 1.
        count: tokens of a text.
    """
    return summarise(text, max(1, round(ratio * count(text))), count)


def salience(sentence: str) -> float:
    """How much a sentence shows that could be asked about later; above 0."""
    score = 0.5 + min(_MOST, len(_NAME.findall(sentence)))
    score += min(_MOST, len(_NUMBER.findall(sentence)))
    score += _TIME.search(sentence) is not None
    score += _FIRST_PERSON.search(sentence) is not None
    score += 2 * (_ADDRESS.search(sentence) is not None)
    return score / 3 if sentence.endswith(_QUESTIONS) else score


def _chosen(text: str, spans: list[Span], max_tokens: int, count: Count) -> dict[int, str]:
    """Number and text of the sentences to keep."""
    said = [text[slice(*span)] for span in spans]
    costs = [count(sentence) + 1 for sentence in said]  # one for what joins them
    ranking = _ranking(said)
    chosen: dict[int, str] = {}
    room = max_tokens
    for _ in range(_PASSES):
        for number in ranking:
            if number not in chosen and costs[number] <= room:
                chosen[number] = said[number]
                room -= costs[number]
        room = max_tokens - count(_joined(text, spans, chosen))
    best = next((number for number in ranking if number not in chosen), None)
    if chosen and best is not None and room > max(_WORTHWHILE, max_tokens // 16):
        beginning = truncate(said[best], room - 3, count)
        if beginning:
            chosen[best] = beginning + "…"
    return chosen


def _ranking(said: list[str]) -> list[int]:
    """Numbers of the sentences: the first one, the rest by salience, repetitions last."""
    first: dict[str, int] = {}
    for number, sentence in enumerate(said):
        first.setdefault(sentence, number)
    salient = {sentence: salience(sentence) for sentence in first}

    def rank(number: int) -> tuple[bool, bool, float]:
        sentence = said[number]
        return number > 0, first[sentence] != number, -salient[sentence]

    return sorted(range(len(said)), key=rank)


def _joined(text: str, spans: list[Span], chosen: dict[int, str]) -> str:
    """The chosen sentences in order, on lines of their own where a line break was between them."""
    parts: list[str] = []
    end = 0
    for number in sorted(chosen):
        start = spans[number][0]
        if parts:
            space = " " if text[start - 1].isspace() else ""
            parts.append("\n" if "\n" in text[end:start] else space)
        parts.append(chosen[number])
        end = spans[number][1]
    return "".join(parts)
