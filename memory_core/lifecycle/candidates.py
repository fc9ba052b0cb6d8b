"""Facts that a person seems to have stated, found by rules. Pure; candidates only.

The rules are few and cautious: first person, present tense, statements. What is asked, denied,
supposed, quoted or told of others says nothing. Nothing found here is written by itself: the model
or the person decides, and `set_fact` takes a candidate as it is.
"""

import re
from collections.abc import Iterator

from ..records import Candidate
from ..text.sentences import sentences

#: Characters of an utterance that are looked at; a longer one is a document, not a statement.
MOST = 20_000
LONGEST = 80

_WORD = r"[A-ZÀ-ÖØ-Þ][\w'’.-]{1,40}"
_PLACE = rf"(?P<v>{_WORD}(?:,? (?:{_WORD}|(?:de|la|le|am|an|der|of|upon)\b)){{0,4}})"
_NAME = rf"(?P<v>{_WORD}(?: [A-ZÀ-ÖØ-Þ][\w'’.-]{{0,40}}){{0,3}})"
_REST = r"(?P<v>[^.!?;,\n]{2,80})"
_DATED = r"(?P<v>[^.!?;,\n\d]{0,40}\d[^.!?;\n]{0,30})"
_I = r"(?:^|[,;:] |\b(?:and|but|so|hi|hello|hey|und|et|y) )"
_KIN = (
    "wife|husband|partner|girlfriend|boyfriend|son|daughter|mother|father|mom|mum|dad|brother"
    "|sister|dog|cat|boss|manager|doctor|dentist|neighbour|neighbor|teacher"
)
_WEEKDAY = r"(?P<v>(?:[Nn]ext )?(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day)"
_DUE = r"\b[Tt]he deadline (?:is(?: now)?|moved to|was moved to)"
#: Key (may name a group of its patterns) -> how sure the words alone make us, patterns.
_RULES: dict[str, tuple[float, tuple[str, ...]]] = {
    "user.name": (
        0.9,
        (
            rf"\b[Mm]y (?:full )?name is {_NAME}",
            rf"\b(?:[Ii]ch heiße|[Jj]e m'appelle|[Mm]e llamo) {_NAME}",
            rf"\b(?:[Hh]i|[Hh]ello|[Hh]ey),? (?:I'm|I am) {_NAME}(?=[.,!]|$)",
        ),
    ),
    "user.nickname": (0.7, (rf"\b[Cc]all me {_NAME}",)),
    "user.city": (
        0.8,
        (
            rf"{_I}(?:I|[Ww]e)(?: now| currently)? live in {_PLACE}",
            rf"{_I}(?:I|[Ww]e)(?:'ve| have)?(?: just| recently)? moved to {_PLACE}",
            rf"{_I}(?:I'm|I am|[Ww]e're)(?: now| currently)? based in {_PLACE}",
            rf"\b(?:[Ii]ch wohne in|[Ww]ir wohnen in|[Jj]'habite à|[Vv]ivo en) {_PLACE}",
        ),
    ),
    "user.employer": (
        0.8,
        (
            rf"{_I}I(?: now| currently)? work (?:at|for) {_PLACE}",
            rf"\b(?:[Ii]ch arbeite bei|[Jj]e travaille chez|[Tt]rabajo en) {_PLACE}",
        ),
    ),
    "user.job": (0.8, (rf"{_I}I(?: now| currently)? work as (?:an? |the )?{_REST}",)),
    "user.birthday": (
        0.9,
        (
            rf"\b[Mm]y birthday is (?:on )?(?:the )?{_DATED}",
            rf"\bI was born on (?:the )?{_DATED}",
        ),
    ),
    "user.email": (
        0.9,
        (r"\b[Mm]y e-?mail(?: address)? is (?P<v>[\w.+-]{1,64}@[\w.-]{1,64}\.\w{2,10})",),
    ),
    "user.phone": (
        0.8,
        (r"\b[Mm]y (?:phone|mobile|cell)(?: number)? is (?P<v>\+?\d[\d ()/-]{5,20}\d)",),
    ),
    "user.timezone": (0.8, (rf"\b[Mm]y time ?zone is {_REST}",)),
    "user.language": (0.9, (r"\b[Mm]y (?:native|first) language is (?P<v>[A-Z]\w{2,20})",)),
    "user.allergy": (0.8, (rf"{_I}I(?:'m| am) allergic to {_REST}",)),
    "user.diet": (
        0.8,
        (r"\bI(?:'m| am)(?: an?)? (?P<v>vegan|vegetarian|pescatarian|gluten[- ]free)\b",),
    ),
    "user.preference": (0.6, (rf"{_I}I(?:'d)? (?:much |always )?prefer {_REST}",)),
    "user.favourite_{k}": (0.8, (rf"\b[Mm]y favou?rite (?P<k>\w{{3,20}}) is {_REST}",)),
    "user.{k}.name": (
        0.8,
        (rf"\b[Mm]y (?P<k>{_KIN})(?:'s name is| is called| is named) {_NAME}",),
    ),
    "project.deadline": (0.7, (rf"{_DUE} {_DATED}", rf"{_DUE} {_WEEKDAY}")),
}
_COMPILED = tuple(
    (key, re.compile(pattern), sure)
    for key, (sure, patterns) in _RULES.items()
    for pattern in patterns
)
#: A sentence with one of these states nothing of the speaker, or nothing that is so.
_NO_STATEMENT = re.compile(
    r"\b(?:if|would|could|imagine|suppose|pretend|assume|for example|not|never|no longer|used to"
    r"|said|says|wrote|writes|asked|told|claims?|wish|hope|maybe|perhaps|might|once|nicht|nie|wenn"
    r"|falls|pas|jamais|si)\b|n't\b|n’t\b",
    re.IGNORECASE,
)
_QUOTED = re.compile(r"[\"“«„][^\"”»“]{0,2000}[\"”»“]|`[^`]{0,2000}`|^\s*>.*$", re.MULTILINE)
_CLAUSE = re.compile(r" (?:and|but|because|since|so|which|who|where|when|while|und|aber|weil) ")


def candidates(utterance: str) -> list[Candidate]:
    """The facts a person's utterance seems to state, each key once: the last statement counts.

    Args:
        utterance: a person's own words; what an assistant says states nothing of the person.
    """
    plain = _QUOTED.sub(" ", utterance[:MOST])
    found: dict[str, Candidate] = {}
    for start, end in sentences(plain):
        sentence = " ".join(plain[start:end].split())
        if sentence.endswith(("?", "？")) or _NO_STATEMENT.search(sentence):
            continue
        for candidate in _stated(sentence):
            found.pop(candidate.key, None)
            found[candidate.key] = candidate
    return list(found.values())


def _stated(sentence: str) -> Iterator[Candidate]:
    for key, pattern, sure in _COMPILED:
        for match in pattern.finditer(sentence):
            value = _CLAUSE.split(match["v"])[0].strip(" .,:;!'\"")
            if value and len(value) <= LONGEST:
                named = key.replace("{k}", match.groupdict().get("k", "").casefold())
                yield Candidate(named, value, sure, sentence[:200])
